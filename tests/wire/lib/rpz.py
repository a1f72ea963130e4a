# SPDX-License-Identifier: GPL-3.0-or-later
"""Other people's resolvers that read a policy zone, and an authoritative server that passes it on."""
import functools
import http.server
import socket
import struct
import threading
import time

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.tsig
from dns.rdtypes.ANY.TSIG import TSIG

from .doh import question
from .ports import free_port
from .server import Server

ZONE = "rpz.test"
KEY = ("xfr.test", "hmac-sha256", "cG9seW55YSdzIHRlc3RzIGFsb25lIHVzZSB0aGlzIQ==")


class PolicyServer(Server):
    """Its readers' questions go on to upstream."""

    def __init__(self, folder, upstream=None, port=None, **how):
        self.upstream = upstream
        super().__init__(folder, port=port, **how)

    def await_answer(self, name, type, *records):
        """Waits until exactly these records are the answer."""
        self.await_true(lambda: self.records(name, type) == set(records), f"{name} {type} is {records}")

    def records(self, name, type):
        """The answer's records as text; NXDOMAIN and the like stand as a word of their own."""
        reply = self.ask(name, type)
        if reply.rcode():
            return {dns.rcode.to_text(reply.rcode())}
        return {str(rr) for rrset in reply.answer for rr in rrset}


class Bind(PolicyServer):
    """zone: a file; or the port of a primary that wants KEY, to be told of news by NOTIFY."""

    def text(self, zone):
        if isinstance(zone, int):
            name, algorithm, secret = KEY
            source = (f'type secondary; primaries {{ 127.0.0.1 port {zone} key "{name}"; }}; file "copy"; '
                      f'allow-notify {{ key "{name}"; }}; masterfile-format text;')
            key = f'key "{name}" {{ algorithm {algorithm}; secret "{secret}"; }};'
        else:
            source, key = f'type primary; file "{zone}"; allow-update {{ none; }};', ""
        return f"""
options {{
    directory "{self.dir}"; pid-file "{self.dir}/pid"; session-keyfile "{self.dir}/session.key"; lock-file none;
    listen-on port {self.port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
    recursion yes; dnssec-validation no; allow-query {{ any; }};
    forward only; forwarders {{ {self.upstream.host} port {self.upstream.port}; }};
    response-policy {{ zone "{ZONE}" max-policy-ttl 60; }} qname-wait-recurse no;
}};
controls {{ }};
{key}
zone "{ZONE}" {{ {source} }};
"""

    def argv(self):
        return ["named", "-g", "-n", "1", "-c", self.config]


class Unbound(PolicyServer):
    """source: "zonefile: FILE" or "url: URL"."""

    def text(self, source):
        return f"""
server:
    directory: "{self.dir}"
    chroot: ""
    username: ""
    pidfile: ""
    use-syslog: no
    logfile: ""
    interface: 127.0.0.1@{self.port}
    do-not-query-localhost: no
    num-threads: 1
    module-config: "respip iterator"
remote-control:
    control-enable: no
rpz:
    name: {ZONE}
    {source}
forward-zone:
    name: "."
    forward-addr: {self.upstream.host}@{self.upstream.port}
"""

    def argv(self):
        return ["unbound", "-d", "-p", "-c", self.config]


class KnotResolver(PolicyServer):
    def text(self, zone):
        return f"""
log_target('stderr')
net.listen('127.0.0.1', {self.port}, {{ kind = 'dns' }})
cache.size = 10 * MB
trust_anchors.remove('.')
policy.add(policy.rpz(policy.DENY, '{zone}', false))
policy.add(policy.all(policy.STUB({{ '{self.upstream.host}@{self.upstream.port}' }})))
"""

    def argv(self):
        return ["kresd", "-n", "-q", "-c", self.config, self.dir]


class ZoneServer(Server):
    """Serves a zone from a file."""

    def reload(self):
        """The zone's file has changed."""
        self.program.send_signal(1)

    def serial(self):
        reply = self.ask(ZONE, "SOA")
        return reply.answer[0][0].serial if reply.answer else None

    def await_serial(self, serial):
        self.await_true(lambda: self.serial() == serial, f"serial {serial} at the primary")


class Primary(ZoneServer):
    """knotd, which serves zone (a file) to holders of KEY and tells the servers at `notify` (ports) of news."""

    SENT = {"AXFR": r"AXFR, outgoing.*finished", "IXFR": r"IXFR, outgoing.*finished"}   # what it logs of transfers

    def text(self, zone, notify=()):
        name, algorithm, secret = KEY
        remotes = "".join(f"  - id: s{p}\n    address: 127.0.0.1@{p}\n    key: {name}\n" for p in notify)
        return f"""
server:
    rundir: "{self.dir}"
    pidfile: "{self.dir}/pid"
    listen: 127.0.0.1@{self.port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: "{self.dir}/db"
log:
  - target: stderr
    any: info
key:
  - id: {name}
    algorithm: {algorithm}
    secret: {secret}
{"remote:" if remotes else ""}
{remotes}
acl:
  - id: secondaries
    address: 127.0.0.1
    key: {name}
    action: transfer
zone:
  - domain: {ZONE}
    file: "{zone}"
    zonefile-sync: -1
    zonefile-load: difference
    journal-content: changes
    acl: secondaries
    {"notify: [" + ", ".join(f"s{p}" for p in notify) + "]" if notify else ""}
"""

    def argv(self):
        (self.dir / "db").mkdir(exist_ok=True)
        return ["knotd", "-c", self.config]


class NsdPrimary(ZoneServer):
    """nsd, which does the same."""

    SENT = {"AXFR": r"axfr for ", "IXFR": r"ixfr for "}

    def text(self, zone, notify=()):
        name, algorithm, secret = KEY
        told = "".join(f'    notify: 127.0.0.1@{p} {name}\n' for p in notify)
        return f"""
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
    verbosity: 2
remote-control:
    control-enable: no
key:
    name: {name}
    algorithm: {algorithm}
    secret: "{secret}"
zone:
    name: {ZONE}
    zonefile: "{zone}"
    store-ixfr: yes
    create-ixfr: yes
    provide-xfr: 127.0.0.1 {name}
{told}"""

    def argv(self):
        return ["nsd", "-d", "-c", self.config]


class BindPrimary(ZoneServer):
    """named, which serves zone (a file) to holders of KEY, as AXFR and as what changed."""

    def text(self, zone):
        name, algorithm, secret = KEY
        return f"""
options {{
    directory "{self.dir}"; pid-file "{self.dir}/pid"; session-keyfile "{self.dir}/session.key"; lock-file none;
    listen-on port {self.port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
    recursion no; dnssec-validation no; notify no; ixfr-from-differences yes; allow-transfer {{ key "{name}"; }};
}};
controls {{ }};
key "{name}" {{ algorithm {algorithm}; secret "{secret}"; }};
zone "{ZONE}" {{ type primary; file "{zone}"; masterfile-format text; }};
"""

    def argv(self):
        return ["named", "-g", "-n", "1", "-c", self.config]


class FakePrimary:
    """A primary of our own making. answer(question, conn) gets each question as dnspython has it (TSIG checked where
    key is given) and returns the messages to send, or None to say nothing more."""

    def __init__(self, answer, key=None, port=None):
        self.answer, self.asked = answer, []
        self.keyring = {dns.name.from_text(key[0]): dns.tsig.Key(key[0], key[2], key[1])} if key else None
        self.sock = socket.create_server(("127.0.0.1", port or free_port()))
        self.port = self.sock.getsockname()[1]
        self.open = True
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while self.open:
            try:
                conn, _ = self.sock.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(conn,), daemon=True).start()

    def _serve(self, conn):
        with conn:
            try:
                while head := conn.recv(2, socket.MSG_WAITALL):
                    wire = conn.recv(struct.unpack("!H", head)[0], socket.MSG_WAITALL)
                    question = dns.message.from_wire(wire, keyring=self.keyring, raise_on_truncation=False)
                    self.asked.append(dns.rdatatype.to_text(question.question[0].rdtype))
                    messages = self.answer(question)
                    if messages is None:
                        return
                    for wire in messages:
                        conn.sendall(struct.pack("!H", len(wire)) + wire)
            except (OSError, dns.exception.DNSException):
                pass

    def close(self):
        self.open = False
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.open:
            self.close()


class Signer:
    """The messages of one signed answer; sign=False leaves one unsigned, to be covered by the next."""

    def __init__(self, question, key):
        self.key = dns.tsig.Key(key[0], key[2], key[1])
        self.id, self.mac, self.context = question.id, question.mac, None

    def __call__(self, wire, sign=True, time_signed=None):
        if not sign:
            assert self.context
            self.context.update(wire)
            return wire
        rdata = TSIG(dns.rdataclass.ANY, dns.rdatatype.TSIG, self.key.algorithm, 0, 300, b"", self.id, 0, b"")
        signed, self.context = dns.tsig.sign(wire, self.key, rdata, int(time_signed or time.time()),
                                             None if self.context else self.mac, self.context, True)
        signed = signed.to_wire()
        count = struct.unpack("!H", wire[10:12])[0] + 1
        return (wire[:10] + struct.pack("!H", count) + wire[12:] + self.key.name.to_wire() +
                struct.pack("!HHIH", dns.rdatatype.TSIG, dns.rdataclass.ANY, 0, len(signed)) + signed)


def envelope(question, *records, asked=True, rcode=0):
    """One message of an answer, not signed; records: "owner TYPE rdata" in text, names whole."""
    reply = dns.message.Message(question.id)
    reply.flags = dns.flags.QR | dns.flags.AA
    reply.set_rcode(rcode)
    reply.question = question.question if asked else []
    for record in records:
        owner, type, rdata = record.split(" ", 2)
        reply.answer.append(dns.rrset.from_text(owner + ".", 60, "IN", type, rdata))
    return reply.to_wire()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Folder:
    """A folder on the web, in plain HTTP."""

    def __init__(self, folder):
        handler = functools.partial(_Quiet, directory=folder)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", free_port()), handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
