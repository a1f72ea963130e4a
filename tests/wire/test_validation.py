# SPDX-License-Identifier: GPL-3.0-or-later
"""What clients are told of a verdict: EDE, AD and CD; what validating may cost; and clocks that are wrong."""
import asyncio

import dns.flags
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

from lib import doh
from lib.process import wait_until
from lib.upstream import PATIENT
from lib.zones import BRIEF, PARDONED


@pytest.fixture
def start(make_polynya, world, ca):
    """A daemon that validates, and a function to ask it."""
    def begin(dnssec={}, **changes):
        daemon = make_polynya(world, dnssec={"mode": "validate", "anchors": str(world.anchors),
                                             "negative-anchors": [PARDONED], "follow": False, **dnssec}, **changes)

        def ask(name, type="A", ad=False, status=200, **how):
            message = doh.question(name, type, **{"do": True, **how})
            message.flags |= dns.flags.AD if ad else 0
            with doh.h2_tls(daemon.port, ca) as c:
                reply = c.ask(message)
            assert reply.status == status, reply.status
            return reply if status == 200 else None
        ask.daemon, ask.ca = daemon, ca
        return ask
    return begin


def ad(reply):
    return bool(reply.dns.flags & dns.flags.AD)


@pytest.mark.parametrize("name, type, code", [
    ("www.flipped.bad.", "A", 6), ("www.keytrap.bad.", "A", 6), ("www.expired.bad.", "A", 7),
    ("missing.expired.bad.", "A", 7), ("www.notyet.bad.", "A", 8), ("www.nokeyds.bad.", "A", 9),
    ("www.nokey.bad.", "A", 9), ("www.tag.bad.", "A", 9), ("www.stripdata.bad.", "A", 10),
    ("www.stripped.bad.", "A", 10), ("www.stripkey.bad.", "A", 10), ("www.notzone.bad.", "A", 11),
    ("www.zsknotzone.bad.", "A", 11), ("missing.noproof.bad.", "A", 12), ("any.wild.badwild.bad.", "A", 12),
    ("www.lies.bad.", "TXT", 12), ("missing.coverless.bad.", "A", 12), ("www.orphan.dsproof.", "A", 12),
    ("missing.bareproof.bad.", "A", 10), ("www.kid3.forged.bad.", "A", 12), ("h3.forged.bad.", "A", 12),
])
def test_extended_errors(start, name, type, code):
    ask = start()
    for _ in range(2):     # the second time it is remembered, and why
        reply = ask(name, type)
        assert dns.rcode.to_text(reply.dns.rcode()) == "SERVFAIL" and reply.ede == [code]
    assert ask.daemon.metric('dnssec_answers_total{verdict="bogus"}') == 1


def test_ad_is_for_those_who_ask(start):
    ask = start()
    for name, secure in (("www.one.rsa.", True), ("missing.one.rsa.", True), ("www.plain.", False)):
        for _ in range(2):
            assert ad(ask(name)) == secure
            assert ad(ask(name, do=False, ad=True)) == secure
            assert ad(ask(name, do=False, edns=True, ad=True)) == secure
            assert not ad(ask(name, do=False))
            assert not ad(ask(name, do=False, edns=True))


def test_who_checks_for_himself_gets_everything(start):
    ask = start()
    for name in ("www.expired.bad.", "www.stripdata.bad.", "www.one.rsa."):
        for _ in range(2):
            reply = ask(name, cd=True)
            assert reply.dns.rcode() == 0 and reply.dns.answer and not reply.ede
            assert not ad(reply) and reply.dns.flags & dns.flags.CD
    assert ask("www.expired.bad.").dns.rcode() == 2    # and nobody else does
    assert ask("www.one.rsa.").dns.rcode() == 0
    assert ask.daemon.metric('dnssec_answers_total{verdict="secure"}') == 1


def test_signatures_bound_the_ttl(start):
    ask = start()
    for _ in range(2):
        reply = ask("h6.forged.bad.")   # told to last a day, signed for ten minutes
        assert ad(reply) and 0 < min(r.ttl for r in reply.dns.answer) <= max(r.ttl for r in reply.dns.answer) <= 600
        assert reply.max_age <= 600
        assert max(r.ttl for r in ask("www.tiny.bad.").dns.answer) <= 600


def test_the_chain_is_asked_for_at_once(make_polynya, make_upstream, world, ca):
    """All DS and DNSKEY from the root down to the zone: a question is not answered before all of them have come."""
    front, seen = make_upstream(), set()
    wanted = {(".", "DNSKEY"), ("ec.", "DS"), ("ec.", "DNSKEY"), ("one.ec.", "DS"), ("one.ec.", "DNSKEY")}

    async def step(x):
        asked = x.seen.name.lower(), x.seen.type
        seen.add(asked)
        while asked in wanted and not wanted <= seen:
            await asyncio.sleep(0.005)
        x.send(world.resolve(x.seen.wire)[1].to_wire())
    front.script_all(step)
    daemon = make_polynya(front, upstream=PATIENT, dnssec={
        "mode": "validate", "anchors": str(world.anchors), "follow": False})
    with doh.h2_tls(daemon.port, ca) as c:
        assert ad(c.ask(doh.question("www.one.ec.", do=True)))


@pytest.mark.parametrize("zone", ["one.ec.", "none.ec.", "sub.one.ed."])
def test_what_is_known_of_a_zone_is_not_asked_again(start, zone):
    """Keys, and that a delegation is not signed."""
    ask = start()
    ask(f"www.{zone}")
    before = ask.daemon.metric("dnssec_queries_total")
    assert before > 0
    for name in "www", "mail", "missing", "any.wild":
        ask(f"{name}.{zone}")
        ask(f"{name}.{zone}", "AAAA")
    assert ask.daemon.metric("dnssec_queries_total") == before


def test_limits_are_counted(start):
    ask = start()
    for name, limit in (("www.keytrap.bad.", "tag-keys"), ("missing.iter2500.ec.", "iterations")):
        before = ask.daemon.metric(f'dnssec_limited_total{{limit="{limit}"}}')
        ask(name)
        assert ask.daemon.metric(f'dnssec_limited_total{{limit="{limit}"}}') == before + 1
    # Of 40 keys and 21 signatures, no more was tried than one answer may cost.
    assert ask.daemon.metric("dnssec_signature_checks_total") < 60
    assert ask.daemon.metric("dnssec_nsec3_hashes_total") < 1000


def test_a_long_way_costs_no_more(make_polynya, make_upstream, world, ca):
    """Each step of the chain of trust is a message of its own: together they are bounded, too, for whoever asks."""
    front = make_upstream()

    def dear(rrset):
        """Seven signatures that do not hold in front of one that does."""
        sig = rrset[0]
        false = [sig.replace(signature=bytes([i]) + sig.signature[1:]) for i in range(7)]
        return dns.rrset.from_rdata_list(rrset.name, rrset.ttl, [*false, sig])

    async def step(x):
        reply = world.resolve(x.seen.wire)[1]
        for section in reply.answer, reply.authority:
            section[:] = [dear(r) if r.rdtype == dns.rdatatype.RRSIG else r for r in section]
        if x.seen.type == "A":    # the place of a name that nobody signed must be found
            reply.set_rcode(0)
            reply.answer, reply.authority = [dns.rrset.from_text(x.seen.name, 600, "IN", "A", "192.0.2.1")], []
        x.send(reply.to_wire(max_size=65535, want_shuffle=False))
    front.script_all(step)
    daemon = make_polynya(front, upstream=PATIENT, dnssec={
        "mode": "validate", "anchors": str(world.anchors), "follow": False})
    with doh.h2_tls(daemon.port, ca) as c:
        assert c.ask(doh.question("x." * 40 + "one.ed.")).dns.rcode() == dns.rcode.SERVFAIL
        wait_until(lambda: daemon.metric('dnssec_answers_total{verdict="bogus"}') == 1, "the verdict")
    assert daemon.metric("dnssec_signature_checks_total") < 200
    assert daemon.metric('dnssec_limited_total{limit="signatures"}') == 1


def test_what_a_zone_says_again_is_checked_once(start):
    """Denials of one zone share its SOA and most NSEC3s; a forged one is none the less bogus."""
    ask = start()

    def cost(name):
        names = "dnssec_signature_checks_total", "dnssec_signatures_remembered_total"
        before = [ask.daemon.metric(m) for m in names]
        reply = ask(name)
        return dns.rcode.to_text(reply.dns.rcode()), *(ask.daemon.metric(m) - b for m, b in zip(names, before))
    rcode, checked, _ = cost("missing.two.rsa.")
    assert rcode == "NXDOMAIN" and checked > 4    # the chain's are among them
    for i in range(5):
        rcode, checked, remembered = cost(f"missing{i}.two.rsa.")
        assert rcode == "NXDOMAIN" and checked <= 1 and checked + remembered in (3, 4)
    assert cost("nothing1.forged3.bad.")[0] == "NXDOMAIN"
    assert cost("nothing.forged3.bad.")[0] == "SERVFAIL"


def test_names_of_any_depth(start):
    """A name of 110 labels more than its zone has is hashed that often; Knot Resolver's verdicts."""
    ask = start()
    for zone, secure in (("one.ed.", True), ("two.ec.", False), ("plain.", False), ("one.rsa.", True)):
        reply = ask("x." * 110 + zone)
        assert dns.rcode.to_text(reply.dns.rcode()) == "NXDOMAIN" and ad(reply) == secure, zone


def test_one_client_cannot_have_everything_validated(start):
    ask = start(limits={"check-rate": 2})
    names = [f"{label}.{zone}" for zone in ("one.rsa.", "two.rsa.", "one.ec.", "two.ec.", "one.ed.", "two.ed.")
             for label, _ in BRIEF if label != "@"]
    for name in names:
        message = doh.question(name, "A", do=True)
        with doh.h2_tls(ask.daemon.port, ask.ca) as c:
            last = c.ask(message)
        if last.status == 429:
            break
    assert last.status == 429
    assert ask.daemon.metric('dnssec_limited_total{limit="client"}') == 1
    assert ad(ask(names[0]))    # what is known costs nothing


def test_log_mode_serves_and_tells(start):
    ask = start({"mode": "log"})
    reply = ask("www.expired.bad.")
    assert reply.dns.rcode() == 0 and reply.dns.answer and not ad(reply) and not reply.ede
    assert ad(ask("www.one.rsa."))
    assert ask.daemon.metric('dnssec_answers_total{verdict="bogus"}') == 1
