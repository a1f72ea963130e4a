# SPDX-License-Identifier: GPL-3.0-or-later
"""All attacks on the front in one table: for the wire tests, which hold that each is cut off and harms nobody, and for
tests/bench/attacks, which measures what readers feel meanwhile.

An attack is a function of a Target that goes one round, until the server has done something about it, and tells how it
ended by raising Cut or returning words. Addresses of attackers are in 127.66.0.0/16, the good client's is 127.0.0.1.
"""
import contextlib
import ctypes
import os
import pathlib
import resource
import ssl
from dataclasses import dataclass, field
from typing import Callable

import dns.rcode

from . import attack, doh
from .attack import CODES, END_HEADERS, END_STREAM, HEADERS, Cut, Fill, Raw, frame, odd, request
from .dot import Dot


@dataclass(frozen=True)
class Attack:
    run: Callable
    ends: frozenset             # how it may end, in words
    limits: dict = field(default_factory=dict)          # what must differ from the defaults for it to end soon
    prepare: Callable = None    # done to the worker's pid before
    protocol: str = "https"     # of the listener that is attacked
    hasty: bool = False         # over before a server under Valgrind has seen enough of it

    @property
    def name(self):
        return self.run.__name__.replace("_", " ")

    def once(self, target):
        """How one round ended, in words."""
        try:
            return self.run(target)
        except Cut as cut:
            return "closed" if cut.code is None else f"GOAWAY {CODES[cut.code]}"
        except Fill:
            return "not cut off"


def ends(*how):
    return frozenset(f"GOAWAY {CODES[h]}" if isinstance(h, int) else h for h in how)


# --- frames, and TLS records

def openssl():
    """The library itself: Python's ssl does not update keys."""
    library = ctypes.CDLL("libssl.so.3")
    for name in ("TLS_client_method", "SSL_CTX_new", "SSL_new"):
        getattr(library, name).restype = ctypes.c_void_p
    return library


def key_updates(target):
    """OpenSSL reads on for as long as they come."""
    lib, p = openssl(), ctypes.c_void_p
    context = p(lib.SSL_CTX_new(p(lib.TLS_client_method())))
    tls = p(lib.SSL_new(context))
    try:
        with target.tcp() as sock:
            sock.settimeout(None)
            lib.SSL_set_fd(tls, sock.fileno())
            lib.SSL_set_alpn_protos(tls, b"\x02h2", 3)
            assert lib.SSL_connect(tls) == 1
            for _ in range(attack.FILL):
                if lib.SSL_key_update(tls, 0) != 1 or lib.SSL_do_handshake(tls) != 1:
                    return "closed"
        return "not cut off"
    finally:
        lib.SSL_free(tls)
        lib.SSL_CTX_free(context)


CALM = attack.ENHANCE_YOUR_CALM
FLOODS = [Attack(run, ends(*codes)) for run, codes in [
    (attack.rapid_reset, {attack.INTERNAL_ERROR, CALM}),
    (attack.made_you_reset, {attack.PROTOCOL_ERROR}),
    (attack.overflowing_windows, {CALM}),
    (attack.data_after_end, {CALM, attack.STREAM_CLOSED}),
    (attack.wrong_priority, {attack.FRAME_SIZE_ERROR}),
    (attack.continuation_flood, {CALM}),
    (attack.empty_continuations, {CALM}),
    (attack.settings_flood, {CALM}),
    (attack.settings_of_many, {CALM}),
    (attack.settings_acks, {attack.PROTOCOL_ERROR, CALM}),
    (attack.ping_flood, {CALM}),
    (attack.ping_acks, {CALM}),
    (attack.priority_flood, {CALM}),
    (attack.window_flood, {CALM}),
    (attack.unknown_flood, {CALM}),
    (attack.reset_of_nothing, {CALM}),
    (attack.empty_data, {CALM}),
    (attack.padding_only, {CALM}),
    (attack.header_flood, {CALM}),
    (attack.hpack_bomb, {CALM}),
    (attack.table_resizes, {CALM, attack.COMPRESSION_ERROR}),
    (attack.one_byte_windows, {CALM}),
]] + [Attack(key_updates, ends("closed"), hasty=True)]

HURRY = {"read-timeout": "700ms", "write-timeout": "700ms", "idle-timeout": "20s"}
HOLDS = [Attack(run, ends("closed", attack.NO_ERROR, attack.INTERNAL_ERROR, CALM), HURRY)
         for run in (attack.shut_windows, attack.sips, attack.never_reads)]


# --- slowly

HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 500
ASK = f"/dns-query?dns={doh.b64(doh.wire(doh.question('slow.example')))}"
POST = f"POST /dns-query HTTP/1.1\r\nHost: localhost\r\nContent-Type: {doh.MEDIA}\r\n"
H2_POST = (attack.PREFACE + frame(attack.SETTINGS) +
           frame(HEADERS, END_HEADERS, 1, request("POST", extra=[("content-type", doh.MEDIA)])))
SLOW_BYTES = {
    "handshake": (None, HELLO),
    "preface": ("h2", attack.PREFACE),
    "first frame": ("h2", attack.PREFACE + frame(attack.SETTINGS, 0, 0, b"\0" * 90)),
    "header block": ("h2", attack.PREFACE + frame(attack.SETTINGS) + frame(HEADERS, 0, 1, request(extra=[("a", "b" * 500)]))),
    # DATA frames of a byte each, which never end.
    "body": ("h2", H2_POST + frame(attack.DATA, 0, 1, b"x") * 500),
    "request line": ("http/1.1", f"GET {ASK}{'A' * 500}".encode()),
    "header line": ("http/1.1", f"GET {ASK} HTTP/1.1\r\nHost: localhost\r\nX: ".encode() + b"x" * 500),
    "header lines": ("http/1.1", f"GET {ASK} HTTP/1.1\r\nHost: localhost\r\n".encode() + b"X: y\r\n" * 90),
    "body of HTTP 1": ("http/1.1", f"{POST}Content-Length: 500\r\n\r\n".encode() + b"x" * 500),
    "chunks": ("http/1.1", f"{POST}Transfer-Encoding: chunked\r\n\r\n".encode() + b"1\r\nx\r\n" * 500),
}
SLOW_CLIENTS = 20


def slowly(way):
    """All but one stop in the middle; the last one goes on, a byte at a time."""
    alpn, data = SLOW_BYTES[way]

    def run(target):
        with contextlib.ExitStack() as stack:
            socks = [stack.enter_context(target.tls(alpn) if alpn else target.tcp()) for _ in range(SLOW_CLIENTS)]
            for sock in socks[1:]:
                sock.sendall(data[:len(data) // 2])
            said = {attack.drip(socks[0], data)} | {attack.drip(sock, b"") for sock in socks[1:]}
        if alpn == "http/1.1":
            return " ".join(sorted({s[:12].decode() for s in said}))
        return "closed"
    run.__name__ = f"slow_{way}"
    return run


SLOW = [Attack(slowly(way), ends("HTTP/1.1 408" if alpn == "http/1.1" else "closed"), HURRY)
        for way, (alpn, _) in SLOW_BYTES.items()]


# --- by numbers

def wait_closed(sock):
    """Words for the end of a connection on which the server says nothing."""
    try:
        return "closed" if sock.recv(1) == b"" else "answered"
    except (ConnectionError, ssl.SSLError):
        return "closed"
    except TimeoutError:
        return "not cut off"


@contextlib.contextmanager
def half_opened(target, count, per_network=250):
    """So many connections that never shake hands; every other one begins to."""
    with contextlib.ExitStack() as stack:
        socks = []
        for n in range(count):
            source = f"127.66.{n // per_network}.{n % per_network + 1}"
            socks.append(stack.enter_context(target.tcp(source)))
            if n % 2:
                with contextlib.suppress(ConnectionError):   # of those before, the oldest go
                    socks[-1].sendall(HELLO[:100])
        yield socks


def half_open(target):
    with half_opened(target, 2000) as socks:
        return wait_closed(socks[0])


@contextlib.contextmanager
def idlers(target, count):
    """HTTP/2 connections that ask nothing, each of another network."""
    with contextlib.ExitStack() as stack:
        idle = []
        for n in range(count):
            idle.append(stack.enter_context(Raw(target.tls(source=f"127.66.{n % 250}.{n // 250 + 1}"))))
            idle[-1].read_until(lambda: idle[-1].frames)
        yield idle


def idle_past_the_cap(target):
    with idlers(target, 150) as idle:
        idle[0].drain()


def squeeze(pid):
    """Leaves a worker 400 descriptors."""
    _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    few = len(list(pathlib.Path(f"/proc/{pid}/fd").iterdir())) + 400
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (few, hard))


def descriptors(target):
    """After squeeze() more connections than there are descriptors, which never shake hands."""
    with half_opened(target, 800, per_network=4) as socks:
        return wait_closed(socks[0])


def handshakes(target, count=400):
    """New connections as fast as they come."""
    refused = 0
    for _ in range(count):
        try:
            target.tls().close()
        except (OSError, ssl.SSLError):
            refused += 1
    target.refused = refused
    return "closed" if refused else "not cut off"


# --- by questions

def ask_many(target, names, batch=50):
    """Asks on one connection, so many at a time; the headers of the answers."""
    with Raw(target.tls()) as raw:
        raw.send(frame(attack.WINDOW_UPDATE, 0, 0, attack.u32(2**30)))
        for at in range(0, len(names), batch):
            heads = [request(target=f"/dns-query?dns={doh.b64(doh.wire(doh.question(name)))}") for name in names[at:at + batch]]
            raw.send(b"".join(frame(HEADERS, END_HEADERS | END_STREAM, odd(at + i), h) for i, h in enumerate(heads)))
            raw.read_until(lambda: len(raw.ended) >= min(at + batch, len(names)))
        return list(raw.headers.values())


def turned_away(heads):
    return [h for h in heads if h[":status"] == "429"]


def random_names(target):
    names = [f"r{os.urandom(6).hex()}.victim.example" for _ in range(500)]
    return "429" if turned_away(ask_many(target, names)) else "not cut off"


def asks_everything(target):
    return "429" if turned_away(ask_many(target, ["good.example"] * 4000)) else "not cut off"


def garbage_bodies(target):
    """What happens to look like a header is answered as DNS would: FORMERR, NOTIMP."""
    said = set()
    with doh.H2(target.tls()) as bad:
        for size in (65536, 60000, 512):
            reply = bad.wait(bad.post(os.urandom(size), length=False) if size < 65536 else
                             bad.open(bad.headers("POST", content_type=doh.MEDIA, length=65536), end=False))
            said.add(str(reply.status) if reply.status != 200 or len(reply.body) != 12 else "400")
    return " ".join(sorted(said))


SMUGGLED = f"GET {ASK} HTTP/1.1\r\nHost: localhost\r\n\r\n"
CONFUSED = [
    "Content-Length: 4\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nContent-Length: 4",
    "Content-Length: 4\r\nContent-Length: 5",
    "Content-Length: 4, 5",
    "Content-Length: +4",
    "Content-Length: 0x4",
    "Content-Length : 4",
    " Content-Length: 4",
    "Transfer-Encoding: xchunked",
    "Transfer-Encoding : chunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    "Transfer-Encoding:\x0bchunked",
    "Transfer-Encoding: chunked, identity",
    "X: y\rTransfer-Encoding: chunked",
    "X: y\nContent-Length: 4",
    "X: y\0\r\nContent-Length: 4",
    "Content-Length: 99999999999999999999999",
    "Content-Length: -1",
    "Content-Length: ",
    "Content-Length: 4 4",
    "Content-Length: 4;",
    "Content-Length: 4\r\nContent-Length: 4",
    "Content-Length: 4\x0b",
    "Content-Length: 0\r\nTransfer-Encoding:",
    "Transfer-Encoding: identity",
    "Transfer-Encoding: identity, chunked",
    "Transfer-Encoding: chunked, chunked",
    "Transfer-Encoding: chunked;q=1",
    "Transfer-Encoding: \"chunked\"",
    "Transfer-Encoding: chunked,",
    "Transfer-Encoding\t: chunked",
    "X: y\r\n Transfer-Encoding: chunked",
    "Transfer-Encoding:\r\n chunked",
    "X: y\r\n\tfolded: z",
    "Transfer-Encoding: chunked\nContent-Length: 4",
    "\x00Content-Length: 4",
    "Content-Length\x00: 4",
    ":Content-Length: 4",
    "Host: other",
]


def confuse(c, fields):
    """A request whose length two parsers could read in two ways, and behind it what must never be taken for a request."""
    c.send(f"POST /dns-query HTTP/1.1\r\nHost: localhost\r\nContent-Type: {doh.MEDIA}\r\n{fields}\r\n\r\n"
           f"0\r\n\r\n{SMUGGLED}".encode("latin-1"))
    return c.read("POST")


def smuggling(target):
    for fields in CONFUSED:
        with doh.H1(target.tls("http/1.1")) as c:
            if confuse(c, fields).status not in (400, 413, 501) or not c.at_end():
                return f"taken: {fields!r}"
    return "400, closed"


CROWDS = [
    # Room for what arrives while a good client shakes hands, however busy the machine is.
    Attack(half_open, ends("closed"), {"handshakes": 800}),
    Attack(idle_past_the_cap, ends(attack.NO_ERROR), {"connections": 100, "idle-timeout": "1h"}),
    Attack(descriptors, ends("closed"), {"connections": 1000, "idle-timeout": "1h"}, squeeze),
    Attack(handshakes, ends("closed"), {"connection-rate": 20}, hasty=True),
    Attack(random_names, ends("429"), {"miss-rate": 20}),
    Attack(asks_everything, ends("429"), {"query-rate": 200}),
    Attack(garbage_bodies, ends("400 413")),
    Attack(smuggling, ends("400, closed")),
]


# --- over TLS without HTTP

def dot_slow_question(target):
    """All but one stop in the middle; the last one goes on, a byte at a time."""
    with contextlib.ExitStack() as stack:
        socks = [stack.enter_context(Dot(target.port, target.ca, source=target.source)).sock for _ in range(SLOW_CLIENTS)]
        for sock in socks:
            sock.sendall(b"\xff\xff" + b"x" * 60000)
        return "closed" if not attack.drip(socks[0], b"x" * 500) and {wait_closed(s) for s in socks[1:]} == {"closed"} else "answered"


def dot_never_reads(target):
    with Dot(target.port, target.ca, source=target.source, small=True) as c:
        try:
            for _ in range(1000):
                c.send(*[doh.question("good.example", id=n, edns=True) for n in range(500)])
        except (ConnectionError, ssl.SSLError):
            return "closed"
    return "not cut off"


def dot_garbage(target):
    """Another protocol, then responses in place of questions."""
    for data in (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 100, (b"\0\x0c" + b"\xff" * 12) * 1000):
        with Dot(target.port, target.ca, source=target.source) as c:
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                c.sock.sendall(data)
            if not c.closed():
                return "answered"
    return "closed"


def dot_ask_many(target, names, batch=50):
    refused = 0
    with Dot(target.port, target.ca, source=target.source) as c:
        for at in range(0, len(names), batch):
            c.send(*[doh.question(name, id=n) for n, name in enumerate(names[at:at + batch])])
            refused += sum(c.read().rcode() == dns.rcode.REFUSED for _ in names[at:at + batch])
    return "REFUSED" if refused else "not cut off"


def dot_random_names(target):
    return dot_ask_many(target, [f"r{os.urandom(6).hex()}.victim.example" for _ in range(500)])


def dot_asks_everything(target):
    return dot_ask_many(target, ["good.example"] * 4000)


DOT = [
    Attack(dot_slow_question, ends("closed"), HURRY, protocol="tls"),
    Attack(dot_never_reads, ends("closed"), HURRY, protocol="tls"),
    Attack(dot_garbage, ends("closed"), HURRY, protocol="tls"),
    Attack(dot_random_names, ends("REFUSED"), {"miss-rate": 20}, protocol="tls"),
    Attack(dot_asks_everything, ends("REFUSED"), {"query-rate": 200}, protocol="tls"),
]

ATTACKS = {a.name: a for a in FLOODS + HOLDS + SLOW + CROWDS + DOT}
