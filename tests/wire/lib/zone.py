# SPDX-License-Identifier: GPL-3.0-or-later
"""A real authoritative server as upstream: Knot with one plain and one signed zone full of record types."""
import pathlib
import socket

from .ports import free_port
from .process import Program, wait_until
from .tools import direct
from .doh import question

LONG = "\n".join(f'long  IN TXT "{i:03d} {"polynya " * 30}"' for i in range(24))
MANY = "\n".join(f"many  IN A 192.0.2.{i}" for i in range(1, 251))
TOWER = "\n".join(f"c{i}    IN CNAME c{i + 1}" for i in range(1, 8)) + "\nc8    IN A 192.0.2.88"

ZONE = f"""$ORIGIN zone.test.
$TTL 600
@     IN SOA ns1 hostmaster 2026112301 3600 600 864000 90
@     IN NS ns1
@     IN NS ns2
@     IN MX 10 mail
@     IN MX 20 mail2.zone.test.
@     IN TXT "v=spf1 -all"
@     IN CAA 0 issue "ca.zone.test"
@     IN HTTPS 1 . alpn=h2,h3 ipv4hint=192.0.2.1 ipv6hint=2001:db8::1
@     IN A 192.0.2.1
@     IN AAAA 2001:db8::1
ns1   IN A 192.0.2.2
ns2   IN AAAA 2001:db8::2
mail  IN A 192.0.2.3
www   300 IN CNAME web
web   120 IN CNAME @
alias IN CNAME outside.other.test.
loop1 IN CNAME loop2
loop2 IN CNAME loop1
both  IN A 192.0.2.5
both  IN AAAA 2001:db8::5
v6    IN AAAA 2001:db8::6
ttl5  5 IN A 192.0.2.7
ttl0  0 IN A 192.0.2.8
_sip._tcp IN SRV 1 2 5060 web
ptr   IN PTR web.zone.test.
naptr IN NAPTR 100 10 "u" "E2U+sip" "!^.*$!sip:a@zone.test!" .
tlsa  IN TLSA 3 1 1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
sshfp IN SSHFP 4 2 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
loc   IN LOC 55 45 0.000 N 37 37 0.000 E 150m 10m 10000m 10m
odd   IN TYPE65280 \\# 4 0a000001
svcb  IN SVCB 0 web
tree  IN DNAME other.zone.test.
leaf.other IN A 192.0.2.9
*.wild IN A 192.0.2.10
*.wild IN TXT "from the wildcard"
sub   IN NS ns.sub
ns.sub IN A 192.0.2.11
quote IN TXT "a\\"b\\\\c" "second" ""
MiXeD IN A 192.0.2.12
a.b.c.d.e.f.g IN A 192.0.2.13
{LONG}
{MANY}
{TOWER}
"""

SIGNED = """$ORIGIN signed.test.
$TTL 600
@     IN SOA ns1 hostmaster 2026112301 3600 600 864000 90
@     IN NS ns1
ns1   IN A 192.0.2.2
@     IN A 192.0.2.20
www   IN A 192.0.2.21
www   IN AAAA 2001:db8::21
alias IN CNAME www
"""

# Every owner and type that a test compares with Knot's own answer.
QUESTIONS = [
    ("zone.test.", t) for t in ("SOA", "NS", "MX", "TXT", "CAA", "HTTPS", "A", "AAAA", "SRV")
] + [
    ("www.zone.test.", "A"), ("www.zone.test.", "AAAA"), ("www.zone.test.", "CNAME"), ("www.zone.test.", "MX"),
    ("web.zone.test.", "A"), ("both.zone.test.", "A"), ("both.zone.test.", "AAAA"), ("v6.zone.test.", "A"),
    ("_sip._tcp.zone.test.", "SRV"), ("ptr.zone.test.", "PTR"), ("naptr.zone.test.", "NAPTR"),
    ("tlsa.zone.test.", "TLSA"), ("sshfp.zone.test.", "SSHFP"), ("loc.zone.test.", "LOC"),
    ("odd.zone.test.", "TYPE65280"), ("svcb.zone.test.", "SVCB"), ("leaf.tree.zone.test.", "A"),
    ("tree.zone.test.", "DNAME"), ("any.wild.zone.test.", "A"), ("x.y.wild.zone.test.", "TXT"),
    ("quote.zone.test.", "TXT"), ("mixed.zone.test.", "A"), ("long.zone.test.", "TXT"), ("many.zone.test.", "A"),
    ("c1.zone.test.", "A"), ("ttl5.zone.test.", "A"), ("missing.zone.test.", "A"), ("b.c.d.e.f.g.zone.test.", "A"),
]

CONFIG = """
server:
    rundir: "{dir}"
    pidfile: "{dir}/knot.pid"
    listen: {host}@{port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: "{dir}/db"
log:
  - target: stderr
    any: info
policy:
  - id: nsec
    algorithm: ecdsap256sha256
    single-type-signing: on
    nsec3: off
  - id: nsec3
    algorithm: ecdsap256sha256
    single-type-signing: on
    nsec3: on
    nsec3-iterations: 0
    nsec3-salt-length: 0
template:
  - id: default
    storage: "{dir}"
    zonefile-sync: -1
zone:
"""


class Knot:
    """knotd on a free loopback port; zones maps a zone's name to (text, denial), which is nsec or nsec3 if it is signed."""

    def __init__(self, folder, zones=None, host="127.0.0.1"):
        zones = zones or {"zone.test.": (ZONE, None), "signed.test.": (SIGNED, "nsec")}
        self.dir, self.host, self.port = pathlib.Path(folder), host, free_port(host)
        (self.dir / "db" / "keys").mkdir(parents=True, exist_ok=True)
        config = CONFIG.format(dir=self.dir, host=host, port=self.port)
        for name, (text, denial) in zones.items():
            (self.dir / f"{name}zone").write_text(text)
            config += f"  - domain: {name}\n    file: {self.dir}/{name}zone\n"
            config += f"    dnssec-signing: on\n    dnssec-policy: {denial}\n" if denial else ""
        (self.dir / "knot.conf").write_text(config)
        self.names = list(zones)
        self.start()

    def start(self):
        self.program = Program(["knotd", "-c", self.dir / "knot.conf"], self.dir / "knot.log")
        try:
            wait_until(lambda: all(self._serves(name) for name in self.names), "knotd to serve its zones")
        except AssertionError:
            self.program.stop()
            raise

    def _serves(self, name):
        assert self.program.running(), "\n".join(self.program.lines[-20:])
        try:
            with socket.create_connection((self.host, self.port), 1):
                pass
            return bool(self.ask(name, "SOA").answer)
        except OSError:
            return False

    @property
    def address(self):
        return f"{self.host}:{self.port}"

    def server(self):
        return {"address": self.address}

    def ask(self, name, type, tcp=False, **how):
        return direct(self.host, self.port, question(name, type, **how), tcp)

    def stop(self):
        if self.program.running():
            self.program.stop()

    close = stop
