# SPDX-License-Identifier: GPL-3.0-or-later
"""Sandboxes of the real processes: each is made to try, from inside, what it may not do and what it must still be able to.
What the filters hold in every detail is tests/unit/resolver/test_confine.c's."""
import errno
import socket

import pytest

from lib import doh
from lib.inside import Inside, landlock
from lib.lists import Publisher
from lib.polynya import SANITIZED
from lib.preload import preloadable
from lib.process import alive, wait_until

pytestmark = pytest.mark.skipif(SANITIZED, reason="the sanitizers' library traces its own process")


@pytest.fixture(scope="module")
def library():
    with preloadable("inside") as made:
        yield made


@pytest.fixture
def inside(library):
    made = Inside(library)
    yield made
    made.close()


@pytest.fixture
def publisher(tmp_path):
    """Of a list, for which there is a prober."""
    made = Publisher(tmp_path / "list")
    made.site("news.example", "m1,127.0.0.11")
    made.publish()
    return made


@pytest.fixture
def daemon(make_polynya, upstream, publisher, inside):
    """With both roles."""
    daemon = make_polynya(upstream, env=inside.env, steering=publisher.config())
    wait_until(lambda: daemon.metric("list_version"), "the list")
    return daemon


@pytest.fixture
def other_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def process(daemon, role):
    return next(p["pid"] for p in daemon.status()["processes"] if p["role"] == role)


@pytest.mark.parametrize("role", ["worker", "prober"])
def test_nobody_starts_watches_or_signals_others(daemon, inside, role):
    pid, supervisor = process(daemon, role), daemon.program.pid
    for what, at in (("exec", 0), ("fork", 0), ("packets", 0), ("trace", supervisor), ("signal", supervisor),
                     ("signal", process(daemon, {"worker": "prober", "prober": "worker"}[role]))):
        assert inside.tries(pid, what, at) == errno.EPERM, what
    assert process(daemon, role) == pid


@pytest.mark.parametrize("role", ["worker", "prober"])
def test_no_memory_is_left_behind_by_a_crash(daemon, inside, role):
    """Who asked what is in it, whether or not the daemon changes its user."""
    assert inside.tries(process(daemon, role), "dump") == errno.EPERM


@pytest.mark.skipif(landlock() < 1, reason="this kernel has no Landlock")
@pytest.mark.parametrize("role,own,others", [("worker", "cache", "prober"), ("prober", "prober", "cache")])
def test_each_writes_in_its_folder_alone(daemon, inside, role, own, others, tmp_path):
    pid = process(daemon, role)
    mine = daemon.state / own / "new"
    assert inside.tries(pid, "write", mine) == inside.tries(pid, "read", mine) == inside.tries(pid, "remove", mine) == 0
    for path in (daemon.state / others / "new", daemon.state / "new", tmp_path / "new", "/tmp/polynya-outside"):
        assert inside.tries(pid, "write", path) == errno.EACCES, path
    kept = [p for p in (daemon.state / others).iterdir() if p.is_file()]
    for path in [p for p in kept if not p.name.endswith("-lock")] + [daemon.file]:
        assert inside.tries(pid, "write", path) == inside.tries(pid, "remove", path) == errno.EACCES, path
    assert kept


@pytest.mark.skipif(landlock() < 1, reason="this kernel has no Landlock")
def test_a_worker_reads_neither_the_system_nor_its_own_config(daemon, inside):
    pid = process(daemon, "worker")
    assert inside.tries(pid, "read", "/proc/sys/kernel/random/boot_id") == 0, "what the cache is told apart by"
    for path in ("/etc/passwd", "/proc/self/maps", daemon.file, daemon.config["tls"]["certificates"][0]["key"]):
        assert inside.tries(pid, "read", path) == errno.EACCES, path


@pytest.mark.skipif(landlock() < 4, reason="this kernel's Landlock knows no ports")
def test_a_worker_connects_to_its_upstreams_port_alone(daemon, upstream, inside, other_port, ca):
    pid = process(daemon, "worker")
    assert inside.tries(pid, "connect", upstream.port) == 0
    assert inside.tries(pid, "connect", other_port) == errno.EACCES
    assert inside.tries(pid, "multipath", other_port) == errno.EPERM
    assert inside.tries(pid, "listen") == errno.EACCES
    with doh.h2_tls(daemon.port, ca) as c:
        assert c.ask(doh.question("still.example")).dns.answer


@pytest.mark.skipif(landlock() < 4, reason="this kernel's Landlock knows no ports")
def test_a_prober_connects_where_mirrors_are_and_serves_nothing(daemon, inside, other_port):
    pid = process(daemon, "prober")
    assert inside.tries(pid, "connect", other_port) == 0
    assert inside.tries(pid, "listen") == errno.EACCES


def test_a_prober_that_never_returns_from_a_callback_is_replaced(make_polynya, upstream, publisher, inside):
    """Else nobody proves mirrors any more, and ten minutes later readers get the truth."""
    daemon = make_polynya(upstream, env=inside.env, steering=publisher.config(), limits={"watchdog": "1s"})
    daemon.expect_errors(r"event=watchdog")
    victim = process(daemon, "prober")
    inside.begin(victim, "hang")
    daemon.program.wait_line(f"event=watchdog who=prober/0 pid={victim}")
    wait_until(lambda: process(daemon, "prober") != victim, "another prober")
    assert daemon.metric("watchdog_kills_total") == 1


def test_a_worker_that_never_returns_from_a_callback_is_replaced(make_polynya, upstream, inside, ca):
    """One that is stopped is test_lifecycle.py's; this one runs on, and hears no signal to leave."""
    daemon = make_polynya(upstream, env=inside.env, limits={"watchdog": "1s"})
    daemon.expect_errors(r"event=watchdog")
    victim = daemon.workers()[0]
    inside.begin(victim, "hang")
    daemon.program.wait_line(f"event=watchdog who=worker/0 pid={victim}")
    wait_until(lambda: not alive(victim), "the stuck worker to be gone")
    with doh.h2_tls(daemon.port, ca) as c:
        assert c.ask(doh.question("alive.example")).dns.answer
    assert daemon.metric("watchdog_kills_total") == 1
