# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose question it is: clients behind proxies, and what is decided by where they are."""
import json
import os
import socket

import dns.message
import pytest

from lib import doh, mmdb
from lib.certs import Pair
from lib.lists import Publisher
from lib.polynya import merge, run_daemon
from lib.ports import free_port
from lib.process import wait_until
from lib.proxies import Haproxy, Nginx, header
from lib.upstream import answer

PROXY, STRANGER = "127.0.0.1", "127.0.0.9"
NAME = "news.example"
M1, M2 = "m1,127.0.0.2,::2,alpn=h2", "m2,127.0.0.3,::3,alpn=h2"
TRUTH = {"A": "192.0.2.200", "AAAA": "2001:db8::200", "HTTPS": "1 . alpn=\"h3\""}
WORLD = {"192.0.2.0/24": "RU", "198.51.100.0/24": "BY", "203.0.113.0/24": "DE", "2001:db8:1::/48": "RU",
         "2001:db8:2::/48": "DE", "127.0.0.7/32": "RU", "127.0.0.8/32": "DE"}
RU, BY, DE, NOWHERE = "192.0.2.{}", "198.51.100.{}", "203.0.113.{}", "233.252.0.{}"


@pytest.fixture
def behind(make_polynya, upstream):
    """Makes a daemon that trusts PROXY; the second listener is in clear."""
    def make(header="x-forwarded-for", **changes):
        return make_polynya(upstream, **merge({"proxies": {"trusted": [PROXY], "header": header}}, changes))
    upstream.script_all(answer("A 192.0.2.200"))
    return make


def clear(daemon, source=PROXY):
    return doh.H2(doh.connect(daemon.plain_port, source=source))


def forwarded(daemon):
    """{what became of the header: requests}"""
    values = daemon.metrics()
    return {r: values[f'polynya_forwarded_total{{result="{r}"}}'] for r in ("taken", "unknown", "ignored")}


@pytest.fixture
def publisher(tmp_path):
    made = Publisher(tmp_path / "list")
    made.site(NAME, M1, M2, blocked=["RU=ip", "BY=dns"])
    made.publish()
    return made


@pytest.fixture
def geoip(tmp_path):
    return mmdb.write(tmp_path / "country.mmdb", mmdb.database(WORLD))


@pytest.fixture
def placed(behind, upstream, publisher, geoip):
    """Makes a daemon that knows the WORLD, behind PROXY; news.example is blocked in RU and, by DNS alone, in BY."""
    def make(**changes):
        return behind(**merge({"steering": publisher.config(), "geoip": str(geoip)}, changes))
    for type, text in TRUTH.items():
        upstream.script(NAME, answer(f"{type} {text}"), type=type)
    return make


def ask(connection, client=None, type="A"):
    """What client is answered through the proxy at the other end of connection, as text."""
    extra = [("x-forwarded-for", client)] if client else []
    rrset, = connection.ask(doh.question(NAME, type), extra=extra).dns.answer
    record, = rrset
    return str(record)


def mirror(text):
    """m1 or m2 of an answer, None of the truth."""
    for name, addresses in (("m1", ("127.0.0.2", "::2")), ("m2", ("127.0.0.3", "::3"))):
        if text in addresses or any(f'"{a}"' in text for a in addresses):
            return name
    assert text in TRUTH.values(), text
    return None


# --- regions

def test_each_stream_is_decided_by_its_own_client(placed):
    """Readers in four places, on one connection, all in flight together."""
    daemon = placed()
    with clear(daemon) as c:
        asked = [(where, c.get(doh.question(NAME), extra=[("x-forwarded-for", where.format(i))]))
                 for i in range(1, 9) for where in (RU, BY, DE, NOWHERE)]
        for where, stream in asked:
            reply = c.wait(stream)
            got = mirror(str(reply.dns.answer[0][0]))
            assert (got is not None) == (where in (RU, NOWHERE)), where
            assert "private" in reply.headers["cache-control"], "a cache between must not hand it to another region"
        assert mirror(ask(c, "2001:db8:1::5")) and not mirror(ask(c, "2001:db8:2::5"))
        assert mirror(ask(c, "::ffff:192.0.2.1")) and not mirror(ask(c, "::ffff:203.0.113.1"))
        assert mirror(ask(c)), "unknown clients are in scope"
    assert daemon.metric("steered_unplaced_total") == 9
    assert daemon.metric("geoip_build_timestamp_seconds") > 0


def test_a_aaaa_and_https_of_one_client_agree(placed):
    daemon = placed()
    seen = set()
    with clear(daemon) as c, doh.H1(doh.connect(daemon.plain_port, source=PROXY)) as h1:
        for i in range(1, 17):
            for where in (f"192.0.{i}.1", f"203.0.{i}.1"):
                got = {mirror(ask(connection, where, type)) for connection in (c, h1) for type in TRUTH}
                assert len(got) == 1, where
                seen |= got
    assert seen == {"m1", "m2"}


def test_truth_goes_to_whole_clients(placed):
    daemon = placed()
    with clear(daemon) as c:
        assert [ask(c, DE.format(1), type) for type in TRUTH] == list(TRUTH.values())


def test_mirrors_blocked_or_down_where_the_client_is(placed, publisher):
    """m2 is blocked in RU; by health m1 is then down in RU alone."""
    publisher.site(NAME, M1, M2 + ",blocked-in=RU", blocked=["RU=ip", "BY=ip"], seq=2)
    publisher.publish()
    daemon = placed()
    with clear(daemon) as c:
        def picked(where):
            return {mirror(ask(c, where.format(i))) for i in (1, 90)} | {
                mirror(ask(c, "2001:db8:1:{:x}00::1".format(i))) for i in range(1, 9) if where == RU}
        assert picked(RU) == {"m1"}
        publisher.register(NAME, M1, M2, seq=3)
        publisher.publish(health={NAME: {"m1": {"RU": "down"}}})
        wait_until(lambda: picked(RU) == {"m2"}, "the other mirror in RU")
        publisher.publish(health={NAME: {"m1": {"BY": "down"}}})
        wait_until(lambda: "m1" in picked(RU), "the first mirror again in RU")
        assert picked(BY) == {"m2"}


def test_address_of_the_connection_counts_where_there_is_no_proxy(placed, ca):
    daemon = placed()
    for source, steered in (("127.0.0.7", True), ("127.0.0.8", False), ("127.0.0.9", True)):
        with doh.h2_tls(daemon.port, ca, source=source) as c:
            assert bool(mirror(ask(c))) == steered
            assert bool(mirror(ask(c, DE.format(1)))) == steered, "a stranger's header says nothing"
            assert bool(mirror(ask(c, RU.format(1)))) == steered


def test_forged_entries_left_of_the_proxys_own(placed):
    daemon = placed()
    with clear(daemon) as c:
        for forged in (RU.format(1), "unknown", '"', ",,,", "127.0.0.1", "x" * 4000, ",".join(["127.0.0.1"] * 100)):
            assert mirror(ask(c, f"{forged}, {DE.format(1)}")) is None
            assert mirror(ask(c, f"{forged}, {DE.format(1)}, 127.0.0.1")) is None
        extra = [("x-forwarded-for", RU.format(1)), ("forwarded", f"for={RU.format(1)}"), ("x-real-ip", RU.format(1)),
                 ("x-forwarded-for", DE.format(1))]
        assert str(c.ask(doh.question(NAME), extra=extra).dns.answer[0][0]) == TRUTH["A"]


def test_without_a_database_all_are_in_scope(placed):
    daemon = placed(geoip=None)
    with clear(daemon) as c:
        assert all(mirror(ask(c, where.format(1))) for where in (RU, BY, DE, NOWHERE))
    assert daemon.metric("steered_unplaced_total") == 0


def test_why_says_what_workers_answer_where_the_client_is(placed, cli):
    daemon = placed()
    with clear(daemon) as c:
        for client, country in ((RU.format(1), "RU"), (DE.format(1), "DE"), ("2001:db8:2::1", "DE"), (NOWHERE.format(1), None)):
            told = json.loads(cli("why", NAME, "-c", daemon.file, "--client", client, "--json", now=None))
            assert told["client"]["country"] == country
            assert (told["outcome"] == "mirrors") == (mirror(ask(c, client)) is not None)
        told = json.loads(cli("why", NAME, "-c", daemon.file, "--client", RU.format(1), "--country", "DE", "--json", now=None))
        assert told["client"]["country"] == "DE"


# --- the database

def is_in_scope(daemon, client=RU.format(1)):
    with clear(daemon) as c:
        return mirror(ask(c, client)) is not None


def test_a_replaced_database_is_used(placed, geoip):
    """By renaming, and by writing over it; a connection from before keeps what it was accepted with or is closed."""
    daemon = placed(workers=2)
    assert is_in_scope(daemon) and not is_in_scope(daemon, DE.format(1))
    mmdb.write(geoip, mmdb.database({"192.0.2.0/24": "DE", "203.0.113.0/24": "RU"}))
    daemon.program.wait_line(r"event=geoip\.changed")
    wait_until(lambda: not is_in_scope(daemon) and is_in_scope(daemon, DE.format(1)), "the new database")
    mark = daemon.program.mark()
    geoip.write_bytes(mmdb.database(WORLD))
    daemon.program.wait_line(r"event=reload\.done", since=mark)
    wait_until(lambda: is_in_scope(daemon) and not is_in_scope(daemon, DE.format(1)), "the old database again")


@pytest.mark.parametrize("what,why", [
    (b"", ""), (b"not a database", "metadata"), (None, "No such file"), ("cut", "metadata"),
    ("asn", "tells no address' country"), ("damaged", "is damaged"),
])
def test_a_broken_database_is_refused_and_the_old_one_stays(placed, geoip, what, why):
    daemon = placed()
    daemon.expect_errors(r"event=reload\.refused")
    good = geoip.read_bytes()
    if what is None:
        geoip.unlink()
    else:
        damaged = bytearray(good)
        damaged[24] ^= 0x7f
        mmdb.write(geoip, {"cut": good[:-200], "damaged": bytes(damaged),
                           "asn": mmdb.database({"192.0.2.0/24": {"asn": 64500}})}.get(what, what))
    line = daemon.program.wait_line(r"event=reload\.refused")
    assert f'why="geoip: {geoip}: ' in line and why in line
    assert is_in_scope(daemon) and not is_in_scope(daemon, DE.format(1))
    assert daemon.metric('reloads_total{result="refused"}') == 1
    # What runs has its copy in memory: killed workers come back with it.
    pid, = daemon.workers().values()
    os.kill(pid, 9)
    wait_until(lambda: list(daemon.workers().values()) not in ([], [pid]), "another worker")
    assert is_in_scope(daemon) and not is_in_scope(daemon, DE.format(1))
    mmdb.write(geoip, good)
    daemon.program.wait_line(r"event=reload\.done")


def test_a_broken_database_does_not_keep_certificates_from_being_renewed(placed, geoip, authority, tmp_path):
    pair = Pair(tmp_path / "chain.pem", tmp_path / "key.pem")
    authority.issue("localhost").install(pair)
    daemon = placed(tls={"certificates": [{"chain": str(pair.chain), "key": str(pair.key)}]})
    daemon.expect_errors(r"event=reload\.refused")
    geoip.unlink()
    daemon.program.wait_line(r"event=reload\.refused")
    authority.issue("localhost").install(pair)
    daemon.program.wait_line(r"event=reload\.done")
    assert is_in_scope(daemon) and not is_in_scope(daemon, DE.format(1))


def test_a_broken_database_is_an_error_at_start_and_in_a_check(placed, geoip):
    geoip.write_bytes(b"nonsense")
    daemon = placed(start=False)
    for flags in (["-n"], []):
        done = run_daemon(*flags, "-c", daemon.file)
        assert done.returncode == 1 and f"geoip: {geoip}: " in done.stderr
    mmdb.write(geoip, mmdb.database(WORLD))
    assert run_daemon("-n", "-c", daemon.file).returncode == 0


# --- forwarded headers

@pytest.mark.parametrize("tls", [True, False])
def test_header_from_a_stranger_is_ignored_and_counted(behind, ca, tls):
    daemon = behind()
    with doh.h2_tls(daemon.port, ca, source=STRANGER) if tls else clear(daemon, STRANGER) as c:
        for value in ("192.0.2.1", "unknown", "\""):
            assert c.ask(doh.question("a.test"), extra=[("x-forwarded-for", value)]).status == 200
        assert c.ask(doh.question("a.test"), extra=[("forwarded", "for=192.0.2.1")]).status == 200
    assert forwarded(daemon) == {"taken": 0, "unknown": 0, "ignored": 3}


@pytest.mark.parametrize("header,good,bad", [
    ("x-forwarded-for", "192.0.2.1", "192.0.2.1, unknown"),
    ("forwarded", 'for="[2001:db8::1]:4711";proto=https', "for=_hidden"),
])
def test_header_from_a_proxy_is_taken(behind, header, good, bad):
    daemon = behind(header)
    with clear(daemon) as h2, doh.H1(doh.connect(daemon.plain_port, source=PROXY)) as h1:
        for c in (h2, h1):
            for extra in ([(header, good)], [(header, bad)], []):
                assert c.ask(doh.question("a.test"), extra=extra).status == 200
    assert forwarded(daemon) == {"taken": 2, "unknown": 4, "ignored": 0}


def test_limits_hold_for_clients_and_not_for_their_proxy(behind):
    """One client asks until it is told 429; on the same connection another is answered, and so is one whose address
    the first puts in front of its own."""
    daemon = behind(limits={"query-rate": 1, "connection-rate": 1})
    ask = [("x-forwarded-for", "192.0.2.1")]
    with clear(daemon) as c:
        def status(extra):
            return c.ask(doh.question("a.test"), extra=extra).status
        wait_until(lambda: status(ask) == 429, "the client's limit")
        assert status([("x-forwarded-for", "198.51.100.5, 192.0.2.1")]) == 429
        assert status([("x-forwarded-for", "198.51.100.5"), ("x-forwarded-for", f"192.0.2.1, {PROXY}")]) == 429
        assert status([("x-forwarded-for", "192.0.2.1, 198.51.100.5")]) == 200
        assert status([("x-forwarded-for", "2001:db8::1")]) == 200
        assert all(status([]) == 200 for _ in range(30))
    connections = [clear(daemon) for _ in range(30)]
    for c in connections:
        assert c.ask(doh.question("a.test")).status == 200
        c.close()


def test_none_looks_at_no_header(behind):
    daemon = behind("none")
    with clear(daemon) as c, clear(daemon, STRANGER) as stranger:
        assert c.ask(doh.question("a.test"), extra=[("x-forwarded-for", "192.0.2.1")]).status == 200
        assert stranger.ask(doh.question("a.test"), extra=[("x-forwarded-for", "192.0.2.1")]).status == 200
    assert forwarded(daemon) == {"taken": 0, "unknown": 1, "ignored": 0}


# --- PROXY protocol

@pytest.fixture
def handed_on(placed):
    """Makes a daemon all of whose listeners (https, http, tls) want PROXY headers."""
    def make(**changes):
        ports = {p: free_port() for p in ("https", "http", "tls")}
        daemon = placed(start=False, **merge({"listen": [
            {"address": f"127.0.0.1:{port}", "protocol": p, "proxy-protocol": True} for p, port in ports.items()]}, changes))
        daemon.ports = ports
        return daemon.start()
    return make


def handed(daemon, head, protocol="http", ca=None, source=PROXY, dribble=False):
    """A connection that begins with head, over TLS where the protocol has it."""
    sock = doh.connect(daemon.ports[protocol], source=source)
    for piece in [head[i:i + 1] for i in range(len(head))] if dribble else [head]:
        sock.sendall(piece)
    if protocol == "http":
        return sock
    alpn = ("h2",) if protocol == "https" else ("dot",)
    return doh.tls_context(ca, alpn).wrap_socket(sock, server_hostname="localhost")


@pytest.mark.parametrize("dribble", [False, True])
@pytest.mark.parametrize("protocol", ["https", "http"])
def test_proxy_header_tells_the_client(handed_on, ca, protocol, dribble):
    daemon = handed_on()
    for source, steered in ((RU.format(1), True), (DE.format(1), False), ("2001:db8:1::1", True),
                            ("2001:db8:2::1", False), ("::ffff:203.0.113.1", False), (None, True)):
        for tlvs in (b"", b"\x04\0\0" + b"\x01\0\2h2" * 40):
            head = header(source, tlvs=tlvs)
            with doh.H2(handed(daemon, head, protocol, ca, dribble=dribble)) as c:
                assert bool(mirror(ask(c))) == steered, source
                assert bool(mirror(ask(c, DE.format(1)))) == steered, "he is no proxy"
    assert forwarded(daemon) == {"taken": 0, "unknown": 0, "ignored": 12}


def test_proxy_header_before_dns_over_tls(handed_on, ca):
    daemon = handed_on()
    for source, steered in ((RU.format(1), True), (DE.format(1), False)):
        with handed(daemon, header(source), "tls", ca) as sock:
            query = doh.question(NAME).to_wire()
            sock.sendall(len(query).to_bytes(2, "big") + query)
            file = sock.makefile("rb")
            reply = dns.message.from_wire(file.read(int.from_bytes(file.read(2), "big")))
            assert bool(mirror(str(reply.answer[0][0]))) == steered


def test_proxy_header_and_request_in_one_segment(handed_on):
    daemon = handed_on()
    request = f"GET /dns-query?dns={doh.b64(doh.question(NAME).to_wire())} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    with doh.H1(handed(daemon, header(DE.format(1)) + request)) as c:
        assert str(c.read().dns.answer[0][0]) == TRUTH["A"]


def test_local_and_chained_proxies_speak_by_their_header(handed_on):
    """LOCAL is the proxy itself; a client that is a trusted proxy may speak for others."""
    daemon = handed_on()
    for head in (header(command=0), header(RU.format(1), command=0), header(PROXY)):
        with doh.H2(handed(daemon, head)) as c:
            assert mirror(ask(c)) and mirror(ask(c, RU.format(1))) and not mirror(ask(c, DE.format(1)))


def is_closed(sock):
    try:
        return sock.recv(1) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize("garbage", [
    b"PROXY TCP4 192.0.2.1 203.0.113.99 40000 443\r\n", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"\x16\x03\x01\x02\0\x01",
    header(RU.format(1), command=2), header(RU.format(1), family=0x12), header("2001:db8:1::1", family=0x11)[:-30] + b"xx",
    header(RU.format(1), family=0x21), header(addresses=bytes(4000)), header(RU.format(1), tlvs=bytes(2100)), b"\0",
], ids=range(10))
def test_garbage_for_a_proxy_header_is_closed_and_counted(handed_on, garbage):
    daemon = handed_on()
    with doh.H2(handed(daemon, header(RU.format(1)))) as good, handed(daemon, garbage) as bad:
        if garbage[12:14] == b"\x21\x11" and len(garbage) < 30:
            bad.shutdown(socket.SHUT_WR)
        assert is_closed(bad)
        assert mirror(ask(good))
    assert daemon.metric('proxy_protocol_refused_total{why="header"}') == 1


def test_proxy_header_that_does_not_come_in_time(handed_on):
    daemon = handed_on(limits={"read-timeout": "500ms"})
    with handed(daemon, header(RU.format(1))[:20]) as slow, handed(daemon, b"") as silent:
        assert is_closed(slow) and is_closed(silent)
    assert daemon.metric('connections_timed_out_total{timer="read"}') == 2
    assert daemon.metric('proxy_protocol_refused_total{why="header"}') == 0


def test_proxy_header_from_a_stranger_is_closed_and_counted(handed_on):
    daemon = handed_on()
    before = daemon.metric('proxy_protocol_refused_total{why="peer"}')
    with doh.connect(daemon.ports["http"], source=STRANGER) as sock:
        assert is_closed(sock)
    assert daemon.metric('proxy_protocol_refused_total{why="peer"}') == before + 1


def test_proxy_header_where_none_is_wanted_is_no_request(placed):
    daemon = placed()
    with doh.H1(doh.connect(daemon.plain_port)) as c:
        c.send(header(RU.format(1)) + b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert c.read().status == 400


def test_limits_hold_for_clients_handed_on(handed_on):
    """One client's connections are bounded, and those of others are not theirs."""
    daemon = handed_on(limits={"connections-per-prefix": 3})
    ru = [doh.H2(handed(daemon, header(RU.format(1)))) for _ in range(3)]
    assert all(mirror(ask(c)) for c in ru)
    assert is_closed(handed(daemon, header(RU.format(1))))
    with doh.H2(handed(daemon, header(RU.format(2)))) as c:
        assert mirror(ask(c))
    ru.pop().close()
    wait_until(lambda: not is_closed_soon(daemon), "the place that is free again")
    for c in ru:
        c.close()
    assert daemon.metric('connections_refused_total{limit="prefix"}') >= 1


def is_closed_soon(daemon):
    with doh.H2(handed(daemon, header(RU.format(1)))) as c:
        try:
            return not mirror(ask(c))
        except (AssertionError, OSError):
            return True


def test_proxy_protocol_needs_a_trusted_proxy(make_polynya, upstream):
    daemon = make_polynya(upstream, start=False, listen=[
        {"address": f"127.0.0.1:{free_port()}", "protocol": "http", "proxy-protocol": True}])
    done = run_daemon("-n", "-c", daemon.file)
    assert done.returncode == 1 and "listen[0].proxy-protocol: needs an entry in proxies.trusted" in done.stderr


# --- real proxies

@pytest.fixture
def proxy(tmp_path):
    made = []

    def make(kind, *args, **how):
        folder = tmp_path / "proxy"
        folder.mkdir()
        made.append(kind(folder, *args, **how))
        return made[-1]
    yield make
    for p in made:
        p.close()


@pytest.mark.parametrize("options", ["", "proxy-v2-options crc32c,unique-id,authority", "check check-send-proxy inter 100ms"])
def test_haproxy_hands_on_tls(handed_on, proxy, ca, options):
    """TLS from the reader to us, its address by send-proxy-v2; haproxy's own checks are LOCAL."""
    daemon = handed_on()
    haproxy = proxy(Haproxy, "tcp", f"127.0.0.1:{daemon.ports['https']} send-proxy-v2 {options}")
    for source, steered in (("127.0.0.7", True), ("127.0.0.8", False)):
        with doh.h2_tls(haproxy.port, ca, source=source) as c:
            for type in TRUTH:
                assert bool(mirror(ask(c, type=type))) == steered
    assert daemon.metric('proxy_protocol_refused_total{why="header"}') == 0


def test_haproxy_that_speaks_version_1_is_refused(handed_on, proxy, ca):
    daemon = handed_on()
    haproxy = proxy(Haproxy, "tcp", f"127.0.0.1:{daemon.ports['http']} send-proxy")
    with doh.connect(haproxy.port, source="127.0.0.7") as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert is_closed(sock)
    assert daemon.metric('proxy_protocol_refused_total{why="header"}') >= 1


def test_haproxy_ends_http(placed, proxy):
    daemon = placed()
    haproxy = proxy(Haproxy, "http", f"127.0.0.1:{daemon.plain_port} proto h2", "option forwardfor")
    check_forwarding(haproxy.port)


@pytest.mark.parametrize("header_name,field", [
    ("x-forwarded-for", "X-Forwarded-For $proxy_add_x_forwarded_for"),
    ("forwarded", 'Forwarded "$http_forwarded, for=$remote_addr;proto=http;host=\\"$http_host\\""'),
])
def test_nginx_ends_http(placed, proxy, header_name, field):
    daemon = placed(proxies={"header": header_name})
    nginx = proxy(Nginx, f"127.0.0.1:{daemon.plain_port}", field)
    check_forwarding(nginx.port)
    assert forwarded(daemon)["ignored"] == 0 and forwarded(daemon)["unknown"] == 0


def check_forwarding(port):
    """Two readers in turns, each of whom says he is the other, in every way."""
    forged = [f"{RU.format(1)}", f"{DE.format(1)}", "127.0.0.1", '"', f"for={RU.format(1)}", f'for={DE.format(1)};x="', ",", "unknown"]
    with doh.H1(doh.connect(port, source="127.0.0.7")) as ru, doh.H1(doh.connect(port, source="127.0.0.8")) as de:
        for c, steered in ((ru, True), (de, False)) * 2:
            for value in [None, *forged]:
                extra = [(name, value) for name in ("X-Forwarded-For", "Forwarded") if value]
                for type in TRUTH:
                    record, = c.ask(doh.question(NAME, type), extra=extra).dns.answer[0]
                    assert bool(mirror(str(record))) == steered, value
