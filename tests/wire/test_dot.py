# SPDX-License-Identifier: GPL-3.0-or-later
"""DNS over TLS (RFC 7858): what Android's Private DNS, systemd-resolved, stubby and kdig speak. Pipelining, order,
keepalive, padding, the same answers as over HTTPS, and the same limits for those who mean no good."""
import contextlib
import ssl
import struct
import subprocess
import time

import dns.edns
import dns.flags
import dns.rcode
import pytest

from lib import attack, attacks, doh, tools
from lib.dot import Dot, dot_port, frame, listen
from lib.good import unharmed
from lib.lists import Publisher
from lib.process import PATIENCE, alive, wait_until
from lib.upstream import Gate, answer, big, delay, hold

KEEPALIVE = 11


@pytest.fixture(scope="module")
def shared(shared_factory, module_upstream):
    return shared_factory(module_upstream, **listen("https", "tls"))


@pytest.fixture
def make(make_polynya, upstream):
    return lambda **changes: make_polynya(upstream, **listen("https", "tls"), **changes)


@pytest.fixture
def dot(shared, ca):
    with Dot(dot_port(shared), ca) as connection:
        yield connection


def addresses(reply):
    return sorted(str(rr) for rrset in reply.answer for rr in rrset if rr.rdtype == 1)


def option(reply, code):
    return next((o for o in reply.options if o.otype == code), None)


def idle_of(reply):
    """What edns-tcp-keepalive announces, in tenths of a second; None if it does not."""
    found = option(reply, KEEPALIVE)
    return None if found is None else int.from_bytes(found.to_wire(), "big")


def ask_idle(name="keep.example", **how):
    return doh.question(name, options=[dns.edns.GenericOption(KEEPALIVE, b"")], **how)


# --- what people use

@pytest.mark.parametrize("more", [(), ("+padding=128",), ("+keepopen",), ("+dnssec",), ("+tls-sni=localhost",)])
def test_kdig(shared, ca, more):
    text = tools.run("kdig", "@127.0.0.1", "-p", dot_port(shared), "+tls", f"+tls-ca={ca}", "+tls-hostname=localhost",
                     f"+timeout={PATIENCE}", "+retry=0", *more, "one.example", "A", "two.example", "AAAA",
                     "three.example", "A").stdout.decode()
    assert text.count("status: NOERROR") == 3 and text.count("192.0.2.1") == 2
    assert "ERROR" not in text.replace("NOERROR", "")
    if "+padding=128" in more:
        assert text.count("PADDING:") == 3 and text.count("Received 468 B") == 3


def test_openssl_without_alpn(shared, ca):
    """As Android's first Private DNS: no ALPN at all."""
    argv = ["openssl", "s_client", "-quiet", "-connect", f"127.0.0.1:{dot_port(shared)}", "-CAfile", ca,
            "-verify_return_error", "-verify_hostname", "localhost"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as client:
        client.stdin.write(frame(doh.question("plain.example", id=7)))
        client.stdin.flush()
        assert client.stdout.read(4)[2:] == b"\0\x07"
        client.kill()


@pytest.mark.parametrize("alpn,chosen", [(None, None), ("dot", "dot"), (("h2", "dot"), "dot")])
def test_alpn_is_optional(shared, ca, alpn, chosen):
    with Dot(dot_port(shared), ca, alpn) as c:
        assert c.sock.selected_alpn_protocol() == chosen
        assert addresses(c.ask(doh.question("alpn.example"))) == ["192.0.2.1"]


@pytest.mark.parametrize("alpn", ["h2", "http/1.1", "doq"])
def test_another_protocol_is_not_agreed_to(shared, ca, alpn):
    """RFC 7301 3.2; else a browser could be led to talk HTTP to it."""
    with pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"):
        Dot(dot_port(shared), ca, alpn)
    with pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"):
        doh.connect(shared.port, ca, alpn=("dot",))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_sessions_are_resumed(shared, ca, version):
    context = ssl.create_default_context(cafile=str(ca))
    context.minimum_version = context.maximum_version = version
    session = None
    for resumed in (False, True):
        sock = doh.connect(dot_port(shared), timeout=PATIENCE)
        with context.wrap_socket(sock, server_hostname="localhost", session=session) as tls:
            tls.sendall(frame(doh.question("again.example")))
            assert tls.recv(2)
            assert tls.session_reused is resumed
            session = tls.session


# --- many questions

def test_many_in_one_write(dot):
    queries = [doh.question(f"n{n}.example", id=n) for n in range(250)]
    dot.send(*queries)
    replies = {r.id: r for r in (dot.read() for _ in queries)}
    assert all(str(replies[q.id].question[0].name) == str(q.question[0].name) for q in queries)
    assert all(addresses(r) == ["192.0.2.1"] for r in replies.values())


def test_each_answer_is_a_record_of_its_own(dot):
    """stubby 1.6 and systemd-resolved before 251 look no further than the first in a record until another comes. One read
    gives one record."""
    dot.ask(doh.question("record.example"))
    dot.send(*[doh.question("record.example", id=n) for n in range(50)])
    for _ in range(50):
        data = dot.sock.recv(65536)
        assert struct.unpack("!H", data[:2])[0] == len(data) - 2


def test_answers_leave_as_they_come(dot, module_upstream):
    gate = Gate()
    module_upstream.script("slow.example", hold(gate, answer("A 192.0.2.9")))
    dot.send(doh.question("slow.example", id=1), doh.question("fast.example", id=2), doh.question("fast.example", id=3))
    assert {dot.read().id, dot.read().id} == {2, 3}
    gate.set()
    late = dot.read()
    assert late.id == 1 and addresses(late) == ["192.0.2.9"]


def test_same_id_twice_is_two_questions(dot):
    """The client's own affair: it can tell them by their names (RFC 7766 7)."""
    dot.send(doh.question("a.example", id=5), doh.question("b.example", id=5))
    assert {str(dot.read().question[0].name) for _ in range(2)} == {"a.example.", "b.example."}


def test_byte_by_byte(dot):
    for piece in frame(doh.question("dribble.example", id=3)) + frame(doh.question("dribble.example", id=4)):
        dot.sock.sendall(bytes([piece]))
    assert {dot.read().id, dot.read().id} == {3, 4}


def test_more_than_may_be_open_wait_their_turn(make, upstream, ca):
    daemon = make(limits={"streams": 10})
    gate = Gate()
    for n in range(100):
        upstream.script(f"w{n}.example", hold(gate, answer("A 192.0.2.3")))
    with Dot(dot_port(daemon), ca) as c:
        c.send(*[doh.question(f"w{n}.example", id=n) for n in range(100)])
        for n in range(10):
            upstream.wait_seen(f"w{n}.example")
        assert daemon.metric("streams") <= 11   # the metrics' own request is one
        with Dot(dot_port(daemon), ca) as other:
            assert addresses(other.ask(doh.question("other.example"))) == ["192.0.2.1"]
        assert len({s.name.lower() for s in upstream.seen if s.name.lower().startswith("w")}) == 10
        gate.set()
        assert {c.read().id for _ in range(100)} == set(range(100))


def test_large_answers(make, upstream, ca):
    upstream.script("big.example", big(60000))
    with Dot(dot_port(make()), ca) as c:
        for _ in range(3):
            c.send(*[doh.question("big.example", "TXT", id=n) for n in range(20)])
            for _ in range(20):
                assert len(c.read_wire()) > 55000


@pytest.mark.parametrize("notify", [True, False], ids=["in TLS", "in TCP"])
def test_a_client_that_has_closed_its_side_gets_its_answers(dot, module_upstream, notify):
    gate = Gate()
    module_upstream.script(f"half{notify}.example", hold(gate, answer("A 192.0.2.4")))
    dot.send(doh.question(f"half{notify}.example", id=1), doh.question("half2.example", id=2))
    assert dot.read().id == 2
    dot.end(notify)
    gate.set()
    assert dot.read().id == 1
    assert dot.closed()


def test_half_closed_with_more_answers_than_fit_the_socket(make, upstream, ca):
    upstream.script("big.example", big(60000))
    with Dot(dot_port(make()), ca) as c:
        c.ask(doh.question("big.example", "TXT"))
        c.send(*[doh.question("big.example", "TXT", id=n) for n in range(90)])
        c.end(notify=False)
        assert sorted(int.from_bytes(c.read_wire()[:2], "big") for _ in range(90)) == list(range(90))
        assert c.closed()


# --- what a message may be

@pytest.mark.parametrize("wire", [b"", b"\0", b"\0" * 11], ids=len)
def test_too_short_for_dns_ends_the_connection(dot, wire):
    dot.send(wire)
    assert dot.closed()


def test_a_response_ends_the_connection(dot):
    wire = bytearray(doh.question("qr.example").to_wire())
    wire[2] |= 0x80
    dot.send(wire)
    assert dot.closed()


def test_what_came_before_garbage_is_still_answered(dot):
    dot.ask(doh.question("before.example", id=1))
    dot.send(doh.question("before.example", id=1), b"")
    assert dot.read().id == 1
    assert dot.closed()


def test_longest_message(dot):
    query = doh.question("long.example", id=9).to_wire()
    dot.send(query + b"\0" * (65535 - len(query)))
    assert dot.read().rcode() == dns.rcode.FORMERR
    query = doh.question("long.example", id=10).to_wire()
    room = 65535 - len(query) - 15
    opt = b"\0\0\x29\x10\0\0\0\0\0" + (room + 4).to_bytes(2, "big") + b"\0\x0c" + room.to_bytes(2, "big") + b"\0" * room
    dot.send(query[:11] + b"\1" + query[12:] + opt)
    assert addresses(dot.read()) == ["192.0.2.1"]


@pytest.mark.parametrize("change,rcode", [
    (lambda w: bytes([*w[:2], 0x20, *w[3:]]), dns.rcode.NOTIMP), (lambda w: w + b"x", dns.rcode.FORMERR),
    (lambda w: w[:-2] + b"\0\3", dns.rcode.REFUSED), (lambda w: w[:-4] + b"\0\xfc\0\1", dns.rcode.REFUSED)],
    ids=["opcode", "trailing", "class", "axfr"])
def test_refused_by_rcode(dot, change, rcode):
    dot.send(change(doh.question("rcode.example", id=8).to_wire()))
    reply = dot.read()
    assert reply.rcode() == rcode and reply.id == 8
    assert addresses(dot.ask(doh.question("after.example"))) == ["192.0.2.1"]


# --- EDNS

def test_padding_only_for_those_who_pad(dot):
    padded = doh.question("pad.example", options=[dns.edns.GenericOption(12, b"\0" * 20)])
    dot.send(padded)
    assert len(dot.read_wire()) == 468
    dot.send(doh.question("pad.example", edns=True))
    assert len(dot.read_wire()) < 100


def test_idle_time_is_told_to_those_who_ask(make, ca):
    daemon = make(limits={"idle-timeout": "12s"})
    with Dot(dot_port(daemon), ca) as c:
        assert idle_of(c.ask(ask_idle())) == 120
        assert idle_of(c.ask(ask_idle(type="ANY"))) == 120, "also where the answer is our own"
        assert idle_of(c.ask(ask_idle(do=True))) == 120
        assert idle_of(c.ask(doh.question("keep.example", edns=True))) is None
        assert not c.ask(doh.question("keep.example")).options
    with doh.h2_tls(daemon.port, ca) as c:
        assert option(c.ask(ask_idle()).dns, KEEPALIVE) is None


@pytest.mark.no_memcheck("a handshake takes longer than the 300 ms for which it may be idle")
def test_an_idle_connection_is_closed(make, ca):
    daemon = make(limits={"idle-timeout": "300ms"})
    with Dot(dot_port(daemon), ca) as c, Dot(dot_port(daemon), ca) as silent:
        assert idle_of(c.ask(ask_idle())) == 3
        assert c.closed() and silent.closed()
    assert daemon.metric('connections_timed_out_total{timer="idle"}') == 2


def test_waiting_for_us_is_not_idle(make, upstream, ca):
    daemon = make(limits={"idle-timeout": "100ms"})
    upstream.script("late.example", delay(0.9, answer("A 192.0.2.5")))
    with Dot(dot_port(daemon), ca) as c:
        assert addresses(c.ask(doh.question("late.example"))) == ["192.0.2.5"]


# --- the same as over HTTPS

def test_cache_is_shared(make, upstream, ca):
    daemon = make()
    with Dot(dot_port(daemon), ca) as c, doh.h2_tls(daemon.port, ca) as h:
        assert c.ask(doh.question("Shared.example")).answer == h.ask(doh.question("Shared.example")).dns.answer
    assert len(upstream.queries("shared.example")) == 1


@pytest.mark.parametrize("type", ["A", "AAAA", "HTTPS"])
def test_steering_is_the_same(make, upstream, ca, tmp_path, type):
    publisher = Publisher(tmp_path / "list")
    publisher.site("news.example", "m1,127.0.0.2,::2,alpn=h2", "m2,127.0.0.3,::3,alpn=h2")
    publisher.publish()
    daemon = make(steering=publisher.config())
    query = doh.question("news.example", type, edns=True)

    with Dot(dot_port(daemon), ca) as c, doh.h2_tls(daemon.port, ca) as h:
        over_tls, over_https = c.ask(query), h.ask(query).dns
    assert over_tls.answer == over_https.answer and over_tls.answer
    assert option(over_tls, dns.edns.EDE).to_wire() == option(over_https, dns.edns.EDE).to_wire()
    assert option(over_tls, dns.edns.EDE).code == 4
    assert not upstream.seen


def test_metrics_by_protocol(make, ca):
    daemon = make()
    before = daemon.metrics()
    with Dot(dot_port(daemon), ca) as c:
        for _ in range(3):
            c.ask(doh.question("metric.example"))
        after = daemon.metrics()
        assert after["polynya_connections"] == before["polynya_connections"] + 1
    grown = {k: after[k] - before[k] for k in after}
    assert grown['polynya_requests_total{protocol="dot"}'] == 3 and grown['polynya_connections_total{transport="dot"}'] == 1
    assert grown['polynya_requests_total{protocol="http2"}'] == 0 and grown['polynya_connections_total{transport="tls"}'] == 0
    wait_until(lambda: daemon.metric("streams") <= 1, "no stream left")


# --- a life

def test_a_new_certificate_is_taken_up(make, ca, authority):
    pair = authority.issue("localhost", "127.0.0.1")
    daemon = make(tls={"certificates": [{"chain": str(pair.chain), "key": str(pair.key)}]})

    def serial():
        with Dot(dot_port(daemon), ca) as c:
            c.ask(doh.question("cert.example"))
            return c.sock.getpeercert()["serialNumber"]
    before = serial()
    with Dot(dot_port(daemon), ca) as kept:
        assert kept.ask(doh.question("cert.example")).answer
        fresh = authority.issue("localhost", "127.0.0.1")
        mark = daemon.program.mark()
        fresh.key.rename(pair.key)
        fresh.chain.rename(pair.chain)
        daemon.program.wait_line(r"\bevent=reload\.done\b", since=mark)
        assert serial() != before


def test_a_reload_answers_what_is_asked(make, upstream, ca):
    daemon = make()
    gate = Gate()
    upstream.script("open.example", hold(gate, answer("A 192.0.2.6")))
    old = daemon.workers()[0]
    with Dot(dot_port(daemon), ca) as c, Dot(dot_port(daemon), ca) as silent:
        c.send(doh.question("open.example", id=1))
        upstream.wait_seen("open.example")
        daemon.reload()
        gate.set()
        assert addresses(c.read()) == ["192.0.2.6"]
        assert c.closed() and silent.closed()
    wait_until(lambda: not alive(old), "the old worker to leave")
    with Dot(dot_port(daemon), ca) as c:
        assert c.ask(doh.question("open.example")).answer


def test_a_spent_connection_is_told_to_leave(make, ca):
    daemon = make(limits={"requests": 5})
    with Dot(dot_port(daemon), ca) as c:
        assert [idle_of(c.ask(ask_idle())) for _ in range(4)] == [300] * 4
        last = c.ask(ask_idle())
        assert last.answer
        assert c.closed()
    assert daemon.metric("connections_spent_total") == 1


# --- those who mean no good

def bad(daemon, ca, n=0, small=False):
    """Another network than the good client's."""
    return Dot(dot_port(daemon), ca, source=f"127.66.{n}.1", small=small)


@pytest.mark.parametrize("data", [b"\0", b"\0\x40", frame(doh.question("slow.example"))[:-1], b"\xff\xff" + b"x" * 60000],
                         ids=["half a length", "length", "message", "longest"])
def test_a_slow_question_is_given_up(make, ca, data):
    daemon = make(limits={"read-timeout": "700ms"})
    with unharmed(daemon, ca), contextlib.ExitStack() as stack:
        before = daemon.metric('connections_timed_out_total{timer="read"}')
        slow = [stack.enter_context(bad(daemon, ca)) for _ in range(20)]
        for c in slow:
            c.sock.sendall(data)
        assert attack.drip(slow[0].sock, b"x" * 30 if len(data) > 60000 else b"") == b""
        assert all(c.closed() for c in slow[1:])
        assert daemon.metric('connections_timed_out_total{timer="read"}') == before + len(slow)


def test_answers_that_nobody_takes_are_given_up(make, upstream, ca):
    daemon = make(limits={"write-timeout": "700ms"})
    upstream.script("big.example", big(60000))
    with unharmed(daemon, ca), contextlib.ExitStack() as stack:
        with bad(daemon, ca) as c:
            c.ask(doh.question("big.example", "TXT"))
        greedy = [stack.enter_context(bad(daemon, ca, n, small=True)) for n in range(20)]
        for c in greedy:
            c.send(*[doh.question("big.example", "TXT", id=n) for n in range(2000)])
        wait_until(lambda: daemon.metric('connections_timed_out_total{timer="write"}') == len(greedy), "all to be given up")


@pytest.mark.no_memcheck("nobody gets answers faster than query-rate allows")
def test_one_client_cannot_have_everything(make, ca):
    daemon = make(limits={"query-rate": 200})
    burst = 200 * 10
    with unharmed(daemon, ca, kept=20), bad(daemon, ca) as c:
        start, answered, refused = time.monotonic(), 0, 0
        while refused < 500 or answered < burst:
            c.send(*[doh.question("good.example", id=n, edns=True) for n in range(50)])
            for _ in range(50):
                reply = c.read()
                refused += reply.rcode() == dns.rcode.REFUSED and option(reply, dns.edns.EDE).code == 23
                answered += bool(reply.answer)
                assert reply.answer or reply.rcode() == dns.rcode.REFUSED
            # However slowly this machine asks.
            assert answered <= burst + 200 * (time.monotonic() - start) + 10


def test_random_names_use_up_their_own_budget_only(make, upstream, ca):
    daemon = make(limits={"miss-rate": 20})
    with unharmed(daemon, ca), bad(daemon, ca) as c:
        c.send(*[doh.question(f"r{n}.victim.example", id=n) for n in range(500)])
        refused = sum(c.read().rcode() == dns.rcode.REFUSED for _ in range(500))
        assert refused > 50
        assert c.ask(doh.question("good.example")).answer
    assert len({s.name.lower() for s in upstream.seen if "victim" in s.name.lower()}) + refused == 500


def test_garbage_floods(make, ca):
    daemon = make()
    with unharmed(daemon, ca):
        for n in range(60):
            with bad(daemon, ca, n) as c, contextlib.suppress(ConnectionError, ssl.SSLError):
                c.sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 100)
            with bad(daemon, ca, n) as c:
                c.sock.sendall(b"\0\x0c" + b"\0" * 12)
                assert c.read().rcode() == dns.rcode.FORMERR
                c.send(*[b"\0\1" + b"\xff" * 10] * 1000)
                assert c.closed()


def test_clear_text_is_not_served(shared):
    with doh.connect(dot_port(shared)) as sock:
        sock.sendall(frame(doh.question("clear.example")))
        with contextlib.suppress(ConnectionError):
            assert not sock.recv(65536).startswith(b"\0")


def test_half_open_handshakes_keep_nobody_out(make, ca):
    daemon = make(limits={"handshakes": 400})
    target = attack.Target(dot_port(daemon), ca)
    with unharmed(daemon, ca), attacks.half_opened(target, 1000) as socks:
        wait_until(lambda: daemon.metric('connections_refused_total{limit="handshakes"}') >= 600, "the oldest to go")
        assert attacks.wait_closed(socks[0]) == "closed"
        with Dot(dot_port(daemon), ca) as c:
            assert c.ask(doh.question("good.example")).answer
