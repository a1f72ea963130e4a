# SPDX-License-Identifier: GPL-3.0-or-later
"""A DNS over TLS client: messages behind their lengths, sent when the test says, read one by one."""
import socket
import ssl
import struct

import dns.message

from . import doh
from .ports import free_port
from .process import PATIENCE


def listen(*protocols):
    """Changes of a daemon's config."""
    return {"listen": [{"address": f"127.0.0.1:{free_port()}", "protocol": p} for p in protocols]}


def dot_port(daemon):
    return next(int(l["address"].rsplit(":", 1)[1]) for l in daemon.config["listen"] if l["protocol"] == "tls")


def frame(message):
    """A message as it travels; bytes are taken as they are."""
    wire = doh.wire(message)
    return struct.pack("!H", len(wire)) + wire


def context(ca, alpn=None):
    made = ssl.create_default_context(cafile=str(ca))
    if alpn:
        made.set_alpn_protocols([alpn] if isinstance(alpn, str) else list(alpn))
    return made


class Dot:
    """One connection. ask() is for one question at a time; send() and read() for everything else."""

    def __init__(self, port, ca, alpn=None, source="127.0.0.1", name="localhost", small=False, tls=None, session=None):
        sock = socket.create_connection(("127.0.0.1", port), PATIENCE, source_address=(source, 0))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if small:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.sock = (tls or context(ca, alpn)).wrap_socket(sock, server_hostname=name, session=session,
                                                           suppress_ragged_eofs=False)
        self.inbox = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, *messages):
        """All in one write."""
        self.sock.sendall(b"".join(frame(m) for m in messages))

    def read_wire(self):
        """The next message; None when the server has closed."""
        while len(self.inbox) < 2 or len(self.inbox) < 2 + struct.unpack("!H", self.inbox[:2])[0]:
            try:
                data = self.sock.recv(65536)
            except (ConnectionError, ssl.SSLError):
                data = b""
            if not data:
                return None
            self.inbox += data
        size, = struct.unpack("!H", self.inbox[:2])
        wire, self.inbox = self.inbox[2:2 + size], self.inbox[2 + size:]
        return wire

    def read(self):
        wire = self.read_wire()
        assert wire is not None, "closed instead of an answer"
        return dns.message.from_wire(wire)

    def ask(self, message):
        self.send(message)
        reply = self.read()
        assert reply.id == message.id
        return reply

    def end(self, notify=True):
        """Says that it sends no more, in TLS (nothing may have come that is not read) or below; it can still be read."""
        if not notify:
            socket.socket.shutdown(self.sock, socket.SHUT_WR)
            return
        self.sock.setblocking(False)
        try:
            self.sock.unwrap()
        except ssl.SSLWantReadError:
            pass
        finally:
            self.sock.settimeout(PATIENCE)

    def closed(self):
        """Waits until the server closes; what it said before is an error."""
        return self.read_wire() is None
