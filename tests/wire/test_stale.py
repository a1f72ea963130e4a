# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers whose time is over, told where upstreams fail (RFC 8767).

The clock is moved past their TTLs. A reader is kept waiting for 1.2 s at most, here mostly for as short a time as the
config allows: no test measures how long it took."""
import dns.flags
import dns.rcode
import pytest

from lib import doh
from lib.polynya import merge
from lib.process import wait_until
from lib.upstream import Gate, answer, drop, fail, garble, hold, nxdomain

QUICK = {"try-timeout": "50ms", "total-timeout": "200ms", "failure-max": "1s"}
LONG = {"try-timeout": "5s", "total-timeout": "20s", "answer-timeout": "1400ms"}
GATE = Gate()   # never opened
OLD = {"connection-life": "7d"}   # connections that outlive the clock's jumps


def ask(c, name, type="A", **how):
    return c.ask(doh.question(name, type, edns=True, **how))


def is_stale(reply, address="192.0.2.1", ede=3):
    message = reply.dns
    assert message.rcode() == 0 and [str(r) for r in message.answer[0]] == [address], message
    assert message.answer[0].ttl == 30 and reply.max_age == 30 and reply.ede == [ede], message
    return True


def is_fresh(reply, address):
    assert [str(r) for r in reply.dns.answer[0]] == [address] and reply.ede == [], reply.dns
    return True


@pytest.fixture
def known(make_polynya, upstream, ca, clock):
    """A daemon that knows name.example, whose TTL of 60 s has been over for a while; upstream then does `what`."""
    opened = []

    def make(what, seconds=3600, config=None, names=("name.example",), **changes):
        daemon = make_polynya(upstream, env=clock.env, upstream=config or QUICK, **merge({"limits": OLD}, changes))
        c = doh.h2_tls(daemon.port, ca)
        opened.append(c)
        for name in names:
            upstream.script(name, answer("A 192.0.2.1", ttl=60), what)
            is_fresh(ask(c, name), "192.0.2.1")
        clock.move(seconds, c, upstream)
        return daemon, c
    yield make
    for c in opened:
        c.close()


WAYS = {"silent": drop(), "servfail": fail(dns.rcode.SERVFAIL), "refused": fail(dns.rcode.REFUSED), "formerr": fail(dns.rcode.FORMERR),
        "garbage": garble(b"\x00" * 40)}


@pytest.mark.parametrize("way", WAYS)
def test_failing_upstream(known, upstream, way):
    """Each kind of failure, again and again; and the good answer as soon as there is one."""
    daemon, c = known(WAYS[way])
    for _ in range(3):
        is_stale(ask(c, "name.example"))
    upstream.script("name.example", answer("A 192.0.2.2", ttl=60))
    wait_until(lambda: ask(c, "name.example").ede == [], "the failure to be forgotten")
    is_fresh(ask(c, "name.example"), "192.0.2.2")
    assert daemon.metric('answers_total{reason="stale"}') >= 3


def test_stalling_upstream(known, upstream):
    """A reader is told what there is; the lookup goes on, and its answer replaces the stale one."""
    gate = Gate()
    daemon, c = known(hold(gate, answer("A 192.0.2.2", ttl=60)), config=LONG, cache={"stale-after": "50ms"})
    is_stale(ask(c, "name.example"))
    is_stale(ask(c, "name.example"))
    gate.set()
    wait_until(lambda: ask(c, "name.example").ede == [], "the late answer")
    is_fresh(ask(c, "name.example"), "192.0.2.2")
    assert len(upstream.queries("name.example")) <= 4


def test_before_browsers_give_up(known):
    """With the times that hold by default, a reader is told within a browser's 1.5 s, which the server's 1.35 s for
    those who have nothing stale would still just be: so it is the stale answer that came, and no failure."""
    daemon, c = known(hold(GATE, drop()), config=LONG)
    is_stale(ask(c, "name.example"))


def test_many_wait_for_one(known, upstream):
    daemon, c = known(hold(GATE, drop()), config=LONG, cache={"stale-after": "100ms"})
    streams = [c.get(doh.question("name.example", edns=True)) for _ in range(20)]
    for s in streams:
        is_stale(c.wait(s))
    assert daemon.metric("lookups") == 1


def test_good_answer_in_time_is_not_stale(known, upstream):
    daemon, c = known(answer("A 192.0.2.2", ttl=60), config=LONG)
    is_fresh(ask(c, "name.example"), "192.0.2.2")


def test_one_good_server_among_bad_ones(make_polynya, make_upstream, ca, clock):
    """While one lives, readers wait for a hedge and get what is fresh."""
    one, two = make_upstream(), make_upstream()
    daemon = make_polynya([one, two], env=clock.env, upstream=LONG, limits=OLD)
    with doh.h2_tls(daemon.port, ca) as c:
        for u in (one, two):
            u.script_all(answer("A 192.0.2.1", ttl=60))
        for i in range(20):
            is_fresh(ask(c, f"n{i}.example"), "192.0.2.1")
        clock.move(3600, c, one, two)
        bad, good = sorted((one, two), key=lambda u: -len(u.queries()))
        bad.script_all(drop())
        good.script_all(answer("A 192.0.2.2", ttl=60))
        for i in range(20):
            is_fresh(ask(c, f"n{i}.example"), "192.0.2.2")


def test_dead_upstreams_are_not_waited_for(known, upstream):
    """Once all are on hold a known name is answered at once. With stale-after in between, no more than two of the
    lookups that began one after the other would still be under way."""
    names = [f"n{i}.example" for i in range(40)]
    daemon, c = known(drop(), names=names, cache={"stale-after": "1400ms"},
                      config={"try-timeout": "2s", "total-timeout": "2s", "answer-timeout": "1400ms"})
    upstream.script_all(drop())
    streams = [c.get(doh.question(n, edns=True)) for n in names[:20]]
    for s in streams:
        is_stale(c.wait(s))
    wait_until(lambda: daemon.status()["upstreams"][0]["on_hold"], "the upstream to be on hold")
    wait_until(lambda: daemon.metric("lookups") == 0, "the lookups to end")
    for n in names[20:]:
        is_stale(ask(c, n))
    assert daemon.metric("lookups") >= 5


def test_stopped_upstream(known, upstream):
    """Nobody listens there any more."""
    names = ["name.example", "other.example"]
    daemon, c = known(drop(), names=names)
    upstream.close()
    for name in names * 2:
        is_stale(ask(c, name))
    reply = ask(c, "unknown.example")
    assert reply.dns.rcode() == dns.rcode.SERVFAIL and not reply.dns.answer


def test_nxdomain(make_polynya, upstream, ca, clock):
    daemon = make_polynya(upstream, env=clock.env, upstream=QUICK, limits=OLD)
    with doh.h2_tls(daemon.port, ca) as c:
        upstream.script("nx.example", nxdomain(soa_ttl=60, minimum=60), drop())
        assert ask(c, "nx.example").ede == []
        clock.move(3600, c, upstream)
        reply = ask(c, "nx.example")
        assert reply.dns.rcode() == dns.rcode.NXDOMAIN and reply.ede == [19]
        assert reply.dns.authority[0].ttl == 30 and reply.max_age == 30


@pytest.mark.parametrize("seconds,told", [(3000, True), (3600 + 61, False)])
def test_no_longer_than_configured(known, seconds, told):
    daemon, c = known(fail(dns.rcode.SERVFAIL), seconds=seconds, cache={"stale-for": "1h"})
    reply = ask(c, "name.example")
    assert (reply.dns.rcode() == 0) == told
    assert reply.ede == ([3] if told else [22])


def test_switched_off(known):
    daemon, c = known(fail(dns.rcode.SERVFAIL), seconds=120, cache={"stale-for": "0s"})
    reply = ask(c, "name.example")
    assert reply.dns.rcode() == dns.rcode.SERVFAIL and reply.ede == [22]


def test_after_a_restart(known, upstream, ca):
    """Known names outlive the process, with no upstream from the start."""
    daemon, c = known(drop())
    wait_until(lambda: daemon.metric("cache_writes_total"), "the answer to be on disk")
    daemon.stop()
    upstream.close()
    daemon.start()
    with doh.h2_tls(daemon.port, ca) as fresh:
        is_stale(ask(fresh, "name.example"))


def test_over_the_miss_rate(known, upstream):
    """Who may not ask upstream is told what is known, without a lookup."""
    names = [f"n{i}.example" for i in range(8)]
    daemon, c = known(hold(GATE, drop()), names=names, config=LONG, cache={"stale-after": "50ms"}, limits={"miss-rate": 1})
    for _ in range(3):
        for n in names:
            is_stale(ask(c, n))


def test_not_for_the_unknown(known):
    daemon, c = known(fail(dns.rcode.SERVFAIL))
    reply = ask(c, "name.example", "AAAA")
    assert reply.dns.rcode() == dns.rcode.SERVFAIL and reply.ede == [22]
