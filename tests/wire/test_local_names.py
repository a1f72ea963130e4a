# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that are answered here and never asked upstream, and the switch for those that an operator may need."""
import dns.rcode
import dns.rdatatype
import pytest

from lib import doh

OPTIONAL = ["test", "printer.local", "LOCAL", "a.b.alt", "nas.home.arpa", "1.1.168.192.in-addr.arpa", "7.31.172.in-addr.arpa",
            "1.2.3.10.in-addr.arpa", "1.64.100.in-addr.arpa", "1.254.169.in-addr.arpa", "1.2.0.192.in-addr.arpa",
            "1." + "0." * 22 + "8.e.f.ip6.arpa", "1.c.d.f.ip6.arpa", "f.8.b.d.0.1.0.0.2.ip6.arpa"]
PUBLIC = ["1.32.172.in-addr.arpa", "8.8.8.8.in-addr.arpa", "1.128.100.in-addr.arpa", "ipv4only.arpa", "nottest.example", "local.example",
          "use-application-dns.net", "www.home.arpa.example", "8.f.ip6.arpa"]


@pytest.fixture(scope="module")
def ask(shared_factory, module_upstream, authority):
    daemon = shared_factory(module_upstream, local_zones=True)
    with doh.h2_tls(daemon.port, authority.cert) as c:
        yield lambda *question, **how: c.ask(doh.question(*question, **how))


@pytest.mark.parametrize("type", ["A", "PTR", "HTTPS", "TXT"])
@pytest.mark.parametrize("name", OPTIONAL)
def test_private_names_do_not_exist(ask, module_upstream, name, type):
    reply = ask(name, type)
    assert reply.dns.rcode() == dns.rcode.NXDOMAIN and not reply.dns.answer
    soa, = reply.dns.authority
    assert soa.rdtype == dns.rdatatype.SOA and name.lower().endswith(str(soa.name).lower().rstrip("."))
    assert 0 < reply.max_age <= 10800
    assert not module_upstream.queries(name)


@pytest.mark.parametrize("name", PUBLIC)
def test_neighbours_are_public(ask, module_upstream, name):
    """The canary of Firefox among them: who asks us has chosen us, and gets the truth."""
    assert ask(name).dns.rcode() == 0
    assert module_upstream.queries(name)


def test_apex(ask, module_upstream):
    """RFC 6303 3: a zone with SOA and NS; its DS is its parent's."""
    assert ask("10.in-addr.arpa", "SOA").dns.answer[0].rdtype == dns.rdatatype.SOA
    assert [str(r) for r in ask("10.in-addr.arpa", "NS").dns.answer[0]] == ["10.in-addr.arpa."]
    other = ask("10.in-addr.arpa", "A").dns
    assert other.rcode() == 0 and not other.answer and other.authority
    assert not module_upstream.queries("10.in-addr.arpa")
    ask("10.in-addr.arpa", "DS", do=True)
    assert [q.type for q in module_upstream.queries("10.in-addr.arpa")] == ["DS"]


@pytest.mark.parametrize("name", ["1.0.0.127.in-addr.arpa", "1." + "0." * 31 + "ip6.arpa"])
def test_loopback_has_a_name(ask, name):
    assert [str(r) for r in ask(name, "PTR").dns.answer[0]] == ["localhost."]


def test_switched_off(make_polynya, upstream, ca):
    """What must never leave still does not."""
    daemon = make_polynya(upstream, local_zones=False)
    with doh.h2_tls(daemon.port, ca) as c:
        for name in OPTIONAL:
            assert c.ask(doh.question(name)).dns.rcode() == 0
            assert upstream.queries(name)
        for name in ("x.onion", "x.invalid", "localhost", "_dns.resolver.arpa"):
            c.ask(doh.question(name))
            assert not upstream.queries(name)
