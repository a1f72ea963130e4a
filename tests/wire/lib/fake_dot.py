# SPDX-License-Identifier: GPL-3.0-or-later
"""A scriptable DNS-over-TLS server: FakeUpstream behind TLS, whose connections misbehave as told; and a spy that fails
the test if a byte arrives in clear text where only TLS may."""
import asyncio
import base64
import contextlib
import hashlib
import ssl
import struct
import subprocess

import dns.edns

from .upstream import FakeUpstream, answer


def pin_of(pair):
    """The pin of a certificate's key, made by other means than ours."""
    key = subprocess.run(["openssl", "x509", "-in", str(pair.chain), "-noout", "-pubkey"], capture_output=True, check=True)
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=key.stdout, capture_output=True, check=True)
    return base64.b64encode(hashlib.sha256(der.stdout).digest()).decode()


def answer_with_keepalive(tenths, *records):
    def edit(message):
        option = dns.edns.GenericOption(11, struct.pack("!H", tenths))
        message.use_edns(0, payload=1232, options=[option])
    return answer(*records, edit=edit)


class FakeDot(FakeUpstream):
    """`way` says what becomes of a connection; it may be changed while it runs:

    good; stall: the handshake is never answered; garbage: no TLS comes; close: hangs up at once; flood: `flood` comes
    without end, and nothing else;
    good with `idle`: what is idle for so many seconds is closed.
    """

    flood = (b"\0\x0c" + b"\0" * 12) * 1000   # messages that answer nothing

    def __init__(self, pair, host="127.0.0.1", way="good", idle=None, tls12=False, alpn=()):
        self.pair, self.way, self.idle = pair, way, idle
        self.clear = []         # what came without TLS
        self.shaken = 0         # handshakes done
        self.resumed = 0        # of them, resumed
        self.open = 0
        self._tls12, self._alpn = tls12, alpn
        self.present(pair)
        super().__init__(host)

    def server(self, **how):
        return {"address": self.address, **how}

    def hang_up(self):
        """Cuts all connections."""
        def end():
            for writer in self._writers:
                writer.transport.abort()
        self._loop.call_soon_threadsafe(end)

    def present(self, pair):
        """This certificate for connections to come, and no session resumed."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if self._tls12:
            context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(pair.chain, pair.key)
        if self._alpn:
            context.set_alpn_protocols(list(self._alpn))
        self._context = context

    def _run(self, ready):
        asyncio.set_event_loop(self._loop)
        udp = self._loop.create_datagram_endpoint(lambda: _Spy(self), local_addr=(self.host, self.port))
        self._udp, _ = self._loop.run_until_complete(udp)
        self._tcp_server = self._loop.run_until_complete(
            asyncio.start_server(self._tcp, self.host, self.port, reuse_address=True))
        ready.set()
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _tcp(self, reader, writer):
        """TLS by hand over memory BIOs, so that the first bytes are seen as they come."""
        self._writers.add(writer)
        self.open += 1
        try:
            await self._connection(reader, writer)
        except (ConnectionError, ssl.SSLError, asyncio.IncompleteReadError):
            pass
        finally:
            self.open -= 1
            self._writers.discard(writer)
            writer.close()

    async def _connection(self, reader, writer):
        way = self.way
        if way == "close":
            return
        first = await reader.read(65536)
        if first and not (first[0] == 0x16 and first[1] == 3):
            self.clear.append(first)
        if way == "stall":
            await reader.read()
            return
        if way == "garbage":
            writer.write(b"HTTP/1.0 400 Bad Request\r\n\r\n" * 20)
            return
        tls = _Tls(self._context, reader, writer)
        await tls.shake(first)
        self.shaken += 1
        self.resumed += tls.object.session_reused
        self.connections += 1
        while way == "flood":
            tls.send(self.flood)
            await writer.drain()
        await self._serve(tls, writer, self.connections)

    async def _serve(self, tls, writer, number):
        def frame(wire):
            tls.send(struct.pack("!H", len(wire)) + wire)
        data = b""
        while True:
            while len(data) >= 2 and len(data) >= 2 + struct.unpack("!H", data[:2])[0]:
                size = 2 + struct.unpack("!H", data[:2])[0]
                self.take(data[2:size], "tls", writer.get_extra_info("peername"), number, frame, writer.close, tls.send)
                data = data[size:]
            try:
                more = await asyncio.wait_for(tls.recv(), self.idle)
            except asyncio.TimeoutError:
                return
            if not more:
                return
            data += more


@contextlib.contextmanager
def secret(kind, certificate):
    """Makes servers of a kind, and sees in the end that nothing came to any of them in clear text."""
    made = []

    def make(certificate=certificate, **how):
        made.append(kind(certificate, **how))
        return made[-1]
    yield make
    for server in made:
        server.close()
        assert not server.clear, f"{server.clear[0][:80]!r} came in clear text"


class _Tls:
    def __init__(self, context, reader, writer):
        self.reader, self.writer = reader, writer
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.object = context.wrap_bio(self.incoming, self.outgoing, server_side=True)

    def flush(self):
        if self.outgoing.pending:
            self.writer.write(self.outgoing.read())

    async def _step(self, action):
        while True:
            try:
                result = action()
                self.flush()
                return result
            except ssl.SSLWantReadError:
                self.flush()
                more = await self.reader.read(65536)
                if not more:
                    return b""
                self.incoming.write(more)
            except ssl.SSLError:
                self.flush()
                raise

    async def shake(self, first):
        self.incoming.write(first)
        if await self._step(self.object.do_handshake) == b"":
            raise ConnectionError("gone in the handshake")

    async def recv(self):
        try:
            return await self._step(lambda: self.object.read(65536))
        except ssl.SSLZeroReturnError:
            return b""

    def send(self, data):
        self.object.write(data)
        self.flush()


class _Spy(asyncio.DatagramProtocol):
    def __init__(self, server):
        self.server = server

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, peer):
        self.server.clear.append(data)
