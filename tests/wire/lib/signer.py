# SPDX-License-Identifier: GPL-3.0-or-later
"""Zones signed as they should be, and in every way that they should not.

A Zone is text and a few words on how to sign it; sign() gives its records. What a test wants broken it changes
before (fields of Zone) or in between: `damage` is called with the signed records.
"""
import base64
import hashlib
import struct
import time
from dataclasses import dataclass, field

import dns.dnssec
import dns.name
import dns.rdata
import dns.rdatatype
import dns.rdtypes.ANY.DNSKEY
import dns.rdtypes.ANY.DS
import dns.rdtypes.ANY.RRSIG
import dns.zonefile
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

RSA, ECDSA, ED25519, UNKNOWN = 8, 13, 15, 200
DAY = 86400
IN, T = 1, dns.rdatatype
HEX32 = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", b"0123456789abcdefghijklmnopqrstuv")


class Key:
    def __init__(self, algorithm=ECDSA, flags=257, bits=2048):
        self.algorithm = algorithm
        if algorithm == RSA:
            self.private = rsa.generate_private_key(65537, bits)
            n = self.private.public_key().public_numbers().n
            public = b"\3\1\0\1" + n.to_bytes((n.bit_length() + 7) // 8, "big")
        elif algorithm == ED25519:
            self.private = ed25519.Ed25519PrivateKey.generate()
            from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
            public = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        else:
            self.private = ec.generate_private_key(ec.SECP256R1())
            p = self.private.public_key().public_numbers()
            public = p.x.to_bytes(32, "big") + p.y.to_bytes(32, "big")
        self.rdata = dns.rdtypes.ANY.DNSKEY.DNSKEY(IN, T.DNSKEY, flags, 3, algorithm, public)

    def flagged(self, flags):
        """The same key with other flags (REVOKE, or no ZONE)."""
        other = object.__new__(Key)
        other.algorithm, other.private = self.algorithm, self.private
        other.rdata = dns.rdtypes.ANY.DNSKEY.DNSKEY(IN, T.DNSKEY, flags, 3, self.algorithm, self.rdata.key)
        return other

    @property
    def tag(self):
        return dns.dnssec.key_id(self.rdata)

    def sign(self, data):
        if self.algorithm == RSA:
            return self.private.sign(data, padding.PKCS1v15(), hashes.SHA256())
        if self.algorithm == ED25519:
            return self.private.sign(data)
        r, s = utils.decode_dss_signature(self.private.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def ds(self, owner, digest=2):
        algorithm = {1: hashlib.sha1, 4: hashlib.sha384}.get(digest, hashlib.sha256)
        return dns.rdtypes.ANY.DS.DS(IN, T.DS, self.tag, self.algorithm, digest, algorithm(
            lower(owner).to_wire() + self.rdata.to_wire()).digest())


def colliding(count, algorithm=ECDSA):
    """Keys of one tag. A public key's bytes are free to choose where nobody has to sign with it."""
    first = Key(algorithm, 256)
    out = [first]
    for i in range(count - 1):
        raw = bytearray(first.rdata.key)
        # The tag is a sum of 16-bit words: what one word gains, another loses.
        a, b = struct.unpack_from("!HH", raw, 2 * 2)
        step = i + 1
        if a + step > 0xffff or b < step:
            return colliding(count, algorithm)
        struct.pack_into("!HH", raw, 2 * 2, a + step, b - step)
        other = object.__new__(Key)
        other.algorithm, other.private = algorithm, None
        other.rdata = first.rdata.replace(key=bytes(raw))
        assert other.tag == first.tag
        out.append(other)
    return out


def lower(name):
    return dns.name.Name([label.lower() for label in name.labels])


def nsec3_hash(name, salt, iterations):
    digest = lower(name).to_wire()
    for _ in range(iterations + 1):
        digest = hashlib.sha1(digest + salt).digest()
    return digest


def base32hex(raw):
    return base64.b32encode(raw).translate(HEX32)


def bitmap(types):
    out = b""
    for window in sorted({t >> 8 for t in types}):
        bits = bytearray(32)
        for t in types:
            if t >> 8 == window:
                bits[(t & 255) // 8] |= 128 >> (t & 7)
        while bits[-1] == 0:
            bits.pop()
        out += bytes([window, len(bits)]) + bytes(bits)
    return out


def make_rrsig(key, owner, rdtype, ttl, rdatas, signer, inception, expiration, labels=None, tag=None, flip=False,
               raw_case=False):
    """An RRSIG for an RRset; raw_case signs the owner's letters as they are, which RFC 4034 6.2 forbids."""
    count = len(owner.labels) - 1 - (owner.labels[0] == b"*")
    labels = count if labels is None else labels
    head = struct.pack("!HBBIIIH", rdtype, key.algorithm, labels, ttl, expiration, inception,
                       key.tag if tag is None else tag)
    signed = owner
    if labels < count:
        signed = dns.name.Name((b"*",) + owner.labels[len(owner.labels) - 1 - labels:])
    name = signed.to_wire() if raw_case else lower(signed).to_wire()
    data = head + lower(signer).to_wire()
    for rdata in sorted({r.to_digestable() for r in rdatas}):
        data += name + struct.pack("!HHIH", rdtype, IN, ttl, len(rdata)) + rdata
    signature = bytearray(key.sign(data))
    if flip:
        signature[5] ^= 1
    return dns.rdtypes.ANY.RRSIG.RRSIG(IN, T.RRSIG, rdtype, key.algorithm, labels, ttl, expiration, inception,
                                       key.tag if tag is None else tag, signer, bytes(signature))


@dataclass
class Zone:
    name: str
    text: str
    keys: list = None          # sign the DNSKEYs (and all the rest, if there are no zsks); None: one of `algorithm`
    zsks: list = field(default_factory=list)
    algorithm: int = ECDSA
    denial: str = "nsec"       # nsec, nsec3, optout; "" for an unsigned zone
    iterations: int = 0
    salt: bytes = b""
    inception: int = -DAY      # relative to now
    expiration: int = 30 * DAY
    ds: object = "good"        # what the parent says: good, none, or a function (zone) -> list of DS
    rrsig: object = None       # function (owner, rdtype) -> arguments that replace make_rrsig's
    published: object = None   # function (keys) -> the DNSKEY RRset, if it is not all keys
    damage: object = None      # function (records: dict) that changes the signed zone
    now: int = field(default_factory=lambda: int(time.time()))

    def __post_init__(self):
        self.origin = dns.name.from_text(self.name)
        if self.denial and self.keys is None:
            self.keys = [Key(self.algorithm)]

    @property
    def signed(self):
        return bool(self.denial)

    def ds_records(self):
        if not self.signed or self.ds == "none":
            return []
        return self.ds(self) if callable(self.ds) else [self.keys[0].ds(self.origin)]

    def read(self):
        """{(owner, type): (ttl, [rdata])}"""
        out = {}
        for line in filter(None, self.text.splitlines()):
            owner, ttl, rdtype, rest = line.split(None, 3)
            owner = self.origin if owner == "@" else dns.name.from_text(owner, self.origin)
            rdtype = T.from_text(rdtype)
            rdata = dns.rdata.from_text(IN, rdtype, rest, self.origin, False)
            out.setdefault((owner, rdtype), (int(ttl), []))[1].append(rdata)
        return out

    def sign_set(self, owner, rdtype, ttl, rdatas):
        keys = self.keys if rdtype == T.DNSKEY or not self.zsks else self.zsks
        sigs = []
        for key in keys:
            if key.private is None:
                continue
            args = {"signer": self.origin, "inception": self.now + self.inception,
                    "expiration": self.now + self.expiration}
            args.update((self.rrsig and self.rrsig(owner, rdtype)) or {})
            sigs.append(make_rrsig(args.pop("key", key), owner, rdtype, ttl, rdatas, **args))
        return sigs

    def sign(self):
        """Every record: {(owner, type, covered type): (ttl, [rdata])}"""
        sets = self.read()
        if not self.signed:
            return {(o, t, 0): v for (o, t), v in sets.items()}
        keys = [k.rdata for k in self.keys + self.zsks]
        sets[self.origin, T.DNSKEY] = (600, self.published(keys) if self.published else keys)
        cuts = {o for o, t in sets if t == T.NS and o != self.origin}
        dnames = {o for o, t in sets if t == T.DNAME}

        def below(owner):
            return any(owner != c and owner.is_subdomain(c) for c in cuts | dnames)
        names = {o for o, _ in sets if not below(o)}
        (self.add_nsec if self.denial == "nsec" else self.add_nsec3)(sets, names, cuts)
        out = {}
        for (owner, rdtype), (ttl, rdatas) in sets.items():
            out[owner, rdtype, 0] = (ttl, rdatas)
            if below(owner) or (owner in cuts and rdtype not in (T.DS, T.NSEC)):
                continue
            out[owner, T.RRSIG, rdtype] = (ttl, self.sign_set(owner, rdtype, ttl, rdatas))
        if self.damage:
            self.damage(out)
        return out

    def types_at(self, sets, owner, cuts):
        types = {t for o, t in sets if o == owner}
        return {t for t in types if t in (T.NS, T.DS)} if owner in cuts else types

    def add_nsec(self, sets, names, cuts):
        chain = sorted(names)
        for i, owner in enumerate(chain):
            types = self.types_at(sets, owner, cuts) | {T.NSEC, T.RRSIG}
            wire = lower(chain[(i + 1) % len(chain)]).to_wire() + bitmap(types)
            rdata = dns.rdata.from_wire(IN, T.NSEC, wire, 0, len(wire))
            sets[owner, T.NSEC] = (90, [rdata])

    def add_nsec3(self, sets, names, cuts):
        opt_out = self.denial == "optout"
        sets[self.origin, T.NSEC3PARAM] = (0, [dns.rdata.from_text(
            IN, T.NSEC3PARAM, f"1 0 {self.iterations} {self.salt.hex() or '-'}")])
        if opt_out:
            names = {n for n in names if n not in cuts or (n, T.DS) in sets}
        every = set(names)
        for name in names:
            while name != self.origin:
                name = name.parent()
                every.add(name)
        hashed = sorted((nsec3_hash(n, self.salt, self.iterations), n) for n in every)
        for i, (digest, name) in enumerate(hashed):
            types = self.types_at(sets, name, cuts)
            if types and (name not in cuts or T.DS in types):
                types = types | {T.RRSIG}
            following = hashed[(i + 1) % len(hashed)][0]
            wire = struct.pack("!BBHB", 1, opt_out, self.iterations, len(self.salt)) + self.salt + \
                bytes([20]) + following + bitmap(types)
            owner = dns.name.Name((base32hex(digest),) + self.origin.labels)
            sets[owner, T.NSEC3] = (90, [dns.rdata.from_wire(IN, T.NSEC3, wire, 0, len(wire))])


def to_text(records):
    lines = []
    for (owner, rdtype, _), (ttl, rdatas) in records.items():
        lines += [f"{owner} {ttl} IN {T.to_text(rdtype)} {r.to_text()}" for r in rdatas]
    # A server wants the SOA first.
    return "\n".join(sorted(lines, key=lambda line: " IN SOA " not in line)) + "\n"
