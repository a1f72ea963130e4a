# SPDX-License-Identifier: GPL-3.0-or-later
"""What an HTTP cache on the way is told (RFC 8484 5.1), and how TTLs age in ours."""
import dns.rcode
import pytest

from lib import doh
from lib.process import wait_until
from lib.upstream import answer, fail, garble, nodata, nxdomain


@pytest.mark.parametrize("records,ttl", [
    (["A 192.0.2.1"], 300),
    (["600 A 192.0.2.1", "60 A 192.0.2.2"], 60),
    (["1000 CNAME b.ttl.example.", "b.ttl.example. 77 A 192.0.2.1"], 77),
    (["33 CNAME b.ttl.example.", "b.ttl.example. 4000 A 192.0.2.1"], 33),
    (["0 A 192.0.2.1"], 0),
])
def test_max_age_is_the_least_ttl(make_polynya, upstream, ca, records, ttl):
    upstream.script("ttl.example", answer(*records))
    daemon = make_polynya(upstream)
    with doh.h2_tls(daemon.port, ca) as c:
        reply = c.ask(doh.question("ttl.example"))
    least = min(r.ttl for r in reply.dns.answer)
    assert reply.max_age == least
    assert ttl - 2 <= least <= ttl


@pytest.mark.parametrize("kind", [nodata, nxdomain])
@pytest.mark.parametrize("soa_ttl,minimum,expected", [(300, 300, 300), (20, 300, 20), (300, 20, 20), (300, 0, 0), (86400, 86400, 3600)])
def test_negative_answers_are_bounded_by_the_soa(make_polynya, upstream, ca, kind, soa_ttl, minimum, expected):
    """RFC 2308 5; and by negative-max, an hour."""
    upstream.script("neg.example", kind(soa_ttl=soa_ttl, minimum=minimum))
    daemon = make_polynya(upstream)
    with doh.h2_tls(daemon.port, ca) as c:
        reply = c.ask(doh.question("neg.example"))
    assert expected - 2 <= reply.max_age <= expected
    assert reply.dns.authority[0].ttl == reply.max_age


def test_negative_answer_without_soa_is_not_cached(polynya, upstream, ca):
    upstream.script("nosoa.example", answer())
    with doh.h2_tls(polynya.port, ca) as c:
        for _ in range(2):
            reply = c.ask(doh.question("nosoa.example"))
            assert reply.dns.rcode() == 0
            assert reply.headers["cache-control"] in ("no-store", "max-age=0")
    assert len(upstream.queries("nosoa.example")) == 2


def test_failures_are_not_stored(polynya, upstream, ca):
    upstream.script("servfail.example", fail(dns.rcode.SERVFAIL))
    with doh.h2_tls(polynya.port, ca) as c:
        for message in (doh.question("servfail.example"), doh.question("x.example", "AXFR"), b"\x00\x01" + bytes(10)):
            reply = c.ask(message)
            assert reply.dns.rcode() != 0
            assert reply.headers["cache-control"] == "no-store"


def test_ttl_zero_is_asked_again(polynya, upstream, ca):
    upstream.script("zero.example", answer("A 192.0.2.1", ttl=0), answer("A 192.0.2.2", ttl=0))
    with doh.h2_tls(polynya.port, ca) as c:
        first = c.ask(doh.question("zero.example"))
        second = c.ask(doh.question("zero.example"))
    assert [str(r[0]) for r in (first.dns.answer[0], second.dns.answer[0])] == ["192.0.2.1", "192.0.2.2"]
    assert first.max_age == 0


def test_ttls_age_together(polynya, upstream, ca):
    """From the cache every TTL is lower by the same age, and max-age with them."""
    upstream.script("age.example", answer("100 CNAME c.age.example.", "c.age.example. 500 A 192.0.2.1"))
    with doh.h2_tls(polynya.port, ca) as c:
        c.ask(doh.question("age.example"))

        def aged():
            reply = c.ask(doh.question("age.example"))
            return reply if reply.dns.answer[0].ttl < 99 else None
        reply = wait_until(aged, "the answer to age")
        alias, address = reply.dns.answer
        assert 500 - address.ttl == 100 - alias.ttl >= 2
        assert reply.max_age == alias.ttl
    assert len(upstream.queries("age.example")) == 1


def test_expiry_asks_again(polynya, upstream, ca):
    upstream.script("short.example", answer("A 192.0.2.1", ttl=1), answer("A 192.0.2.2", ttl=300))
    with doh.h2_tls(polynya.port, ca) as c:
        def renewed():
            reply = c.ask(doh.question("short.example"))
            assert all(0 <= r.ttl <= 300 for r in reply.dns.answer)
            return str(reply.dns.answer[0][0]) == "192.0.2.2"
        wait_until(renewed, "the first answer to expire")
    assert len(upstream.queries("short.example")) == 2


@pytest.mark.parametrize("ttl,allowed", [
    (0xFFFFFFFF, (0, 86400)), (0x80000000, (0, 86400)), (0x7FFFFFFF, (86400,)), (200000, (86400,))])
def test_huge_ttls(polynya, upstream, ca, ttl, allowed):
    """More than ttl-max is cut; the top bit means 0 (RFC 2181 8) or the same cap (RFC 8767 4)."""
    def raw(x):
        wire = x.query.to_wire()
        question = wire[12:12 + len(x.query.question[0].name.to_wire()) + 4]
        return (wire[:2] + b"\x81\x80" + b"\x00\x01\x00\x01\x00\x00\x00\x00" + question
                + b"\xc0\x0c\x00\x01\x00\x01" + ttl.to_bytes(4, "big") + b"\x00\x04\xc0\x00\x02\x01")
    upstream.script("huge.example", garble(raw))
    with doh.h2_tls(polynya.port, ca) as c:
        reply = c.ask(doh.question("huge.example"))
    assert any(value - 1 <= reply.max_age <= value for value in allowed)
    assert reply.dns.answer[0].ttl == reply.max_age


@pytest.mark.parametrize("ttl,told", [(5, 60), (100, 100), (5000, 600)])
def test_ttls_are_kept_in_bounds(make_polynya, upstream, ca, ttl, told):
    """From the first answer on, so that a reader's copy does not end before ours."""
    upstream.script("bounds.example", answer("A 192.0.2.1", ttl=ttl))
    upstream.script("none.example", nxdomain(soa_ttl=ttl, minimum=ttl))
    daemon = make_polynya(upstream, cache={"ttl-min": "60s", "ttl-max": "10m", "negative-max": "50s"})
    with doh.h2_tls(daemon.port, ca) as c:
        for _ in range(2):
            reply = c.ask(doh.question("bounds.example"))
            assert told - 2 <= reply.dns.answer[0].ttl <= told and reply.max_age == reply.dns.answer[0].ttl
        reply = c.ask(doh.question("none.example"))
        assert reply.dns.authority[0].ttl == reply.max_age <= 50
    assert len(upstream.queries("bounds.example")) == 1
