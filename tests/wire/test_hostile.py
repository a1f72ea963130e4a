# SPDX-License-Identifier: GPL-3.0-or-later
"""Attacks: while each runs a good client gets every answer, the attacker is cut off, and memory comes back."""
import contextlib
import http.client
import os
import pathlib
import re
import resource
import socket
import ssl

import pytest
from lib import attack, doh
from lib.attack import Cut, Good, Target
from lib.polynya import SANITIZED
from lib.process import wait_until

MIB = 1 << 20


def rss(pid):
    return int(re.search(r"VmRSS:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1)) << 10


def peak(pid):
    return int(re.search(r"VmHWM:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1)) << 10


@contextlib.contextmanager
def unharmed(daemon, ca, pause=0.005):
    """A good client runs meanwhile, below limits.connection-rate; memory stays within its bounds, and comes back."""
    pid = daemon.workers()[0]
    with Good(daemon, ca, pause=pause):
        wait_until(lambda: daemon.metric('requests_total{protocol="http2"}') > 4, "the good client")
        before = rss(pid)
        yield
        assert SANITIZED or peak(pid) - before < 64 * MIB
    assert daemon.workers()[0] == pid, "the worker was replaced"
    wait_until(lambda: SANITIZED or rss(pid) < before * 1.2, f"memory to come back to {before}")


@pytest.fixture
def hurried(make_polynya, upstream):
    """Short timeouts, so that waiting for one is soon over."""
    return make_polynya(upstream, limits={"read-timeout": "700ms", "write-timeout": "700ms", "idle-timeout": "20s"})


FLOODS = [
    (attack.rapid_reset, {attack.INTERNAL_ERROR, attack.ENHANCE_YOUR_CALM}),
    (attack.made_you_reset, {attack.PROTOCOL_ERROR}),
    (attack.overflowing_windows, {attack.ENHANCE_YOUR_CALM}),
    (attack.data_after_end, {attack.ENHANCE_YOUR_CALM, attack.STREAM_CLOSED}),
    (attack.wrong_priority, {attack.FRAME_SIZE_ERROR}),
    (attack.continuation_flood, {attack.ENHANCE_YOUR_CALM}),
    (attack.empty_continuations, {attack.ENHANCE_YOUR_CALM}),
    (attack.settings_flood, {attack.ENHANCE_YOUR_CALM}),
    (attack.settings_of_many, {attack.ENHANCE_YOUR_CALM}),
    (attack.settings_acks, {attack.PROTOCOL_ERROR, attack.ENHANCE_YOUR_CALM}),
    (attack.ping_flood, {attack.ENHANCE_YOUR_CALM}),
    (attack.ping_acks, {attack.ENHANCE_YOUR_CALM}),
    (attack.priority_flood, {attack.ENHANCE_YOUR_CALM}),
    (attack.window_flood, {attack.ENHANCE_YOUR_CALM}),
    (attack.unknown_flood, {attack.ENHANCE_YOUR_CALM}),
    (attack.reset_of_nothing, {attack.ENHANCE_YOUR_CALM}),
    (attack.empty_data, {attack.ENHANCE_YOUR_CALM}),
    (attack.padding_only, {attack.ENHANCE_YOUR_CALM}),
    (attack.header_flood, {attack.ENHANCE_YOUR_CALM}),
    (attack.hpack_bomb, {attack.ENHANCE_YOUR_CALM}),
    (attack.table_resizes, {attack.ENHANCE_YOUR_CALM, attack.COMPRESSION_ERROR}),
    (attack.one_byte_windows, {attack.ENHANCE_YOUR_CALM}),
]


@pytest.mark.parametrize("flood,codes", FLOODS, ids=[f.__name__ for f, _ in FLOODS])
def test_a_flood_is_cut_off(make_polynya, upstream, ca, flood, codes):
    daemon = make_polynya(upstream)
    target = Target(daemon, ca)
    with unharmed(daemon, ca):
        for _ in range(3):
            with pytest.raises(Cut) as cut:
                flood(target)
            assert cut.value.code in codes, cut.value


@pytest.mark.parametrize("hold", [attack.shut_windows, attack.never_reads], ids=lambda f: f.__name__)
def test_answers_that_nobody_takes_are_given_up(hurried, ca, hold):
    with unharmed(hurried, ca):
        with pytest.raises(Cut):
            hold(Target(hurried, ca))
        # Asking without reading is found out by either.
        assert hurried.metric('connections_timed_out_total{timer="write"}') + \
            hurried.metric("connections_abusive_total") >= 1


HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 500
ASK = f"/dns-query?dns={doh.b64(doh.wire(doh.question('slow.example')))}"
POST = f"POST /dns-query HTTP/1.1\r\nHost: localhost\r\nContent-Type: {doh.MEDIA}\r\nContent-Length: 500\r\n\r\n".encode()
H2_POST = (attack.PREFACE + attack.frame(attack.SETTINGS) +
           attack.frame(attack.HEADERS, attack.END_HEADERS, 1, attack.request("POST", extra=[("content-type", doh.MEDIA)])))


def h2_body_by_bytes():
    """A body of DATA frames of a byte each, which never ends."""
    return b"".join(attack.frame(attack.DATA, 0, 1, b"x") for _ in range(500))


SLOW = {
    "handshake": (None, HELLO, b""),
    "preface": ("h2", attack.PREFACE, b""),
    "first frame": ("h2", attack.PREFACE + attack.frame(attack.SETTINGS, 0, 0, b"\0" * 90), b""),
    "header block": ("h2", attack.PREFACE + attack.frame(attack.SETTINGS) +
                     attack.frame(attack.HEADERS, 0, 1, attack.request(extra=[("a", "b" * 500)])), b""),
    "body": ("h2", H2_POST + h2_body_by_bytes(), b""),
    "request line": ("http/1.1", f"GET {ASK}{'A' * 500}".encode(), b"HTTP/1.1 408 "),
    "header line": ("http/1.1", f"GET {ASK} HTTP/1.1\r\nHost: localhost\r\nX: ".encode() + b"x" * 500, b"HTTP/1.1 408 "),
    "header lines": ("http/1.1", f"GET {ASK} HTTP/1.1\r\nHost: localhost\r\n".encode() + b"X: y\r\n" * 90, b"HTTP/1.1 408 "),
    "body of HTTP/1": ("http/1.1", POST + b"x" * 500, b"HTTP/1.1 408 "),
    "chunks": ("http/1.1", b"POST /dns-query HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/dns-message\r\n"
               b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 500, b"HTTP/1.1 408 "),
}


@pytest.mark.parametrize("way", SLOW)
def test_a_slow_client_is_given_up(hurried, ca, way):
    alpn, data, said = SLOW[way]
    target = Target(hurried, ca)
    with unharmed(hurried, ca):
        before = hurried.metric('connections_timed_out_total{timer="read"}')
        with contextlib.ExitStack() as stack:
            socks = [stack.enter_context(target.tls(alpn) if alpn else target.tcp()) for _ in range(20)]
            # All but one stop in the middle; the last one goes on, a byte at a time.
            for sock in socks[1:]:
                sock.sendall(data[:len(data) // 2])
            assert attack.drip(socks[0], data).startswith(said)
            for sock in socks[1:]:
                assert attack.drip(sock, b"").startswith(said)
        assert hurried.metric('connections_timed_out_total{timer="read"}') == before + len(socks)


def test_half_open_handshakes_keep_nobody_out(make_polynya, upstream, ca):
    # Room for what arrives while a good client shakes hands, however busy the machine is.
    daemon = make_polynya(upstream, limits={"handshakes": 800})
    target = Target(daemon, ca)
    with unharmed(daemon, ca), contextlib.ExitStack() as stack:
        for n in range(2000):
            sock = stack.enter_context(target.tcp(source=f"127.{66 + n // 250}.1.{n % 250 + 1}"))
            if n % 2:
                sock.sendall(HELLO[:100])
        wait_until(lambda: daemon.metric('connections_refused_total{limit="handshakes"}') >= 1200, "the oldest to go")
        with doh.h2_tls(daemon.port, ca) as new:
            assert new.ask(doh.question("good.example")).dns.answer


def test_idle_connections_beyond_the_cap_give_way_oldest_first(make_polynya, upstream, ca):
    daemon = make_polynya(upstream, limits={"connections": 100, "idle-timeout": "1h"})
    target = Target(daemon, ca)
    with unharmed(daemon, ca), contextlib.ExitStack() as stack:
        idle = []
        for n in range(150):
            raw = stack.enter_context(attack.Raw(target.tls(source=f"127.66.{n}.1")))
            raw.read_until(lambda raw=raw: raw.frames)
            idle.append(raw)
        with pytest.raises(Cut) as cut:
            idle[0].drain()
        assert cut.value.code == attack.NO_ERROR
        assert idle[-1].alive()
        assert daemon.metric("connections_evicted_total") >= 50
        # Nine in ten places are taken: one question, and then the place is wanted back.
        last = idle[-1]
        last.send(attack.frame(attack.HEADERS, attack.END_HEADERS | attack.END_STREAM, 1, attack.request(target=ASK)))
        with pytest.raises(Cut) as cut:
            last.drain()
        assert cut.value.code == attack.NO_ERROR and last.status == {1: 200} and last.ended == {1}


def descriptors(pid):
    return len(list(pathlib.Path(f"/proc/{pid}/fd").iterdir()))


def loop_turns(daemon):
    """While descriptors are short the operator may have to ask again."""
    def ask():
        try:
            return daemon.metric("loop_turns_total")
        except (OSError, http.client.HTTPException):
            return None
    return wait_until(ask, "metrics")


def test_without_descriptors_listening_pauses_and_nothing_spins(make_polynya, upstream, ca):
    daemon = make_polynya(upstream, limits={"connections": 1000, "idle-timeout": "1h"})
    pid = daemon.workers()[0]
    target = Target(daemon, ca)
    with doh.h2_tls(daemon.port, ca) as kept, contextlib.ExitStack() as stack:
        assert kept.ask(doh.question("good.example")).dns.answer
        few = descriptors(pid) + 30
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (few, few))
        for n in range(60):
            stack.enter_context(target.tcp(source=f"127.66.{n}.1"))
        daemon.program.wait_line(r"event=accept\.paused")
        # A few turns of the loop a pause, not as many as the processor allows.
        turns, mark = loop_turns(daemon), daemon.program.mark()
        for n in range(60):
            stack.enter_context(target.tcp(source=f"127.66.{n}.1"))
        daemon.program.wait_line(r"event=accept\.paused", since=mark)
        assert loop_turns(daemon) - turns < 5000
        # Those who are in stay in: the half-open go first.
        assert kept.ask(doh.question("good.example")).dns.answer
        stack.close()
        wait_until(lambda: daemon.metric("connections") <= 2, "the attackers to be gone")
        with doh.h2_tls(daemon.port, ca) as new:
            assert new.ask(doh.question("good.example")).dns.answer


def test_connections_leave_descriptors_for_the_rest(make_polynya, upstream, ca):
    """Full to the last place, the worker still asks the upstream and answers the operator."""
    daemon = make_polynya(upstream, limits={"connections": 100000, "idle-timeout": "1h"})
    resource.prlimit(daemon.program.pid, resource.RLIMIT_NOFILE, (600, 600))
    daemon.reload()
    assert daemon.program.grep(r"event=limits\.descriptors connections=344 wanted=100000")
    with contextlib.ExitStack() as stack:
        for n in range(500):
            stack.enter_context(socket.create_connection(("127.0.0.1", daemon.plain_port),
                                                         source_address=(f"127.66.{n // 2}.1", 0)))
        wait_until(lambda: daemon.metric("connections_evicted_total") >= 500 - 344, "the oldest to be sent away")
        with doh.h2_tls(daemon.port, ca) as new:
            assert new.ask(doh.question("new.example")).dns.answer
    assert not daemon.program.grep(r"event=accept\.paused")


def ask_many(conn, names):
    replies = []
    for at in range(0, len(names), 50):
        streams = [conn.get(doh.question(name)) for name in names[at:at + 50]]
        replies += [conn.wait(s) for s in streams]
    return replies


def test_random_names_use_up_their_own_budget_only(make_polynya, upstream, ca):
    daemon = make_polynya(upstream, limits={"miss-rate": 20})
    target = Target(daemon, ca)
    with unharmed(daemon, ca):
        with doh.H2(target.tls()) as bad:
            replies = ask_many(bad, [f"r{n}.victim.example" for n in range(500)])
            # What is cached is still answered.
            assert bad.ask(doh.question("good.example")).dns.answer
        refused = [r for r in replies if r.status == 429]
        assert len(refused) > 50
        asked = len([s for s in upstream.seen if "victim.example" in s.name.lower()])
        assert asked + len(refused) == len(replies)


def test_one_client_cannot_have_everything(make_polynya, upstream, ca):
    daemon = make_polynya(upstream, limits={"query-rate": 200})
    with unharmed(daemon, ca, pause=0.05):
        with doh.H2(Target(daemon, ca).tls()) as bad:
            replies = ask_many(bad, ["good.example"] * 4000)
        turned_away = [r for r in replies if r.status == 429]
        assert turned_away and all(int(r.headers["retry-after"]) >= 1 for r in turned_away)
        assert len(replies) - len(turned_away) >= 2000, "ten seconds' worth may come at once"
        assert all(r.status in (200, 429) for r in replies)


def test_handshakes_have_a_rate(make_polynya, upstream, ca):
    daemon = make_polynya(upstream, limits={"connection-rate": 20})
    target = Target(daemon, ca)
    refused = 0
    with doh.h2_tls(daemon.port, ca, ) as kept:
        for _ in range(400):
            try:
                target.tls().close()
            except (OSError, ssl.SSLError):
                refused += 1
        assert kept.ask(doh.question("good.example")).dns.answer
    assert refused and daemon.metric('connections_refused_total{limit="rate"}') == refused
    # Another network is not concerned.
    with doh.H2(Target(daemon, ca, source="127.99.0.1").tls()) as other:
        assert other.ask(doh.question("good.example")).dns.answer


def test_garbage_bodies_are_refused_unread(make_polynya, upstream, ca):
    daemon = make_polynya(upstream)
    target = Target(daemon, ca)
    with unharmed(daemon, ca):
        for _ in range(40):
            with doh.H2(target.tls()) as bad:
                for size in (65536, 60000, 512):
                    reply = bad.wait(bad.post(os.urandom(size), length=False) if size < 65536 else
                                     bad.open(bad.headers("POST", content_type=doh.MEDIA, length=65536), end=False))
                    # What happens to look like a header is answered as DNS would: FORMERR, NOTIMP.
                    assert reply.status in (400, 413) or (reply.status == 200 and len(reply.body) == 12), reply
    assert not [s for s in upstream.seen if s.name.lower() != "good.example."]


SMUGGLED = f"GET {ASK} HTTP/1.1\r\nHost: localhost\r\n\r\n"
CONFUSED = [
    "Content-Length: 4\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nContent-Length: 4",
    "Content-Length: 4\r\nContent-Length: 5",
    "Content-Length: 4, 5",
    "Content-Length: +4",
    "Content-Length: 0x4",
    "Content-Length: 4 ",
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
]


@pytest.mark.parametrize("fields", CONFUSED)
def test_nothing_is_smuggled_past_a_confused_length(shared, module_upstream, ca, fields):
    """One request, one answer: what follows is never taken for a request of its own."""
    with doh.h1_tls(shared.port, ca) as c:
        c.send((f"POST /dns-query HTTP/1.1\r\nHost: localhost\r\nContent-Type: {doh.MEDIA}\r\n{fields}\r\n\r\n"
                f"0\r\n\r\n{SMUGGLED}").encode("latin-1"))
        if fields == "Content-Length: 4 ":   # optional space, RFC 9112 5: the length is plainly 4
            assert c.read("POST").status == 400
            return
        reply = c.read("POST")
        assert reply.status in (400, 413, 501), reply
        assert c.at_end()
    assert not [s for s in module_upstream.seen if s.name.lower() == "slow.example."]
