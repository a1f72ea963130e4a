# SPDX-License-Identifier: GPL-3.0-or-later
"""The servers that are measured: how each is configured for one worker, started, and found in /proc.

All forward to the same Knot on loopback, ask nobody else, and may cache the whole zone. None validates, but those that
can do when started with validate=True, by the trust anchor of a signed Knot.
"""
import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "wire"))

from lib.polynya import BUILD, DAEMON  # noqa: E402
from lib.ports import free_port  # noqa: E402
from lib.process import Program, descendants_of, wait_until  # noqa: E402

STREAMS, CONNECTIONS = 100, 9_000
VALIDATED = ("validated misses", "validated denials")
UNLIMITED = {"connection-rate": 0, "query-rate": 0, "miss-rate": 0, "domain-miss-rate": 0, "check-rate": 0, "requests": 0, "connections": CONNECTIONS,
             "connections-per-prefix": CONNECTIONS, "idle-timeout": "5m"}


def resident_of(pid, what="VmRSS"):
    """Bytes."""
    return int(re.search(rf"{what}:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1)) << 10


class Server:
    """One server under measurement in its own folder. Subclasses write the config and give the command."""

    name = None
    package = None
    trusts = ""         # how the config says, at {dnssec}, that nothing is validated, or everything
    validates = ""
    cannot = ()         # columns of the table
    canned = False      # knows nothing of DNS, always gives the same bytes

    def __init__(self, folder, pair, knot, cpu=None, **how):
        self.dir, self.pair, self.knot, self.how = folder, pair, knot, how
        self.port, self.other_port = free_port(), free_port()
        self.dir.mkdir()
        pin = ["taskset", "-c", str(cpu)] if cpu is not None and how.get("workers", 1) == 1 else []
        self.argv = [*pin, *self.prepare()]
        self.again()

    def again(self):
        """Starts it, on what it left behind if it ran before."""
        self.program = Program(self.argv, self.dir / "log", cwd=self.dir)

    def prepare(self):
        raise NotImplementedError

    def write(self, name, text):
        path = self.dir / name
        path.write_text(text)
        return path

    def fill(self, template):
        validate = self.how.get("validate")
        words = {"dir": self.dir, "port": self.port, "other": self.other_port, "chain": self.pair.chain, "key": self.pair.key,
                 "knot": self.knot.port, "streams": STREAMS, "connections": CONNECTIONS, "workers": self.how.get("workers", 1),
                 "cache": self.how.get("cache", "256MB"), "anchors": self.knot.anchors if validate else None}
        return template.format(dnssec=(self.validates if validate else self.trusts).format(**words), **words)

    def processes(self):
        return [self.program.pid, *descendants_of(self.program.pid)]

    def schedstat(self, column):
        total = 0
        for pid in self.processes():
            for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                total += int((task / "schedstat").read_text().split()[column])
        return total / 1e9

    def cpu(self):
        """Seconds of processor time of all its threads so far: schedstat, which counts nanoseconds."""
        return self.schedstat(0)

    def waited(self):
        """Seconds for which its threads could have run, but others had the processor."""
        return self.schedstat(1)

    def resident(self):
        """Bytes of all its processes."""
        return sum(resident_of(pid) for pid in self.processes())

    def stop(self):
        self.program.stop()


class Polynya(Server):
    name, package = "polynya", None
    trusts = 'dnssec: {{mode: "off"}}'
    validates = 'dnssec: {{mode: validate, anchors: "{anchors}", follow: false}}'

    def prepare(self):
        (self.dir / "state").mkdir()
        limits = self.how.get("limits", UNLIMITED)
        return [DAEMON, "-c", self.write("polynya.yaml", self.fill("""
listen:
  - {{address: "127.0.0.1:{port}", protocol: https}}
  - {{address: "127.0.0.1:{other}", protocol: tls}}
tls:
  certificates:
    - {{chain: "{chain}", key: "{key}"}}
state-dir: "{dir}/state"
workers: {workers}
cache: {{size: {cache}}}
local-zones: false
{dnssec}
upstream:
  servers:
    - {{address: "127.0.0.1:{knot}"}}
""") + f"limits: {json.dumps(limits)}\n")]


class Dnsdist(Server):
    name, package = "dnsdist", "dnsdist"
    cannot = VALIDATED

    def prepare(self):
        return ["dnsdist", "--supervised", "--disable-syslog", "-C", self.write("dnsdist.conf", self.fill("""
setLocal("127.0.0.1:{other}")
setACL("127.0.0.0/8")
setSecurityPollSuffix("")
setVerboseHealthChecks(false)
addDOHLocal("127.0.0.1:{port}", "{chain}", "{key}", "/dns-query", {{idleTimeout=300}})
newServer({{address="127.0.0.1:{knot}", checkName="n0000.bench.test.", useClientSubnet=false}})
getPool(""):setCache(newPacketCache(50000, {{maxTTL=86400}}))
"""))]


class Kresd(Server):
    name, package = "kresd", "knot-resolver"
    trusts = "policy.add(policy.all(policy.STUB({{'127.0.0.1@{knot}'}})))"
    validates = """
trust_anchors.add_file('{anchors}', true)
policy.add(policy.all(policy.FORWARD({{'127.0.0.1@{knot}'}})))
"""

    def prepare(self):
        config = self.write("kresd.conf", self.fill("""
net.listen('127.0.0.1', {port}, {{ kind = 'doh2' }})
net.tls('{chain}', '{key}')
cache.size = 100 * MB
trust_anchors.remove('.')
modules.unload('priming')
modules.unload('ta_update')
modules.unload('ta_signal_query')
modules.unload('ta_sentinel')
modules.unload('detect_time_skew')
modules.unload('detect_time_jump')
{dnssec}
"""))
        return ["kresd", "-n", "-c", config, self.dir]


class Unbound(Server):
    name, package = "unbound", "unbound"
    trusts = """
    module-config: "iterator"
stub-zone:
    name: "bench.test."
    stub-addr: 127.0.0.1@{knot}
"""
    validates = """
    module-config: "validator iterator"
    trust-anchor-file: "{anchors}"
stub-zone:
    name: "."
    stub-addr: 127.0.0.1@{knot}
"""

    def prepare(self):
        return ["unbound", "-d", "-p", "-c", self.write("unbound.conf", self.fill("""
server:
    directory: "{dir}"
    chroot: ""
    username: ""
    use-syslog: no
    verbosity: 1
    interface: 127.0.0.1@{port}
    https-port: {port}
    http-endpoint: "/dns-query"
    http-max-streams: {streams}
    http-query-buffer-size: 64m
    http-response-buffer-size: 64m
    tls-service-pem: "{chain}"
    tls-service-key: "{key}"
    num-threads: 1
    incoming-num-tcp: {connections}
    tcp-idle-timeout: 300000
    msg-cache-size: 64m
    rrset-cache-size: 64m
    do-not-query-localhost: no
    local-zone: "test." nodefault
    aggressive-nsec: no
    target-fetch-policy: "0 0 0 0 0"
{dnssec}
remote-control:
    control-enable: no
"""))]


class Bind(Server):
    name, package = "bind", "bind9"
    trusts = "dnssec-validation no;"
    validates = 'dnssec-validation auto; bindkeys-file "{dir}/keys";'

    def prepare(self):
        if self.how.get("validate"):
            self.write("keys", 'trust-anchors {{ . static-key {} {} {} "{}"; }};'.format(*self.knot.key))
        config = self.write("named.conf", self.fill("""
tls local {{ cert-file "{chain}"; key-file "{key}"; }};
http local {{ endpoints {{ "/dns-query"; }}; listener-clients {connections}; streams-per-connection {streams}; }};
options {{
    directory "{dir}";
    pid-file "{dir}/named.pid";
    session-keyfile "{dir}/session.key";
    managed-keys-directory "{dir}";
    lock-file none;
    listen-on port {port} tls local http local {{ 127.0.0.1; }};
    listen-on-v6 {{ none; }};
    recursion yes;
    allow-query {{ any; }};
    forwarders {{ 127.0.0.1 port {knot}; }};
    forward only;
    {dnssec}
    qname-minimization off;
    minimal-responses yes;
    max-cache-size 64m;
    tcp-clients {connections};
    tcp-idle-timeout 1200;
    tcp-listen-queue 1000;
}};
controls {{ }};
logging {{ category queries {{ null; }}; }};
"""))
        return ["named", "-f", "-n", "1", "-c", config, "-g"]


class Nghttpd(Server):
    """The floor: HTTP/2 over TLS by the same library, serving a file as long as the DNS answer."""

    name, package = "nghttpd", "nghttp2-server"
    cannot = ("misses 8x32", *VALIDATED)
    canned = True
    body = b""

    def prepare(self):
        (self.dir / "root").mkdir()
        (self.dir / "root" / "dns-query").write_bytes(self.body)
        return ["nghttpd", "-n1", "-m", str(STREAMS), "-d", self.dir / "root", str(self.port), self.pair.key, self.pair.chain]


class Bare(Server):
    """The floor beneath: nghttp2, OpenSSL and libev, as little of them as answers at all; see bare.c."""

    name, package = "bare", None
    cannot = ("misses 8x32", *VALIDATED)
    canned = True
    body = b""

    def prepare(self):
        return [BUILD / "bench/bare", str(self.port), self.pair.chain, self.pair.key, str(len(self.body))]


SERVERS = {s.name: s for s in (Polynya, Dnsdist, Kresd, Unbound, Bind, Nghttpd, Bare)}
