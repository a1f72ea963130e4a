# SPDX-License-Identifier: GPL-3.0-or-later
"""A signed world of our own on loopback: NSD with a root, top-level domains and many zones, good and bad; a resolver
in front of it that follows aliases and validates nothing (and claims that everything is authentic); and two
validators of others behind that.
"""
import pathlib
import socket
import struct
import threading

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdatatype as T
import dns.rrset

from .doh import question
from .ports import free_port
from .process import Program, wait_until
from .signer import (DAY, ECDSA, ED25519, RSA, UNKNOWN, Key, Zone, base32hex, bitmap, colliding, lower, nsec3_hash,
                     to_text)
from .tools import direct

PLAIN = """
@          600 SOA   ns host.ns 1 3600 600 864000 90
@          600 NS    ns
@          600 A     192.0.2.1
@          600 MX    10 mail
ns         600 A     192.0.2.2
mail       600 A     192.0.2.3
www        600 A     192.0.2.4
www        600 A     192.0.2.5
www        300 AAAA  2001:db8::4
*.wild     600 A     192.0.2.6
*.wild     600 TXT   "from a wildcard"
x.real.wild 600 A    192.0.2.7
a.b.empty  600 A     192.0.2.8
alias      600 CNAME www
dangling   600 CNAME missing
*.walias   600 CNAME www
MiXeD.CaSe 600 A     192.0.2.9
"""
LINKED = PLAIN + """
to-rsa     600 CNAME www.one.rsa.
to-ec      600 CNAME x.wild.one.ec.
to-ed      600 CNAME www.one.ed.
to-plain   600 CNAME www.plain.
to-missing 600 CNAME missing.two.ec.
to-bad     600 CNAME www.expired.bad.
to-nodata  600 CNAME mail.one.ed.
tree       600 DNAME one.ec.
wood       600 DNAME plain.
dead       600 DNAME expired.bad.
sub        600 NS    ns.sub
ns.sub     600 A     192.0.2.10
*.star     600 CNAME www.one.rsa.
"""

QUESTIONS = [
    ("@", "A"), ("@", "SOA"), ("@", "NS"), ("@", "MX"), ("@", "DNSKEY"), ("@", "DS"), ("@", "AAAA"), ("www", "A"),
    ("www", "AAAA"), ("www", "TXT"), ("www", "DS"), ("missing", "A"), ("deep.below.missing", "AAAA"), ("b.empty", "A"),
    ("empty", "TXT"), ("a.b.empty", "A"), ("x.b.empty", "A"), ("any.wild", "A"), ("so.many.wild", "TXT"),
    ("any.wild", "AAAA"), ("wild", "A"), ("*.wild", "A"), ("real.wild", "A"), ("y.real.wild", "A"),
    ("x.real.wild", "AAAA"), ("alias", "A"), ("alias", "AAAA"), ("alias", "MX"), ("alias", "CNAME"),
    ("dangling", "A"), ("x.walias", "A"), ("x.walias", "TXT"), ("mixed.case", "A"), ("MIXED.case", "AAAA"),
    ("below.www", "A"), ("@", "NSEC3PARAM"), ("www", "NSEC"), ("@", "TYPE65280"), ("below.alias", "A"),
]
LINKS = [
    ("to-rsa", "A"), ("to-rsa", "MX"), ("to-ec", "A"), ("to-ec", "AAAA"), ("to-ed", "AAAA"), ("to-plain", "A"),
    ("to-missing", "A"), ("to-bad", "A"), ("to-bad", "AAAA"), ("to-nodata", "AAAA"), ("www.tree", "A"),
    ("x.wild.tree", "A"), ("missing.tree", "A"), ("tree", "DNAME"), ("tree", "A"), ("www.wood", "A"),
    ("www.dead", "A"), ("www.sub", "A"), ("missing.sub", "A"), ("sub", "DS"), ("sub", "NS"), ("sub", "SOA"),
    ("x.star", "A"), ("x.y.star", "TXT"),
]
BRIEF = [("www", "A"), ("missing", "A"), ("www", "TXT"), ("any.wild", "A"), ("@", "DNSKEY"), ("alias", "A")]


def drop(wanted):
    """Damage: takes the records away for which wanted(owner, type, covered type) holds."""
    def damage(records):
        for key in [k for k in records if wanted(*k)]:
            del records[key]
    return damage


def signatures(wanted=lambda owner, rdtype: True, **how):
    """Arguments of make_rrsig for the sets for which `wanted` holds."""
    return lambda owner, rdtype: how if wanted(owner, rdtype) else None


def at(label):
    return lambda owner, rdtype: owner.labels[0].lower() == label.encode()


def nsec3_of(zone, name):
    """Whether an owner is the NSEC3 of a name of the zone."""
    name = zone if name == "@" else dns.name.from_text(name, zone)
    return dns.name.Name((base32hex(nsec3_hash(name, b"", 0)),) + zone.labels)


def retype(label, change):
    """Damage: the NSEC at label.ZONE gets other types, and a good signature."""
    def damage(zone, records):
        owner = dns.name.from_text(label, zone.origin)
        ttl, (old,) = records[owner, T.NSEC, 0]
        wire = lower(old.next).to_wire() + bitmap(change)
        new = dns.rdata.from_wire(1, T.NSEC, wire, 0, len(wire))
        records[owner, T.NSEC, 0] = (ttl, [new])
        records[owner, T.RRSIG, T.NSEC] = (ttl, zone.sign_set(owner, T.NSEC, ttl, [new]))
    return damage


def with_zone(name, damage, **how):
    zone = Zone(name, PLAIN, **how)
    zone.damage = lambda records: damage(zone, records)
    return zone


TRUSTED = "trusted.ed."      # an island that has an anchor of its own
PARDONED = "pardoned.bad."   # broken, and under a negative anchor


def good_zones():
    yield Zone("one.rsa.", LINKED, algorithm=RSA)
    yield Zone("two.rsa.", PLAIN, denial="nsec3", iterations=10, salt=b"\xab\xcd")
    yield Zone("one.ec.", LINKED)
    yield Zone("two.ec.", LINKED, denial="optout")
    yield Zone("one.ed.", LINKED, algorithm=ED25519, denial="nsec3")
    yield Zone("two.ed.", PLAIN, keys=[Key(ED25519)], zsks=[Key(ED25519, 256), Key(ED25519, 256)])
    yield Zone("child.one.rsa.", PLAIN)          # a zone below a zone, by the next function
    yield Zone("iter50.ec.", PLAIN, denial="nsec3", iterations=50)
    yield Zone("mixed.rsa.", PLAIN, keys=[Key(RSA), Key(ECDSA)])
    for tld in ("rsa.", "ec.", "ed."):           # no zone in between, and nothing else there
        yield Zone("far.away." + tld, PLAIN)
    yield Zone(TRUSTED, PLAIN, ds="none")


def insecure_zones():
    yield Zone("plain.", PLAIN, denial="")
    yield Zone("none.rsa.", PLAIN, denial="")
    yield Zone("none.ec.", PLAIN, denial="")
    yield Zone("none.ed.", PLAIN, denial="")     # its delegation is left out of the NSEC3s
    yield Zone("island.rsa.", PLAIN, ds="none")
    yield Zone("island.ed.", PLAIN, ds="none", denial="nsec3")
    yield Zone("below.plain.", PLAIN)            # has a DS in a zone that is not signed
    yield Zone("oddalg.rsa.", PLAIN, keys=[Key(UNKNOWN)])
    yield Zone("oddds.rsa.", PLAIN, ds=lambda z: [z.keys[0].ds(z.origin, 250)])
    yield Zone("iter2500.ec.", PLAIN, denial="nsec3", iterations=2500)
    yield Zone("iter300.ed.", PLAIN, denial="optout", iterations=300)
    yield Zone("iter100.ec.", PLAIN, denial="nsec3", iterations=100)
    yield Zone(PARDONED, PLAIN, inception=-60 * DAY, expiration=-10 * DAY)
    for tld in ("rsa.", "ec.", "ed."):
        yield Zone("bare.away." + tld, PLAIN, denial="")
        yield Zone("deep.un.signed." + tld, PLAIN, denial="")
    for parent in ("one.rsa.", "one.ec.", "two.ec.", "one.ed."):
        yield Zone("sub." + parent, PLAIN, denial="")


def odd_zones():
    """Unusual, and right."""
    yield Zone("twods.bad.", PLAIN, ds=lambda z: [Key().ds(z.origin), z.keys[0].ds(z.origin)])
    yield Zone("sha384.bad.", PLAIN, ds=lambda z: [z.keys[0].ds(z.origin, 4)])
    yield Zone("sha1.bad.", PLAIN, ds=lambda z: [z.keys[0].ds(z.origin, 1)])
    yield Zone("mixds.bad.", PLAIN, ds=lambda z: [z.keys[0].ds(z.origin), z.keys[0].ds(z.origin, 250)])
    yield Zone("skew.bad.", PLAIN, expiration=-600)
    yield Zone("tiny.bad.", PLAIN, inception=-7200, expiration=600)
    # DS for two algorithms, but only one signs: RFC 6840 5.11 wants validators to be content.
    other = Key(RSA)
    yield Zone("halfalg.bad.", PLAIN, ds=lambda z: [z.keys[0].ds(z.origin), other.ds(z.origin)],
               published=lambda keys: keys + [other.rdata])


def bad_zones():
    yield Zone("expired.bad.", PLAIN, inception=-60 * DAY, expiration=-10 * DAY)
    yield Zone("notyet.bad.", PLAIN, inception=10 * DAY, expiration=40 * DAY)
    yield Zone("backwards.bad.", PLAIN, inception=10 * DAY, expiration=-10 * DAY)
    yield Zone("wrongds.bad.", PLAIN, ds=lambda z: [z.keys[0].ds(z.origin).replace(digest=bytes(32))])
    yield Zone("nokeyds.bad.", PLAIN, ds=lambda z: [Key().ds(z.origin)])
    yield Zone("nokey.bad.", PLAIN, damage=drop(lambda o, t, c: T.DNSKEY in (t, c)))
    yield Zone("stripped.bad.", PLAIN, damage=drop(lambda o, t, c: t == T.RRSIG))
    yield Zone("stripkey.bad.", PLAIN, damage=drop(lambda o, t, c: c == T.DNSKEY))
    yield Zone("stripdata.bad.", PLAIN, damage=drop(lambda o, t, c: t == T.RRSIG and at("www")(o, c)))
    yield Zone("noproof.bad.", PLAIN, damage=drop(lambda o, t, c: T.NSEC in (t, c)))
    yield Zone("bareproof.bad.", PLAIN, damage=drop(lambda o, t, c: c == T.NSEC))
    yield Zone("nosoasig.bad.", PLAIN, damage=drop(lambda o, t, c: c == T.SOA))
    yield Zone("rawcase.bad.", PLAIN.replace("www ", "WwW "), rrsig=signatures(at("www"), raw_case=True))
    yield Zone("flipped.bad.", PLAIN, rrsig=signatures(at("www"), flip=True))
    yield Zone("flipkey.bad.", PLAIN, rrsig=signatures(lambda o, t: t == T.DNSKEY, flip=True))
    yield Zone("flipproof.bad.", PLAIN, rrsig=signatures(lambda o, t: t == T.NSEC, flip=True))
    yield Zone("tag.bad.", PLAIN, rrsig=signatures(at("www"), tag=4711))
    yield Zone("signer.bad.", PLAIN, rrsig=signatures(at("www"), signer=dns.name.from_text("bad.")))
    yield Zone("outside.bad.", PLAIN, rrsig=signatures(at("www"), signer=dns.name.from_text("one.ec.")))
    yield Zone("labels.bad.", PLAIN, rrsig=signatures(at("www"), labels=9))
    yield Zone("fewlabels.bad.", PLAIN, rrsig=signatures(at("www"), labels=2))
    yield Zone("nolabels.bad.", PLAIN, rrsig=signatures(at("www"), labels=0))
    yield Zone("downgrade.bad.", PLAIN, ds=lambda z: [z.keys[0].ds(z.origin, 1), Key().ds(z.origin).replace(
        key_tag=z.keys[0].tag)])
    key = Key()
    yield Zone("revoked.bad.", PLAIN, keys=[key.flagged(257 | 128)])
    yield Zone("notzone.bad.", PLAIN, keys=[key.flagged(1)])
    yield Zone("zsknotzone.bad.", PLAIN, keys=[Key()], zsks=[key.flagged(0)])
    yield Zone("stranger.bad.", PLAIN, zsks=[Key(flags=256)], published=lambda keys: keys[:1])
    yield Zone("byzsk.bad.", PLAIN, zsks=[key], rrsig=signatures(lambda o, t: t == T.DNSKEY, key=key))
    yield Zone("badwild.bad.", PLAIN, damage=drop(
        lambda o, t, c: T.NSEC in (t, c) and o.labels[0] in (b"*", b"real", b"x")))
    yield with_zone("lies.bad.", retype("www", {T.A, T.TXT, T.NSEC, T.RRSIG}))
    yield with_zone("cnamebit.bad.", retype("www", {T.CNAME, T.NSEC, T.RRSIG}))
    yield with_zone("cutbit.bad.", retype("www", {T.A, T.NS, T.NSEC, T.RRSIG}))
    yield with_zone("span.bad.", bad_span)
    yield with_zone("apexless.bad.", lambda z, r: drop(
        lambda o, t, c: o == nsec3_of(z.origin, "@") and T.NSEC3 in (t, c))(r), denial="nsec3")
    yield with_zone("coverless.bad.", lambda z, r: drop(
        lambda o, t, c: T.NSEC3 in (t, c) and o != nsec3_of(z.origin, "@"))(r), denial="nsec3")
    yield with_zone("oddflags.bad.", lambda z, r: change_nsec3(z, r, flags=2), denial="nsec3")
    trap = colliding(40)
    yield Zone("keytrap.bad.", PLAIN, keys=[Key()], zsks=trap, damage=many_signatures,
               published=lambda keys: [k for k in keys if k != trap[0].rdata])
    few = colliding(3)
    yield Zone("collide.bad.", PLAIN, keys=[Key()], zsks=few[::-1])
    yield Zone("orphan.dsproof.", PLAIN, denial="")


FORGED_ZONE = PLAIN + "d1 600 DNAME empty\nd2 600 DNAME empty\nd3 600 DNAME empty\nloop1 600 CNAME loop2\nloop2 600 CNAME loop1\n" + "".join(
    f"h{i} 600 A 192.0.2.{100 + i}\n" for i in range(12))
KIDS = 7


def forged_zones():
    """Good zones that somebody on the way forges; see FORGERIES."""
    for name, denial in (("forged.bad.", "nsec"), ("forged3.bad.", "nsec3")):
        yield Zone(name, FORGED_ZONE, denial=denial)
        for i in range(KIDS):
            yield Zone(f"kid{i}.{name}", PLAIN, denial=denial)


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


def bad_span(zone, records):
    """The apex's NSEC says that nothing follows until yonder, which stands before it: and there are names."""
    apex = zone.origin
    wire = dns.name.from_text("aaa", apex).to_wire() + bitmap({T.SOA, T.NS, T.A, T.NSEC, T.RRSIG, T.DNSKEY})
    new = dns.rdata.from_wire(1, T.NSEC, wire, 0, len(wire))
    for key in [k for k in records if T.NSEC in k[1:]]:
        del records[key]
    records[apex, T.NSEC, 0] = (90, [new])
    records[apex, T.RRSIG, T.NSEC] = (90, zone.sign_set(apex, T.NSEC, 90, [new]))


def change_nsec3(zone, records, flags):
    for owner, rdtype, _ in [k for k in records if k[1] == T.NSEC3]:
        ttl, (old,) = records[owner, T.NSEC3, 0]
        new = old.replace(flags=flags)
        records[owner, T.NSEC3, 0] = (ttl, [new])
        records[owner, T.RRSIG, T.NSEC3] = (ttl, zone.sign_set(owner, T.NSEC3, ttl, [new]))


def many_signatures(records):
    """Twenty signatures for each set, all of which fit the tag that many keys have."""
    for key, (ttl, (sig, *_)) in [(k, v) for k, v in records.items() if k[1] == T.RRSIG and k[2] != T.DNSKEY]:
        records[key] = (ttl, [sig] + [sig.replace(signature=bytes([i]) + sig.signature[1:]) for i in range(20)])


def all_zones():
    zones = [*good_zones(), *insecure_zones(), *odd_zones(), *bad_zones(), *forged_zones()]
    tlds = {"rsa.": dict(algorithm=RSA), "ec.": dict(denial="nsec3", salt=b"\xaa\xbb", iterations=5),
            "ed.": dict(algorithm=ED25519, denial="optout"), "bad.": {},
            "dsproof.": dict(damage=drop(lambda o, t, c: T.NSEC in (t, c) and o.labels[0] == b"orphan"))}
    zones += [Zone(name, "@ 600 SOA ns.rsa. host.ns.rsa. 1 3600 600 864000 90\n@ 600 NS ns.rsa.", **how)
              for name, how in tlds.items()]
    zones.append(Zone(".", "@ 600 SOA ns.rsa. host.ns.rsa. 1 3600 600 864000 90\n@ 600 NS ns.rsa.",
                      keys=[Key(RSA)], zsks=[Key(RSA, 256)]))
    return delegated(zones)


def delegated(zones):
    """Puts each zone's NS and DS into its parent."""
    by_name = {z.origin: z for z in zones}
    for z in zones:
        parent = z.origin
        while parent != dns.name.root:
            parent = parent.parent()
            if parent in by_name:
                above = by_name[parent]
                if not any(line.split()[:3:2] == [z.name, "NS"] for line in above.text.splitlines() if line):
                    above.text += f"\n{z.name} 600 NS ns.{z.name}\n"
                for ds in z.ds_records():
                    above.text += f"\n{z.name} 600 DS {ds.to_text()}\n"
                break
    return zones


class Server:
    """A program in a folder of its own, that serves on a free port."""

    def __init__(self, folder, *args):
        self.dir, self.host, self.port = pathlib.Path(folder), "127.0.0.1", free_port()
        self.dir.mkdir(parents=True)
        self.config = self.dir / "config"
        self.config.write_text(self.text(*args))
        self.program = Program(self.argv(), self.dir / "log", cwd=self.dir)
        try:
            wait_until(self._serves, f"{self.argv()[0]} to serve")
        except AssertionError:
            self.program.stop()
            raise AssertionError("\n".join(self.program.lines[-20:])) from None

    def _serves(self):
        assert self.program.running(), "\n".join(self.program.lines[-20:])
        try:
            with socket.create_connection((self.host, self.port), 1):
                pass
            return self.ask(".", "SOA").answer
        except OSError:
            return False

    def ask(self, name, type, **how):
        return direct(self.host, self.port, question(name, type, **how))

    def close(self):
        if self.program.running():
            self.program.stop()


class Nsd(Server):
    """Serves signed zones."""

    def text(self, zones):
        config = f"""
server:
    ip-address: {self.host}@{self.port}
    username: ""
    chroot: ""
    zonesdir: "{self.dir}"
    pidfile: "{self.dir}/pid"
    xfrdfile: ""
    zonelistfile: "{self.dir}/list"
    database: ""
    xfrdir: "{self.dir}"
    server-count: 1
    minimal-responses: yes
    rrl-ratelimit: 0
    rrl-whitelist-ratelimit: 0
remote-control:
    control-enable: no
"""
        for i, (name, records) in enumerate(zones.items()):
            (self.dir / f"{i}.zone").write_text(to_text(records))
            config += f'zone:\n    name: "{name}"\n    zonefile: "{i}.zone"\n'
        return config

    def argv(self):
        return ["nsd", "-d", "-c", self.config]


class Unbound(Server):
    def text(self, world):
        return f"""
server:
    directory: "{self.dir}"
    chroot: ""
    username: ""
    pidfile: ""
    use-syslog: no
    logfile: ""
    verbosity: 1
    val-log-level: 2
    interface: {self.host}@{self.port}
    do-not-query-localhost: no
    num-threads: 1
    do-ip6: no
    module-config: "validator iterator"
    trust-anchor-file: "{world.anchors}"
    domain-insecure: "{PARDONED}"
    ede: yes
    aggressive-nsec: no
remote-control:
    control-enable: no
forward-zone:
    name: "."
    forward-addr: {world.host}@{world.port}
"""

    def argv(self):
        return ["unbound", "-d", "-p", "-c", self.config]


class KnotResolver(Server):
    def text(self, world):
        return f"""
log_target('stderr')
net.listen('{self.host}', {self.port}, {{ kind = 'dns' }})
cache.size = 20 * MB
modules.unload('ta_signal_query')
modules.unload('priming')
modules.unload('detect_time_skew')
trust_anchors.remove('.')
trust_anchors.add_file('{world.root_anchors}', true)
trust_anchors.add_file('{world.island_anchors}', true)
trust_anchors.set_insecure({{ '{PARDONED}' }})
policy.add(policy.all(policy.FLAGS('NO_CACHE')))
policy.add(policy.all(policy.FORWARD({{ '{world.host}@{world.port}' }})))
"""

    def argv(self):
        return ["kresd", "-n", "-q", "-c", self.config, self.dir]


class World:
    """The resolver that everybody forwards to: UDP and TCP, one question at a time."""

    LINKS = 12

    def __init__(self, folder, zones=None):
        self.dir = pathlib.Path(folder)
        self.zones = zones or all_zones()
        self.records = {z.name: z.sign() for z in self.zones}
        self.nsd = Nsd(self.dir / "nsd", self.records)
        self.forgeries = {(f"{label}.{zone.name}", type): (zone.name, forge) for label, type, forge in
                          FORGERIES.values() for zone in self.zones if zone.text.startswith(FORGED_ZONE)}
        root = next(z for z in self.zones if z.name == ".")
        self.anchors = self.dir / "anchors"
        islands = [z for z in self.zones if z.name == TRUSTED]
        self.root_anchors, self.island_anchors = self.dir / "root", self.dir / "island"
        for file, zones in ((self.root_anchors, [root]), (self.island_anchors, islands)):
            file.write_text("".join(f"{z.name} 3600 IN DNSKEY {k.rdata.to_text()}\n" for z in zones for k in z.keys))
        self.anchors.write_text(self.root_anchors.read_text() + self.island_anchors.read_text())
        self.replies = {}
        self.host, self.port = "127.0.0.1", free_port()
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.tcp = socket.create_server((self.host, self.port))
        self.udp.bind((self.host, self.port))
        for serve in (self._serve_udp, self._serve_tcp):
            threading.Thread(target=serve, daemon=True).start()

    def server(self):
        return {"address": f"{self.host}:{self.port}"}

    def resolve(self, wire):
        """The reply to a query, aliases followed across zones."""
        query = dns.message.from_wire(wire)
        reply = dns.message.make_response(query, recursion_available=True)
        ask = dns.message.from_wire(wire)
        ask.flags &= ~dns.flags.CD
        for _ in range(self.LINKS):
            step = direct(self.nsd.host, self.nsd.port, ask)
            reply.set_rcode(step.rcode())
            reply.answer += step.answer
            reply.authority = [r for r in reply.authority if r.rdtype != T.SOA and r.covers != T.SOA] + \
                [r for r in step.authority if r.rdtype != T.NS and r.covers != T.NS]
            target = self._alias_end(step)
            if target is None:
                break
            ask.question[0].name = target
        asked = query.question[0]
        forged = self.forgeries.get((lower(asked.name).to_text(), T.to_text(asked.rdtype)))
        if forged:
            forged[1](self, forged[0], reply)
        reply.flags |= dns.flags.AD | (query.flags & dns.flags.CD)
        return query, reply

    @staticmethod
    def _alias_end(step):
        """Where the answer's aliases lead, if what was asked for is not there."""
        asked = step.question[0]
        name, ahead = asked.name, {r.name: r[0].target for r in step.answer if r.rdtype == T.CNAME}
        if asked.rdtype == T.CNAME or any(r.rdtype == asked.rdtype for r in step.answer):
            return None
        while name in ahead:
            name = ahead.pop(name)
        return name if name != asked.name and not step.authority and step.rcode() in (0, 5) else None

    def _reply(self, wire, tcp):
        """The same as wire. What was resolved before is only given another ID and other letters."""
        end = wire.index(b"\0", 12) + 5
        key = wire[12:end].lower(), wire[end:], wire[2:4], tcp
        if key not in self.replies:
            query, reply = self.resolve(wire)
            out = reply.to_wire(max_size=65535)
            if not tcp and len(out) > max(query.payload, 512):
                reply.answer, reply.authority = [], []
                reply.flags |= dns.flags.TC
                out = reply.to_wire()
            self.replies[key] = out
        out = self.replies[key]
        return wire[:2] + out[2:12] + wire[12:end] + out[end:]

    def _serve_udp(self):
        while True:
            try:
                wire, peer = self.udp.recvfrom(65535)
            except OSError:
                return
            self.udp.sendto(self._reply(wire, False), peer)

    def _serve_tcp(self):
        while True:
            try:
                connection, _ = self.tcp.accept()
            except OSError:
                return
            threading.Thread(target=self._serve_connection, args=(connection,), daemon=True).start()

    def _serve_connection(self, connection):
        with connection, connection.makefile("rb") as stream:
            while len(head := stream.read(2)) == 2:
                wire = self._reply(stream.read(struct.unpack("!H", head)[0]), True)
                connection.sendall(struct.pack("!H", len(wire)) + wire)

    def close(self):
        self.udp.close()
        self.tcp.close()
        self.nsd.close()


def questions(world):
    """Every (name, type) that is worth asking."""
    for zone in ("plain.", "none.ed.", "one.rsa.", "one.ed.", "two.ec.", "two.rsa.", "sub.one.ec."):
        for depth in (6, 12):   # Unbound puts more hashes off, and may not come back to them
            yield "x." * depth + zone, "A"
    for zone in world.zones:
        forged = zone.text.startswith(FORGED_ZONE)
        asked = list(FORGERIES) if forged else BRIEF if zone.name.endswith(".bad.") else QUESTIONS
        if zone.text.startswith(LINKED):
            asked = asked + LINKS
        if zone.text.startswith(PLAIN):
            yield from ((zone.name if name == "@" else f"{name}.{zone.name}", type) for name, type in asked)
        else:
            yield from ((zone.name, type) for type in ("SOA", "NS", "DNSKEY", "DS", "A"))
            yield f"missing.{zone.name.lstrip('.')}", "A"


def verdict(reply):
    """RCODE, AD and the answer's data."""
    if reply.rcode() == dns.rcode.SERVFAIL:
        return "SERVFAIL", bool(reply.flags & dns.flags.AD), ()
    data = {(r.name.canonicalize().to_text(), T.to_text(r.rdtype), rdata.to_text())
            for r in reply.answer if r.rdtype != T.RRSIG for rdata in r}
    return dns.rcode.to_text(reply.rcode()), bool(reply.flags & dns.flags.AD), tuple(sorted(data))
