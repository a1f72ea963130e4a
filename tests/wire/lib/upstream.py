# SPDX-License-Identifier: GPL-3.0-or-later
"""A scriptable DNS server: UDP and TCP on one port, a behaviour for each name, and a record of all it was asked.

    up.script("slow.example", drop(), answer("A 192.0.2.7"))     # first query lost, all later ones answered

Steps are used up one a query; the last one stays. A step is a coroutine function (Exchange) -> None that replies
through the exchange as often as it likes, or never.
"""
import asyncio
import ctypes
import random
import socket
import struct
import threading
import time
from dataclasses import dataclass, field

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from .ports import free_port
from .process import PATIENCE

# Settings under `upstream` where a try takes longer than a reader is kept waiting: only another server can have answered.
PATIENT = {"try-timeout": "5s", "total-timeout": "10s", "answer-timeout": "1400ms", "failure-max": "1s"}


@dataclass
class Seen:
    """One question as it arrived."""

    name: str
    type: str
    transport: str
    id: int
    flags: int
    edns: int
    edns_flags: int
    payload: int
    options: list
    port: int
    connection: int
    wire: bytes = field(repr=False)

    @property
    def rd(self):
        return bool(self.flags & dns.flags.RD)

    @property
    def cd(self):
        return bool(self.flags & dns.flags.CD)

    @property
    def do(self):
        return bool(self.edns_flags & dns.flags.DO)


class Exchange:
    """A question and the means to answer it."""

    def __init__(self, server, query, seen, send, close):
        self.server, self.query, self.seen = server, query, seen
        self.send = send      # bytes out of the right socket, framed if TCP
        self.close = close    # ends the TCP connection; nothing on UDP
        self.udp_peer = None
        self.raw = None       # TCP only: unframed bytes

    def reply(self):
        return dns.message.make_response(self.query, recursion_available=True, our_payload=1232)


def rrset(text, owner, ttl):
    """"[owner] TYPE data" or "TYPE data", owner defaulting to the question's name."""
    words = text.split(" ")
    if words[0].endswith("."):
        owner, words = dns.name.from_text(words[0]), words[1:]
    if words[0].isdigit():
        ttl, words = int(words[0]), words[1:]
    return dns.rrset.from_text(owner, ttl, "IN", words[0], " ".join(words[1:]))


def build(x, records=(), authority=(), additional=(), rcode=0, ttl=300, flags=0, edit=None):
    message = x.reply()
    message.set_rcode(rcode)
    message.flags |= flags
    owner = x.query.question[0].name
    for section, texts in ((message.answer, records), (message.authority, authority), (message.additional, additional)):
        for text in texts:
            fresh = rrset(text, owner, ttl)
            old = next((s for s in section if s.name == fresh.name and s.rdtype == fresh.rdtype), None)
            if old is None:
                section.append(fresh)
            else:
                old.update(fresh)
    if edit:
        edit(message)
    return message


def answer(*records, **how):
    """Replies with these records; keywords as for build()."""
    async def step(x):
        x.send(build(x, records, **how).to_wire(max_size=65535))
    return step


def nodata(soa_ttl=300, minimum=300, zone="example.", rcode=0):
    return answer(authority=[f"{zone} {soa_ttl} SOA ns.{zone} host.{zone} 1 3600 600 86400 {minimum}"], rcode=rcode)


def nxdomain(**how):
    return nodata(rcode=dns.rcode.NXDOMAIN, **how)


def fail(rcode):
    return answer(rcode=rcode)


def drop():
    async def step(x):
        return None
    return step


def delay(seconds, then):
    async def step(x):
        await asyncio.sleep(seconds)
        await then(x)
    return step


def hold(gate, then):
    """Waits until the test opens the gate (a Gate): no timing needed."""
    async def step(x):
        while not gate.is_set():
            await asyncio.sleep(0.005)
        await then(x)
    return step


Gate = threading.Event


def truncate(then):
    """TC and no records over UDP, the real answer over TCP."""
    async def step(x):
        if x.seen.transport == "udp":
            x.send(build(x, flags=dns.flags.TC).to_wire())
        else:
            await then(x)
    return step


def forge(kind, then=None, evil="A 203.0.113.66"):
    """First a reply that must not be believed, wrong in `kind`; then the real one, if any."""
    async def step(x):
        message = dns.message.from_wire(build(x, [evil]).to_wire())   # a copy: its question is not the query's
        wire = bytearray(message.to_wire())
        if kind == "id":
            wire[0:2] = struct.pack("!H", x.seen.id ^ 0x5A5A)
        elif kind == "question":
            message.question[0].name = dns.name.from_text("other." + str(message.question[0].name))
            wire = message.to_wire()
        elif kind == "type":
            message.question[0].rdtype = dns.rdatatype.MX
            wire = message.to_wire()
        elif kind == "case":
            text = bytes(wire[12:])
            swapped = bytes(c ^ 0x20 if chr(c).isalpha() else c for c in text[: len(x.seen.name) + 1])
            wire[12:12 + len(swapped)] = swapped
        elif kind == "no-question":
            message.question = []
            wire = message.to_wire()
        elif kind == "query":
            wire[2] &= 0x7F
        if kind == "port":
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
                other.bind((x.server.host, 0))
                other.sendto(bytes(wire), x.udp_peer)
        elif kind == "address":
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
                other.bind(("127.0.0.77", x.server.port))
                other.sendto(bytes(wire), x.udp_peer)
        else:
            x.send(bytes(wire))
        if then:
            await then(x)
    return step


def garble(wire, then=None):
    """Bytes of the test's making; a function is called with the exchange."""
    async def step(x):
        x.send(wire(x) if callable(wire) else wire)
        if then:
            await then(x)
    return step


def close_midway(sent=10):
    """TCP: announces a full answer, sends a part of it and hangs up. UDP: TC."""
    async def step(x):
        if x.seen.transport == "udp":
            x.send(build(x, flags=dns.flags.TC).to_wire())
            return
        wire = build(x, ["A 192.0.2.1"]).to_wire()
        x.raw(struct.pack("!H", len(wire)) + wire[:sent])
        x.close()
    return step


def big(size, then_ttl=300):
    """A TXT answer whose message has about `size` bytes; TC over UDP."""
    async def step(x):
        rest = size - 12 - len(x.seen.name) - 30
        texts = []
        while rest > 270:
            texts.append("TXT " + f'"{len(texts):03d}{"x" * 250}"')
            rest -= 12 + 254
        await truncate(answer(*texts, ttl=then_ttl))(x)
    return step


def random_case_ok(name, asked):
    return name.lower().rstrip(".") == asked.lower().rstrip(".")


def make_deaf(sock):
    """Drops every segment that comes in for this connection, before TCP sees it: a classic BPF program, `ret 0`."""
    program = ctypes.create_string_buffer(struct.pack("=HBBI", 0x06, 0, 0, 0))
    fprog = struct.pack("@HP", 1, ctypes.addressof(program))
    sock.setsockopt(socket.SOL_SOCKET, 26, fprog)   # SO_ATTACH_FILTER


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, server):
        self.server = server

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, peer):
        self.server.take(data, "udp", peer, 0, lambda wire: self.transport.sendto(wire, peer), lambda: None, None)


class FakeUpstream:
    def __init__(self, host="127.0.0.1", port=None):
        self.host, self.port = host, port or free_port(host)
        self.seen = []
        self.connections = 0
        self._steps = {}
        self._default = None
        self._news = threading.Condition()
        self._tasks = set()
        self._writers = set()
        self._start()

    @property
    def address(self):
        return f"{self.host}:{self.port}"

    def server(self):
        return {"address": self.address}

    # --- what tests say and ask

    def script(self, name, *steps, type=None):
        self._steps[(name.lower().rstrip("."), type)] = list(steps)

    def script_all(self, *steps):
        """For every name that has no script of its own."""
        self._default = list(steps)

    def queries(self, name=None, type=None):
        with self._news:
            return [s for s in self.seen if (name is None or random_case_ok(s.name, name)) and type in (None, s.type)]

    def wait_seen(self, name, count=1, type=None):
        deadline = time.monotonic() + PATIENCE
        while True:
            found = self.queries(name, type)
            if len(found) >= count:
                return found
            left = deadline - time.monotonic()
            assert left > 0, f"upstream saw {len(found)} of {count} queries for {name}"
            with self._news:
                self._news.wait(min(left, 0.2))

    # --- serving

    def _start(self):
        ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        assert ready.wait(PATIENCE), "fake upstream did not start"

    def _run(self, ready):
        asyncio.set_event_loop(self._loop)
        udp = self._loop.create_datagram_endpoint(lambda: _Udp(self), local_addr=(self.host, self.port))
        self._udp, _ = self._loop.run_until_complete(udp)
        tcp = asyncio.start_server(self._tcp, self.host, self.port, reuse_address=True)
        self._tcp_server = self._loop.run_until_complete(tcp)
        ready.set()
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    def close(self):
        if self._thread.is_alive():
            def end():
                self._udp.close()
                self._tcp_server.close()
                for writer in self._writers:
                    writer.transport.abort()
                self._loop.call_later(0.01, self._loop.stop)
            self._loop.call_soon_threadsafe(end)
            self._thread.join(PATIENCE)

    stop = close

    def vanish(self):
        """From now on no packet of the connections that are open reaches us, and none of theirs is confirmed or refused,
        as where a firewall has forgotten them; new ones work. Returns when that is so."""
        self._on_connections(lambda w: make_deaf(w.get_extra_info("socket")))

    def end_sending(self):
        """Half-closes all connections: FIN, and still reading."""
        self._on_connections(lambda w: w.transport.write_eof())

    def _on_connections(self, act):
        done = threading.Event()

        def run():
            for writer in self._writers:
                act(writer)
            done.set()
        self._loop.call_soon_threadsafe(run)
        assert done.wait(PATIENCE)

    async def _tcp(self, reader, writer):
        self.connections += 1
        number = self.connections
        self._writers.add(writer)

        def frame(wire):
            writer.write(struct.pack("!H", len(wire)) + wire)
        try:
            while True:
                size, = struct.unpack("!H", await reader.readexactly(2))
                data = await reader.readexactly(size)
                self.take(data, "tcp", writer.get_extra_info("peername"), number, frame, writer.close, writer.write)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    def take(self, data, transport, peer, connection, send, close, raw):
        query = dns.message.from_wire(data)
        question = query.question[0]
        seen = Seen(name=question.name.to_text(), type=dns.rdatatype.to_text(question.rdtype), transport=transport,
                    id=query.id, flags=query.flags, edns=query.edns, edns_flags=query.ednsflags,
                    payload=query.payload, options=[int(o.otype) for o in query.options], port=peer[1],
                    connection=connection, wire=data)
        step = self._step(seen)
        with self._news:
            self.seen.append(seen)
            self._news.notify_all()
        x = Exchange(self, query, seen, send, close)
        x.udp_peer, x.raw = peer, raw
        task = self._loop.create_task(step(x))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _step(self, seen):
        name = seen.name.lower().rstrip(".")
        steps = self._steps.get((name, seen.type)) or self._steps.get((name, None)) or self._default
        if not steps:
            return answer("A 192.0.2.1") if seen.type == "A" else nodata()
        return steps.pop(0) if len(steps) > 1 else steps[0]
