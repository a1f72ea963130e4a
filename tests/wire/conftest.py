# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the wire tests: real binaries, real sockets, loopback only, everything in a temporary folder.

Run with Debian's Python: /usr/bin/python3 -m pytest tests/wire. POLYNYA_BUILD names the build folder (build).
"""
import copy
import functools
import pathlib
import re
import shutil
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from lib import doh  # noqa: E402
from lib.certs import Authority  # noqa: E402
from lib.cli import Cli, make_list  # noqa: E402
from lib.clock import Clock  # noqa: E402
from lib.memcheck import Findings  # noqa: E402
from lib.polynya import BUILD, SANITIZED, Polynya, merge  # noqa: E402
from lib.ports import free_port  # noqa: E402
from lib.preload import preloadable  # noqa: E402
from lib.process import MEMCHECK, SLOWNESS  # noqa: E402
from lib.upstream import FakeUpstream  # noqa: E402
from lib.world import World  # noqa: E402
from lib.zone import Knot  # noqa: E402


# What Valgrind's slowness would set off in a daemon; a test may still set it for itself.
UNHURRIED = {"limits": {"watchdog": "2m", "read-timeout": "1m", "write-timeout": "1m"},
             "upstream": {"try-timeout": "4s", "total-timeout": "20s", "answer-timeout": "1400ms"},
             "steering": {"probe": {"timeout": "1m"}}}
# And what a test makes short for its own sake must not be shorter than a handshake.
SLOWED = (("limits", "read-timeout"), ("limits", "write-timeout"), ("limits", "watchdog"), ("upstream", "answer-timeout"),
          ("steering", "probe", "timeout"))


def unhurried(config):
    config = copy.deepcopy(merge(UNHURRIED, config))
    for *way, last in SLOWED:
        part = functools.reduce(lambda part, key: part[key], way, config)
        found = re.fullmatch(r"(\d+)(m?s)", part[last])
        if found:
            part[last] = f"{min(int(found[1]) * SLOWNESS, 60000 if found[2] == 'ms' else 60)}{found[2]}"
    return config


def pytest_configure(config):
    config.addinivalue_line("markers", "no_memcheck(why): measures what Valgrind changes; not run under it")


def pytest_collection_modifyitems(items):
    for item in items:
        mark = item.get_closest_marker("no_memcheck")
        if MEMCHECK and mark:
            item.add_marker(pytest.mark.skip(reason=f"under Valgrind: {mark.args[0]}"))


@pytest.fixture(scope="session")
def findings():
    return Findings(BUILD) if MEMCHECK else None


@pytest.fixture(scope="module", autouse=True)
def no_finding_at_the_end_of_a_file(findings):
    """Of the daemons that the file's tests shared."""
    yield
    if findings:
        findings.none()


@pytest.fixture(autouse=True)
def no_finding(findings):
    """Autouse, so that it comes first and looks last, when the daemons of the test are gone."""
    yield
    if findings:
        findings.none()


@pytest.fixture(scope="session")
def authority():
    folder = tempfile.mkdtemp(prefix="polynya-ca-")
    yield Authority(folder)
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def certificate(authority):
    return authority.issue("localhost", "127.0.0.1", "::1")


def _folder():
    """Short on purpose: a unix socket's path has 107 bytes."""
    return pathlib.Path(tempfile.mkdtemp(prefix="polynya-wire-"))


class Factory:
    """Makes daemons whose config differs from the plain one by `changes`, and sees all of them off."""

    def __init__(self, certificate):
        self.certificate, self.made, self.folders = certificate, [], []

    def config(self, folder, changes):
        base = {
            "listen": [{"address": f"127.0.0.1:{free_port()}", "protocol": "https"},
                       {"address": f"127.0.0.1:{free_port()}", "protocol": "http"}],
            "tls": {"certificates": [{"chain": str(self.certificate.chain), "key": str(self.certificate.key)}]},
            "state-dir": str(folder / "state"),
            "workers": 1,
            "metrics": {"address": f"127.0.0.1:{free_port()}"},
            "cache": {"size": "16MB"},
            # Most upstreams here sign nothing.
            "dnssec": {"mode": "off"},
            "local-zones": False,   # tests' zones are often below test.
            # The leak checker traces its own process, which no sandbox of ours allows.
            "sandbox": not SANITIZED,
        }
        config = merge(base, changes)
        return unhurried(config) if MEMCHECK else config

    def __call__(self, upstream=None, /, *, start=True, env=None, **changes):
        folder = _folder()
        self.folders.append(folder)
        if upstream is not None:
            servers = upstream if isinstance(upstream, list) else [upstream]
            changes = merge({"upstream": {"servers": [s.server() for s in servers]}}, changes)
        (folder / "state").mkdir()
        changes = {key.replace("_", "-"): value for key, value in changes.items()}
        daemon = Polynya(folder, self.config(folder, changes), env)
        self.made.append(daemon)
        return daemon.start() if start else daemon

    def close(self):
        failures = []
        for daemon in self.made:
            try:
                daemon.close()
            except AssertionError as e:
                failures.append(str(e))
        for folder in self.folders:
            shutil.rmtree(folder, ignore_errors=True)
        assert not failures, "\n".join(failures)


@pytest.fixture
def make_polynya(certificate):
    factory = Factory(certificate)
    yield factory
    factory.close()


@pytest.fixture(scope="module")
def shared_factory(certificate):
    factory = Factory(certificate)
    yield factory
    factory.close()


@pytest.fixture
def upstream():
    server = FakeUpstream()
    yield server
    server.close()


@pytest.fixture
def make_upstream():
    made = []

    def make(**how):
        made.append(FakeUpstream(**how))
        return made[-1]
    yield make
    for server in made:
        server.close()


@pytest.fixture(scope="module")
def module_upstream():
    server = FakeUpstream()
    yield server
    server.close()


@pytest.fixture(scope="session")
def clock_library():
    with preloadable("clock") as library:
        yield library


@pytest.fixture
def clock(clock_library):
    """A wall clock to be moved; daemons take it with env=clock.env."""
    made = Clock(clock_library)
    yield made
    made.close()


@pytest.fixture
def polynya(make_polynya, upstream):
    """One worker in front of the fake upstream."""
    return make_polynya(upstream)


@pytest.fixture(scope="module")
def shared(shared_factory, module_upstream):
    """A daemon in front of module_upstream for all tests of a file: for tests that leave nothing behind in it."""
    return shared_factory(module_upstream)


@pytest.fixture(scope="session")
def knot():
    folder = tempfile.mkdtemp(prefix="polynya-knot-")
    server = Knot(folder)
    yield server
    server.close()
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def world():
    folder = tempfile.mkdtemp(prefix="polynya-world-")
    server = World(folder + "/world")
    yield server
    server.close()
    shutil.rmtree(folder)


@pytest.fixture
def ca(authority):
    return authority.cert


@pytest.fixture
def h2(shared, ca):
    """An HTTP/2 connection over TLS to the shared daemon."""
    with doh.h2_tls(shared.port, ca) as connection:
        yield connection


@pytest.fixture
def h1(shared, ca):
    with doh.h1_tls(shared.port, ca) as connection:
        yield connection


@pytest.fixture
def cli(tmp_path):
    """`polynya` in an empty folder."""
    return Cli(tmp_path)


@pytest.fixture
def made(cli):
    """The same with a list of one outlet in list/, everything signed."""
    return make_list(cli)
