# SPDX-License-Identifier: GPL-3.0-or-later
"""What RFC 9113 asks of a server whose client breaks its rules, with frames written by hand: which error, on the
stream or on the connection, and that nothing else suffers. A stream error leaves the connection, and the streams beside
it, as they were; a connection error is told by GOAWAY with its code, and then the end."""
import contextlib
import struct
import zlib

import pytest

from lib import attack, doh
from lib.attack import (CANCEL, COMPRESSION_ERROR, CONTINUATION, DATA, END_HEADERS, END_STREAM, FLOW_CONTROL_ERROR,
                        FRAME_SIZE_ERROR, GOAWAY, HEADERS, NO_ERROR, PADDED, PING, PREFACE, PRIORITY, PROTOCOL_ERROR,
                        PUSH_PROMISE, RST_STREAM, SETTINGS, STREAM_CLOSED, WINDOW_UPDATE, Cut, block, frame, request,
                        setting, u32)
from lib.upstream import Gate, answer, hold

WHOLE = END_HEADERS | END_STREAM
WITH_PRIORITY = 0x20
ENABLE_PUSH, MAX_FRAME_SIZE, MAX_HEADER_LIST = 2, 5, 6


def target(name="rules.example"):
    return "/dns-query?dns=" + doh.b64(doh.wire(doh.question(name, id=1)))


GET = request(target=target())
POST = request("POST", extra=[("content-type", doh.MEDIA)])
BODY = doh.wire(doh.question("rules.example", id=1))


def get(stream=1, flags=WHOLE, block=GET):
    return frame(HEADERS, flags, stream, block)


def post(stream=1, *, length=None):
    extra = [("content-type", doh.MEDIA)] + ([("content-length", str(length))] if length is not None else [])
    return frame(HEADERS, END_HEADERS, stream, request("POST", extra=extra))


class Raw(attack.Raw):
    """Also keeps what the connection and its streams were sent."""

    def __init__(self, *args):
        self.settings, self.body, self.blocks, self.acks, self.last = {}, {}, {}, 0, None
        self.pongs, self.window = [], 65535   # what the connection may be sent
        super().__init__(*args)

    def heard(self, kind, flags, stream, payload):
        if kind == SETTINGS and flags & attack.ACK:
            self.acks += 1
        elif kind == SETTINGS:
            self.settings.update(struct.iter_unpack(">HI", payload))
        elif kind == HEADERS:
            self.blocks[stream] = payload
        elif kind == DATA:
            self.body[stream] = self.body.get(stream, b"") + payload
        elif kind == GOAWAY:
            self.last = int.from_bytes(payload[:4], "big")
        elif kind == PING and flags & attack.ACK:
            self.pongs.append(payload)
        elif kind == WINDOW_UPDATE and stream == 0:
            self.window += int.from_bytes(payload, "big")
        super().heard(kind, flags, stream, payload)

    def answered(self, stream, status=200):
        self.read_until(lambda: stream in self.ended or stream in self.resets)
        assert stream in self.ended and self.status[stream] == status, (self.status, self.resets)
        return self.body.get(stream, b"")


@pytest.fixture
def raw(shared, ca):
    with Raw(doh.connect(shared.port, ca, ("h2",))) as connection:
        yield connection


@pytest.fixture
def open_raw(shared, ca):
    with contextlib.ExitStack() as stack:
        yield lambda settings=b"", preface=True: stack.enter_context(
            Raw(doh.connect(shared.port, ca, ("h2",)), settings, preface))


def connection_error(raw, data, *codes):
    """data makes the server end the connection with one of codes."""
    with pytest.raises(Cut) as cut:
        raw.send(data)
        raw.drain()
    assert cut.value.code in codes, cut.value


def stream_error(raw, data, stream, *codes):
    """data makes the server reset the stream with one of codes; the connection goes on."""
    raw.send(data)
    raw.read_until(lambda: stream in raw.resets)
    assert raw.resets[stream] in codes, raw.resets
    raw.send(get(stream + 2))
    raw.answered(stream + 2)


def ignored(raw, data, stream=1):
    raw.send(data)
    raw.send(get(stream))
    raw.answered(stream)
    assert raw.alive() and not raw.resets


# --- the beginning (3.4)

@pytest.mark.parametrize("start", [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\r" + frame(SETTINGS), b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 2,
                                   b"\0" * 64], ids=["nearly", "http1", "zeros"])
def test_preface_must_be_right(open_raw, start):
    raw = open_raw(preface=False)
    with pytest.raises(Cut) as cut:
        raw.send(start)
        raw.drain()
    assert cut.value.code in (None, PROTOCOL_ERROR)


@pytest.mark.parametrize("other", [get(), frame(PING, 0, 0, b"12345678"), frame(WINDOW_UPDATE, 0, 0, u32(1)),
                                   frame(SETTINGS, attack.ACK)], ids=["headers", "ping", "window", "ack"])
def test_settings_must_come_first(open_raw, other):
    connection_error(open_raw(preface=False), PREFACE + other, PROTOCOL_ERROR)


def test_servers_settings(raw):
    raw.read_until(lambda: raw.settings)
    assert raw.settings[attack.MAX_CONCURRENT] == 100
    assert ENABLE_PUSH not in raw.settings, "a server must not send it with any value but 0"
    assert raw.settings.get(MAX_FRAME_SIZE, 16384) == 16384
    assert raw.settings[MAX_HEADER_LIST] >= 16384
    raw.read_until(lambda: raw.acks == 1)


# --- frames (4.1, 4.2, 5.5)

@pytest.mark.parametrize("kind", [10, 11, 0x42, 0xff])
def test_unknown_frames_are_ignored(raw, kind):
    ignored(raw, frame(kind, 0xff, 0, b"whatever") + frame(kind, 0, 77, b"") + frame(kind, 0, 0, b"x" * 16384))


def test_unknown_flags_are_ignored(raw):
    ignored(raw, frame(PING, 0xfe, 0, b"12345678") + frame(WINDOW_UPDATE, 0xff, 0, u32(1)) + frame(SETTINGS, 0xfe))
    raw.send(frame(HEADERS, WHOLE | 0xc2 & ~0x28, 3, GET))
    raw.answered(3)


def test_the_reserved_bit_is_ignored(raw):
    raw.send(frame(HEADERS, WHOLE, 1 | 1 << 31, GET))
    raw.answered(1)
    ignored(raw, frame(WINDOW_UPDATE, 0, 0, u32(1 | 1 << 31)), 3)


@pytest.mark.parametrize("kind", [DATA, HEADERS, SETTINGS, PING, 0x42])
def test_a_frame_over_the_greatest_size(raw, kind):
    """Even one that would be ignored (4.2)."""
    stream = 0 if kind in (SETTINGS, PING, 0x42) else 1
    raw.send(post())
    connection_error(raw, frame(kind, 0, stream if kind != HEADERS else 3, b"\0" * 16386), FRAME_SIZE_ERROR)


def test_a_frame_of_the_greatest_size(raw):
    """What is in it is no DNS message, which is another matter."""
    raw.send(post() + frame(DATA, END_STREAM, 1, b"\0" * 16384) + get(3))
    raw.answered(3)
    raw.read_until(lambda: 1 in raw.ended)
    assert raw.alive() and not raw.resets


@pytest.mark.parametrize("kind,stream,payload", [
    (SETTINGS, 0, b"\0" * 5), (SETTINGS, 0, b"\0" * 7), (PING, 0, b"\0" * 7), (PING, 0, b"\0" * 9), (PING, 0, b""),
    (RST_STREAM, 1, b"\0" * 3), (RST_STREAM, 1, b"\0" * 5), (WINDOW_UPDATE, 0, b"\0" * 3), (WINDOW_UPDATE, 1, b"\0" * 5),
    (GOAWAY, 0, b"\0" * 7)], ids=lambda v: str(len(v)) if isinstance(v, bytes) else str(v))
def test_frames_of_the_wrong_size(raw, kind, stream, payload):
    raw.send(post())
    connection_error(raw, frame(kind, 0, stream, payload), FRAME_SIZE_ERROR)


def test_settings_ack_with_a_body(raw):
    connection_error(raw, frame(SETTINGS, attack.ACK, 0, setting(4, 1)), FRAME_SIZE_ERROR)


@pytest.mark.parametrize("size", [4, 6])
def test_priority_of_the_wrong_size(raw, size):
    """6.3: a stream error; ours is of the whole connection, which 5.4.1 allows."""
    raw.send(post())
    with contextlib.suppress(AssertionError):
        connection_error(raw, frame(PRIORITY, 0, 1, b"\0" * size), FRAME_SIZE_ERROR)
        return
    assert raw.resets.get(1) == FRAME_SIZE_ERROR


@pytest.mark.parametrize("data", [
    frame(DATA, 0, 0, b"x"), frame(HEADERS, WHOLE, 0, GET), frame(PRIORITY, 0, 0, b"\0" * 5), frame(RST_STREAM, 0, 0, u32(8)),
    frame(CONTINUATION, END_HEADERS, 0, GET), frame(SETTINGS, 0, 1), frame(PING, 0, 1, b"12345678"),
    frame(GOAWAY, 0, 1, u32(0) + u32(0))], ids=["data", "headers", "priority", "rst", "continuation", "settings", "ping", "goaway"])
def test_frames_on_the_wrong_kind_of_stream(raw, data):
    connection_error(raw, data, PROTOCOL_ERROR)


def test_a_client_may_not_push(raw):
    connection_error(raw, get() + frame(PUSH_PROMISE, END_HEADERS, 1, u32(2) + GET), PROTOCOL_ERROR)


# --- padding (6.1, 6.2)

@pytest.mark.parametrize("payload", [b"\x05abcd", b"\xff" + b"a" * 10, b"\x01"], ids=["one too long", "far", "nothing"])
def test_padding_longer_than_the_data(raw, payload):
    connection_error(raw, post() + frame(DATA, PADDED, 1, payload), PROTOCOL_ERROR)


def test_padding_longer_than_the_headers(raw):
    connection_error(raw, frame(HEADERS, WHOLE | PADDED, 1, bytes([len(GET) + 1]) + GET), PROTOCOL_ERROR)


def test_padding_is_taken_off(raw):
    raw.send(frame(HEADERS, END_HEADERS | PADDED, 1, b"\x07" + POST + b"\0" * 7))
    raw.send(frame(DATA, END_STREAM | PADDED, 1, b"\xff" + BODY + b"\0" * 255))
    assert raw.answered(1)[2:4] == b"\x81\x80"


# --- states of a stream (5.1)

@pytest.mark.parametrize("data", [frame(DATA, 0, 1, b"x"), frame(RST_STREAM, 0, 1, u32(8)), frame(WINDOW_UPDATE, 0, 1, u32(1)),
                                  frame(CONTINUATION, END_HEADERS, 1, GET)], ids=["data", "rst", "window", "continuation"])
def test_idle(raw, data):
    connection_error(raw, data, PROTOCOL_ERROR)


def test_priority_is_for_any_stream(raw):
    ignored(raw, frame(PRIORITY, 0, 5, u32(3) + b"\x10") + frame(PRIORITY, 0, 1, u32(0) + b"\x10"))


@pytest.fixture
def waiting(request, raw, module_upstream):
    """A connection whose stream 1 is half-closed (remote): its question waits. Stream 3 is free. Each test has a name of its
    own: the answer for the test before may still be on its way."""
    gate, name = Gate(), f"wait{zlib.crc32(request.node.name.encode())}.rules.example"
    module_upstream.script(name, hold(gate, answer("A 192.0.2.7", ttl=0)))
    raw.send(get(block=attack.request(target=target(name))))
    module_upstream.wait_seen(name, 1)
    yield raw
    gate.set()


@pytest.mark.parametrize("data", [frame(DATA, 0, 1, b"x"), frame(DATA, END_STREAM, 1), get(1)], ids=["data", "end", "headers"])
def test_half_closed(waiting, data):
    """5.1: a stream error STREAM_CLOSED; taking it for one of the connection is allowed (5.4.1)."""
    raw = waiting
    raw.send(data)
    try:
        raw.read_until(lambda: 1 in raw.resets or raw.goaway is not None)
    except Cut:
        pass
    assert STREAM_CLOSED in (raw.resets.get(1), raw.goaway)


def test_half_closed_takes_control_frames(waiting):
    waiting.send(frame(WINDOW_UPDATE, 0, 1, u32(5)) + frame(PRIORITY, 0, 1, u32(0) + b"\x10"))
    waiting.send(get(3))
    waiting.answered(3)
    assert not waiting.resets


def test_closed_to_data(raw):
    """5.1 has it an error of the connection. nghttp2 throws it away and tells nobody, so that we can only count the bytes:
    data_after_end in test_hostile.py."""
    raw.send(get())
    raw.answered(1)
    ignored(raw, frame(DATA, 0, 1, b"x"), 3)


@pytest.mark.parametrize("data", [get(1), frame(CONTINUATION, END_HEADERS, 1, GET)], ids=["headers", "continuation"])
def test_closed(raw, data):
    raw.send(get())
    raw.answered(1)
    connection_error(raw, data + frame(PING, 0, 0, b"anything"), STREAM_CLOSED, PROTOCOL_ERROR)


@pytest.mark.parametrize("data", [frame(WINDOW_UPDATE, 0, 1, u32(1)), frame(RST_STREAM, 0, 1, u32(8)),
                                  frame(PRIORITY, 0, 1, u32(0) + b"\x10")], ids=["window", "rst", "priority"])
def test_closed_takes_late_control_frames(raw, data):
    raw.send(get())
    raw.answered(1)
    ignored(raw, data, 3)


def test_after_a_reset_by_us_what_was_under_way_is_let_pass(raw):
    """5.1, closed: frames sent before the reset arrived."""
    stream_error(raw, frame(HEADERS, WHOLE, 1, block([(":method", "GET")])), 1, PROTOCOL_ERROR)
    raw.send(frame(DATA, 0, 1, b"x" * 100) + frame(RST_STREAM, 0, 1, u32(8)) + get(5))
    raw.answered(5)
    assert raw.alive()


def test_reset_by_the_client_ends_a_stream(waiting):
    waiting.send(frame(RST_STREAM, 0, 1, u32(CANCEL)) + get(3))
    waiting.answered(3)
    assert waiting.alive() and 1 not in waiting.ended and not waiting.resets


@pytest.mark.parametrize("late,codes", [(get(1), {STREAM_CLOSED, PROTOCOL_ERROR}), (frame(DATA, 0, 1, b"x"), {STREAM_CLOSED, None}),
                                        (frame(CONTINUATION, END_HEADERS, 1, GET), {STREAM_CLOSED, PROTOCOL_ERROR})],
                         ids=["headers", "data", "continuation"])
def test_closed_by_the_client(waiting, late, codes):
    """5.1, closed: who has reset a stream knows that it is. None: thrown away, see test_closed_to_data."""
    waiting.send(frame(RST_STREAM, 0, 1, u32(CANCEL)) + late)
    try:
        waiting.send(get(3))
        waiting.answered(3)
    except Cut as cut:
        assert cut.code in codes - {None}
    else:
        assert None in codes or waiting.resets.get(1) in codes


@pytest.mark.parametrize("code", [NO_ERROR, 0x42, 2**32 - 1])
def test_error_codes_nobody_knows(waiting, code):
    """7: they mean nothing special, in a reset or at the end."""
    waiting.send(frame(RST_STREAM, 0, 1, u32(code)) + get(3))
    waiting.answered(3)
    waiting.send(get(5) + frame(GOAWAY, 0, 0, u32(0) + u32(code) + b"because"))
    waiting.answered(5)
    with pytest.raises(Cut) as cut:
        waiting.drain()
    assert cut.value.code in (None, NO_ERROR) and not waiting.resets


@pytest.mark.parametrize("stream", [2, 4, 1000])
def test_even_streams_are_the_servers(raw, stream):
    connection_error(raw, get(stream), PROTOCOL_ERROR)


def test_streams_only_go_up(raw):
    """5.1.1: a lower one that was never opened counts as closed."""
    raw.send(get(5))
    raw.answered(5)
    connection_error(raw, get(3), PROTOCOL_ERROR, STREAM_CLOSED)


def test_more_streams_than_announced(raw, module_upstream):
    gate = Gate()
    for n in range(110):
        module_upstream.script(f"m{n}.rules.example", hold(gate, answer("A 192.0.2.8", ttl=0)))
    raw.send(b"".join(get(2 * n + 1, block=request(target=target(f"m{n}.rules.example"))) for n in range(110)))
    raw.read_until(lambda: len(raw.resets) == 10)
    assert set(raw.resets.values()) <= {attack.REFUSED_STREAM, PROTOCOL_ERROR}
    gate.set()
    for n in range(100):
        raw.answered(2 * n + 1)


def test_own_stream_may_not_be_depended_on(raw):
    """RFC 7540 5.3.1 had this a stream error; RFC 9113 5.3.2 lets it be ignored. Either way nothing else suffers."""
    raw.send(frame(PRIORITY, 0, 1, u32(1) + b"\x10") + frame(HEADERS, WHOLE | WITH_PRIORITY, 3, u32(3) + b"\x10" + GET) + get(5))
    try:
        raw.answered(5)
    except Cut as cut:
        assert cut.code == PROTOCOL_ERROR


# --- header blocks (4.3, 6.10)

def test_continuation(raw):
    raw.send(frame(HEADERS, END_STREAM, 1, GET[:7]) + frame(CONTINUATION, 0, 1, GET[7:9]) + frame(CONTINUATION, END_HEADERS, 1, GET[9:]))
    raw.answered(1)


@pytest.mark.parametrize("between", [get(3), frame(DATA, 0, 1, b"x"), frame(PING, 0, 0, b"12345678"), frame(SETTINGS),
                                     frame(0x42, 0, 0, b"x"), frame(CONTINUATION, END_HEADERS, 3, GET)],
                         ids=["headers", "data", "ping", "settings", "unknown", "other stream"])
def test_nothing_may_come_into_a_header_block(raw, between):
    connection_error(raw, frame(HEADERS, END_STREAM, 1, GET[:7]) + between, PROTOCOL_ERROR)


@pytest.mark.parametrize("before", [get(), post(), post() + frame(DATA, 0, 1, b"x")], ids=["whole", "open", "data"])
def test_continuation_without_headers(raw, before):
    connection_error(raw, before + frame(CONTINUATION, END_HEADERS, 1, GET), PROTOCOL_ERROR, STREAM_CLOSED)


@pytest.mark.parametrize("bad", [b"\x80", b"\xff\xff\xff\xff\xff\x7f", b"\xbe", b"\x40\x7f", b"\x3f\xe2\x1f", b"\x00\x85\xff\xff\xff\xff\xff\x00",
                                 b"\x00\x01a\x82\x1f\xff", b"\x00\x01a\x81\x18", GET + b"\x20"],
                         ids=["index 0", "huge index", "beyond the table", "cut", "table too large", "huffman", "huffman padded twice",
                              "huffman padded by zeros", "size update at the end"])
def test_compression_errors(raw, bad):
    connection_error(raw, frame(HEADERS, WHOLE, 1, bad), COMPRESSION_ERROR)


def test_table_size_update_within_bounds(raw):
    raw.send(frame(HEADERS, WHOLE, 1, b"\x20\x3f\xe1\x07" + GET))
    raw.answered(1)


def answers_of(raw, count):
    """So many in turn on one connection: their fields, and the bytes of each header block."""
    for stream in range(1, 2 * count, 2):
        raw.send(get(stream))
        raw.answered(stream)
    return [(raw.headers[2 * n + 1], raw.blocks[2 * n + 1]) for n in range(count)]


def test_the_media_type_is_spelled_once(open_raw):
    (first, spelled), *more = answers_of(open_raw(b""), 4)
    assert first["content-type"] == doh.MEDIA
    for fields_, again in more:
        assert set(fields_) == set(first) and fields_["content-type"] == doh.MEDIA
        assert len(again) <= 20 < len(spelled)


def test_a_client_without_a_table_is_spared_ours(open_raw):
    """RFC 7541 4.2: the table has what the client allows, in which nothing fits."""
    answers = answers_of(open_raw(setting(attack.HEADER_TABLE_SIZE, 0)), 3)
    assert all(fields_["content-type"] == doh.MEDIA for fields_, _ in answers)
    assert all(len(again) >= 30 for _, again in answers)


# --- header fields (8.2, 8.3)

def fields(*changes, base=((":method", "GET"), (":scheme", "https"), (":authority", "localhost"), (":path", target()))):
    return block([*base, *changes])


def without(name):
    return block([f for f in [(":method", "GET"), (":scheme", "https"), (":authority", "localhost"), (":path", target())] if f[0] != name])


MALFORMED = {
    "upper case": fields(("X-Upper", "a")),
    "empty name": fields(("", "a")),
    "space in a name": fields(("x y", "a")),
    "colon in a name": fields(("x:y", "a")),
    "control in a name": fields(("x\x01y", "a")),
    "NUL in a value": fields(("x", "a\0b")),
    "CR in a value": fields(("x", "a\rb")),
    "LF in a value": fields(("x", "a\nb")),
    "pseudo after regular": block([("x", "y"), (":method", "GET"), (":scheme", "https"), (":authority", "localhost"), (":path", target())]),
    "one pseudo after regular": block([(":method", "GET"), (":scheme", "https"), ("x", "y"), (":path", target())]),
    "unknown pseudo": fields((":x", "y")),
    "pseudo of answers": fields((":status", "200")),
    "protocol without its setting": fields((":protocol", "websocket")),
    "no method": without(":method"),
    "no scheme": without(":scheme"),
    "no path": without(":path"),
    "method twice": fields((":method", "GET")),
    "scheme twice": fields((":scheme", "https")),
    "path twice": fields((":path", "/")),
    "authority twice": fields((":authority", "localhost")),
    "empty path": block([(":method", "GET"), (":scheme", "https"), (":authority", "localhost"), (":path", "")]),
    "path without a slash": block([(":method", "GET"), (":scheme", "https"), (":authority", "localhost"), (":path", "dns-query")]),
    "asterisk for GET": block([(":method", "GET"), (":scheme", "https"), (":authority", "localhost"), (":path", "*")]),
    "connection": fields(("connection", "close")),
    "keep-alive": fields(("keep-alive", "timeout=5")),
    "proxy-connection": fields(("proxy-connection", "close")),
    "transfer-encoding": fields(("transfer-encoding", "chunked")),
    "upgrade": fields(("upgrade", "h2c")),
    "te other than trailers": fields(("te", "trailers, gzip")),
    "two lengths": fields(("content-length", "0"), ("content-length", "0")),
    "length that is no number": fields(("content-length", "1x")),
    "length below 0": fields(("content-length", "-1")),
    "empty block": b"",
}


@pytest.mark.parametrize("why", MALFORMED)
def test_malformed_requests(raw, why):
    """8.1.1: a stream error PROTOCOL_ERROR; or an answer 400 before that."""
    raw.send(get(block=MALFORMED[why]))
    raw.read_until(lambda: 1 in raw.resets or 1 in raw.ended)
    assert raw.resets.get(1) == PROTOCOL_ERROR or raw.status.get(1) == 400, (raw.resets, raw.status)
    raw.send(get(3))
    raw.answered(3)


def test_connect(raw):
    """8.5: well-formed without a scheme and a path; we are no proxy."""
    raw.send(get(block=block([(":method", "CONNECT"), (":authority", "localhost:443")])))
    raw.read_until(lambda: 1 in raw.resets or 1 in raw.ended)
    assert raw.resets.get(1) == PROTOCOL_ERROR or raw.status.get(1) in (400, 404, 405, 501), (raw.resets, raw.status)
    raw.send(get(3))
    raw.answered(3)


@pytest.mark.parametrize("more", [("te", "trailers"), ("x-empty", ""), ("cookie", "a=b"), ("x", "\t a"), ("x", "\xff".encode())],
                         ids=["te", "empty", "cookie", "spaces", "obs-text"])
def test_well_formed_requests(raw, more):
    raw.send(get(block=fields(more)))
    if more[1] == "\t a":    # 8.2.1: a value may not begin with a space
        raw.read_until(lambda: 1 in raw.resets or 1 in raw.ended)
        assert raw.resets.get(1, PROTOCOL_ERROR) == PROTOCOL_ERROR
    else:
        raw.answered(1)


@pytest.mark.parametrize("told,sent", [(len(BODY) + 1, BODY), (len(BODY) - 1, BODY), (0, BODY), (5, b"")],
                         ids=["more", "less", "none", "no body"])
def test_length_that_is_not_the_bodys(raw, told, sent):
    stream_error(raw, post(length=told) + frame(DATA, END_STREAM, 1, sent), 1, PROTOCOL_ERROR)


def test_length_over_several_frames(raw):
    stream_error(raw, post(length=len(BODY)) + frame(DATA, 0, 1, BODY) + frame(DATA, END_STREAM, 1, b"x"), 1, PROTOCOL_ERROR)
    raw.send(post(5, length=len(BODY)) + frame(DATA, 0, 5, BODY[:9]) + frame(DATA, 0, 5) + frame(DATA, END_STREAM, 5, BODY[9:]))
    raw.answered(5)


def test_length_without_a_body(raw):
    stream_error(raw, get(block=request("POST", extra=[("content-type", doh.MEDIA), ("content-length", "5")])), 1, PROTOCOL_ERROR)


def test_trailers(raw):
    raw.send(post() + frame(DATA, 0, 1, BODY) + frame(HEADERS, WHOLE, 1, block([("x-trailer", "a")])))
    raw.answered(1)


@pytest.mark.parametrize("flags,trailer", [(END_HEADERS, [("x", "y")]), (WHOLE, [(":path", "/")]), (WHOLE, [(":status", "200")])],
                         ids=["not the end", "pseudo", "status"])
def test_malformed_trailers(raw, flags, trailer):
    stream_error(raw, post() + frame(DATA, 0, 1, BODY) + frame(HEADERS, flags, 1, block(trailer)), 1, PROTOCOL_ERROR)


# --- settings (6.5)

@pytest.mark.parametrize("key,value,code", [
    (ENABLE_PUSH, 2, PROTOCOL_ERROR), (ENABLE_PUSH, 2**32 - 1, PROTOCOL_ERROR), (attack.INITIAL_WINDOW_SIZE, 2**31, FLOW_CONTROL_ERROR),
    (attack.INITIAL_WINDOW_SIZE, 2**32 - 1, FLOW_CONTROL_ERROR), (MAX_FRAME_SIZE, 16383, PROTOCOL_ERROR), (MAX_FRAME_SIZE, 2**24, PROTOCOL_ERROR)])
def test_settings_out_of_range(raw, key, value, code):
    connection_error(raw, frame(SETTINGS, 0, 0, setting(key, value)), code)


@pytest.mark.parametrize("value", [setting(0x4242, 1), setting(0, 0), setting(MAX_FRAME_SIZE, 2**24 - 1), setting(attack.MAX_CONCURRENT, 0),
                                   setting(attack.INITIAL_WINDOW_SIZE, 2**31 - 1), setting(attack.HEADER_TABLE_SIZE, 2**32 - 1),
                                   setting(MAX_HEADER_LIST, 1)], ids=["unknown", "zero", "frame", "concurrent", "window", "table", "list"])
def test_settings_within_their_range(raw, value):
    ignored(raw, frame(SETTINGS, 0, 0, value))
    raw.read_until(lambda: raw.acks == 2)


def test_the_last_of_a_setting_counts(open_raw):
    raw = open_raw(setting(attack.INITIAL_WINDOW_SIZE, 0) + setting(attack.INITIAL_WINDOW_SIZE, 65535))
    raw.send(get())
    raw.answered(1)


# --- flow control (5.2, 6.9)

def test_no_window_no_data(open_raw):
    raw = open_raw(setting(attack.INITIAL_WINDOW_SIZE, 0))
    raw.send(get())
    raw.read_until(lambda: 1 in raw.status)
    assert raw.alive() and 1 not in raw.body
    raw.send(frame(WINDOW_UPDATE, 0, 1, u32(1)))
    raw.read_until(lambda: 1 in raw.body)
    assert raw.alive() and len(raw.body[1]) == 1
    raw.send(frame(SETTINGS, 0, 0, setting(attack.INITIAL_WINDOW_SIZE, 65535)))
    assert len(raw.answered(1)) > 12


def test_a_window_may_become_negative(open_raw):
    """6.9.2: what was sent under the larger window counts against the smaller one."""
    raw = open_raw(setting(attack.INITIAL_WINDOW_SIZE, 10))
    raw.send(get())
    raw.read_until(lambda: len(raw.body.get(1, b"")) == 10)
    raw.send(frame(SETTINGS, 0, 0, setting(attack.INITIAL_WINDOW_SIZE, 3)) + frame(WINDOW_UPDATE, 0, 1, u32(7)))
    assert raw.alive() and len(raw.body[1]) == 10
    raw.send(frame(WINDOW_UPDATE, 0, 1, u32(1)))
    raw.read_until(lambda: len(raw.body[1]) == 11)
    raw.send(frame(WINDOW_UPDATE, 0, 1, u32(1000)))
    raw.answered(1)


def test_connections_window(raw, module_upstream):
    """All streams share it: 65,535 bytes in all until the client gives more."""
    module_upstream.script("wide.rules.example", answer(*[f"A 198.51.100.{n}" for n in range(200)]))
    wide = request(target=target("wide.rules.example"))
    raw.send(get(1, block=wide))
    size = len(raw.answered(1))
    assert size > 3000
    streams = range(3, 3 + 2 * (65535 // size + 2), 2)
    raw.send(b"".join(get(s, block=wide) for s in streams))
    raw.read_until(lambda: sum(map(len, raw.body.values())) == 65535)
    assert raw.alive() and sum(map(len, raw.body.values())) == 65535
    raw.send(frame(WINDOW_UPDATE, 0, 0, u32(10**6)))
    for s in streams:
        assert len(raw.answered(s)) == size


def test_window_update_of_0_for_a_stream(open_raw):
    raw = open_raw(setting(attack.INITIAL_WINDOW_SIZE, 0))
    raw.send(get())
    try:
        stream_error(raw, frame(WINDOW_UPDATE, 0, 1, u32(0)) + frame(SETTINGS, 0, 0, setting(attack.INITIAL_WINDOW_SIZE, 65535)), 1, PROTOCOL_ERROR)
    except Cut as cut:
        assert cut.code == PROTOCOL_ERROR


def test_window_update_of_0_for_the_connection(raw):
    connection_error(raw, frame(WINDOW_UPDATE, 0, 0, u32(0)), PROTOCOL_ERROR)


def test_connections_window_over_the_greatest(raw):
    connection_error(raw, frame(WINDOW_UPDATE, 0, 0, u32(2**31 - 1)), FLOW_CONTROL_ERROR)


def test_streams_window_over_the_greatest(open_raw):
    raw = open_raw(setting(attack.INITIAL_WINDOW_SIZE, 0))
    raw.send(get() + frame(WINDOW_UPDATE, 0, 0, u32(10**6)))
    raw.read_until(lambda: 1 in raw.status)
    stream_error(raw, frame(WINDOW_UPDATE, 0, 1, u32(2**31 - 1)) + frame(WINDOW_UPDATE, 0, 1, u32(2**31 - 1)) +
                 frame(SETTINGS, 0, 0, setting(attack.INITIAL_WINDOW_SIZE, 65535)), 1, FLOW_CONTROL_ERROR)


def test_streams_window_over_the_greatest_by_settings(waiting):
    """6.9.2 has it an error of the connection; nghttp2 ends the streams whose window it is."""
    waiting.send(frame(WINDOW_UPDATE, 0, 1, u32(2**31 - 1 - 65535)))
    assert waiting.alive()
    stream_error(waiting, frame(SETTINGS, 0, 0, setting(attack.INITIAL_WINDOW_SIZE, 65536)), 1, FLOW_CONTROL_ERROR)


def test_more_data_than_the_streams_window(raw):
    """Ours is 65,535 bytes for a stream; the connection's may be larger."""
    raw.read_until(lambda: raw.settings)
    window = raw.settings.get(attack.INITIAL_WINDOW_SIZE, 65535)
    data = post() + b"".join(frame(DATA, 0, 1, b"\0" * 16384) for _ in range(window // 16384 + 2))
    raw.send(data)
    try:
        raw.read_until(lambda: 1 in raw.resets or 1 in raw.ended or raw.goaway is not None)
    except Cut:
        pass
    assert FLOW_CONTROL_ERROR in (raw.resets.get(1), raw.goaway) or raw.status.get(1) == 413


@pytest.mark.parametrize("how", ["refused", "reset by the client", "padded", "after the end"])
def test_data_that_nobody_wants_gives_its_window_back(raw, how):
    """6.9: it counts against the connection's window, which would run dry for good."""
    wrong = request("POST", extra=[("content-type", "text/plain")])
    for n in range(60):
        stream, chunk = attack.odd(n), frame(DATA, 0, attack.odd(n), b"x" * 12000)
        raw.read_until(lambda: raw.window >= 12000)
        raw.window -= 12000
        if how == "refused":
            raw.send(frame(HEADERS, END_HEADERS, stream, wrong) + chunk + frame(DATA, END_STREAM, stream))
        elif how == "padded":
            raw.send(post(stream) + frame(DATA, PADDED | END_STREAM, stream, b"\xff" + b"x" * 11744 + b"\0" * 255))
        elif how == "after the end":
            raw.send(get(stream))
            raw.answered(stream)
            raw.send(chunk)
        else:
            raw.send(post(stream) + chunk + frame(RST_STREAM, 0, stream, u32(CANCEL)))
    raw.send(post(201) + frame(DATA, END_STREAM, 201, BODY))
    raw.answered(201)


# --- the end (6.8)

def test_a_client_that_leaves_gets_its_answers(waiting, module_upstream):
    """GOAWAY says that it takes no more streams of ours: none, ever. What it asked stands."""
    waiting.send(get(3) + frame(GOAWAY, 0, 0, u32(0) + u32(NO_ERROR)))
    waiting.answered(3)
    assert waiting.alive()


def test_goaway_tells_the_last_stream(raw):
    raw.send(get(7))
    raw.answered(7)
    connection_error(raw, frame(SETTINGS, 0, 1), PROTOCOL_ERROR)
    assert raw.last == 7


def test_ping(raw):
    raw.send(frame(PING, 0, 0, b"abcdefgh") + frame(PING, attack.ACK, 0, b"unasked!"))
    raw.read_until(lambda: raw.pings == 1)
    assert raw.pongs == [b"abcdefgh"] and raw.alive()


def test_who_is_asked_to_leave_gets_what_he_had_asked(make_polynya, upstream, ca):
    """Requests that were under way when the connection had made its last are answered, not sent elsewhere; then it ends."""
    daemon = make_polynya(upstream, limits={"requests": 5})
    with Raw(attack.Target(daemon.port, ca).tls()) as raw:
        raw.send(b"".join(get(attack.odd(n)) for n in range(50)))
        for n in range(50):
            raw.answered(attack.odd(n))
        with pytest.raises(attack.Cut) as cut:
            raw.drain()
        assert cut.value.code == NO_ERROR and raw.last == attack.odd(49)
    assert daemon.metric("connections_spent_total") == 1


def test_who_does_not_listen_is_sent_away(make_polynya, upstream, ca):
    daemon = make_polynya(upstream, limits={"requests": 5})
    with Raw(attack.Target(daemon.port, ca).tls()) as raw:
        with pytest.raises(attack.Cut) as cut:
            for n in range(1000):
                raw.send(get(attack.odd(n)))
                raw.answered(attack.odd(n))
        assert cut.value.code == NO_ERROR and 5 <= len(raw.ended) <= 105
