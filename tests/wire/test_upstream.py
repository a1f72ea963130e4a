# SPDX-License-Identifier: GPL-3.0-or-later
"""Our side towards upstreams that lose, delay, truncate, forge, garble and fail."""
import struct
import threading

import dns.flags
import dns.rcode
import pytest

from lib import doh
from lib.ports import free_port
from lib.process import wait_until
from lib.upstream import (Gate, answer, big, build, close_midway, drop, fail, forge, garble, hold, nodata, nxdomain,
                          truncate)


@pytest.fixture
def ask(polynya, ca):
    with doh.h2_tls(polynya.port, ca) as c:
        yield lambda name, type="A", **how: c.ask(doh.question(name, type, **how))


def addresses(reply):
    return sorted(str(rr) for rrset in reply.dns.answer for rr in rrset if rrset.rdtype in (1, 28))


class Dead:
    """A server address where nothing listens."""

    def __init__(self):
        self.port = free_port()

    def server(self):
        return {"address": f"127.0.0.1:{self.port}"}


# --- what goes out

def test_ports_ids_and_case_are_random(ask, upstream):
    for i in range(40):
        ask(f"name-with-many-letters-{i}.example")
    seen = upstream.queries()
    assert len({s.port for s in seen}) > 30, "a fresh port for each query"
    assert len({s.id for s in seen}) > 35
    assert len({s.name.rstrip("0123456789.example") for s in seen}) > 20
    assert sum(s.name != s.name.lower() for s in seen) > 35, "0x20"
    assert all(s.transport == "udp" for s in seen)


def test_case_is_not_that_of_the_client(ask, upstream):
    ask("ALLUPPERCASELETTERSHERE.EXAMPLE")
    assert upstream.queries("alluppercaselettershere.example")[0].name != "ALLUPPERCASELETTERSHERE.EXAMPLE."


# --- lost and late

@pytest.mark.parametrize("lost", [1, 2, 3])
def test_lost_packets(ask, upstream, lost):
    upstream.script("lossy.example", *[drop()] * lost, answer("A 192.0.2.7"))
    reply = ask("lossy.example")
    if lost < 3:
        assert addresses(reply) == ["192.0.2.7"]
    queries = upstream.wait_seen("lossy.example", lost + 1)
    assert len({(s.id, s.port) for s in queries}) == len(queries), "each try is a new query"


def test_next_server_after_a_lost_packet(make_polynya, make_upstream, ca):
    """Whatever server is asked first, a name that one of them never answers is answered."""
    one, two = make_upstream(), make_upstream()
    for i in range(10):
        one.script(f"half{i}.example", drop())
        two.script(f"half{i}.example", answer("A 192.0.2.9"))
    daemon = make_polynya([one, two])
    with doh.h2_tls(daemon.port, ca) as c:
        for i in range(10):
            assert addresses(c.ask(doh.question(f"half{i}.example"))) == ["192.0.2.9"]


def test_nothing_listens(make_polynya, ca):
    daemon = make_polynya(Dead())
    with doh.h2_tls(daemon.port, ca) as c:
        reply = c.ask(doh.question("dead.example", edns=True))
        assert reply.dns.rcode() == dns.rcode.SERVFAIL
        assert reply.ede in ([22], [23])


def test_one_of_two_is_dead(make_polynya, upstream, ca):
    """Goes on, and stops trying the dead one for every question."""
    daemon = make_polynya([Dead(), upstream])
    with doh.h2_tls(daemon.port, ca) as c:
        for i in range(30):
            assert addresses(c.ask(doh.question(f"n{i}.example"))) == ["192.0.2.1"]
    dead, alive = daemon.status()["upstreams"]
    # Some are asked of it besides, to measure it.
    assert 30 <= alive["queries"] <= 30 + daemon.metric("upstream_explored_total") and dead["queries"] < 15


def test_silent_upstream_is_answered_within_the_limit(ask, upstream):
    upstream.script_all(drop())
    reply = ask("silent.example", edns=True)
    assert reply.dns.rcode() == dns.rcode.SERVFAIL and reply.ede == [22]
    assert reply.headers["cache-control"] == "no-store"


def test_silent_server_is_put_on_hold(make_polynya, upstream, ca):
    """After many timeouts over several names it is only probed; one answer brings it back."""
    upstream.script_all(drop())
    daemon = make_polynya(upstream, upstream={"try-timeout": "50ms", "total-timeout": "300ms"})
    with doh.h2_tls(daemon.port, ca) as c:
        for stream in [c.get(doh.question(f"hush{i}.example")) for i in range(8)]:
            assert c.wait(stream).dns.rcode() == dns.rcode.SERVFAIL
        assert daemon.metric("upstream_dead_total") >= 1
        assert daemon.status()["upstreams"][0]["on_hold"]
        upstream.script_all(answer("A 192.0.2.1"))
        assert addresses(c.ask(doh.question("speaks.example"))) == ["192.0.2.1"]
        assert not daemon.status()["upstreams"][0]["on_hold"]


def test_late_answer_still_fills_the_cache(make_polynya, upstream, ca):
    gate = Gate()
    upstream.script("late.example", hold(gate, answer("A 192.0.2.70")))
    daemon = make_polynya(upstream, upstream={"answer-timeout": "200ms", "try-timeout": "4s", "total-timeout": "5s"})
    with doh.h2_tls(daemon.port, ca) as c:
        assert c.ask(doh.question("late.example")).dns.rcode() == dns.rcode.SERVFAIL
        gate.set()
        wait_until(lambda: addresses(c.ask(doh.question("late.example"))) == ["192.0.2.70"], "the late answer")
    assert len(upstream.queries("late.example")) == 1


def test_dead_upstream_comes_back(make_polynya, make_upstream, ca):
    upstream = make_upstream()
    upstream.script_all(drop())
    daemon = make_polynya(upstream, upstream={"try-timeout": "50ms", "total-timeout": "300ms", "failure-max": "1s"})
    with doh.h2_tls(daemon.port, ca) as c:
        for i in range(5):
            assert c.ask(doh.question(f"down{i}.example")).dns.rcode() == dns.rcode.SERVFAIL
        upstream.script_all(answer("A 192.0.2.71"))
        assert addresses(c.ask(doh.question("up.example"))) == ["192.0.2.71"], "all on hold are tried anyway"


# --- forged

@pytest.mark.parametrize("kind", ["id", "question", "type", "case", "no-question", "query", "port", "address"])
def test_forged_replies_are_dropped(ask, upstream, polynya, kind):
    """The forgery comes first; the true answer after it must still be taken."""
    upstream.script(f"forged-{kind}-somewhat-longer.example", forge(kind, answer("A 192.0.2.8")))
    assert addresses(ask(f"forged-{kind}-somewhat-longer.example")) == ["192.0.2.8"]
    assert len(upstream.queries(f"forged-{kind}-somewhat-longer.example")) == 1
    if kind not in ("port", "address"):   # those never reach a connected socket
        rejected = [v for k, v in polynya.metrics().items() if k.startswith("polynya_upstream_rejected_total")]
        assert sum(rejected) == 1


@pytest.mark.parametrize("kind", ["id", "question", "type", "port"])
def test_forgery_alone_is_no_answer(ask, upstream, kind):
    upstream.script("onlyforged.example", forge(kind))
    assert ask("onlyforged.example").dns.rcode() == dns.rcode.SERVFAIL


def test_server_that_changes_case_is_asked_over_tcp(ask, upstream):
    """Over UDP such a reply could be a forger's guess; over TCP it cannot."""
    async def step(x):
        await (forge("case") if x.seen.transport == "udp" else answer("A 192.0.2.60"))(x)
    upstream.script("casechanger.example", step)
    assert addresses(ask("casechanger.example")) == ["192.0.2.60"]
    assert upstream.queries("casechanger.example")[-1].transport == "tcp"


def test_records_that_do_not_belong(ask, upstream):
    """Only the chain from the question survives; nothing else is cached or passed on."""
    upstream.script("mixed.example", answer(
        "unrelated.example. A 203.0.113.1", "CNAME b.mixed.example.", "b.mixed.example. A 192.0.2.9",
        "c.mixed.example. A 203.0.113.2",
        authority=["victim.example. NS ns.evil.example."], additional=["victim.example. A 203.0.113.3"]))
    reply = ask("mixed.example").dns
    assert [(str(r.name), r.rdtype) for r in reply.answer] == [("mixed.example.", 5), ("b.mixed.example.", 1)]
    assert not reply.authority and not reply.additional
    upstream.script("victim.example", answer("A 192.0.2.10"))
    assert addresses(ask("victim.example")) == ["192.0.2.10"]
    assert addresses(ask("unrelated.example")) == ["192.0.2.1"]


def test_chain_in_any_order(ask, upstream):
    upstream.script("order.example", answer(
        "c.example. A 192.0.2.11", "b.example. CNAME c.example.", "CNAME b.example."))
    reply = ask("order.example").dns
    assert [str(r.name) for r in reply.answer] == ["order.example.", "b.example.", "c.example."]


@pytest.mark.parametrize("records", [
    ["CNAME loop.example."],
    ["CNAME b.example.", "b.example. CNAME loop.example."],
    [f"n{i}.example. CNAME n{i + 1}.example." for i in range(40)] + ["CNAME n0.example."],
    ["CNAME a.example.", "CNAME b.example."],
    ["other.example. A 203.0.113.1"],
])
def test_senseless_chains(ask, upstream, records):
    """Loops, endless chains, two aliases at one name, answers to something else: never an address out of them."""
    upstream.script("loop.example", answer(*records))
    reply = ask("loop.example")
    assert not addresses(reply)


def test_upstream_ad_is_not_passed_on(ask, upstream):
    upstream.script("ad.example", answer("A 192.0.2.1", flags=dns.flags.AD))
    assert not ask("ad.example").dns.flags & dns.flags.AD


# --- garbled

def header(x, tail, counts=(1, 1, 0, 0)):
    wire = x.query.to_wire()
    end = 12 + len(x.query.question[0].name.to_wire()) + 4
    return wire[:2] + struct.pack("!5H", 0x8180, *counts) + wire[12:end] + tail


GARBLED = {
    "empty": lambda x: b"", "one byte": lambda x: b"\x00", "header only": lambda x: build(x).to_wire()[:12],
    "noise": lambda x: bytes(range(256)),
    "cut": lambda x: build(x, ["A 192.0.2.1"]).to_wire()[:-5],
    "trailing": lambda x: build(x, ["TXT x"]).to_wire() + b"junk" * 9,
    "pointer to itself": lambda x: header(x, b"\xc0" + bytes([12 + len(x.query.question[0].name.to_wire()) + 4]) + struct.pack("!HHIH", 1, 1, 60, 4) + b"\1\2\3\4"),
    "pointer forward": lambda x: header(x, b"\xc0\xff" + struct.pack("!HHIH", 1, 1, 60, 4) + b"\1\2\3\4"),
    "rdlength beyond": lambda x: header(x, b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 400) + b"\1\2\3\4"),
    "A of 3 bytes": lambda x: header(x, b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 3) + b"\1\2\3"),
    "counts lie": lambda x: header(x, b"", (1, 65535, 65535, 65535)),
    "cname loop in rdata": lambda x: header(x, b"\xc0\x0c" + struct.pack("!HHIH", 5, 1, 60, 2) + b"\xc0\x40"),
}


@pytest.mark.parametrize("name", GARBLED)
def test_garbled_replies(polynya, upstream, ca, name):
    """Dropped; the retry that comes out well is the answer, and the worker is still the same."""
    before = polynya.workers()
    upstream.script("garbled.example", garble(GARBLED[name]), answer("A 192.0.2.12"))
    with doh.h2_tls(polynya.port, ca) as c:
        reply = c.ask(doh.question("garbled.example"))
        if reply.dns.rcode() == 0:
            assert addresses(reply) == ["192.0.2.12"]
        else:
            assert reply.dns.rcode() == dns.rcode.SERVFAIL
    assert polynya.workers() == before


def test_all_replies_garbled(ask, upstream):
    upstream.script_all(garble(GARBLED["cut"]))
    reply = ask("hopeless.example", edns=True)
    assert reply.dns.rcode() == dns.rcode.SERVFAIL and reply.ede


# --- TCP

def test_truncated_goes_to_tcp(ask, upstream):
    upstream.script("tc.example", truncate(answer("A 192.0.2.13")))
    assert addresses(ask("tc.example")) == ["192.0.2.13"]
    assert [s.transport for s in upstream.queries("tc.example")] == ["udp", "tcp"]


def test_truncated_records_are_not_used(ask, upstream):
    """What came with TC is not an answer, even if it holds records."""
    async def step(x):
        if x.seen.transport == "udp":
            x.send(build(x, ["A 203.0.113.1"], flags=dns.flags.TC).to_wire())
        else:
            x.send(build(x, ["A 192.0.2.14"]).to_wire())
    upstream.script("tcrr.example", step)
    assert addresses(ask("tcrr.example")) == ["192.0.2.14"]


def test_tcp_connection_is_shared_and_pipelined(polynya, upstream, ca):
    """Later queries do not wait for a slow earlier one, and few connections carry all."""
    gate = Gate()
    upstream.script("slow.example", truncate(hold(gate, answer("A 192.0.2.15"))))
    for i in range(20):
        upstream.script(f"t{i}.example", truncate(answer("A 192.0.2.16")))
    with doh.h2_tls(polynya.port, ca) as c:
        slow = c.get(doh.question("slow.example"))
        upstream.wait_seen("slow.example", 2)
        for i in range(20):
            assert addresses(c.ask(doh.question(f"t{i}.example"))) == ["192.0.2.16"]
        gate.set()
        assert addresses(c.wait(slow)) == ["192.0.2.15"]
    assert upstream.connections <= 3


def test_tcp_closed_midway(ask, upstream):
    upstream.script("mid.example", close_midway(), close_midway(), truncate(answer("A 192.0.2.17")))
    reply = ask("mid.example")
    assert addresses(reply) == ["192.0.2.17"] or reply.dns.rcode() == dns.rcode.SERVFAIL
    assert addresses(ask("after.example")) == ["192.0.2.1"]


def test_tcp_closed_when_idle_is_opened_again(ask, upstream):
    async def last(x):
        x.send(build(x, ["A 192.0.2.18"]).to_wire())
        if x.seen.transport == "tcp":
            x.close()
    for i in range(4):
        upstream.script(f"idle{i}.example", truncate(last))
        assert addresses(ask(f"idle{i}.example")) == ["192.0.2.18"]


@pytest.mark.parametrize("frame", [b"\x00\x00", b"\x00\x01\x00", b"\x00\x0c" + bytes(12), b"\xff\xff" + bytes(100)])
def test_senseless_tcp_frames(ask, upstream, frame):
    async def step(x):
        if x.seen.transport == "udp":
            x.send(build(x, flags=dns.flags.TC).to_wire())
        else:
            x.raw(frame)
            x.close()
    upstream.script("frame.example", step)
    assert ask("frame.example").dns.rcode() == dns.rcode.SERVFAIL
    assert addresses(ask("fine.example")) == ["192.0.2.1"]


@pytest.mark.parametrize("size", [1200, 5000, 30000, 64000])
def test_answers_of_any_size(ask, upstream, size):
    upstream.script("size.example", big(size))
    reply = ask("size.example", "TXT")
    strings = {bytes(rr.strings[0])[:3] for rr in reply.dns.answer[0]}
    assert len(strings) == len(reply.dns.answer[0]) >= size // 300


# --- refusals

@pytest.mark.parametrize("rcode", [dns.rcode.SERVFAIL, dns.rcode.REFUSED, dns.rcode.FORMERR, dns.rcode.NOTIMP])
def test_failing_server_is_passed_over(make_polynya, make_upstream, ca, rcode):
    one, two = make_upstream(), make_upstream()
    one.script_all(fail(rcode))
    daemon = make_polynya([one, two])
    with doh.h2_tls(daemon.port, ca) as c:
        for i in range(6):
            assert addresses(c.ask(doh.question(f"n{i}.example"))) == ["192.0.2.1"]
    assert two.queries()


@pytest.mark.parametrize("rcode,ours", [(dns.rcode.SERVFAIL, dns.rcode.SERVFAIL), (dns.rcode.REFUSED, dns.rcode.REFUSED)])
def test_all_servers_fail(ask, upstream, rcode, ours):
    upstream.script_all(fail(rcode))
    reply = ask("fails.example", edns=True)
    assert reply.dns.rcode() == ours and reply.ede


def test_failures_are_remembered_and_forgotten(make_polynya, upstream, ca):
    """RFC 9520: a failing name is not asked for at every question, and works again when it works."""
    upstream.script("flaky.example", fail(dns.rcode.SERVFAIL))
    daemon = make_polynya(upstream, upstream={"failure-min": "1s", "failure-max": "2s"})
    with doh.h2_tls(daemon.port, ca) as c:
        assert c.ask(doh.question("flaky.example")).dns.rcode() == dns.rcode.SERVFAIL
        asked = len(upstream.queries("flaky.example"))
        for _ in range(5):
            assert c.ask(doh.question("flaky.example")).dns.rcode() == dns.rcode.SERVFAIL
        assert len(upstream.queries("flaky.example")) == asked
        upstream.script("flaky.example", answer("A 192.0.2.19"))
        wait_until(lambda: addresses(c.ask(doh.question("flaky.example"))) == ["192.0.2.19"], "the failure to be forgotten")


def test_edns_refused_by_upstream(ask, upstream):
    """FORMERR to a query with OPT: asked again without it (RFC 6891 7)."""
    async def step(x):
        await (fail(dns.rcode.FORMERR) if x.seen.edns >= 0 else answer("A 192.0.2.20"))(x)
    upstream.script_all(step)
    reply = ask("noedns.example")
    if upstream.queries("noedns.example")[-1].edns >= 0:
        assert reply.dns.rcode() == dns.rcode.SERVFAIL
    else:
        assert addresses(reply) == ["192.0.2.20"]


@pytest.mark.parametrize("make", [nodata, nxdomain])
def test_negative_answers_are_cached(ask, upstream, make):
    upstream.script("negative.example", make())
    for _ in range(3):
        assert not ask("negative.example").dns.answer
    assert len(upstream.queries("negative.example")) == 1


# --- many asking the same

def test_equal_questions_are_asked_once(polynya, upstream, ca):
    gate = Gate()
    upstream.script("popular.example", hold(gate, answer("A 192.0.2.21")))
    connections = [doh.h2_tls(polynya.port, ca) for _ in range(4)]
    streams = [(c, c.get(doh.question("Popular.example", id=i))) for c in connections for i in range(25)]
    for c in connections:
        c.ping()
    gate.set()
    for c, stream in streams:
        assert addresses(c.wait(stream)) == ["192.0.2.21"]
    assert len(upstream.queries("popular.example")) == 1
    assert polynya.metric("lookups_joined_total") == 99
    for c in connections:
        c.close()


def test_waiters_are_bounded(make_polynya, upstream, ca):
    gate = Gate()
    upstream.script("crowd.example", hold(gate, answer("A 192.0.2.22")))
    daemon = make_polynya(upstream, upstream={"waiters": 10})
    with doh.h2_tls(daemon.port, ca) as c:
        streams = [c.get(doh.question("crowd.example", edns=True)) for _ in range(15)]
        c.ping()
        gate.set()
        replies = [c.wait(s) for s in streams]
    served = [r for r in replies if r.dns.rcode() == 0]
    assert len(served) == 10
    assert all(r.ede == [14] for r in replies if r.dns.rcode())


def test_lookups_are_bounded(make_polynya, upstream, ca):
    gate = Gate()
    upstream.script_all(hold(gate, answer("A 192.0.2.23")))
    daemon = make_polynya(upstream, upstream={"lookups": 8})
    with doh.h2_tls(daemon.port, ca) as c:
        streams = [c.get(doh.question(f"many{i}.example", edns=True)) for i in range(12)]
        c.ping()
        gate.set()
        replies = [c.wait(s) for s in streams]
    assert sum(r.dns.rcode() == 0 for r in replies) == 8
    assert all(r.ede == [14] for r in replies if r.dns.rcode())


def test_no_state_is_left_by_a_storm(polynya, upstream, ca):
    """Hundreds of lookups of all endings at once; then no lookup and no stream is open."""
    outcomes = [drop(), answer("A 192.0.2.1"), fail(2), garble(bytes(40)), truncate(answer("A 192.0.2.2")), nxdomain()]
    for i in range(300):
        upstream.script(f"storm{i}.example", outcomes[i % len(outcomes)])

    def storm(part):
        with doh.h2_tls(polynya.port, ca) as c:
            streams = [c.get(doh.question(f"storm{i}.example")) for i in range(part, 300, 4)]
            for stream in streams:
                assert c.wait(stream).status == 200
            done.append(part)
    done = []
    threads = [threading.Thread(target=storm, args=(part,)) for part in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(done) == 4
    def open_now():
        metrics = polynya.metrics()
        return {k: metrics["polynya_" + k] for k in ("lookups", "streams")}
    wait_until(lambda: open_now() == {"lookups": 0, "streams": 1}, "all lookups and streams but the one that asks to end")
