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
import dns.rcode
import dns.rdatatype as T

from .forgeries import FORGERIES
from .ports import free_port
from .server import Server
from .signer import lower, to_text
from .tools import direct
from .zones import BRIEF, FORGED_ZONE, LINKED, LINKS, PARDONED, PLAIN, QUESTIONS, TRUSTED, all_zones


class Peer(Server):
    """Serves when it has been made."""

    def __init__(self, folder, *args):
        super().__init__(folder, *args)
        self.await_true(lambda: self.ask(".", "SOA").answer, f"{self.argv()[0]} serves")


class Nsd(Peer):
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


class Unbound(Peer):
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


class KnotResolver(Peer):
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
        self.nsd.stop()


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
