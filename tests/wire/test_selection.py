# SPDX-License-Identifier: GPL-3.0-or-later
"""Which upstream is asked, and that a bad one costs readers no more than a hedge while a good one lives.

A try may take 5 s here, longer than a reader is kept waiting: where every question is answered, no reader waited for
a bad server's time to end.
"""
import dns.rcode
import pytest

from lib import doh
from lib.doh import ask_all
from lib.process import wait_until
from lib.upstream import PATIENT, Gate, answer, delay, drop, fail, forge, hold


def half_lost():
    turn = []

    async def step(x):
        turn.append(x)
        if len(turn) % 2:
            await answer("A 192.0.2.1")(x)
    return step


GATE = Gate()   # never opened
BAD = {
    "dead": drop, "slow": lambda: delay(0.6, answer("A 192.0.2.1")), "never": lambda: hold(GATE, drop()), "loses half": half_lost,
    "wrong port": lambda: forge("port"), "wrong id": lambda: forge("id"), "fails": lambda: fail(dns.rcode.SERVFAIL),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_from_the_start(make_polynya, make_upstream, ca, kind):
    bad, good = make_upstream(), make_upstream()
    bad.script_all(BAD[kind]())
    daemon = make_polynya([bad, good], upstream=PATIENT)
    with doh.h2_tls(daemon.port, ca) as c:
        ask_all(c, "n", 40)
    assert len(good.queries()) >= 30


@pytest.mark.parametrize("kind", BAD)
def test_good_one_turns_bad(make_polynya, make_upstream, ca, kind):
    """The server that was asked most fails under load; the other takes over."""
    both = make_upstream(), make_upstream()
    daemon = make_polynya(list(both), upstream=PATIENT)
    with doh.h2_tls(daemon.port, ca) as c:
        ask_all(c, "before", 20)
        bad, good = sorted(both, key=lambda u: -len(u.queries()))
        bad.script_all(BAD[kind]())
        ask_all(c, "after", 40)
        assert sum(s.name.lower().startswith("after") for s in good.queries()) >= 20


def test_two_turn_bad_at_once(make_polynya, make_upstream, ca):
    """The third takes over within the one hedge."""
    three = [make_upstream() for _ in range(3)]
    daemon = make_polynya(three, upstream=PATIENT)
    with doh.h2_tls(daemon.port, ca) as c:
        ask_all(c, "before", 20)
        order = sorted(three, key=lambda u: -len(u.queries()))
        for u in order[:2]:
            u.script_all(drop())
        ask_all(c, "after", 40)


def test_stopped_server(make_polynya, make_upstream, ca):
    one, two = make_upstream(), make_upstream()
    daemon = make_polynya([one, two], upstream=PATIENT)
    with doh.h2_tls(daemon.port, ca) as c:
        ask_all(c, "before", 10)
        max((one, two), key=lambda u: len(u.queries())).close()
        ask_all(c, "after", 30)


def test_hedges_are_counted(make_polynya, make_upstream, ca):
    both = make_upstream(), make_upstream()
    daemon = make_polynya(list(both), upstream=PATIENT)
    with doh.h2_tls(daemon.port, ca) as c:
        ask_all(c, "before", 10)
        for u in both:
            u.script("held.example", hold(GATE, drop()), answer("A 192.0.2.5"))
        one = c.get(doh.question("held.example"))
        wait_until(lambda: all(u.queries("held.example") for u in both), "the question to reach both servers")
        # The other may have been asked to measure it.
        wait_until(lambda: daemon.metric("upstream_hedges_total") >= 1, "the hedge to be counted")
        c.wait(one)


def test_others_are_measured(make_polynya, make_upstream, ca):
    """Each server is heard of early, and `status` tells what was seen."""
    three = [make_upstream() for _ in range(3)]
    daemon = make_polynya(three, upstream=PATIENT)
    with doh.h2_tls(daemon.port, ca) as c:
        ask_all(c, "n", 20)
        for u in three:
            wait_until(u.queries, "every server to be asked")
        assert daemon.metric("upstream_explored_total") >= 2
        wait_until(lambda: all(u["rtt_ms"] > 0 for u in daemon.status()["upstreams"]), "round trips to be known")
        assert all(u["loss_percent"] == 0 for u in daemon.status()["upstreams"])


def test_all_dead_then_back(make_polynya, make_upstream, ca):
    """With all on hold a question fails soon, yet each one looks whether a server is back."""
    both = make_upstream(), make_upstream()
    for u in both:
        u.script_all(drop())
    daemon = make_polynya(list(both), upstream={"try-timeout": "50ms", "total-timeout": "300ms", "failure-max": "1s"})
    with doh.h2_tls(daemon.port, ca) as c:
        for i in range(12):
            c.ask(doh.question(f"n{i}.example"))
        wait_until(lambda: all(u["on_hold"] for u in daemon.status()["upstreams"]), "both to be on hold")
        reply = c.ask(doh.question("dead.example", edns=True))
        assert reply.dns.rcode() == dns.rcode.SERVFAIL and reply.ede == [23]
        both[1].script_all(answer("A 192.0.2.1"))
        assert c.ask(doh.question("back.example")).dns.answer
        assert daemon.metric("upstream_dead_total") == 2
