# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that readers keep asking for are renewed before their time is over, once, and for nobody's account."""
import dns.rcode
import pytest

from lib import doh
from lib.process import wait_until
from lib.upstream import Gate, answer, drop, fail, hold

OLD = {"connection-life": "7d"}   # connections that outlive the clock's jumps
GATE = Gate()   # never opened


def ask(c, name, **how):
    return c.ask(doh.question(name, edns=True, **how))


def address(reply):
    return str(reply.dns.answer[0][0])


@pytest.fixture
def rig(make_polynya, upstream, ca, clock):
    """(daemon, connection) to a daemon whose clock can be moved."""
    opened = []

    def make(**changes):
        daemon = make_polynya(upstream, env=clock.env, **{"limits": OLD, **changes})
        opened.append(doh.h2_tls(daemon.port, ca))
        return daemon, opened[-1]
    yield make
    for c in opened:
        c.close()


def settle(c, upstream, name="settle.example"):
    """A question that must go upstream: what was sent there before it has arrived."""
    ask(c, name)
    upstream.wait_seen(name)


def test_renewed_in_the_last_tenth(rig, upstream, clock):
    daemon, c = rig()
    upstream.script("name.example", answer("A 192.0.2.1", ttl=300), answer("A 192.0.2.2", ttl=300))
    ask(c, "name.example")
    clock.move(260, c, upstream)
    assert address(ask(c, "name.example")) == "192.0.2.1"
    settle(c, upstream)
    assert len(upstream.queries("name.example")) == 1, "too early"
    clock.move(20, c, upstream)
    reply = ask(c, "name.example")
    assert address(reply) == "192.0.2.1" and reply.dns.answer[0].ttl <= 20 and reply.ede == [], "nobody waits"
    upstream.wait_seen("name.example", 2)
    wait_until(lambda: address(ask(c, "name.example")) == "192.0.2.2", "the new answer")
    assert ask(c, "name.example").dns.answer[0].ttl > 250
    assert len(upstream.queries("name.example")) == 2
    assert daemon.metric('prefetches_total{result="started"}') == 1


def test_not_for_what_is_asked_rarely(rig, upstream, clock):
    """After a renewal one question in its time is not enough for another."""
    daemon, c = rig()
    upstream.script("name.example", answer("A 192.0.2.1", ttl=300))
    ask(c, "name.example")
    clock.move(280, c, upstream)
    ask(c, "name.example")
    upstream.wait_seen("name.example", 2)
    wait_until(lambda: daemon.metric("lookups") == 0, "the renewal to end")
    clock.move(290, c, upstream)
    assert ask(c, "name.example").dns.answer[0].ttl <= 30
    settle(c, upstream)
    assert len(upstream.queries("name.example")) == 2


def test_one_renewal_at_a_time(rig, upstream, clock):
    gate = Gate()
    daemon, c = rig()
    upstream.script("name.example", answer("A 192.0.2.1", ttl=300), hold(gate, answer("A 192.0.2.2", ttl=300)))
    ask(c, "name.example")
    clock.move(280, c, upstream)
    for s in [c.get(doh.question("name.example")) for _ in range(50)]:
        assert address(c.wait(s)) == "192.0.2.1"
    settle(c, upstream)
    assert daemon.metric('prefetches_total{result="started"}') == 1
    gate.set()
    wait_until(lambda: address(ask(c, "name.example")) == "192.0.2.2", "the new answer")


def test_bounded_and_for_nobodys_account(rig, upstream, clock):
    """With as many under way as may be, others are left; and a reader's budget of misses is as it was: ten at once."""
    daemon, c = rig(cache={"prefetch": 5}, limits={**OLD, "miss-rate": 1},
                    upstream={"try-timeout": "5s", "total-timeout": "20s"})
    names = [f"n{i}.example" for i in range(8)]
    for n in names:
        upstream.script(n, answer("A 192.0.2.1", ttl=300), hold(GATE, drop()))
        ask(c, n)
    clock.move(280, c, upstream)
    for n in names:
        assert address(ask(c, n)) == "192.0.2.1"
    for i in range(9):
        assert ask(c, f"miss{i}.example").status == 200
    assert daemon.metric('prefetches_total{result="started"}') == 5
    assert daemon.metric('prefetches_total{result="skipped"}') == 3


def test_failed_renewal_leaves_the_answer(rig, upstream, clock):
    daemon, c = rig()
    upstream.script("name.example", answer("A 192.0.2.1", ttl=300), fail(dns.rcode.SERVFAIL))
    ask(c, "name.example")
    clock.move(280, c, upstream)
    ask(c, "name.example")
    upstream.wait_seen("name.example", 2)
    wait_until(lambda: daemon.metric("lookups") == 0, "the renewal to end")
    reply = ask(c, "name.example")
    assert address(reply) == "192.0.2.1" and reply.ede == []


def test_switched_off(rig, upstream, clock):
    daemon, c = rig(cache={"prefetch": 0})
    upstream.script("name.example", answer("A 192.0.2.1", ttl=300))
    ask(c, "name.example")
    clock.move(280, c, upstream)
    for _ in range(3):
        ask(c, "name.example")
    settle(c, upstream)
    assert len(upstream.queries("name.example")) == 1
