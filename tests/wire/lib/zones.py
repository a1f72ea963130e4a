# SPDX-License-Identifier: GPL-3.0-or-later
"""The zones of the signed world: good, insecure, odd and bad ones, each damaged in its own way as it is signed."""
import dns.name
import dns.rdata
import dns.rdatatype as T

from .signer import DAY, ECDSA, ED25519, RSA, UNKNOWN, Key, Zone, base32hex, bitmap, colliding, lower, nsec3_hash

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
