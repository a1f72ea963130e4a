# SPDX-License-Identifier: GPL-3.0-or-later
"""A scriptable DNS-over-HTTPS server: FakeDot whose TLS carries HTTP/2, by Python's h2."""
import asyncio

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings
from hyperframe.frame import GoAwayFrame

from .fake_dot import FakeDot


TYPE = {"content-type": "application/dns-message"}


class FakeDoh(FakeDot):
    """`http` says how requests are answered; it may be changed while it runs:

    good; (status, {fields}, body): that; reset, refuse: RST_STREAM with INTERNAL_ERROR or REFUSED_STREAM; endless: a body
    that does not end; never.
    """

    flood = bytes.fromhex("000000040000000000") + bytes.fromhex("000000770000000000") * 1000   # SETTINGS, unknown frames

    def __init__(self, pair, http="good", max_streams=None, alpn=("h2",), **how):
        self.http, self.max_streams = http, max_streams
        self.requests = []      # (fields, body)
        self.fields = {}        # of good answers, besides the type
        self.most = 0           # requests open at a time
        self.cancelled = 0      # streams that the client reset
        self._talks = set()
        super().__init__(pair, alpn=alpn, **how)

    async def _serve(self, tls, writer, number):
        if tls.object.selected_alpn_protocol() != "h2":
            return
        talk = _Talk(self, tls, writer, number)
        self._talks.add(talk)
        try:
            await talk.run()
        finally:
            self._talks.discard(talk)

    def leave(self, last=None):
        """GOAWAY on all connections: streams after `last` (the latest seen if None) were not looked at."""
        def end():
            for talk in self._talks:
                talk.leave(last)
        self._loop.call_soon_threadsafe(end)


class _Talk:
    def __init__(self, server, tls, writer, number):
        self.server, self.tls, self.writer, self.number = server, tls, writer, number
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        if server.max_streams:
            self.h2.local_settings = h2.settings.Settings(client=False, initial_values={
                h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: server.max_streams})
        self.fields, self.bodies = {}, {}

    def flush(self):
        data = self.h2.data_to_send()
        if data:
            self.tls.send(data)

    async def run(self):
        self.h2.initiate_connection()
        self.flush()
        while True:
            try:
                data = await asyncio.wait_for(self.tls.recv(), self.server.idle)
            except asyncio.TimeoutError:
                self.leave(None)
                return
            if not data:
                return
            for event in self.h2.receive_data(data):
                self.handle(event)
            self.flush()

    def handle(self, event):
        if isinstance(event, h2.events.RequestReceived):
            self.fields[event.stream_id], self.bodies[event.stream_id] = dict(event.headers), b""
            self.server.most = max(self.server.most, len(self.fields))
        elif isinstance(event, h2.events.DataReceived):
            self.bodies[event.stream_id] += event.data
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamReset):
            self.server.cancelled += 1
            self.fields.pop(event.stream_id, None)
        elif isinstance(event, h2.events.StreamEnded):
            self.request(event.stream_id)

    def request(self, stream):
        server, http = self.server, self.server.http
        server.requests.append((self.fields[stream], self.bodies[stream]))
        if http == "never":
            return
        if http in ("reset", "refuse"):
            code = h2.errors.ErrorCodes.REFUSED_STREAM if http == "refuse" else h2.errors.ErrorCodes.INTERNAL_ERROR
            self.h2.reset_stream(stream, code)
        elif http == "endless":
            self.h2.send_headers(stream, [(":status", "200"), ("content-type", "application/dns-message")])
            server._loop.create_task(self.endless(stream))
        elif http != "good":
            status, fields, body = http
            self.answer(stream, body, status, fields)
        else:
            server.take(self.bodies[stream], "https", self.writer.get_extra_info("peername"), self.number,
                        lambda wire: self.answer(stream, wire, 200, {**TYPE, **server.fields}), self.writer.close, lambda data: self.part(stream, data))

    def answer(self, stream, body, status, fields):
        try:
            self.h2.send_headers(stream, [(":status", str(status)), *fields.items()])
            for at in range(0, len(body), 16384):
                self.h2.send_data(stream, body[at:at + 16384])
            self.h2.end_stream(stream)
            self.flush()
        except h2.exceptions.ProtocolError:
            pass    # it was reset meanwhile
        self.fields.pop(stream, None)

    def part(self, stream, data):
        self.h2.send_headers(stream, [(":status", "200"), ("content-type", "application/dns-message")])
        self.h2.send_data(stream, data)
        self.flush()

    async def endless(self, stream):
        try:
            while True:
                room = min(self.h2.local_flow_control_window(stream), 16384)
                if room:
                    self.h2.send_data(stream, b"\0" * room)
                    self.flush()
                await asyncio.sleep(0.001)
        except (h2.exceptions.ProtocolError, ConnectionError):
            pass

    def leave(self, last):
        if last is None:
            last = self.h2.highest_inbound_stream_id
        self.tls.send(GoAwayFrame(0, last_stream_id=last, error_code=0).serialize())
