# SPDX-License-Identifier: GPL-3.0-or-later
"""DNS over HTTPS upstreams: what is sent, what is taken for an answer, and one Polynya behind another."""
import dns.rcode
import pytest

from lib import doh
from lib.doh import ask_all, refused
from lib.fake_doh import FakeDoh
from lib.fake_dot import pin_of, secret
from lib.process import wait_until
from lib.upstream import PATIENT, Gate, answer, close_midway, drop, fail, hold

NAME = "doh.example.net"


@pytest.fixture(scope="module")
def pair(authority):
    return authority.issue(NAME)


@pytest.fixture
def make_doh(pair):
    with secret(FakeDoh, pair) as make:
        yield make


@pytest.fixture
def make_client(make_polynya, authority):
    def make(*servers, known=None, **changes):
        how = known or {"tls-name": NAME, "ca-file": str(authority.cert)}
        up = {"servers": [s.server(protocol="https", **how) for s in servers], **PATIENT}
        return make_polynya(upstream={**up, **changes.pop("upstream", {})}, **changes)
    return make


def test_what_is_sent(make_client, make_doh, ca):
    """RFC 8484 4.1: POST, ID 0; RFC 8467: padded; and nothing that tells one client from another."""
    server = make_doh()
    daemon = make_client(server)
    with doh.h2_tls(daemon.port, ca) as c:
        ask_all(c, "n", 20)
    assert server.shaken == 1 and len(server.requests) >= 20
    for fields, body in server.requests:
        assert fields == {":method": "POST", ":scheme": "https", ":path": "/dns-query", ":authority": f"{NAME}:{server.port}",
                          "accept": "application/dns-message", "content-type": "application/dns-message",
                          "content-length": str(len(body))}
        assert len(body) % 128 == 0 and body[:2] == b"\0\0"
    assert all(12 in s.options and s.transport == "https" for s in server.seen)
    assert daemon.metric('upstream_queries_total{transport="https"}') >= 20


def test_by_pin_and_path(make_client, make_doh, pair, ca):
    server = make_doh()
    daemon = make_client(server, known={"pins": [pin_of(pair)], "path": "/a/b"})
    with doh.h2_tls(daemon.port, ca) as c:
        ask_all(c, "n", 2)
    assert {(f[":path"], f[":authority"]) for f, _ in server.requests} == {("/a/b", server.address)}


NO_ANSWERS = {
    "status": ((503, {"content-type": "application/dns-message"}, b""), "status"),
    "redirect": ((302, {"location": "https://doh.example.net/other"}, b""), "status"),
    "page": ((200, {"content-type": "text/html"}, b"<html>sign in here</html>"), "type"),
    "no type": ((200, {}, b"x" * 40), "type"),
    "endless": ("endless", "too-long"),
    "reset": ("reset", "reset"),
}


@pytest.mark.parametrize("kind", NO_ANSWERS)
def test_what_is_no_answer(make_client, make_doh, kind, ca):
    server = make_doh()
    server.http, why = NO_ANSWERS[kind]
    daemon = make_client(server, limits={"miss-rate": 0})
    with doh.h2_tls(daemon.port, ca) as c:
        assert refused(c, "a.example") and refused(c, "b.example")
        server.http = "good"
        wait_until(lambda: not refused(c, "again.example"), "the server to be asked again")
    assert daemon.metric(f'upstream_https_failures_total{{why="{why}"}}') >= 1
    lines = daemon.program.grep(r"event=upstream\.https")
    assert len(lines) == 1 and f"why={why}" in lines[0]
    assert all(f[":path"] == "/dns-query" for f, _ in server.requests)


@pytest.mark.parametrize("body", [b"", b"\0" * 11, b"\0" * 40, b"\xff" * 500], ids=["empty", "short", "zeros", "ones"])
def test_garbled_message(make_client, make_doh, body, ca):
    server = make_doh()
    server.http = (200, {"content-type": "application/dns-message"}, body)
    daemon = make_client(server)
    with doh.h2_tls(daemon.port, ca) as c:
        assert refused(c, "a.example")
        server.http = "good"
        wait_until(lambda: not refused(c, "again.example"), "the server to be asked again")


def test_who_answers_garbage_is_asked_less(make_client, make_doh, ca):
    """As who does not answer: else each question would go there first, and be asked once more elsewhere."""
    bad, good = make_doh(), make_doh()
    bad.http = (200, {"content-type": "application/dns-message"}, b"\0" * 40)
    daemon = make_client(bad, good)
    with doh.h2_tls(daemon.port, ca) as c:
        ask_all(c, "n", 60)
    assert len(bad.requests) <= 30


def test_not_http2(make_client, make_doh, ca):
    server = make_doh(alpn=("http/1.1",))
    daemon = make_client(server)
    with doh.h2_tls(daemon.port, ca) as c:
        assert refused(c, "a.example")
    assert not server.requests
    assert "why=no-tls" in daemon.program.wait_line(r"event=upstream\.tls")


@pytest.mark.parametrize("age, left", [("100", 200), ("300", 0), ("99999999999999999999", 0), ("1x", 300), ("-1", 300)])
def test_time_spent_in_caches_counts(make_client, make_doh, age, left, ca):
    """RFC 8484 5.1: the Age of an answer is taken off its TTLs."""
    server = make_doh()
    server.fields = {"age": age}
    server.script_all(answer("A 192.0.2.1", ttl=300))
    daemon = make_client(server)
    with doh.h2_tls(daemon.port, ca) as c:
        for _ in range(2):
            assert max(left - 5, 0) <= c.ask(doh.question("a.example")).dns.answer[0].ttl <= left
    assert len(server.queries("a.example")) == (1 if left else 2)


def test_answers_out_of_order(make_client, make_doh, ca):
    server = make_doh()
    gate = Gate()
    server.script("slow.example", hold(gate, answer("A 192.0.2.7")))
    daemon = make_client(server)
    with doh.h2_tls(daemon.port, ca) as c:
        slow = c.get(doh.question("slow.example"))
        server.wait_seen("slow.example")
        ask_all(c, "n", 10)
        gate.set()
        assert c.wait(slow).dns.answer
    assert server.shaken == 1


def test_few_streams(make_client, make_doh, ca):
    """What the server allows at a time is kept to, and all is answered in the end."""
    server = make_doh(max_streams=3)
    daemon = make_client(server)
    with doh.h2_tls(daemon.port, ca) as c:
        ask_all(c, "warm", 1)
        streams = [c.get(doh.question(f"n{i}.example")) for i in range(60)]
        assert all(c.wait(s).dns.answer for s in streams)
    assert server.most <= 3 and server.shaken == 1


def test_goaway(make_client, make_doh, ca):
    """What was taken on is waited for; what comes, and what was not looked at, goes over another connection."""
    server = make_doh()
    gate = Gate()
    server.script("slow.example", hold(gate, answer("A 192.0.2.7")))
    daemon = make_client(server)
    with doh.h2_tls(daemon.port, ca) as c:
        ask_all(c, "a", 1)
        slow = c.get(doh.question("slow.example"))
        server.wait_seen("slow.example")
        server.leave()
        wait_until(lambda: ask_all(c, f"b{server.shaken}-", 1) or server.shaken == 2, "another connection")
        gate.set()
        assert c.wait(slow).dns.answer
        assert len(server.queries("slow.example")) == 1
        wait_until(lambda: server.open == 1, "the old connection to be closed")


def test_goaway_of_unseen(make_client, make_doh, ca):
    server = make_doh()
    server.script("lost.example", drop(), answer("A 192.0.2.7"))
    daemon = make_client(server)
    with doh.h2_tls(daemon.port, ca) as c:
        lost = c.get(doh.question("lost.example"))
        server.wait_seen("lost.example")
        server.leave(last=0)
        assert c.wait(lost).dns.answer
    assert len(server.queries("lost.example")) == 2


def test_goaway_without_leaving(make_client, make_doh, ca):
    """A server that says that it leaves, and stays, is left as soon as it owes nothing."""
    server = make_doh()
    daemon = make_client(server)
    with doh.h2_tls(daemon.port, ca) as c:
        for i in range(6):
            ask_all(c, f"n{i}-", 1)
            server.leave()
            wait_until(lambda: server.open == 0, "the connection to be closed")
    assert server.shaken == 6


def test_idle_limit_is_learnt(make_client, make_doh, ca):
    """A server that takes leave of idle connections is not met leaving again: we close first."""
    server = make_doh(idle=1.0)
    daemon = make_client(server)
    with doh.h2_tls(daemon.port, ca) as c:
        ask_all(c, "a", 1)
        wait_until(lambda: server.open == 0, "the server to close")
        server.idle = None
        ask_all(c, "b", 1)
        wait_until(lambda: server.open == 0, "us to close first", 8)


def test_refused_stream_is_asked_once_more(make_client, make_doh, ca):
    server = make_doh(http="refuse")
    daemon = make_client(server)
    with doh.h2_tls(daemon.port, ca) as c:
        assert refused(c, "a.example")
    assert len(server.requests) == 2


@pytest.mark.parametrize("kind", ["hang up", "idle"])
def test_dead_connection(make_client, make_doh, kind, ca):
    server = make_doh(idle=0.3 if kind == "idle" else None)
    daemon = make_client(server)
    with doh.h2_tls(daemon.port, ca) as c:
        for i in range(4):
            ask_all(c, f"n{i}-", 1)
            if kind == "idle":
                wait_until(lambda: server.open == 0, "the idle connection to be closed")
            else:
                server.hang_up()
    assert server.resumed >= server.shaken - 1 >= 3


BAD = {
    "wrong name": lambda a: dict(certificate=a.issue("other.example")), "expired": lambda a: dict(certificate=a.expired(NAME)),
    "garbage": lambda a: dict(way="garbage"), "stall": lambda a: dict(way="stall"), "close": lambda a: dict(way="close"),
    "never": lambda a: dict(http="never"), "reset": lambda a: dict(http="reset"), "endless": lambda a: dict(http="endless"),
    "page": lambda a: dict(http=(200, {"content-type": "text/html"}, b"<html>")),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_beside_a_good_one(make_client, make_doh, authority, kind, ca):
    bad, good = make_doh(**BAD[kind](authority)), make_doh()
    daemon = make_client(bad, good)
    with doh.h2_tls(daemon.port, ca) as c:
        ask_all(c, "n", 40)
    assert len(good.queries()) >= 40


def test_who_floods_is_cut_off(make_client, make_doh, ca):
    """Bytes without end that answer nothing are not read without end."""
    bad, good = make_doh(way="flood"), make_doh()
    daemon = make_client(bad, good)
    with doh.h2_tls(daemon.port, ca) as c:
        ask_all(c, "n", 20)
        wait_until(lambda: bad.shaken and bad.open == 0, "the flood to be cut off")


@pytest.mark.parametrize("kind", ["silent", "dies", "fails"])
def test_good_one_turns_bad(make_client, make_doh, kind, ca):
    both = make_doh(), make_doh()
    daemon = make_client(*both)
    with doh.h2_tls(daemon.port, ca) as c:
        ask_all(c, "before", 20)
        bad, good = sorted(both, key=lambda u: -len(u.queries()))
        bad.script_all({"silent": drop(), "dies": close_midway(), "fails": fail(dns.rcode.SERVFAIL)}[kind])
        ask_all(c, "after", 40)
        assert sum(s.name.lower().startswith("after") for s in good.queries()) >= 20


def test_losing_hedges_are_not_reset_at_once(make_client, make_doh, ca):
    """A server that watches for resets (CVE-2023-44487) sees few, however many of its answers come too late."""
    slow, fast = make_doh(http="never"), make_doh()
    daemon = make_client(slow, fast)
    with doh.h2_tls(daemon.port, ca) as c:
        ask_all(c, "n", 60)
    assert slow.cancelled == 0


# --- one behind another

@pytest.fixture
def behind(make_polynya, upstream, authority):
    def make(**front):
        back = make_polynya(upstream, **front)
        front = make_polynya(upstream={"servers": [{"address": f"127.0.0.1:{back.port}", "protocol": "https", "tls-name": "localhost",
                                                    "ca-file": str(authority.cert)}], **PATIENT})
        return front, back
    return make


def test_behind_another(behind, upstream, ca):
    front, back = behind()
    upstream.script("none.example", answer(rcode=dns.rcode.NXDOMAIN, authority=["example. 300 SOA ns.example. h.example. 1 2 3 4 300"]))
    with doh.h2_tls(front.port, ca) as c:
        ask_all(c, "n", 50)
        assert c.ask(doh.question("none.example")).dns.rcode() == dns.rcode.NXDOMAIN
        streams = [c.get(doh.question(f"many{i}.example")) for i in range(90)]
        assert all(c.wait(s).dns.answer for s in streams)
    assert back.metric('requests_total{protocol="http2"}') >= 140


def test_behind_one_that_leaves_often(behind, ca):
    front, back = behind(limits={"requests": 7})
    with doh.h2_tls(front.port, ca) as c:
        for round in range(4):
            streams = [c.get(doh.question(f"n{round}-{i}.example")) for i in range(30)]
            assert all(c.wait(s).dns.answer for s in streams)
    assert back.metric('connections_total{transport="tls"}') >= 5


def test_behind_one_that_restarts(behind, ca):
    front, back = behind()
    with doh.h2_tls(front.port, ca) as c:
        ask_all(c, "before", 5)
        back.reload()
        ask_all(c, "after", 20)
