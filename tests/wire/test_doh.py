# SPDX-License-Identifier: GPL-3.0-or-later
"""DNS over HTTPS as HTTP (RFC 8484): methods, encodings, framing, and every way a request is refused."""
import re
import socket

import pytest

from lib import doh
from lib.upstream import Gate, answer, big, hold

ADDRESS = "192.0.2.1"   # what the fake upstream says of names without a script


def transports():
    return pytest.mark.parametrize("kind", ["h2-tls", "h1-tls", "h2c", "h1c"])


def client(daemon, ca, kind):
    if kind == "h2-tls":
        return doh.h2_tls(daemon.port, ca)
    if kind == "h1-tls":
        return doh.h1_tls(daemon.port, ca)
    return doh.h2c(daemon.plain_port) if kind == "h2c" else doh.h1c(daemon.plain_port)


def addresses(reply):
    return sorted(str(rr) for rrset in reply.dns.answer for rr in rrset if rrset.rdtype == 1)


def assert_refused(reply, status):
    """An error: small, plain, and silent about what serves it."""
    assert reply.status == status
    assert len(reply.body) < 200
    assert reply.headers.get("cache-control") == "no-store"
    everything = " ".join(f"{k}={v}" for k, v in reply.headers.items()) + reply.body.decode()
    assert "server" not in reply.headers and "via" not in reply.headers
    assert not re.search(r"(?i)polynya|nghttp|openssl|libev|\d+\.\d+", everything)


# --- methods

@transports()
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_answers(shared, ca, kind, method):
    with client(shared, ca, kind) as c:
        query = doh.question("plain.example")
        reply = c.ask(query, method)
        assert addresses(reply) == [ADDRESS]
        assert reply.dns.id == query.id
        assert int(reply.headers["content-length"]) == len(reply.body)


@transports()
def test_head_has_the_headers_of_get(shared, ca, kind):
    query = doh.question("head.example")
    with client(shared, ca, kind) as c:
        target = f"/dns-query?dns={doh.b64(query.to_wire())}"
        got = c.ask(query)
        if isinstance(c, doh.H2):
            head = c.wait(c.open(c.headers("HEAD", target)))
        else:
            c.request("HEAD", target)
            head = c.read("HEAD")
            assert addresses(c.ask(query)) == [ADDRESS], "no body may follow the HEAD"
        assert head.status == 200 and head.body == b""
        for name in ("content-type", "content-length"):
            assert head.headers[name] == got.headers[name]


# --- the dns parameter

@pytest.mark.parametrize("template", [
    "/dns-query?dns={q}", "/dns-query?ct=application/dns-message&dns={q}", "/dns-query?a=1&b&dns={q}&c=2",
    "/dns-query?dns={q}&random_padding=xxxxxxxx", "/dns-query?&&dns={q}&", "/dns-query?xdns=AAAA&dns={q}",
])
def test_dns_parameter_in_any_position(h2, template):
    query = doh.b64(doh.question("position.example").to_wire())
    reply = h2.wait(h2.open(h2.headers(target=template.format(q=query))))
    assert addresses(reply) == [ADDRESS]


@pytest.mark.parametrize("name", ["p.example", "pa.example", "pad.example"])
@pytest.mark.parametrize("padding", [False, True, "percent"])
def test_base64_with_or_without_padding(h2, name, padding):
    text = doh.b64(doh.question(name).to_wire(), padding=bool(padding))
    text = text.replace("=", "%3D") if padding == "percent" else text
    assert addresses(h2.wait(h2.open(h2.headers(target=f"/dns-query?dns={text}")))) == [ADDRESS]


@pytest.mark.parametrize("target", [
    "/dns-query", "/dns-query?", "/dns-query?dns=", "/dns-query?dns", "/dns-query?DNS=AAAB", "/dns-query?dns=%%%",
    "/dns-query?dns=AAABAAABAAAAAAAAAWEHZXhhbXBsZQAAAQAB!", "/dns-query?dns=A", "/dns-query?dns=AAAA",
    "/dns-query?dns=AAA=AAA", "/dns-query?dns=" + "A" * 15,
])
def test_bad_parameter(h2, h1, target):
    assert_refused(h2.wait(h2.open(h2.headers(target=target))), 400)
    h1.request("GET", target)
    assert_refused(h1.read(), 400)


def test_header_alone_is_formerr_or_refused(h2):
    """Twelve bytes are a DNS message, if a useless one: no HTTP error."""
    reply = h2.ask(b"\x12\x34\x01\x00" + bytes(8))
    assert reply.dns.rcode() == 1 and reply.dns.id == 0x1234


def test_response_sent_as_query(h2):
    message = bytearray(doh.question("qr.example").to_wire())
    message[2] |= 0x80
    for method in ("GET", "POST"):
        assert_refused(h2.ask(bytes(message), method), 400)


# --- refusals of HTTP

@transports()
@pytest.mark.parametrize("target", ["/", "/dns-query/", "/dns-query/x", "/dns-quer", "/DNS-QUERY", "//dns-query", "/favicon.ico"])
def test_unknown_path(shared, ca, kind, target):
    with client(shared, ca, kind) as c:
        if isinstance(c, doh.H2):
            assert_refused(c.wait(c.open(c.headers(target=target))), 404)
        else:
            c.request("GET", target)
            assert_refused(c.read(), 404)


@transports()
@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH"])
def test_method_not_allowed(shared, ca, kind, method):
    with client(shared, ca, kind) as c:
        if isinstance(c, doh.H2):
            reply = c.wait(c.open(c.headers(method)))
        else:
            c.request(method, "/dns-query", [("Content-Length", 0)])
            reply = c.read(method)
        assert_refused(reply, 405)
        assert {m.strip() for m in reply.headers["allow"].split(",")} == {"GET", "HEAD", "POST"}


@transports()
@pytest.mark.parametrize("content_type", ["text/plain", "application/dns-json", "application/dns-messagex", ""])
def test_wrong_media_type(shared, ca, kind, content_type):
    with client(shared, ca, kind) as c:
        assert_refused(c.ask(doh.question("media.example"), "POST", content_type=content_type), 415)


@pytest.mark.parametrize("content_type", ["Application/DNS-Message", "application/dns-message; charset=x", "application/dns-message ;a=b"])
def test_media_type_is_case_insensitive_and_may_have_parameters(h2, content_type):
    assert addresses(h2.ask(doh.question("media.example"), "POST", content_type=content_type)) == [ADDRESS]


@pytest.mark.parametrize("accept", ["*/*", "application/dns-message", "text/html", "image/png;q=0.1"])
def test_accept_never_refused(h2, accept):
    assert addresses(h2.ask(doh.question("accept.example"), extra=[("accept", accept)])) == [ADDRESS]


def test_body_too_large_h2(shared, ca):
    """Refused as soon as that is known: by content-length, or by the byte too many."""
    with doh.h2_tls(shared.port, ca) as c:
        announced = c.open(c.headers("POST", content_type=doh.MEDIA, length=65536), end=False)
        assert_refused(c.wait(announced), 413)
        sent = c.open(c.headers("POST", content_type=doh.MEDIA), end=False)
        body = bytes(65536)
        while body and not c.replies[sent].ended:
            room = min(c.conn.local_flow_control_window(sent), 16384, len(body))
            if room == 0:
                assert c.step()
                continue
            c.data(sent, body[:room])
            body = body[room:]
        assert_refused(c.wait(sent), 413)
        assert addresses(c.ask(doh.question("after.example"))) == [ADDRESS], "the connection lives on"


def test_body_too_large_h1(shared, ca):
    with doh.h1_tls(shared.port, ca) as c:
        c.request("POST", "/dns-query", [("Content-Type", doh.MEDIA), ("Content-Length", 65536)])
        assert_refused(c.read(), 413)
    with doh.h1_tls(shared.port, ca) as c:
        c.request("POST", "/dns-query", [("Content-Type", doh.MEDIA), ("Content-Length", "99999999999999999999999")])
        assert c.read().status in (400, 413)


def test_uri_too_long(shared, ca):
    with doh.h1_tls(shared.port, ca) as c:
        c.request("GET", "/dns-query?dns=" + "A" * 20000)
        assert_refused(c.read(), 414)


def test_header_fields_too_large_h1(shared, ca):
    with doh.h1_tls(shared.port, ca) as c:
        c.request("GET", "/dns-query?dns=AAAA", [(f"X-{i}", "y" * 1000) for i in range(20)])
        assert_refused(c.read(), 431)


def test_header_fields_too_large_h2(shared, ca):
    with doh.h2_tls(shared.port, ca) as c:
        reply = c.wait(c.get(doh.question("headers.example"), extra=[(f"x-{i}", "y" * 1000) for i in range(20)]))
        assert_refused(reply, 431)
        assert addresses(c.ask(doh.question("headers.example"))) == [ADDRESS]


def test_transfer_coding_not_implemented(shared, ca):
    with doh.h1_tls(shared.port, ca) as c:
        c.request("POST", "/dns-query", [("Content-Type", doh.MEDIA), ("Transfer-Encoding", "gzip, chunked")])
        assert_refused(c.read(), 501)


@pytest.mark.parametrize("version", ["HTTP/2.0", "HTTP/3.0", "HTTP/9.9"])
def test_version_not_supported(shared, ca, version):
    with doh.h1_tls(shared.port, ca) as c:
        c.send(f"GET /dns-query?dns=AAAA {version}\r\nHost: x\r\n\r\n".encode())
        assert_refused(c.read(), 505)


@pytest.mark.parametrize("head", [
    b"GET\r\n\r\n", b"GET /\r\n\r\n", b"GET / HTTP/1.1\r\nno colon\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", b"\x00\x01\x02\x03\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n folded: b\r\n\r\n", b"GE T / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /dns-query HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
    b"POST /dns-query HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    b"POST /dns-query HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n",
])
def test_malformed_http1(shared, head):
    """Refused and closed: nothing after bytes of unclear meaning may be taken for a request (RFC 9112 11.2)."""
    with doh.h1c(shared.plain_port) as c:
        c.send(head)
        assert_refused(c.read(), 400)
        assert c.at_end()


def test_slow_header_times_out(make_polynya, upstream):
    daemon = make_polynya(upstream, limits={"read-timeout": "300ms"})
    with doh.h1c(daemon.plain_port) as c:
        c.send(b"GET /dns-query HTTP/1.1\r\nHost: sl")
        assert_refused(c.read(), 408)
        assert c.at_end()


def test_slow_body_times_out(make_polynya, upstream):
    daemon = make_polynya(upstream, limits={"read-timeout": "300ms"})
    with doh.h1c(daemon.plain_port) as c:
        c.request("POST", "/dns-query", [("Content-Type", doh.MEDIA), ("Content-Length", 40)], b"12345")
        assert_refused(c.read(), 408)
        assert c.at_end()


def test_idle_connection_is_closed(make_polynya, upstream, ca):
    daemon = make_polynya(upstream, limits={"idle-timeout": "200ms"})
    with doh.h1_tls(daemon.port, ca) as c:
        assert addresses(c.ask(doh.question("idle.example"))) == [ADDRESS]
        assert c.at_end()
    with doh.h2_tls(daemon.port, ca) as c:
        assert addresses(c.ask(doh.question("idle.example"))) == [ADDRESS]
        c.wait_closed()
        assert c.goaway is not None and c.goaway.error_code == 0


# --- bodies

def test_post_without_content_length_in_many_frames(h2):
    query = doh.question("frames.example")
    body = query.to_wire()
    stream = h2.open(h2.headers("POST", content_type=doh.MEDIA), end=False)
    for i in range(len(body)):
        h2.data(stream, body[i:i + 1])
    h2.data(stream, b"", end=True)
    reply = h2.wait(stream)
    assert addresses(reply) == [ADDRESS] and reply.dns.id == query.id


def test_chunked_post(h1):
    body = doh.question("chunked.example").to_wire()
    head = f"POST /dns-query HTTP/1.1\r\nHost: a\r\nContent-Type: {doh.MEDIA}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    chunks = b"5;ext=1\r\n" + body[:5] + b"\r\n" + b"%X\r\n" % len(body[5:]) + body[5:] + b"\r\n0\r\nTrailer: x\r\n\r\n"
    for at in range(0, len(head + chunks), 7):
        h1.send((head + chunks)[at:at + 7])
    assert addresses(h1.read()) == [ADDRESS]
    assert addresses(h1.ask(doh.question("after.example"))) == [ADDRESS]


@pytest.mark.parametrize("coding", [b"zz\r\n", b"5\r\nabcdefgh\r\n", b"-1\r\n", b"FFFFFFFFFFFFFFFFFF\r\n", b"5 \nabcde\r\n",
                                    b"5 \r\nabcde\r\n0\r\n\r\n", b"0\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
                                    b"0\r\nX: y\r\n folded: z\r\n\r\n"])
def test_broken_chunks(shared, coding):
    with doh.h1c(shared.plain_port) as c:
        c.request("POST", "/dns-query", [("Content-Type", doh.MEDIA), ("Transfer-Encoding", "chunked")], coding)
        assert c.read().status in (400, 413)
        assert c.at_end()


def test_expect_continue(h1):
    query = doh.question("expect.example").to_wire()
    h1.request("POST", "/dns-query", [("Content-Type", doh.MEDIA), ("Content-Length", len(query)), ("Expect", "100-continue")])
    line = b""
    while not line.endswith(b"\r\n\r\n"):
        line += h1.sock.recv(1)
    assert line.startswith(b"HTTP/1.1 100")
    h1.send(query)
    assert addresses(h1.read()) == [ADDRESS]


@transports()
@pytest.mark.parametrize("size", [513, 4096, 16384, 65535])
def test_large_queries_are_read_whole(shared, ca, kind, size):
    """A query padded by EDNS to any size up to 65535 bytes is a valid query."""
    import dns.edns
    bare = len(doh.question("large.example", edns=True).to_wire())
    query = doh.question("large.example", options=[dns.edns.GenericOption(65001, bytes(size - bare - 4))])
    wire = query.to_wire(max_size=65535)
    assert len(wire) == size
    with client(shared, ca, kind) as c:
        assert addresses(c.ask(wire, "POST")) == [ADDRESS]


@transports()
@pytest.mark.parametrize("size", [2000, 16000, 40000, 65000])
def test_large_answers_arrive_whole(shared, module_upstream, ca, kind, size):
    """Never truncated towards the client (RFC 8484 6), whatever its EDNS size says."""
    module_upstream.script(f"big{size}.example", big(size))
    with client(shared, ca, kind) as c:
        for _ in range(2):
            reply = c.ask(doh.question(f"big{size}.example", "TXT"))
            assert not reply.dns.flags & 0x0200
            assert abs(len(reply.body) - size) < 600
            assert len(reply.dns.answer[0]) == sum(1 for _ in reply.dns.answer[0])


def test_large_answer_through_a_narrow_window(shared, module_upstream, ca):
    module_upstream.script("narrow.example", big(30000))
    with doh.h2_tls(shared.port, ca, window=1000) as c:
        stream = c.get(doh.question("narrow.example", "TXT"))
        other = c.get(doh.question("wide.example"))
        assert addresses(c.wait(other)) == [ADDRESS], "one stream without window must not hold up another"
        while len(c.replies[stream].body) < 1000:
            assert c.step()
        c.ping()
        assert len(c.replies[stream].body) == 1000
        c.conn.increment_flow_control_window(60000, stream)
        c.flush()
        assert len(c.wait(stream).dns.answer[0]) > 100


# --- many at once

def test_interleaved_post_bodies(h2):
    """Bodies of many streams arrive in slices of one another."""
    queries = [doh.question(f"inter{i}.example", id=i) for i in range(20)]
    streams = [h2.open(h2.headers("POST", content_type=doh.MEDIA), end=False) for _ in queries]
    bodies = [q.to_wire() for q in queries]
    for at in range(0, max(map(len, bodies)), 3):
        for stream, body in zip(streams, bodies):
            if at < len(body):
                h2.data(stream, body[at:at + 3], end=at + 3 >= len(body))
    for query, stream in zip(queries, streams):
        reply = h2.wait(stream)
        assert addresses(reply) == [ADDRESS]
        assert reply.dns.id == query.id and reply.dns.question == query.question


def test_answers_come_as_they_are_ready(polynya, upstream, ca):
    gate = Gate()
    upstream.script("slow.example", hold(gate, answer("A 192.0.2.50")))
    with doh.h2_tls(polynya.port, ca) as c:
        slow = c.get(doh.question("slow.example"))
        quick = c.get(doh.question("quick.example"))
        assert addresses(c.wait(quick)) == [ADDRESS]
        gate.set()
        assert addresses(c.wait(slow)) == ["192.0.2.50"]
        assert c.order == [quick, slow]


def test_pipelined_requests_are_answered_in_order(polynya, upstream, ca):
    gate = Gate()
    upstream.script("first.example", hold(gate, answer("A 192.0.2.51")))
    with doh.h1_tls(polynya.port, ca) as c:
        names = ["first.example", "second.example", "third.example"]
        for i, name in enumerate(names):
            c.get(doh.question(name, id=i + 1))
        upstream.wait_seen("first.example")
        gate.set()
        for i, name in enumerate(names):
            reply = c.read()
            assert reply.dns.id == i + 1
            assert str(reply.dns.question[0].name) == name + "."


def test_hundred_streams(shared, ca):
    with doh.h2_tls(shared.port, ca) as c:
        streams = [c.get(doh.question(f"s{i % 10}.example", id=i)) for i in range(100)]
        for i, stream in enumerate(streams):
            assert c.wait(stream).dns.id == i


def test_stream_limit_is_announced_and_kept(make_polynya, upstream, ca):
    import h2.settings
    gate = Gate()
    upstream.script_all(hold(gate, answer("A 192.0.2.1")))
    daemon = make_polynya(upstream, limits={"streams": 5})
    with doh.h2_tls(daemon.port, ca) as c:
        c.ping()
        assert c.conn.remote_settings[h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS] == 5
        for i in range(5):
            c.get(doh.question(f"n{i}.example"))
        c.conn.remote_settings[h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS] = 100
        c.conn.remote_settings.acknowledge()
        extra = c.get(doh.question("n6.example"))
        while c.replies[extra].reset is None and c.goaway is None:
            assert c.step(), "refused by RST_STREAM or GOAWAY (RFC 9113 5.1.2), not by hanging up"
        assert c.replies[extra].status == 0
        assert len(upstream.queries()) <= 5
        gate.set()
    with doh.h2_tls(daemon.port, ca) as c:
        for i in range(5):
            assert c.wait(c.get(doh.question(f"n{i}.example"))).status == 200


def test_reset_while_resolving(polynya, upstream, ca):
    """Resetting a stream frees nothing that others wait for."""
    gate = Gate()
    upstream.script("shared.example", hold(gate, answer("A 192.0.2.52")))
    with doh.h2_tls(polynya.port, ca) as one, doh.h2_tls(polynya.port, ca) as two:
        a, b = one.get(doh.question("shared.example")), one.get(doh.question("shared.example"))
        upstream.wait_seen("shared.example")
        other = two.get(doh.question("shared.example"))
        two.ping()
        one.reset(a)
        one.ping()
        gate.set()
        assert addresses(one.wait(b)) == ["192.0.2.52"]
        assert addresses(two.wait(other)) == ["192.0.2.52"]
        assert one.replies[a].status == 0


def test_client_gone_while_resolving(polynya, upstream, ca):
    gate = Gate()
    upstream.script("gone.example", hold(gate, answer("A 192.0.2.53")))
    for kind in (doh.h2_tls, doh.h1_tls):
        with kind(polynya.port, ca) as c:
            c.get(doh.question("gone.example"))
            upstream.wait_seen("gone.example")
    gate.set()
    with doh.h2_tls(polynya.port, ca) as c:
        assert addresses(c.ask(doh.question("gone.example"))) == ["192.0.2.53"]


def test_keep_alive_and_close(shared, ca):
    with doh.h1_tls(shared.port, ca) as c:
        for _ in range(5):
            assert addresses(c.ask(doh.question("keep.example"))) == [ADDRESS]
        reply = c.ask(doh.question("keep.example"), extra=[("Connection", "close")])
        assert addresses(reply) == [ADDRESS] and reply.headers["connection"].lower() == "close"
        assert c.at_end()


def test_http_1_0_closes(shared, ca):
    with doh.h1_tls(shared.port, ca) as c:
        c.send(f"GET /dns-query?dns={doh.b64(doh.question('old.example').to_wire())} HTTP/1.0\r\n\r\n".encode())
        assert addresses(c.read()) == [ADDRESS]
        assert c.at_end()


def test_absolute_form_target(h1):
    target = f"https://localhost/dns-query?dns={doh.b64(doh.question('abs.example').to_wire())}"
    h1.request("GET", target)
    assert addresses(h1.read()) == [ADDRESS]


# --- transport

@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_tls_versions(shared, ca, version):
    import ssl
    context = doh.tls_context(ca)
    context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, version)
    with doh.H2(doh.connect(shared.port, context=context)) as c:
        assert c.sock.version().replace(".", "_") == version
        assert addresses(c.ask(doh.question("tls.example"))) == [ADDRESS]


def test_no_alpn_means_http1(shared, ca):
    import ssl
    context = ssl.create_default_context(cafile=str(ca))
    with doh.H1(doh.connect(shared.port, context=context)) as c:
        assert addresses(c.ask(doh.question("alpn.example"))) == [ADDRESS]


def test_session_is_resumed(shared, ca):
    import ssl
    context = doh.tls_context(ca)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    first = doh.connect(shared.port, context=context)
    with doh.H2(first) as c:
        c.ask(doh.question("resume.example"))
        session = first.session
    plain = socket.create_connection(("127.0.0.1", shared.port), 10)
    with context.wrap_socket(plain, server_hostname="localhost", session=session) as again:
        assert again.session_reused


@pytest.mark.parametrize("noise", [b"", b"\x00" * 100, b"\x16\x03\x01\xff\xff" + b"A" * 300, b"GET / HTTP/1.1\r\n\r\n", bytes(range(256)) * 8])
def test_noise_on_the_tls_port(shared, ca, noise):
    with socket.create_connection(("127.0.0.1", shared.port), 10) as s:
        s.sendall(noise)
    with doh.h2_tls(shared.port, ca) as c:
        assert addresses(c.ask(doh.question("noise.example"))) == [ADDRESS]


@pytest.mark.parametrize("frames", [
    b"\x00\x00\x04\x03\x00\x00\x00\x00\x01\x00\x00\x00\x08",   # RST_STREAM of an idle stream
    b"\x00\x00\x05\x00\x00\x00\x00\x00\x01hello",               # DATA on an idle stream
    b"\xff\xff\xff\x00\x00\x00\x00\x00\x01",                    # a frame of 16 MiB
    b"\x00\x00\x04\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00",   # WINDOW_UPDATE of 0
    b"\x00\x00\x05\x01\x05\x00\x00\x00\x01\xff\xff\xff\xff\xff",  # HEADERS that HPACK cannot decode
])
def test_broken_h2_frames_end_the_connection(shared, frames):
    with doh.h2c(shared.plain_port) as c:
        c.ping()
        c.sock.sendall(frames)
        c.wait_closed()
    with doh.h2c(shared.plain_port) as c:
        assert addresses(c.ask(doh.question("frames.example"))) == [ADDRESS]


@pytest.mark.parametrize("frame", [
    b"\x00\x00\x08\x06\x00\x00\x00\x00\x00polynya!",   # PING
    b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x04\x00\x00\xff\xff",   # SETTINGS
])
def test_flood_of_useless_frames_ends_the_connection(shared, frame):
    with doh.h2c(shared.plain_port) as c:
        c.ping()
        c.sock.settimeout(20)
        try:
            for _ in range(400):
                c.sock.sendall(frame * 500)
            closed = False
            while not closed:
                closed = not c.sock.recv(65536)
        except ConnectionError:
            closed = True
        assert closed
    assert shared.metric("connections_abusive_total") >= 1


def test_connection_limit(make_polynya, upstream, ca):
    daemon = make_polynya(upstream, limits={"connections-per-prefix": 3})
    held = [doh.h2_tls(daemon.port, ca) for _ in range(3)]
    for c in held:
        assert addresses(c.ask(doh.question("held.example"))) == [ADDRESS]
    with pytest.raises((ConnectionError, OSError)):
        with doh.h2_tls(daemon.port, ca) as c:
            c.ask(doh.question("held.example"))
    assert daemon.metric('connections_refused_total{limit="prefix"}') == 1
    for c in held:
        assert addresses(c.ask(doh.question("held.example"))) == [ADDRESS]
        c.close()
