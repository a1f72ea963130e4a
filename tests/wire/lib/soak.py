# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything at once, for as long as one likes: readers of every kind, and beside them upstreams that fail, reloads, new
certificates, new lists and killed processes. Every answer is held against what the upstream's world says."""
import os
import pathlib
import random
import signal
import socket
import ssl
import threading
import time
import traceback

import dns.flags
import dns.rcode
import dns.rdatatype

from . import doh, dot
from .upstream import build, fail

NAMES = 3000
SITE = "news.example"
TRUTH = "198.51.100.200"
# What a reader's program does about a connection that has ended: another one, and the question again.
CLOSED = (ConnectionError, ssl.SSLError, socket.timeout, AssertionError, EOFError)


def address(k):
    return f"93.184.{k >> 8}.{k & 255}"


async def world(x):
    """The upstream's world: one answer for every name, whoever is asked."""
    name, kind = x.seen.name.lower().rstrip("."), x.seen.type
    label = name.split(".")[0]
    soa = ["soak.example. 60 SOA ns.soak.example. host.soak.example. 1 3600 600 86400 5"]
    records, rcode = [], 0
    if name in (SITE, "www." + SITE):
        records = {"A": ["A " + TRUTH]}.get(kind, [])
    elif label[:1] == "a" and label[1:].isdigit():
        k = int(label[1:])
        records = {"A": ["A " + address(k)], "AAAA": [f"AAAA 2606:2800::{k + 1:x}"]}.get(kind, [])
    elif label[:3] == "big":
        texts = [f'TXT "{label}-{i}-{"x" * 200}"' for i in range(8)]
        if x.seen.transport == "udp":
            x.send(build(x, flags=dns.flags.TC).to_wire())
            return
        records = texts if kind == "TXT" else []
    else:
        rcode = dns.rcode.NXDOMAIN
    ttl = 1 + sum(label.encode()) % 20
    x.send(build(x, records, authority=[] if records else soa, rcode=rcode, ttl=ttl).to_wire(max_size=65535))


class Reader(threading.Thread):
    """Asks questions over its own kind of connection until it is told to stop."""

    def __init__(self, soak, kind, seed):
        super().__init__(daemon=True, name=f"{kind}-{seed}")
        self.soak, self.kind, self.random = soak, kind, random.Random(seed)
        self.asked = self.again = 0
        self.connection = None
        self.failure = None

    def run(self):
        try:
            while not self.soak.over.is_set():
                self.question()
        except Exception:
            self.failure = traceback.format_exc()
            self.soak.over.set()
        finally:
            self.drop()

    def drop(self):
        if self.connection:
            self.connection.__exit__(None, None, None)
        self.connection = None

    def connect(self):
        ports, ca = self.soak.ports, self.soak.ca
        if self.kind in ("h2", "fresh", "raw"):
            path = "/dns-query/raw" if self.kind == "raw" else "/dns-query"
            self.connection = doh.h2_tls(ports["https"], ca, timeout=10, path=path)
        elif self.kind == "h1":
            self.connection = doh.h1_tls(ports["https"], ca, timeout=10)
        else:
            self.connection = dot.Dot(ports["tls"], ca)

    def ask(self, message):
        if self.kind == "dot":
            self.connection.send(message)
            reply = self.connection.read()
            assert reply is not None, "closed"
            return reply
        method = self.random.choice(("GET", "POST"))
        reply = self.connection.ask(message, method)
        assert reply.status != 0, "closed"
        # 503: draining, a reader's program tries again.
        if reply.reset is not None or reply.status == 503:
            raise ConnectionResetError(f"reset {reply.reset} status {reply.status}")
        assert reply.status == 200, f"HTTP {reply.status}"
        return reply.dns

    def question(self):
        k = self.random.randrange(NAMES)
        name, kind = self.random.choice([
            (f"a{k}.soak.example", "A"), (f"a{k}.soak.example", "AAAA"), (f"a{k % 50}.soak.example", "A"),
            (f"a{k % 50}.soak.example", "MX"), (f"no{k}.soak.example", "A"), (f"big{k % 40}.soak.example", "TXT"),
            (SITE, "A"), ("www." + SITE, "A"), (SITE, "AAAA")])
        message = doh.question(name, kind, edns=self.random.random() < .7)
        began = time.monotonic()
        for attempt in range(6):
            before = self.soak.sites()
            try:
                if not self.connection:
                    self.connect()
                reply = self.ask(message)
                break
            except CLOSED:
                self.drop()
                self.again += 1
                last = traceback.format_exc()
                assert attempt < 5, f"{name} {kind} not answered in {time.monotonic() - began:.1f} s: {last}"
                time.sleep(.05 * (attempt + 1))
        self.asked += 1
        try:
            self.check(name, kind, reply, before | self.soak.sites())
        except AssertionError:
            print(f"asked at {began:.2f}, answered at {time.monotonic():.2f}; lately: {self.soak.lately[-12:]}")
            raise
        if self.kind == "fresh" or self.random.random() < .002:
            self.drop()

    def check(self, name, kind, reply, mirrors):
        got = {str(rr) for rrset in reply.answer for rr in rrset}
        where = f"{self.kind} {name} {kind}: {reply}"
        label = name.split(".")[0]
        if label[:2] == "no":
            assert reply.rcode() == dns.rcode.NXDOMAIN, where
            return
        assert reply.rcode() == dns.rcode.NOERROR, where
        if name.endswith(SITE):
            want = [{TRUTH}] if self.kind == "raw" else [{m} for m in mirrors]
            assert got in (want if kind == "A" else [set()]), where
        elif label[:3] == "big":
            assert len(got) == 8 and all(label in text for text in got), where
        else:
            k = int(label[1:])
            assert got == {"A": {address(k)}, "AAAA": {f"2606:2800::{k + 1:x}"}}.get(kind, set()), where
        assert all(rrset.ttl <= 60 for rrset in reply.answer), where


def resident(pid):
    """Bytes of private and shared memory of a process; 0 if it has gone."""
    try:
        return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096
    except (FileNotFoundError, ProcessLookupError):
        return 0


def descriptors(pid):
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except FileNotFoundError:
        return 0


class Soak:
    """`events`: how many seconds apart each kind of trouble comes."""

    def __init__(self, daemon, upstreams, ports, ca, publish, certificates, events):
        self.daemon, self.upstreams, self.ports, self.ca = daemon, upstreams, ports, ca
        self.publish, self.certificates, self.events = publish, certificates, events
        self.over = threading.Event()
        self.random = random.Random(20)
        self.current = self.previous = set()
        self.count = dict.fromkeys(events, 0)
        self.lately = []  # (when, what) was done
        self.sizes = []   # (supervisor's bytes, its descriptors, bytes of the largest worker)

    def sites(self):
        return self.previous | self.current

    # --- trouble

    def fault(self):
        """One upstream is bad for a while, then all are good for a while: else one question may meet both bad."""
        for u in self.upstreams:
            u.script_all(world)
        if self.count["fault"] % 2 == 0:
            return

        async def late(x):
            import asyncio
            await asyncio.sleep(3)
            await world(x)

        async def lost(x):
            return None

        async def half(x):
            if self.random.random() < .5:
                await world(x)
        steps = {"none": world, "lost": lost, "late": late, "half": half, "servfail": fail(dns.rcode.SERVFAIL),
                 "refused": fail(dns.rcode.REFUSED)}
        what, which = self.random.choice(list(steps)), self.random.randrange(len(self.upstreams))
        self.upstreams[which].script_all(steps[what])
        self.lately.append((round(time.monotonic(), 2), f"{what} of {which}"))

    def reload(self):
        self.daemon.reload()

    def certificate(self):
        mark = self.daemon.program.mark()
        self.certificates()
        self.daemon.program.wait_line(r"\bevent=(reload\.done|generation)", since=mark, patience=60)

    def list(self):
        version = self.daemon.metric("list_version")
        self.previous, self.current = self.current, set(self.publish(self.count["list"]))
        deadline = time.monotonic() + 60
        while self.daemon.metric("list_version") == version or self.daemon.metric(
                'mirror_addresses{state="unknown"}'):
            assert time.monotonic() < deadline, f"the new list is not taken: {self.daemon.metrics()}"
            time.sleep(.1)

    def kill(self):
        workers = self.processes("worker")
        if workers:
            os.kill(self.random.choice(workers), signal.SIGKILL)

    def kill_prober(self):
        for pid in self.processes("prober"):
            os.kill(pid, signal.SIGKILL)

    def processes(self, role):
        return [p["pid"] for p in self.daemon.status()["processes"] if p["role"] == role]

    def measure(self):
        pid = self.daemon.program.pid
        self.sizes.append((resident(pid), descriptors(pid), max(map(resident, self.processes("worker")), default=0)))

    # --- the run

    def run(self, seconds, readers, mirrors):
        self.current = set(mirrors)
        for u in self.upstreams:
            u.script_all(world)
        threads = [Reader(self, kind, i) for i, kind in enumerate(readers)]
        for t in threads:
            t.start()
        end = time.monotonic() + seconds
        due = {what: time.monotonic() + apart for what, apart in self.events.items()}
        while time.monotonic() < end and not self.over.is_set():
            what = min(due, key=due.get)
            if due[what] > time.monotonic():
                self.over.wait(min(due[what], end) - time.monotonic())
                continue
            self.count[what] += 1
            self.lately.append((round(time.monotonic(), 2), what))
            getattr(self, what)()
            due[what] = time.monotonic() + self.events[what]
        self.over.set()
        for t in threads:
            t.join(60)
        failures = [t.failure for t in threads if t.failure]
        assert not failures, "\n".join(failures)
        return threads
