# SPDX-License-Identifier: GPL-3.0-or-later
"""A server whose answers are not to be believed costs readers nothing where another tells the truth."""
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

from lib import doh
from lib.process import wait_until
from lib.upstream import PATIENT, delay, drop, fail
from lib.zones import PARDONED

LIE = "192.0.2.66"
PROOFS = dns.rdatatype.RRSIG, dns.rdatatype.NSEC, dns.rdatatype.NSEC3


def truth(world):
    """From further away than the liars, who are asked first therefore."""
    return delay(0.05, edited(world, lambda *_: None))


def edited(world, edit):
    async def step(x):
        reply = world.resolve(x.seen.wire)[1]
        edit(reply, x.seen)
        x.send(reply.to_wire(max_size=65535))
    return step


def forges(reply, seen):
    """Addresses of its own, and the truth about keys: a censor's page."""
    if seen.type == "A":
        reply.set_rcode(dns.rcode.NOERROR)
        reply.answer, reply.authority = [dns.rrset.from_text(seen.name, 600, "IN", "A", LIE)], []


def denies(reply, seen):
    """Nothing of that name, of whatever type."""
    if not seen.name.lower().endswith("one.rsa."):
        return
    reply.set_rcode(dns.rcode.NXDOMAIN)
    reply.answer, reply.authority = [], []


def strips(reply, _):
    """Does not do DNSSEC."""
    for section in reply.answer, reply.authority:
        section[:] = [r for r in section if r.rdtype not in PROOFS]


def strips_keys(reply, seen):
    """Spoils the way to the answer alone."""
    if seen.type == "DNSKEY":
        strips(reply, seen)


LIARS = [forges, denies, strips, strips_keys]


@pytest.fixture
def start(make_polynya, make_upstream, world, ca):
    """A daemon with a server for each step, the first of them the first choice, and a function to ask it."""
    def begin(steps, mode="validate"):
        servers = [make_upstream() for _ in steps]
        for server, step in zip(servers, steps):
            server.script_all(step)
        daemon = make_polynya(servers, upstream=PATIENT, dnssec={
            "mode": mode, "anchors": str(world.anchors), "negative-anchors": [PARDONED], "follow": False})

        def ask(name):
            with doh.h2_tls(daemon.port, ca) as c:
                return c.ask(doh.question(name, do=True))
        ask.daemon, ask.servers = daemon, servers
        return ask
    return begin


def addresses(message):
    return {rr.to_text() for rrset in message.answer if rrset.rdtype == dns.rdatatype.A for rr in rrset}


def right(world, name):
    return addresses(world.resolve(doh.question(name, do=True).to_wire())[1])


@pytest.mark.parametrize("lie", LIARS)
def test_another_tells_the_truth(start, world, lie):
    ask = start([edited(world, lie), truth(world)])
    for name in "www.one.rsa.", "any.wild.one.rsa.":
        reply = ask(name)
        assert reply.dns.rcode() == dns.rcode.NOERROR and reply.dns.flags & dns.flags.AD
        assert addresses(reply.dns) == right(world, name) and LIE not in addresses(reply.dns)
    assert ask.daemon.metric("upstream_disbelieved_total") >= 1


def test_two_of_three_lie(start, world):
    ask = start([edited(world, forges), edited(world, strips), truth(world)])
    assert addresses(ask("www.one.rsa.").dns) == right(world, "www.one.rsa.")


def test_the_operator_is_told(start, world):
    """Which server, and not about which name."""
    ask = start([edited(world, forges), truth(world)])
    for name in "www.one.rsa.", "www.two.rsa.", "www.one.ec.":
        ask(name)
    assert ask.daemon.metric("upstream_refuted_total") >= 1
    lines = [line for line in ask.daemon.program.lines if "event=upstream.refuted" in line]
    assert len(lines) == 1 and f"server=127.0.0.1:{ask.servers[0].port}" in lines[0]
    assert not any("rsa" in line for line in lines)


@pytest.mark.parametrize("lie", [strips_keys, denies])
def test_lies_on_the_way_are_told_too(start, world, lie):
    ask = start([edited(world, lie), truth(world)])
    assert ask("www.one.rsa.").dns.rcode() == dns.rcode.NOERROR
    disbelieved, refuted = (ask.daemon.metric(f"upstream_{what}_total") for what in ("disbelieved", "refuted"))
    assert disbelieved == refuted >= 1
    assert ask.daemon.program.grep("event=upstream.refuted")
    assert not ask.daemon.program.grep("event=dnssec.anchor")    # which is in order


def test_no_end_of_servers(start, world):
    """What all of them say is heard of three."""
    ask = start([edited(world, forges)] * 6)
    reply = ask("www.one.rsa.")
    assert reply.dns.rcode() == dns.rcode.SERVFAIL and reply.ede == [10]
    assert ask.daemon.metric("upstream_disbelieved_total") == 2
    assert ask.daemon.metric("upstream_refuted_total") == 0
    assert ask.daemon.metric('dnssec_answers_total{verdict="bogus"}') == 3


def test_what_is_wrong_everywhere_is_wrong(start, world):
    ask = start([truth(world)] * 2)
    reply = ask("www.expired.bad.")
    assert reply.dns.rcode() == dns.rcode.SERVFAIL and reply.ede == [7]
    assert ask.daemon.metric("upstream_refuted_total") == 0


def test_the_first_reason_counts(start, world):
    """Of a name that one server lies about and the other cannot resolve."""
    async def fails(x):
        reply = x.reply()
        reply.set_rcode(dns.rcode.SERVFAIL if x.seen.type == "A" else dns.rcode.REFUSED)
        x.send(reply.to_wire())
    ask = start([edited(world, forges), fails])
    reply = ask("www.one.rsa.")
    assert reply.dns.rcode() == dns.rcode.SERVFAIL and reply.ede == [10]


@pytest.mark.parametrize("lie", [forges, strips_keys])
@pytest.mark.parametrize("other", ["silent", "fails"])
def test_another_that_says_nothing_changes_nothing(start, world, lie, other):
    """The reason is told, when a reader's time is over at the latest."""
    ask = start([edited(world, lie), drop() if other == "silent" else fail(dns.rcode.SERVFAIL)])
    reply = ask("www.one.rsa.")
    assert reply.dns.rcode() == dns.rcode.SERVFAIL
    assert reply.ede == [10] or (other, lie) == ("silent", strips_keys)    # it is not known before the other's time is over


def test_below_a_bogus_zone_nobody_else_is_asked(start, world):
    """Nobody could say anything better of a name in it."""
    ask = start([edited(world, strips_keys)] * 3)
    assert ask("www.one.rsa.").ede == [10]
    before = ask.daemon.metric("upstream_disbelieved_total")
    for i in range(5):
        assert ask(f"n{i}.one.rsa.").ede == [10]
    assert ask.daemon.metric("upstream_disbelieved_total") == before


def test_who_only_logs_does_not_ask_again(start, world):
    ask = start([edited(world, forges), truth(world)], mode="log")
    assert addresses(ask("www.one.rsa.").dns) == {LIE}
    assert ask.daemon.metric("upstream_disbelieved_total") == 0


@pytest.mark.parametrize("mode, type", [("off", "A"), ("validate", "A"), ("validate", "DS"), ("validate", "DNSKEY")])
def test_a_reply_that_cannot_be_read(start, world, mode, type):
    async def garbled(x):
        reply = world.resolve(x.seen.wire)[1]
        if x.seen.type == type and "one" in x.seen.name.lower():    # an alias of three bytes that are no name
            reply.answer, reply.authority = [dns.rrset.from_text(x.seen.name, 600, "IN", "TYPE65280", r"\# 3 010203")], []
            x.send(reply.to_wire().replace(b"\xff\x00\x00\x01", b"\x00\x05\x00\x01"))
        else:
            x.send(reply.to_wire(max_size=65535))
    ask = start([garbled, truth(world)], mode=mode)
    assert addresses(ask("www.one.rsa.").dns) == right(world, "www.one.rsa.")
    wait_until(lambda: ask.daemon.metric("upstream_disbelieved_total") >= 1, "the doubt to be counted")
