# SPDX-License-Identifier: GPL-3.0-or-later
"""DoH clients. H2 speaks frames through python3-h2 over a socket of ours, so a test says what is sent when;
H1 keeps one HTTP/1.1 connection; raw() sends any bytes at all."""
import base64
import http.client
import random
import socket
import ssl
from dataclasses import dataclass, field

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rcode
import h2.config
import h2.connection
import h2.events
import h2.settings

from .process import PATIENCE

MEDIA = "application/dns-message"


def b64(wire, padding=False):
    text = base64.urlsafe_b64encode(wire).decode()
    return text if padding else text.rstrip("=")


def question(name, type="A", *, id=None, edns=False, do=False, cd=False, rd=True, options=(), payload=4096):
    """A query message as dnspython makes it; the case of name is kept."""
    use = 0 if edns or do or options else False
    message = dns.message.make_query(dns.name.from_text(name), type, use_edns=use, want_dnssec=do,
                                     payload=payload if use == 0 else None,
                                     options=list(options) if use == 0 else None)
    message.id = random.randrange(65536) if id is None else id
    message.flags = (dns.flags.RD if rd else 0) | (dns.flags.CD if cd else 0)
    return message


@dataclass
class Reply:
    status: int = 0
    headers: dict = field(default_factory=dict)
    body: bytes = b""
    ended: bool = False
    reset: int = None

    @property
    def dns(self):
        assert self.status == 200, f"HTTP {self.status}: {self.body[:200]!r}"
        assert self.headers["content-type"] == MEDIA
        return dns.message.from_wire(self.body)

    @property
    def max_age(self):
        parts = [p.strip() for p in self.headers["cache-control"].split(",")]
        return next(int(p[8:]) for p in parts if p.startswith("max-age="))

    @property
    def ede(self):
        """INFO-CODEs of its extended errors."""
        return [int(o.code) for o in self.dns.options if o.otype == dns.edns.EDE]


def tls_context(ca, alpn=("h2", "http/1.1"), verify=True):
    context = ssl.create_default_context(cafile=str(ca) if ca else None)
    if not verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(list(alpn))
    return context


def connect(port, ca=None, alpn=("h2", "http/1.1"), host="127.0.0.1", name="localhost", timeout=PATIENCE, context=None,
            source="127.0.0.1"):
    """A connected socket, over TLS unless both ca and context are None."""
    sock = socket.create_connection((host, port), timeout, (source, 0) if host == "127.0.0.1" else None)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if ca is None and context is None:
        return sock
    try:
        return (context or tls_context(ca, alpn)).wrap_socket(sock, server_hostname=name)
    except BaseException:
        sock.close()
        raise


class H2:
    """One HTTP/2 connection. request() begins a stream; wait() runs the connection until a stream has ended."""

    def __init__(self, sock, path="/dns-query", window=None):
        self.sock, self.path = sock, path
        config = h2.config.H2Configuration(header_encoding="utf-8", validate_outbound_headers=False,
                                           normalize_outbound_headers=False)
        self.conn = h2.connection.H2Connection(config)
        self._survive_goaway()
        if window is not None:
            self.conn.local_settings = h2.settings.Settings(client=True, initial_values={
                h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window, h2.settings.SettingCodes.ENABLE_PUSH: 0})
        self.conn.initiate_connection()
        self.auto_window = window is None
        self.replies, self.order = {}, []
        self.goaway = None
        self.closed = False
        self.flush()

    def _survive_goaway(self):
        """python3-h2 takes a GOAWAY for the end; streams it does not name go on (RFC 9113 6.8)."""
        machine, state = self.conn.state_machine, h2.connection.ConnectionState
        machine._transitions = dict(machine._transitions)
        for now in (state.IDLE, state.CLIENT_OPEN):
            machine._transitions[now, h2.connection.ConnectionInputs.RECV_GOAWAY] = (None, now)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def flush(self):
        data = self.conn.data_to_send()
        if data:
            self.sock.sendall(data)

    # --- sending

    def headers(self, method="GET", target=None, extra=(), content_type=None, length=None):
        out = [(":method", method), (":scheme", "https"), (":authority", "localhost"), (":path", target or self.path)]
        if content_type:
            out.append(("content-type", content_type))
        if length is not None:
            out.append(("content-length", str(length)))
        return out + list(extra)

    def open(self, headers, end=True):
        stream = self.conn.get_next_available_stream_id()
        self.replies[stream] = Reply()
        self.conn.send_headers(stream, headers, end_stream=end)
        self.flush()
        return stream

    def data(self, stream, data, end=False):
        """One DATA frame."""
        self.conn.send_data(stream, data, end_stream=end)
        self.flush()

    def get(self, message, extra=(), target=None):
        return self.open(self.headers(target=target or f"{self.path}?dns={b64(wire(message))}", extra=extra))

    def post(self, message, extra=(), length=True, content_type=MEDIA):
        body = wire(message)
        stream = self.open(self.headers("POST", content_type=content_type, extra=extra,
                                        length=len(body) if length else None), end=not body)
        if body:
            self.send_body(stream, body)
        return stream

    def send_body(self, stream, body):
        """The whole body in as few frames as the peer's windows allow, END_STREAM on the last."""
        while True:
            room = min(self.conn.local_flow_control_window(stream), self.conn.max_outbound_frame_size)
            if room == 0:
                assert self.step(), "closed while the window was shut"
                continue
            part, body = body[:room], body[room:]
            self.data(stream, part, end=not body)
            if not body:
                return

    def reset(self, stream, code=8):
        self.conn.reset_stream(stream, code)
        self.flush()

    # --- receiving

    def step(self):
        """Reads once and takes what came; False when the peer has closed. SSLWantReadError from a socket that does not wait."""
        try:
            data = self.sock.recv(65536)
        except ssl.SSLWantReadError:
            raise
        except (ConnectionError, ssl.SSLError):
            data = b""
        if not data:
            self.closed = True
            return False
        for event in self.conn.receive_data(data):
            self._event(event)
        self.flush()
        return True

    def _event(self, event):
        reply = self.replies.get(getattr(event, "stream_id", None))
        if isinstance(event, h2.events.ResponseReceived):
            reply.headers = dict(event.headers)
            reply.status = int(reply.headers[":status"])
        elif isinstance(event, h2.events.DataReceived):
            reply.body += event.data
            if self.auto_window and event.flow_controlled_length:
                self.conn.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            reply.ended = True
            self.order.append(event.stream_id)
        elif isinstance(event, h2.events.StreamReset):
            if reply:
                reply.reset, reply.ended = event.error_code, True
        elif isinstance(event, h2.events.ConnectionTerminated):
            self.goaway = event

    def wait(self, stream):
        reply = self.replies[stream]
        while not reply.ended:
            assert self.step(), f"connection closed before stream {stream} ended (goaway: {self.goaway})"
        return reply

    def wait_closed(self):
        while self.step():
            pass

    def ask(self, message, method="GET", **how):
        return self.wait(self.post(message, **how) if method == "POST" else self.get(message, **how))

    def ping(self):
        """Comes back when everything sent before has been read by the peer."""
        self.conn.ping(b"polynya!")
        self.flush()
        done = []
        original = self._event

        def watch(event):
            if isinstance(event, h2.events.PingAckReceived):
                done.append(event)
            original(event)
        self._event = watch
        try:
            while not done:
                assert self.step(), "closed instead of answering a PING"
        finally:
            self._event = original


class H1:
    """One HTTP/1.1 connection through http.client, or its socket for what http.client would not send."""

    def __init__(self, sock, path="/dns-query"):
        self.sock, self.path = sock, path
        self.file = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.file:
            self.file.close()
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def read(self, method="GET"):
        """The next response; the connection stays usable for the one after it."""
        self.file = self.file or self.sock.makefile("rb")
        holder = http.client.HTTPResponse(_Shared(self.file), method=method)
        holder.begin()
        headers = {k.lower(): v for k, v in holder.getheaders()}
        return Reply(status=holder.status, headers=headers, body=holder.read(), ended=True)

    def at_end(self):
        """Waits until the peer closes; False if it sends something instead."""
        self.file = self.file or self.sock.makefile("rb")
        try:
            return self.file.read(1) == b""
        except ConnectionError:
            return True

    def request(self, method, target, headers=(), body=b""):
        lines = [f"{method} {target} HTTP/1.1", "Host: localhost", *(f"{k}: {v}" for k, v in headers)]
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def get(self, message, method="GET", extra=()):
        self.request(method, f"{self.path}?dns={b64(wire(message))}", extra)

    def post(self, message, extra=(), content_type=MEDIA):
        body = wire(message)
        self.request("POST", self.path, [("Content-Type", content_type), ("Content-Length", len(body)), *extra], body)

    def ask(self, message, method="GET", **how):
        if method == "POST":
            self.post(message, **how)
        else:
            self.get(message, method, **how)
        return self.read(method)


class _Shared:
    """Gives http.client the file of a socket that outlives one response."""

    def __init__(self, file):
        self.file = file

    def makefile(self, _mode):
        return _Kept(self.file)


class _Kept:
    def __init__(self, file):
        self._file = file

    def __getattr__(self, name):
        return getattr(self._file, name)

    def close(self):
        pass

    def flush(self):
        pass


def wire(message):
    return message if isinstance(message, (bytes, bytearray)) else message.to_wire()


def ask_all(c, prefix, count):
    """Names of which each must be answered well."""
    for i in range(count):
        reply = c.ask(question(f"{prefix}{i}.example"))
        assert reply.dns.rcode() == 0 and reply.dns.answer, f"{prefix}{i}: {reply.dns}"


def refused(c, name):
    """Is the name SERVFAIL?"""
    reply = c.ask(question(name, edns=True))
    return reply.dns.rcode() == dns.rcode.SERVFAIL and not reply.dns.answer


def h2_tls(port, ca, **how):
    path, window = how.pop("path", "/dns-query"), how.pop("window", None)
    sock = connect(port, ca, alpn=("h2",), **how)
    assert sock.selected_alpn_protocol() == "h2"
    return H2(sock, path, window)


def h1_tls(port, ca, **how):
    path = how.pop("path", "/dns-query")
    return H1(connect(port, ca, alpn=("http/1.1",), **how), path)


def h2c(port, **how):
    return H2(connect(port), **how)


def h1c(port, **how):
    return H1(connect(port), **how)
