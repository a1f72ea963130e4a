# SPDX-License-Identifier: GPL-3.0-or-later
"""Probes: "reachable now" made true. Real TLS servers play the mirrors, and every way one can die, come back, flap or
lie is seen in the answers; our own uplink's death is not taken for theirs."""
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading

import pytest

from lib import doh
from lib.lists import Publisher
from lib.mirror import MARKER, Mirror
from lib.polynya import DAEMON, merge
from lib.ports import free_port
from lib.process import PATIENCE, Program, wait_until
from lib.upstream import answer

NAME = "news.example"
TRUTH = "192.0.2.200"
A1, A2 = "127.0.0.11", "127.0.0.12"
QUICK = {"mode": "on", "interval": "150ms", "timeout": "1s"}


@pytest.fixture(scope="session")
def pair(authority):
    return authority.issue(NAME, "www." + NAME)


@pytest.fixture
def truth(upstream):
    for name in (NAME, "www." + NAME, "one.example", "two.example", "three.example"):
        upstream.script(name, answer("A " + TRUTH), type="A")
    return upstream


@pytest.fixture
def make_mirror(pair):
    made = []

    def make(address, port=None, with_pair=pair, **how):
        made.append(Mirror(address, with_pair, port, **how))
        return made[-1]
    yield make
    for m in made:
        m.stop()


class World:
    """One site, its mirrors, and a resolver that probes them."""

    def __init__(self, folder, make_polynya, truth, ca, publisher=None):
        self.publisher = publisher or Publisher(folder / "list")
        self.make_polynya, self.truth, self.ca = make_polynya, truth, ca
        self.daemon = None

    def site(self, name, *mirrors, **how):
        words = [f"m{i},{m.address},port={m.port}" for i, m in enumerate(mirrors, 1)]
        self.publisher.site(name, *words, **how)

    def start(self, publish=True, **probe):
        if publish:
            self.publisher.publish()
        settings = self.publisher.config() | {"probe": merge(QUICK | {"ca-file": str(self.ca)}, probe)}
        overrides = settings["probe"].pop("overrides", None)
        if overrides:
            settings["overrides"] = overrides
        self.daemon = self.make_polynya(self.truth, steering=settings)
        return self

    def answers(self, name=NAME, type="A"):
        with doh.h2_tls(self.daemon.port, self.ca) as c:
            return {str(rr) for rrset in c.ask(doh.question(name, type)).dns.answer for rr in rrset}

    def wait_for(self, *wanted, name=NAME):
        wait_until(lambda: self.answers(name) == set(wanted), f"{name} to be answered with {wanted}")

    def log(self, pattern, since=0):
        return self.daemon.program.wait_line(pattern, since=since)

    def mark(self):
        return self.daemon.program.mark()

    def metric(self, name):
        return self.daemon.metric(name)

    def rounds(self, n=2):
        """Waits until n more rounds of probes have been made of all addresses."""
        addresses = sum(self.metric(f'mirror_addresses{{state="{s}"}}') for s in ("up", "down", "unknown"))
        begun = self.probes()
        wait_until(lambda: self.probes() >= begun + n * addresses, "more probes")

    def failures(self):
        return sum(self.metric(f'probes_total{{result="{r}"}}') for r in ("timeout", "connect", "tls", "http"))

    def probes(self):
        return self.metric('probes_total{result="ok"}') + self.failures()


@pytest.fixture
def world(tmp_path, make_polynya, truth, ca):
    return World(tmp_path, make_polynya, truth, ca)


@pytest.fixture
def two(world, make_mirror):
    """The site at two good mirrors of which the second is answered only without the first: (world, m1, m2)."""
    m1, m2 = make_mirror(A1), make_mirror(A2)
    world.publisher.site(NAME, f"m1,{A1},port={m1.port},weight=10000", f"m2,{A2},port={m2.port},weight=1",
                         probe_path="/probe?x=1", probe_contains=MARKER)
    world.start()
    world.wait_for(A1)
    return world, m1, m2


# --- what is asked

def test_a_probe_is_what_a_browser_would_do(two):
    """The pinned address, the outlet's name as SNI and Host, the policy's path; every registered name has its turn."""
    world, m1, m2 = two
    world.rounds(4)
    for m in (m1, m2):
        assert {r[0] for r in m.requests} == {NAME, "www." + NAME}
        for sni, host, path in m.requests:
            assert host == f"{sni}:{m.port}" and path == "/probe?x=1"
    assert not world.truth.queries(NAME, "AAAA") and not world.truth.queries("www." + NAME), "nothing is resolved"


def test_never_proved_is_never_answered(world, make_mirror):
    m = make_mirror(A1)
    m.stop()
    world.site(NAME, m)
    world.start()
    world.rounds(5)
    assert world.answers() == {TRUTH}
    m.start()
    world.wait_for(A1)


def test_off_believes_the_list(world, make_mirror):
    m = make_mirror(A1)
    m.stop()
    world.site(NAME, m)
    world.start(mode="off")
    assert world.answers() == {A1}
    assert world.probes() == 0 and m.connections == 0


def test_other_ca_than_readers_trust(world, make_mirror):
    """Without steering.probe.ca-file the tests' CA is nobody's."""
    world.site(NAME, make_mirror(A1))
    world.start(**{"ca-file": None})
    wait_until(lambda: world.metric('probes_total{result="tls"}') >= 3, "probes to fail")
    assert world.answers() == {TRUTH}


# --- ways to die

def wrong_name(m, authority):
    m.pair = authority.issue("other.example")


def expired(m, authority):
    m.pair = authority.expired(NAME, "www." + NAME)


def expires_soon(m, authority):
    m.pair = authority.issue(NAME, "www." + NAME, end_days=2)


def set_mode(mode):
    def fault(m, _):
        m.mode = mode
    fault.__name__ = mode
    return fault


def wrong_content(m, _):
    m.body = "This site has been blocked by court order."


def server_error(m, _):
    m.status = 503


def killed(m, _):
    m.stop()


FAULTS = [(killed, "connection_refused"), (set_mode("silent"), "generic_timeout_error"),
          (set_mode("late"), "generic_timeout_error"), (set_mode("reset"), "connection_reset"),
          (set_mode("garbage"), "ssl_failed_handshake"), (wrong_name, "ssl_invalid_hostname"),
          (expired, "ssl_invalid_certificate"), (expires_soon, "ssl_certificate_expires_soon"),
          (wrong_content, "http_body_mismatch"), (server_error, "http_request_failed")]


@pytest.mark.parametrize("fault, failure", FAULTS, ids=lambda v: getattr(v, "__name__", None))
def test_a_dead_mirror_leaves_and_returns(two, authority, fault, failure):
    """Within three failed probes; and back after three good ones, not before."""
    world, m1, m2 = two
    good = m1.pair
    mark, before = world.mark(), world.failures()
    fault(m1, authority)
    line = world.log(rf"event=mirror\.down .*mirror=m1 address={A1} ", mark)
    assert f"failure={failure}" in line
    assert 3 <= world.failures() - before <= 4, "three failures, and one more at most since"
    world.wait_for(A2)
    mark = world.mark()
    m1.pair, m1.body, m1.status, m1.mode = good, MARKER, 200, "good"
    asked = len(m1.requests)
    if not m1.listener:
        m1.start()
    world.log(rf"event=mirror\.up .*mirror=m1 address={A1}", mark)
    assert len(m1.requests) - asked >= 3
    world.wait_for(A1)


def test_a_filtered_port(two):
    """The listener's queue is full of what nobody accepts: the kernel drops what comes, as a filter would."""
    world, m1, _ = two
    mark = world.mark()
    m1.stop()
    m1.listener = socket.socket()
    m1.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    m1.listener.bind((A1, m1.port))
    m1.listener.listen(0)
    filler = socket.create_connection((A1, m1.port), PATIENCE)
    assert "failure=generic_timeout_error" in world.log(r"event=mirror\.down .*mirror=m1", mark)
    world.wait_for(A2)
    filler.close()


def test_a_killed_process(world, make_mirror, pair, tmp_path):
    """SIGKILL of a real server process, and its restart."""
    port = free_port(A1)
    words = [sys.executable, pathlib.Path(__file__).parent / "lib/mirror.py", A1, port, pair.chain, pair.key, MARKER]
    server = Program(words, tmp_path / "mirror.log")
    server.wait_line("event=ready")
    m2 = make_mirror(A2)
    world.publisher.site(NAME, f"m1,{A1},port={port},weight=10000", f"m2,{A2},port={m2.port},weight=1")
    world.start()
    world.wait_for(A1)
    server.stop(signal.SIGKILL)
    world.wait_for(A2)
    server = Program(words, tmp_path / "mirror.log")
    try:
        world.wait_for(A1)
    finally:
        server.stop()


def test_flapping_does_not_flap_the_answers(two):
    """Every second probe fails: the mirror goes once, and stays away until it is well for three in a row."""
    world, m1, _ = two
    mark = world.mark()
    m1.mode = lambda number: "good" if number % 2 else "reset"
    world.log(r"event=mirror\.down .*mirror=m1", mark)
    begun = m1.connections
    wait_until(lambda: m1.connections > begun + 20, "twenty more probes")
    assert len(world.daemon.program.grep(r"event=mirror\.(up|down) .*mirror=m1", mark)) == 1
    assert world.answers() == {A2}


def test_one_bad_probe_is_none(two):
    world, m1, _ = two
    mark = world.mark()
    bad = m1.connections + 2
    m1.mode = lambda number: "reset" if number in (bad, bad + 1) else "good"
    wait_until(lambda: m1.connections > bad + 8, "more probes")
    assert not world.daemon.program.grep(r"event=mirror\.down", mark)
    assert world.answers() == {A1}


def test_all_dead_is_the_truth(two):
    world, m1, m2 = two
    for m in (m1, m2):
        m.stop()
    world.wait_for(TRUTH)
    m2.start()
    world.wait_for(A2)


def test_ttl_shortens_while_a_mirror_fails(two):
    """No answer outlives the failures that are still needed to change it."""
    world, m1, _ = two
    with doh.h2_tls(world.daemon.port, world.ca) as c:
        assert c.ask(doh.question(NAME)).dns.answer[0].ttl == 5, "3 x 150 ms, but at least 5"


# --- our own uplink

def test_canaries_dead_keeps_what_was_good(world, make_mirror, authority):
    m1, canary = make_mirror(A1), make_mirror("127.0.0.13", with_pair=authority.issue("canary.example"))
    world.site(NAME, m1)
    world.start(canaries=[{"url": f"https://canary.example:{canary.port}/", "address": canary.address}])
    world.wait_for(A1)
    mark = world.mark()
    canary.stop()
    m1.stop()
    world.log(r"event=probe\.uplink-dead", mark)
    world.rounds(5)
    assert world.answers() == {A1}
    assert world.metric("probe_uplink_works") == 0
    canary.start()
    world.log(r"event=probe\.uplink-works", mark)
    world.wait_for(TRUTH)


def test_a_canary_with_another_certificate_is_dead(world, make_mirror, authority):
    """A captive portal that answers for everybody proves nothing."""
    m1, canary = make_mirror(A1), make_mirror("127.0.0.13", with_pair=authority.issue("canary.example"))
    world.site(NAME, m1)
    world.start(canaries=[{"url": f"https://canary.example:{canary.port}/", "address": canary.address}])
    world.wait_for(A1)
    mark = world.mark()
    m1.pair = canary.pair = authority.issue("portal.example")
    world.log(r"event=probe\.uplink-dead", mark)
    world.rounds(5)
    assert world.answers() == {A1}


def test_all_sites_dead_without_canaries(world, make_mirror, authority):
    """Everything failing at once, of three sites and more, is our own uplink's failure until one answers again."""
    names = ("one.example", "two.example", "three.example")
    mirrors = [make_mirror(f"127.0.0.2{i}", with_pair=authority.issue(n, "www." + n)) for i, n in enumerate(names)]
    for n, m in zip(names, mirrors):
        world.site(n, m)
    world.start()
    for n, m in zip(names, mirrors):
        world.wait_for(m.address, name=n)
    mark = world.mark()
    for m in mirrors:
        m.stop()
    world.log(r"event=probe\.uplink-dead", mark)
    world.rounds(5)
    for n, m in zip(names, mirrors):
        assert world.answers(n) == {m.address}
    mirrors[0].start()
    for n in names[1:]:
        world.wait_for(TRUTH, name=n)
    assert world.answers(names[0]) == {mirrors[0].address}


# --- restarts, and other processes' deaths

def test_a_restart_keeps_what_was_proved(two):
    """Killed at once, as by a power cut, with the mirrors gone meanwhile: what was proved minutes ago is answered."""
    world, m1, m2 = two
    wait_until(lambda: world.metric('mirror_addresses{state="up"}') == 2, "both mirrors to be proved")
    world.daemon.stop()
    for m in (m1, m2):
        m.stop()
    world.daemon.configure(merge(world.daemon.config, {"steering": {"probe": {"interval": "1h"}}}))
    world.daemon.start()
    assert world.answers() == {A1}
    assert world.metric("probe_uplink_works") == 1


@pytest.mark.parametrize("minutes, kept", [(9, True), (11, False)])
def test_how_long_it_is_kept(two, clock, minutes, kept):
    world, m1, m2 = two
    world.daemon.stop()
    for m in (m1, m2):
        m.stop()
    clock.jump(minutes * 60)
    world.daemon.env = clock.env
    world.daemon.configure(merge(world.daemon.config, {"steering": {"probe": {"interval": "1h"}}}))
    world.daemon.start()
    assert world.answers() == ({A1} if kept else {TRUTH})


def test_a_clock_that_is_set(two, clock, ca):
    """It says nothing of mirrors: what was proved a moment ago still was."""
    world, m1, m2 = two
    world.daemon.stop()
    world.daemon.env = clock.env
    world.daemon.configure(merge(world.daemon.config, {"steering": {"probe": {"interval": "1h"}}}))
    world.daemon.start()
    assert world.answers() == {A1}
    with doh.h2_tls(world.daemon.port, ca) as c:
        clock.move(5 * 3600, c, world.truth)
    world.wait_for(A1)


def test_a_killed_prober_is_replaced(two):
    world, m1, _ = two
    prober = next(p["pid"] for p in world.daemon.status()["processes"] if p["role"] == "prober")
    world.daemon.expect_errors(r"event=(child|process|crew)\.")
    os.kill(prober, signal.SIGKILL)
    wait_until(lambda: any(p["role"] == "prober" and p["pid"] != prober for p in world.daemon.status()["processes"]),
               "another prober")
    assert world.answers() == {A1}
    m1.stop()
    world.wait_for(A2)


def test_a_new_list_keeps_what_is_proved(two, make_mirror):
    """A mirror more, and not a moment without the ones there were."""
    world, m1, m2 = two
    seen, stop = set(), threading.Event()

    def watch():
        while not stop.is_set():
            seen.update(world.answers())
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        m3 = make_mirror("127.0.0.13")
        version = world.metric("list_version")
        world.publisher.register(NAME, f"m1,{A1},port={m1.port},weight=10000", f"m2,{A2},port={m2.port},weight=1",
                                 f"m3,{m3.address},port={m3.port},weight=1", seq=2)
        world.publisher.publish()
        wait_until(lambda: world.metric("list_version") > version, "the new list")
        wait_until(lambda: world.metric('mirror_addresses{state="up"}') == 3, "the third mirror")
    finally:
        stop.set()
        watcher.join(PATIENCE)
    assert seen == {A1}


def test_removed_mirrors_are_left_alone(two):
    world, m1, m2 = two
    world.publisher.register(NAME, f"m2,{A2},port={m2.port}", seq=2)
    world.publisher.publish()
    world.wait_for(A2)
    before = m1.connections
    world.rounds(5)
    assert m1.connections == before


def test_many_without_a_burst(world, make_mirror, pair):
    """Never more than steering.probe.concurrency at a time, and all of them in the end."""
    m = make_mirror("0.0.0.0")
    m.hold = threading.Event()
    mirrors = [f"m{i},127.0.3.{i},port={m.port}" for i in range(1, 51)]
    world.publisher.site(NAME, *mirrors)
    world.start(concurrency=5, interval="1h", timeout="30s")
    wait_until(lambda: m.open == 5, "five connections")
    assert world.metric("probes") == 5
    m.hold.set()
    wait_until(lambda: world.metric('mirror_addresses{state="up"}') == 50, "all to be proved")


# --- the operator's word

def test_overrides(two, tmp_path):
    world, m1, m2 = two
    file = tmp_path / "overrides"
    config = merge(world.daemon.config, {"steering": {"overrides": str(file)}})
    world.daemon.configure(config)
    world.daemon.reload()
    world.wait_for(A1)
    file.write_text("# maintenance\n*/m1 => DOWN\n")
    world.wait_for(A2)
    assert world.metric("mirror_addresses_forced") == 1
    world.daemon.expect_errors(r"event=overrides\.refused")
    mark = world.mark()
    file.write_text("*/m1 => UP\nnonsense\n")
    assert "line=2" in world.log(r"event=overrides\.refused", mark)
    assert world.answers() == {A2}, "a bad file changes nothing"
    m2.stop()
    world.wait_for(TRUTH)
    file.write_text("*/* => UP\n")
    world.wait_for(A1)
    m1.stop()
    world.rounds(5)
    assert world.answers() == {A1}, "forced up"
    file.unlink()
    world.wait_for(TRUTH)


# --- public addresses, in namespaces of our own

@pytest.fixture
def namespaces():
    """Two network namespaces joined by a cable: "ours" with the resolver, "theirs" with public addresses."""
    tag = f"pn{os.getpid()}"
    ours, theirs = f"{tag}a", f"{tag}b"

    def ip(*words, check=True):
        return subprocess.run(["ip", *words], check=check, capture_output=True, text=True)
    if os.geteuid() != 0 or ip("netns", "add", ours, check=False).returncode != 0:
        pytest.skip("network namespaces need root")
    try:
        ip("netns", "add", theirs)
        ip("-n", ours, "link", "add", "out", "type", "veth", "peer", "name", "in", "netns", theirs)
        for space, link, address in ((ours, "out", "100.64.0.1/24"), (theirs, "in", "100.64.0.2/24")):
            ip("-n", space, "link", "set", "lo", "up")
            ip("-n", space, "address", "add", address, "dev", link)
            ip("-n", space, "link", "set", link, "up")
        ip("-n", ours, "route", "add", "default", "via", "100.64.0.2")
        for address in ("93.184.216.34/32", "151.101.1.57/32"):
            ip("-n", theirs, "address", "add", address, "dev", "lo")
        yield ours, theirs, ip
    finally:
        ip("netns", "delete", ours, check=False)
        ip("netns", "delete", theirs, check=False)


def test_public_addresses(namespaces, tmp_path, make_polynya, ca, pair, certificate):
    """A list under the strict guards, mirrors on port 443; curl in the reader's place loads the page through the
    resolver. Then packets to one mirror are filtered, and curl gets it from the other."""
    ours, theirs, ip = namespaces
    one, other = "93.184.216.34", "151.101.1.57"
    script = pathlib.Path(__file__).parent / "lib/mirror.py"
    servers = [Program(["ip", "netns", "exec", theirs, sys.executable, script, a, 443, pair.chain, pair.key, f"from {a}"],
                       tmp_path / f"{a}.log") for a in (one, other)]
    publisher = Publisher(tmp_path / "list", strict=True)
    publisher.site(NAME, f"m1,{one},weight=10000", f"m2,{other},weight=1")
    publisher.publish()
    daemon = make_polynya(start=False, steering=publisher.config() | {"probe": QUICK | {"ca-file": str(ca)}},
                          upstream={"servers": [{"address": "127.0.0.1:9"}]})
    try:
        for s in servers:
            s.wait_line("event=ready")
        daemon.program = Program(["ip", "netns", "exec", ours, DAEMON, "-c", daemon.file], daemon.log, cwd=daemon.dir)
        daemon.program.wait_line(r"\bevent=ready\b")

        def page():
            done = subprocess.run(
                ["ip", "netns", "exec", ours, "curl", "-sS", "--max-time", "5", "--cacert", str(ca), "--doh-url",
                 f"https://127.0.0.1:{daemon.port}/dns-query", f"https://{NAME}/"], capture_output=True, text=True)
            return done.stdout
        wait_until(lambda: page() == f"from {one}", "the page from the first mirror")
        mark = daemon.program.mark()
        ip("-n", theirs, "rule", "add", "from", one, "blackhole")
        assert "failure=generic_timeout_error" in daemon.program.wait_line(r"event=mirror\.down .*mirror=m1", mark)
        wait_until(lambda: page() == f"from {other}", "the page from the second mirror")
        ip("-n", theirs, "rule", "delete", "from", one, "blackhole")
        wait_until(lambda: page() == f"from {one}", "the first mirror to be back")
    finally:
        daemon.close()
        for s in servers:
            s.stop()

