# SPDX-License-Identifier: GPL-3.0-or-later
"""Other people's resolvers that read a policy zone, and an authoritative server that passes it on."""
import functools
import http.server
import pathlib
import threading

import dns.rcode

from .doh import question
from .ports import free_port
from .process import Program, wait_until
from .tools import direct

ZONE = "rpz.test"
KEY = ("xfr.test", "hmac-sha256", "cG9seW55YSdzIHRlc3RzIGFsb25lIHVzZSB0aGlzIQ==")


class Server:
    """A DNS server on a free loopback port; subclasses say how it is started."""

    def __init__(self, folder, upstream=None, port=None, **how):
        self.dir = pathlib.Path(folder)
        self.dir.mkdir(parents=True, exist_ok=True)
        self.host, self.port, self.upstream = "127.0.0.1", port or free_port(), upstream
        self.config = self.dir / "config"
        self.config.write_text(self.text(**how))
        self.program = Program(self.argv(), self.dir / "log", cwd=self.dir)

    def await_answer(self, name, type, *records):
        """Waits until exactly these records are the answer."""
        def told():
            assert self.program.running(), "\n".join(self.program.lines[-20:])
            try:
                return self.records(name, type) == set(records)
            except (OSError, EOFError):
                return False
        try:
            wait_until(told, f"{name} {type}")
        except AssertionError:
            self.stop()
            raise AssertionError(f"{name} {type} is not {records}:\n" + "\n".join(self.program.lines[-30:])) from None

    def ask(self, name, type, **how):
        """Over TCP: that a server is not there yet is known at once."""
        return direct(self.host, self.port, question(name, type, **how), tcp=True)

    def records(self, name, type):
        """The answer's records as text; NXDOMAIN and the like stand as a word of their own."""
        reply = self.ask(name, type)
        if reply.rcode():
            return {dns.rcode.to_text(reply.rcode())}
        return {str(rr) for rrset in reply.answer for rr in rrset}

    def stop(self):
        if self.program.running():
            self.program.stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Bind(Server):
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


class Unbound(Server):
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


class KnotResolver(Server):
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


class Primary(Server):
    """knotd, which serves zone (a file) to holders of KEY and tells the servers at `notify` (ports) of news."""

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

    def reload(self):
        """The zone's file has changed."""
        self.program.send_signal(1)

    def serial(self):
        reply = self.ask(ZONE, "SOA")
        return reply.answer[0][0].serial if reply.answer else None

    def await_serial(self, serial):
        def told():
            assert self.program.running(), "\n".join(self.program.lines[-20:])
            try:
                return self.serial() == serial
            except (OSError, EOFError):
                return False
        wait_until(told, f"serial {serial} at the primary")


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
