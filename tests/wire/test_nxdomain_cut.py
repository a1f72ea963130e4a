# SPDX-License-Identifier: GPL-3.0-or-later
"""A name that does not exist has none below it (RFC 8020): believed where it was validated, or where the operator says so."""
import dns.flags
import dns.rcode
import dns.rdatatype
import pytest

from lib import doh
from lib.lists import Publisher
from lib.upstream import answer, nxdomain


@pytest.fixture
def ask(make_polynya, upstream, ca):
    opened = []

    def make(cut, **changes):
        daemon = make_polynya(upstream, cache={"nxdomain-cut": cut}, **changes)
        c = doh.h2_tls(daemon.port, ca)
        opened.append(c)

        def one(name, type="A", path=None, **how):
            message = doh.question(name, type, **how)
            return c.wait(c.get(message, target=path and f"{path}?dns={doh.b64(message.to_wire())}"))
        one.daemon = daemon
        return one
    yield make
    for c in opened:
        c.close()


def denied(reply):
    return reply.dns.rcode() == dns.rcode.NXDOMAIN and not reply.dns.answer


def test_names_below_are_not_asked(ask, upstream):
    q = ask("always")
    upstream.script("gone.example", nxdomain(soa_ttl=100, minimum=100))
    first = q("gone.example", "AAAA")
    for name in ("x.gone.example", "a.b.c.Gone.example"):
        for type in ("A", "HTTPS", "TXT"):
            reply = q(name, type)
            assert denied(reply) and reply.dns.authority == first.dns.authority and reply.max_age <= 100
            assert str(reply.dns.question[0].name) == name + "."
            assert not upstream.queries(name)
    assert q.daemon.metric("nxdomain_cuts_total") == 6
    # Beside and above it all is as it was.
    for name in ("xgone.example", "example", "other.example"):
        assert not denied(q(name))


@pytest.mark.parametrize("cut", ["validated", "off"])
def test_not_believed(ask, upstream, cut):
    """What nobody vouches for may be forged, or from a server that denies names with others below them."""
    q = ask(cut)
    upstream.script("gone.example", nxdomain())
    upstream.script("x.gone.example", answer("A 192.0.2.7"))
    assert denied(q("gone.example"))
    assert q("x.gone.example").dns.answer
    assert upstream.queries("x.gone.example")


def test_an_aliass_target_is_what_is_missing(ask, upstream):
    """NXDOMAIN behind an alias says nothing about names below the alias itself (RFC 6604)."""
    q = ask("always")
    upstream.script("alias.example", answer("CNAME gone.example.", rcode=dns.rcode.NXDOMAIN,
                                            authority=["example. SOA ns.example. host.example. 1 3600 600 86400 300"]))
    q("alias.example")
    q("x.alias.example")
    assert upstream.queries("x.alias.example")


def test_no_further_than_its_own_life(ask, upstream):
    q = ask("always")
    upstream.script("gone.example", nxdomain(soa_ttl=0, minimum=0))
    q("gone.example")
    q("x.gone.example")
    assert upstream.queries("x.gone.example")


def test_a_steered_name_is_never_cut(ask, upstream, tmp_path):
    """Nor the truth about it, whatever its parent is said to be."""
    publisher = Publisher(tmp_path / "list")
    publisher.site("news.example", "m1,127.0.0.2,alpn=h2")
    publisher.publish()
    q = ask("always", steering=publisher.config())
    upstream.script("example", nxdomain())
    upstream.script("news.example", answer("A 192.0.2.200"), type="A")
    upstream.script("news.example", answer("TXT truth"), type="TXT")
    assert denied(q("example"))
    assert denied(q("other.example")) and not upstream.queries("other.example")
    assert [str(r) for r in q("news.example").dns.answer[0]] == ["127.0.0.2"]
    assert [str(r) for r in q("news.example", path="/dns-query/raw").dns.answer[0]] == ["192.0.2.200"]
    assert q("news.example", "TXT").dns.answer
    assert q("news.example", do=True).dns.answer


def test_validated(make_polynya, knot, ca, tmp_path):
    """A real signed zone: the denial, its proof and AD hold for names below; who wants no validation asks for itself."""
    key = next(r for r in knot.ask("signed.test.", "DNSKEY").answer if r.rdtype == dns.rdatatype.DNSKEY)
    (tmp_path / "anchors").write_text("".join(f"signed.test. 3600 IN DNSKEY {k.to_text()}\n" for k in key))
    daemon = make_polynya(knot, dnssec={"mode": "validate", "anchors": str(tmp_path / "anchors")})
    with doh.h2_tls(daemon.port, ca) as c:
        def ask(name, **how):
            return c.ask(doh.question(name, **how)).dns
        for how in ({}, {"do": True}):
            first = ask("missing.signed.test.", **how)
            assert first.rcode() == dns.rcode.NXDOMAIN
            before = daemon.metric("nxdomain_cuts_total")
            for name in ("x.missing.signed.test.", "a.b.missing.signed.test."):
                reply = ask(name, **how)
                assert reply.rcode() == dns.rcode.NXDOMAIN
                assert bool(reply.flags & dns.flags.AD) == bool(how)
                assert {(s.name, s.rdtype) for s in reply.authority} == {(s.name, s.rdtype) for s in first.authority}
            assert daemon.metric("nxdomain_cuts_total") == before + 2
        before = daemon.metric("nxdomain_cuts_total")
        ask("missing.signed.test.", cd=True)
        ask("y.missing.signed.test.", cd=True)
        assert daemon.metric("nxdomain_cuts_total") == before
