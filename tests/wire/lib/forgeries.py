# SPDX-License-Identifier: GPL-3.0-or-later
"""Replies of the signed world forged on their way, after they were signed."""
import dns.name
import dns.rcode
import dns.rdatatype as T
import dns.rrset

from .signer import base32hex, nsec3_hash


def empty(world, zone, reply):
    reply.answer, reply.authority = [], []


def rcode(code):
    def forge(world, zone, reply):
        reply.set_rcode(code)
    return forge


def instead(label, type="A", rename=None):
    """The reply to another question of the zone; rename: its owner is told to be this."""
    def forge(world, zone, reply):
        other = world.nsd.ask(f"{label}.{zone}", type, do=True)
        reply.answer, reply.authority = other.answer, other.authority
        reply.set_rcode(other.rcode())
        for rrset in reply.answer if rename else []:
            rrset.name = dns.name.from_text(f"{rename}.{zone}")
    return forge


def added(section, text):
    def forge(world, zone, reply):
        name, ttl, rdtype, rdata = text.split(None, 3)
        getattr(reply, section).append(dns.rrset.from_text(f"{name}.{zone}", int(ttl), "IN", rdtype, rdata))
    return forge


def without(rdtype, covers=0):
    def forge(world, zone, reply):
        for section in (reply.answer, reply.authority):
            section[:] = [r for r in section if (r.rdtype, r.covers) != (rdtype, covers)]
    return forge


def longer(world, zone, reply):
    for rrset in reply.answer:
        rrset.ttl = 80000


def changed(rdtype, text):
    def forge(world, zone, reply):
        for i, rrset in enumerate(reply.answer):
            if rrset.rdtype == rdtype:
                reply.answer[i] = dns.rrset.from_text(rrset.name, rrset.ttl, "IN", T.to_text(rdtype),
                                                      text.replace("ZONE", zone))
    return forge


def denied_by(origin_of, label):
    """No DS, says the record of denial that the zone origin_of(zone) has at label."""
    def forge(world, zone, reply):
        origin = origin_of(zone)
        records = world.records[origin]
        owner = dns.name.from_text(f"{label}.{zone}")
        kind = T.NSEC
        if (owner, T.NSEC, 0) not in records:
            kind, owner = T.NSEC3, dns.name.Name((base32hex(nsec3_hash(owner, b"", 0)),) +
                                                 dns.name.from_text(origin).labels)
        apex = dns.name.from_text(origin)
        reply.answer = []
        reply.authority = [dns.rrset.from_rdata_list(o, ttl, rdatas) for o, key, covers in (
            (apex, T.SOA, 0), (apex, T.RRSIG, T.SOA), (owner, kind, 0), (owner, T.RRSIG, kind))
            for ttl, rdatas in [records[o, key, covers]]]
        reply.set_rcode(0)
    return forge


def both(*forgeries):
    def forge(*args):
        for one in forgeries:
            one(*args)
    return forge


# (label, type) asked: (label, type) forged, how
FORGERIES = {
    ("nothing", "A"): ("nothing", "A", rcode(dns.rcode.NOERROR)),
    ("h1", "MX"): ("h1", "MX", rcode(dns.rcode.NXDOMAIN)),
    ("h2", "A"): ("h2", "A", empty),
    ("h3", "A"): ("h3", "A", instead("missing")),
    ("h3", "TXT"): ("h3", "TXT", instead("missing", "TXT")),
    ("h4", "A"): ("h4", "A", instead("other.wild", rename="h4")),
    ("gone", "A"): ("gone", "A", instead("h1", rename="gone")),
    ("h5", "A"): ("h5", "A", changed(T.A, "203.0.113.5")),
    ("h6", "A"): ("h6", "A", longer),
    ("h7", "A"): ("h7", "A", added("answer", "evil 600 A 203.0.113.6")),
    ("h8", "A"): ("h8", "A", added("authority", "evil 600 NS evil.")),
    ("h9", "A"): ("h9", "A", both(rcode(dns.rcode.NXDOMAIN))),
    ("h10", "A"): ("h10", "A", without(T.RRSIG, T.A)),
    ("h11", "TXT"): ("h11", "TXT", without(T.SOA)),
    ("h11", "MX"): ("h11", "MX", both(without(T.SOA), without(T.RRSIG, T.SOA))),
    ("h11", "AAAA"): ("h11", "AAAA", instead("h0", "AAAA")),
    ("a.b.d1", "A"): ("a.b.d1", "A", changed(T.CNAME, "h1.ZONE")),
    ("x.b.d2", "A"): ("x.b.d2", "A", without(T.RRSIG, T.DNAME)),
    ("b.d3", "A"): ("b.d3", "A", both(without(T.DNAME), without(T.RRSIG, T.DNAME))),
    ("mis.wild", "A"): ("mis.wild", "A", instead("missing")),
    ("y.real.wild", "A"): ("y.real.wild", "A", instead("other.wild", rename="y.real.wild")),
    ("b.empty", "A"): ("b.empty", "A", instead("missing")),
    ("www.kid0", "A"): ("kid0", "DS", denied_by(lambda zone: "kid0." + zone, "kid0")),
    ("www.kid1", "A"): ("kid1", "DS", denied_by(lambda zone: zone, "kid1")),
    ("www.kid2", "A"): ("kid2", "DS", instead("missing", "DS")),
    ("www.kid3", "A"): ("kid3", "DS", empty),
    ("www.kid4", "A"): ("kid4", "DS", without(T.RRSIG, T.DS)),
    ("www.kid5", "A"): ("kid5", "DNSKEY", both(empty, rcode(dns.rcode.SERVFAIL))),
    ("www.kid6", "A"): ("kid6", "DNSKEY", instead("kid0", "DNSKEY", rename="kid6")),
}
