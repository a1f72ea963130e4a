# SPDX-License-Identifier: GPL-3.0-or-later
"""DNS as the client sees it: what is echoed, what is refused with which RCODE, EDNS, and the names answered here."""
import struct

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import pytest

from lib import doh
from lib.upstream import answer, fail, nxdomain

EDE_NOT_SUPPORTED, EDE_NETWORK, EDE_NO_REACHABLE = 21, 23, 22
PADDING, ECS, COOKIE, KEEPALIVE = 12, 8, 10, 11


def rcode(reply):
    return reply.dns.rcode()


# --- echoed

@pytest.mark.parametrize("id", [0, 1, 0x1234, 0xFFFF])
def test_id(h2, id):
    assert h2.ask(doh.question("echo.example", id=id)).dns.id == id


@pytest.mark.parametrize("rd", [False, True])
@pytest.mark.parametrize("cd", [False, True])
def test_flags(h2, rd, cd):
    for _ in range(2):   # from upstream, then from the cache
        flags = h2.ask(doh.question("flags.example", rd=rd, cd=cd)).dns.flags
        assert bool(flags & dns.flags.RD) == rd and bool(flags & dns.flags.CD) == cd
        assert flags & dns.flags.QR and flags & dns.flags.RA
        assert not flags & (dns.flags.TC | dns.flags.AD)


@pytest.mark.parametrize("name", ["case.example.", "CASE.EXAMPLE.", "cAsE.eXaMpLe.", "CaSe.ExAmPlE."])
def test_case_of_the_question(h2, module_upstream, name):
    module_upstream.script("case.example", answer("A 192.0.2.30"))
    reply = h2.ask(doh.question(name))
    assert reply.body[12:12 + len(name) + 1] == dns.name.from_text(name).to_wire()
    assert str(reply.dns.answer[0].name).lower() == "case.example."


def test_one_answer_for_all_cases(h2, module_upstream):
    for name in ("onecase.example", "ONECASE.example", "oneCASE.EXAMPLE"):
        h2.ask(doh.question(name))
    assert len(module_upstream.queries("onecase.example")) == 1


def test_rd_and_cd_do_not_reach_the_wrong_cache_entry(h2, module_upstream):
    """CD and DO are part of what is asked; RD is not."""
    for flags in ({}, {"rd": False}, {"cd": True}, {"do": True}, {"cd": True, "do": True}):
        assert rcode(h2.ask(doh.question("keyed.example", **flags))) == 0
    seen = module_upstream.queries("keyed.example")
    assert sorted((s.cd, s.do) for s in seen) == [(False, False), (False, True), (True, False), (True, True)]
    assert all(s.rd for s in seen)


# --- refused

def with_header(wire, flags=0x0100, counts=(1, 0, 0, 0)):
    return wire[:2] + struct.pack("!5H", flags, *counts) + wire[12:]


Q = doh.question("bad.example", id=7).to_wire()
QUESTION = Q[12:]


@pytest.mark.parametrize("message", [
    with_header(Q, counts=(0, 0, 0, 0)),                        # no question, but its bytes
    with_header(Q[:12], counts=(0, 0, 0, 0)),                   # no question
    with_header(Q + QUESTION, counts=(2, 0, 0, 0)),             # two
    with_header(Q, counts=(1, 1, 0, 0)),                        # an answer announced, none there
    with_header(Q, counts=(1, 0, 0, 1)),
    with_header(Q, counts=(65535, 65535, 65535, 65535)),
    Q + b"\x00",                                                 # trailing bytes
    Q + b"trailing bytes of all kinds",
    Q[:-1], Q[:-3], Q[:15],                                      # cut
    Q[:12] + b"\xc0\x0c" + Q[-4:],                               # a name that points at itself
    Q[:12] + b"\xc0\x0e\xc0\x0c" + Q[-4:],                       # two that point at each other
    Q[:12] + b"\xff\xff" + Q[-4:],                               # beyond the end
    Q[:12] + b"\x40abc\x00" + Q[-4:],                            # a reserved label type
    Q[:12] + (b"\x3f" + b"a" * 63) * 4 + b"\x00" + Q[-4:],       # 257 bytes
    Q[:12] + b"\x01a" * 128 + b"\x00" + Q[-4:],
    Q[:12] + b"\x3f" + b"a" * 20,
    with_header(Q + b"\x00" + struct.pack("!HHIH", 41, 1232, 0, 5) + b"abc", counts=(1, 0, 0, 1)),   # OPT cut
    with_header(Q + b"\x00" + struct.pack("!HHIH", 41, 1232, 0, 4) + struct.pack("!HH", 12, 9), counts=(1, 0, 0, 1)),
    with_header(Q + (b"\x00" + struct.pack("!HHIH", 41, 1232, 0, 0)) * 2, counts=(1, 0, 0, 2)),      # two OPTs
    with_header(Q + b"\x01a\x00" + struct.pack("!HHIH", 41, 1232, 0, 0), counts=(1, 0, 0, 1)),       # OPT not at the root
])
def test_formerr(h2, message):
    for method in ("POST", "GET"):
        reply = h2.ask(message, method)
        assert reply.status == 200 and reply.headers["cache-control"] == "no-store"
        assert reply.body[:2] == b"\x00\x07"
        assert reply.body[3] & 0x0F == dns.rcode.FORMERR and reply.body[2] & 0x80


@pytest.mark.parametrize("opcode", [1, 2, 4, 5, 6, 15])
def test_other_opcodes(h2, opcode):
    reply = h2.ask(with_header(Q, flags=opcode << 11 | 0x0100))
    assert reply.body[3] & 0x0F == dns.rcode.NOTIMP
    assert (reply.body[2] >> 3) & 0x0F == opcode
    assert reply.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("rdclass", [2, 3, 4, 254, 255])
def test_other_classes(h2, module_upstream, rdclass):
    reply = h2.ask(Q[:-2] + struct.pack("!H", rdclass))
    assert rcode(reply) == dns.rcode.REFUSED
    assert not module_upstream.queries("bad.example")


@pytest.mark.parametrize("type", ["AXFR", "IXFR", "MAILA", "MAILB", "TSIG", "TKEY", "OPT"])
def test_refused_types(h2, module_upstream, type):
    reply = h2.ask(doh.question("refused.example", type, edns=True))
    assert rcode(reply) in (dns.rcode.REFUSED, dns.rcode.FORMERR if type == "OPT" else dns.rcode.REFUSED)
    assert not module_upstream.queries("refused.example")
    if rcode(reply) == dns.rcode.REFUSED:
        assert reply.ede == [EDE_NOT_SUPPORTED]


# --- EDNS

def test_no_opt_without_opt(h2):
    assert h2.ask(doh.question("noopt.example")).dns.edns == -1
    assert h2.ask(doh.question("refused.example", "AXFR")).dns.edns == -1


def test_opt_for_opt(h2):
    for name in ("opt.example", "missing.invalid", "localhost"):
        reply = h2.ask(doh.question(name, edns=True)).dns
        assert reply.edns == 0 and reply.payload >= 512


def test_badvers(h2, module_upstream):
    query = doh.question("badvers.example", edns=True)
    query.use_edns(edns=1)
    reply = h2.ask(query)
    assert rcode(reply) == dns.rcode.BADVERS
    assert reply.dns.edns == 0 and not reply.dns.answer
    assert not module_upstream.queries("badvers.example")


@pytest.mark.parametrize("code", [3, COOKIE, KEEPALIVE, 15, 65001, 65535])
def test_unknown_options_are_ignored(h2, module_upstream, code):
    data = bytes(8) if code == COOKIE else b""
    reply = h2.ask(doh.question("options.example", options=[dns.edns.GenericOption(code, data)]))
    assert rcode(reply) == 0 and reply.dns.answer
    assert all(code not in s.options for s in module_upstream.queries("options.example"))
    assert code not in [int(o.otype) for o in reply.dns.options]


@pytest.mark.parametrize("text", ["192.0.2.0/24", "2001:db8::/56", "0.0.0.0/0"])
def test_client_subnet_goes_nowhere(h2, module_upstream, text):
    network, bits = text.split("/")
    ecs = dns.edns.ECSOption(network, int(bits))
    reply = h2.ask(doh.question("ecs.example", options=[ecs]))
    assert rcode(reply) == 0 and reply.dns.answer
    seen = module_upstream.queries("ecs.example")
    assert len(seen) == 1 or text == "192.0.2.0/24", "one answer for all clients"
    assert seen and all(ECS not in s.options for s in seen)
    assert b"\x00\x08" not in b"".join(s.wire[-30:] for s in seen)


def test_upstream_sees_a_plain_question(h2, module_upstream):
    """Nothing of the client but the name, the type, DO and CD goes out."""
    options = [dns.edns.GenericOption(PADDING, bytes(100)), dns.edns.GenericOption(65001, b"fingerprint")]
    h2.ask(doh.question("plain.out.example", options=options, payload=4000))
    seen, = module_upstream.queries("plain.out.example")
    assert seen.edns == 0 and seen.options == [] and not seen.do
    assert 512 <= seen.payload <= 1232
    assert seen.rd and not seen.cd


@pytest.mark.parametrize("name,type", [("padded.example", "A"), ("missing.invalid", "A"), ("refused.example", "AXFR"), ("any.example", "ANY")])
@pytest.mark.parametrize("pad", [0, 40, 128])
def test_padding(h2, name, type, pad):
    """Padded questions get answers in blocks of 468 (RFC 8467 4.1)."""
    reply = h2.ask(doh.question(name, type, options=[dns.edns.GenericOption(PADDING, bytes(pad))]))
    assert len(reply.body) % 468 == 0
    assert PADDING in [int(o.otype) for o in reply.dns.options]


def test_no_padding_unasked(h2):
    reply = h2.ask(doh.question("unpadded.example", edns=True))
    assert PADDING not in [int(o.otype) for o in reply.dns.options]
    assert len(reply.body) < 100


def test_padding_on_large_answers(h2, module_upstream):
    module_upstream.script("padlarge.example", answer(*[f"A 192.0.2.{i}" for i in range(1, 60)]))
    reply = h2.ask(doh.question("padlarge.example", options=[dns.edns.GenericOption(PADDING, b"")]))
    assert len(reply.body) % 468 == 0 and len(reply.body) > 468
    assert len(reply.dns.answer[0]) == 59


def test_do_is_echoed_only_if_set(h2):
    assert not h2.ask(doh.question("do.example", edns=True)).dns.ednsflags & dns.flags.DO
    assert h2.ask(doh.question("do.example", do=True)).dns.ednsflags & dns.flags.DO


# --- names that never leave

def no_leak(upstream, name):
    assert not upstream.queries(name), "must be answered here"


@pytest.mark.parametrize("name", ["localhost", "LocalHost", "a.localhost", "x.y.localhost"])
def test_localhost(h2, module_upstream, name):
    """RFC 6761 6.3."""
    v4 = h2.ask(doh.question(name, "A")).dns
    v6 = h2.ask(doh.question(name, "AAAA")).dns
    assert [str(r) for r in v4.answer[0]] == ["127.0.0.1"] and [str(r) for r in v6.answer[0]] == ["::1"]
    other = h2.ask(doh.question(name, "MX")).dns
    assert other.rcode() == 0 and not other.answer and other.authority[0].rdtype == dns.rdatatype.SOA
    no_leak(module_upstream, name)


@pytest.mark.parametrize("name", ["invalid", "x.invalid", "onion", "expyuzz4wqqyqhjn.onion", "a.b.ONION"])
@pytest.mark.parametrize("type", ["A", "AAAA", "HTTPS", "TXT"])
def test_invalid_and_onion(h2, module_upstream, name, type):
    """RFC 6761 6.4, RFC 7686 2."""
    reply = h2.ask(doh.question(name, type))
    assert rcode(reply) == dns.rcode.NXDOMAIN and not reply.dns.answer
    assert reply.dns.authority[0].rdtype == dns.rdatatype.SOA
    assert reply.max_age > 0
    no_leak(module_upstream, name)


@pytest.mark.parametrize("name", ["notlocalhost", "localhost.example", "xonion", "onion.example", "invalid.example"])
def test_lookalikes_are_ordinary(h2, module_upstream, name):
    h2.ask(doh.question(name))
    assert len(module_upstream.queries(name)) == 1


def test_resolver_arpa_is_not_forwarded(h2, module_upstream):
    """RFC 9462 6.4: another resolver's designation is not ours."""
    for type in ("SVCB", "A"):
        reply = h2.ask(doh.question("_dns.resolver.arpa", type))
        assert rcode(reply) == 0 and reply.dns.authority
    no_leak(module_upstream, "_dns.resolver.arpa")


def test_any(h2, module_upstream):
    """RFC 8482 4.2."""
    reply = h2.ask(doh.question("any.example", "ANY"))
    rrset, = reply.dns.answer
    assert rrset.rdtype == dns.rdatatype.HINFO and rrset[0].cpu == b"RFC8482"
    no_leak(module_upstream, "any.example")


# --- extended errors

def test_no_ede_on_success(h2):
    assert h2.ask(doh.question("fine.example", edns=True)).ede == []


def test_no_ede_without_edns(h2, module_upstream):
    module_upstream.script("broken.example", fail(dns.rcode.SERVFAIL))
    reply = h2.ask(doh.question("broken.example"))
    assert rcode(reply) == dns.rcode.SERVFAIL and reply.dns.edns == -1


def test_ede_on_failure(h2, module_upstream):
    module_upstream.script("failing.example", fail(dns.rcode.SERVFAIL))
    reply = h2.ask(doh.question("failing.example", edns=True))
    assert rcode(reply) == dns.rcode.SERVFAIL
    assert reply.ede == [22]
    again = h2.ask(doh.question("failing.example", edns=True))
    assert again.ede == [13], "a failure of a moment ago is not asked again (RFC 9520)"


def test_upstream_nxdomain_is_passed_on(h2, module_upstream):
    module_upstream.script("nx.example", nxdomain())
    reply = h2.ask(doh.question("nx.example", edns=True))
    assert rcode(reply) == dns.rcode.NXDOMAIN
    assert reply.dns.authority[0].rdtype == dns.rdatatype.SOA
    assert reply.ede == []


def test_odd_labels(h2, module_upstream):
    """Any bytes may stand in a label (RFC 2181 11)."""
    labels = [b"a.b", b"\x00\xff\x80", b" \\\"", b"x" * 63]
    name = dns.name.Name(labels + [b"example", b""])
    query = doh.question("x.example")
    query.question[0].name = name
    reply = h2.ask(query)
    assert rcode(reply) == 0 and reply.dns.question[0].name == name


def test_longest_name(h2):
    name = ".".join(["a" * 63] * 3 + ["b" * 61]) + "."
    assert len(dns.name.from_text(name).to_wire()) == 255
    assert rcode(h2.ask(doh.question(name))) == 0


def test_root(h2):
    assert rcode(h2.ask(doh.question(".", "NS"))) == 0


@pytest.mark.parametrize("type", [65280, 999, 65534])
def test_unknown_types_are_asked(h2, module_upstream, type):
    h2.ask(doh.question("unknown.example", f"TYPE{type}"))
    assert module_upstream.queries("unknown.example", f"TYPE{type}")


def test_many_mutations_of_a_query_never_hurt(shared, ca, h2):
    """Every byte of a query set to a few values, every length: always an answer, and the worker stays the same one."""
    before = shared.workers()
    wire = doh.question("mutate.example", do=True, options=[dns.edns.GenericOption(PADDING, bytes(9))]).to_wire()
    mutants = [wire[:i] + bytes([v]) + wire[i + 1:] for i in range(2, len(wire)) for v in (0, 0x7F, 0xC0, 0xFF)]
    mutants += [wire[:n] for n in range(len(wire))]
    with doh.h2_tls(shared.port, ca) as c:
        for start in range(0, len(mutants), 50):
            streams = [c.post(m, length=False) for m in mutants[start:start + 50]]
            assert all(c.wait(s).status in (200, 400) for s in streams)
    assert shared.workers() == before
