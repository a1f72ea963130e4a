# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose question it is: clients behind proxies, and what is decided by where they are."""
import pytest

from lib import doh
from lib.process import wait_until
from lib.upstream import answer

PROXY, STRANGER = "127.0.0.1", "127.0.0.9"


@pytest.fixture
def behind(make_polynya, upstream):
    """Makes a daemon that trusts PROXY; the second listener is in clear."""
    def make(header="x-forwarded-for", **changes):
        return make_polynya(upstream, proxies={"trusted": [PROXY], "header": header}, **changes)
    upstream.script_all(answer("A 192.0.2.200"))
    return make


def clear(daemon, source=PROXY):
    return doh.H2(doh.connect(daemon.plain_port, source=source))


def forwarded(daemon):
    """{what became of the header: requests}"""
    values = daemon.metrics()
    return {r: values[f'polynya_forwarded_total{{result="{r}"}}'] for r in ("taken", "unknown", "ignored")}


# --- forwarded headers

@pytest.mark.parametrize("tls", [True, False])
def test_header_from_a_stranger_is_ignored_and_counted(behind, ca, tls):
    daemon = behind()
    with doh.h2_tls(daemon.port, ca, source=STRANGER) if tls else clear(daemon, STRANGER) as c:
        for value in ("192.0.2.1", "unknown", "\""):
            assert c.ask(doh.question("a.test"), extra=[("x-forwarded-for", value)]).status == 200
        assert c.ask(doh.question("a.test"), extra=[("forwarded", "for=192.0.2.1")]).status == 200
    assert forwarded(daemon) == {"taken": 0, "unknown": 0, "ignored": 3}


@pytest.mark.parametrize("header,good,bad", [
    ("x-forwarded-for", "192.0.2.1", "192.0.2.1, unknown"),
    ("forwarded", 'for="[2001:db8::1]:4711";proto=https', "for=_hidden"),
])
def test_header_from_a_proxy_is_taken(behind, header, good, bad):
    daemon = behind(header)
    with clear(daemon) as h2, doh.H1(doh.connect(daemon.plain_port, source=PROXY)) as h1:
        for c in (h2, h1):
            for extra in ([(header, good)], [(header, bad)], []):
                assert c.ask(doh.question("a.test"), extra=extra).status == 200
    assert forwarded(daemon) == {"taken": 2, "unknown": 4, "ignored": 0}


def test_limits_hold_for_clients_and_not_for_their_proxy(behind):
    """One client asks until it is told 429; on the same connection another is answered, and so is one whose address
    the first puts in front of its own."""
    daemon = behind(limits={"query-rate": 1, "connection-rate": 1})
    ask = [("x-forwarded-for", "192.0.2.1")]
    with clear(daemon) as c:
        def status(extra):
            return c.ask(doh.question("a.test"), extra=extra).status
        wait_until(lambda: status(ask) == 429, "the client's limit")
        assert status([("x-forwarded-for", "198.51.100.5, 192.0.2.1")]) == 429
        assert status([("x-forwarded-for", "198.51.100.5"), ("x-forwarded-for", f"192.0.2.1, {PROXY}")]) == 429
        assert status([("x-forwarded-for", "192.0.2.1, 198.51.100.5")]) == 200
        assert status([("x-forwarded-for", "2001:db8::1")]) == 200
        assert all(status([]) == 200 for _ in range(30))
    connections = [clear(daemon) for _ in range(30)]
    for c in connections:
        assert c.ask(doh.question("a.test")).status == 200
        c.close()


def test_none_looks_at_no_header(behind):
    daemon = behind("none")
    with clear(daemon) as c, clear(daemon, STRANGER) as stranger:
        assert c.ask(doh.question("a.test"), extra=[("x-forwarded-for", "192.0.2.1")]).status == 200
        assert stranger.ask(doh.question("a.test"), extra=[("x-forwarded-for", "192.0.2.1")]).status == 200
    assert forwarded(daemon) == {"taken": 0, "unknown": 1, "ignored": 0}
