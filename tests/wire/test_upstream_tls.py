# SPDX-License-Identifier: GPL-3.0-or-later
"""DNS over TLS upstreams: whom we believe, how connections are used, and that nothing ever leaves in clear text.

A try may take 5 s here, longer than a reader is kept waiting: where every question is answered, no reader waited for
a bad server's time to end.
"""
import collections
import contextlib
import shutil
import socket

import dns.rcode
import pytest

from lib import doh
from lib.doh import ask_all, refused
from lib.certs import Authority, Pair
from lib.fake_dot import FakeDot, answer_with_keepalive, pin_of, secret
from lib.polynya import DAEMON
from lib.ports import free_port
from lib.process import Program, wait_until
from lib.tools import run
from lib.upstream import PATIENT, Gate, answer, close_midway, drop, fail, hold

NAME = "dns.example.net"


@pytest.fixture(scope="module")
def pair(authority):
    return authority.issue(NAME)


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    """An authority that nobody trusts."""
    return Authority(tmp_path_factory.mktemp("stranger"))


@pytest.fixture
def make_dot(pair):
    with secret(FakeDot, pair) as make:
        yield make


@pytest.fixture
def make_client(make_polynya, authority):
    """A daemon that asks these servers by the name; with known=…, by that instead."""
    def make(*servers, known=None, **changes):
        how = known or {"tls-name": NAME, "ca-file": str(authority.cert)}
        up = {"servers": [s.server(**how) if isinstance(s, FakeDot) else s.server() for s in servers], **PATIENT}
        return make_polynya(upstream={**up, **changes.pop("upstream", {})}, **changes)
    return make


# --- who is believed

def test_by_name(make_client, make_dot, ca):
    dot = make_dot()
    daemon = make_client(dot)
    with doh.h2_tls(daemon.port, ca) as c:
        ask_all(c, "n", 20)
    assert dot.shaken == 1
    assert daemon.metric('upstream_queries_total{transport="tls"}') >= 20
    assert daemon.metric('upstream_queries_total{transport="udp"}') == daemon.metric('upstream_queries_total{transport="tcp"}') == 0


def test_by_address(make_client, make_dot, authority, ca):
    dot = make_dot(authority.issue("127.0.0.1"))
    daemon = make_client(dot, known={"tls-name": "127.0.0.1", "ca-file": str(authority.cert)})
    with doh.h2_tls(daemon.port, ca) as c:
        ask_all(c, "n", 3)


def test_tls12(make_client, make_dot, ca):
    dot = make_dot(tls12=True)
    daemon = make_client(dot)
    with doh.h2_tls(daemon.port, ca) as c:
        ask_all(c, "n", 3)


@pytest.mark.parametrize("kind", ["own", "expired", "self"])
def test_by_pin_alone(make_client, make_dot, pair, authority, stranger, kind, ca):
    """The key is what counts, whoever signed it and whatever name and time it bears."""
    certificate = {"own": pair, "expired": authority.expired("other.example"), "self": stranger.issue("other.example")}[kind]
    dot = make_dot(certificate)
    spare = "A" * 43 + "="
    daemon = make_client(dot, known={"pins": [spare, pin_of(certificate)]})
    with doh.h2_tls(daemon.port, ca) as c:
        ask_all(c, "n", 3)


def test_pin_of_the_ca(make_client, make_dot, authority, ca):
    """With a name, any key of the verified chain will do."""
    dot = make_dot()
    daemon = make_client(dot, known={"tls-name": NAME, "ca-file": str(authority.cert),
                                     "pins": [pin_of(Pair(authority.cert, authority.key))]})
    with doh.h2_tls(daemon.port, ca) as c:
        ask_all(c, "n", 3)


def bad_server(kind, pair, authority, stranger):
    """(certificate, way, known by)"""
    name = {"tls-name": NAME, "ca-file": str(authority.cert)}
    return {
        "wrong-name": (authority.issue("other.example.net"), "good", name),
        "unknown-issuer": (stranger.issue(NAME), "good", name),
        "system-cas": (pair, "good", {"tls-name": NAME}),
        "not-in-its-time": (authority.expired(NAME), "good", name),
        "too early": (authority.not_yet_valid(NAME), "good", name),
        "wrong-pin": (pair, "good", {"pins": [pin_of(stranger.issue(NAME))]}),
        "name but not pin": (pair, "good", {**name, "pins": [pin_of(stranger.issue(NAME))]}),
        "pin but not name": (authority.issue("other.example.net"), "good", name),
        # Pinned is the CA, which anybody may send along behind a key of his own.
        "pin behind the leaf": (pair, "good", {"pins": [pin_of(Pair(authority.cert, authority.key))]}),
        "no-tls": (pair, "garbage", name),
    }[kind]


FAULTS = {"wrong-name": "wrong-name", "unknown-issuer": "unknown-issuer", "system-cas": "unknown-issuer",
          "not-in-its-time": "not-in-its-time", "too early": "not-in-its-time", "wrong-pin": "wrong-pin",
          "name but not pin": "wrong-pin", "pin but not name": "wrong-name", "pin behind the leaf": "wrong-pin",
          "no-tls": "no-tls"}


@pytest.mark.parametrize("kind", FAULTS)
def test_nothing_is_asked_of_a_stranger(make_client, make_dot, pair, authority, stranger, kind, ca):
    """Alone it is refused for good; the log says why, once; and a right one is believed again."""
    certificate, way, known = bad_server(kind, pair, authority, stranger)
    dot = make_dot(certificate, way=way)
    if kind == "pin but not name":
        known = {**known, "pins": [pin_of(certificate)]}
    daemon = make_client(dot, known=known)
    with doh.h2_tls(daemon.port, ca) as c:
        for i in range(5):
            assert refused(c, f"n{i}.example")
    assert not dot.seen and not dot.clear
    assert daemon.metric(f'upstream_tls_failures_total{{why="{FAULTS[kind]}"}}') >= 1
    daemon.program.wait_line(r"event=upstream\.tls")
    lines = daemon.program.grep(r"event=upstream\.tls")
    assert len(lines) == 1 and f"why={FAULTS[kind]}" in lines[0] and "text=" in lines[0]
    assert wait_until(lambda: daemon.status()["upstreams"][0]["on_hold"], "the server to be on hold")


@pytest.mark.parametrize("kind", ["unreachable", "stalled", "closed"])
def test_what_cannot_be_reached_is_told(make_client, make_dot, kind, ca):
    dot = make_dot(way="close" if kind == "closed" else "stall")
    if kind == "unreachable":
        dot.close()
    daemon = make_client(dot)
    with doh.h2_tls(daemon.port, ca) as c:
        assert refused(c, "n.example")
    assert f"why={kind}" in daemon.program.wait_line(r"event=upstream\.tls")
    assert daemon.metric(f'upstream_tls_failures_total{{why="{kind}"}}') >= 1
    assert daemon.status()["upstreams"][0]["protocol"] == "tls"


def test_right_again(make_client, make_dot, pair, authority, ca):
    dot = make_dot(authority.expired(NAME))
    daemon = make_client(dot)
    with doh.h2_tls(daemon.port, ca) as c:
        assert refused(c, "before.example")
        dot.present(pair)
        wait_until(lambda: not refused(c, "after.example"), "the renewed certificate to be believed")
    daemon.program.wait_line(r"event=upstream\.alive")


# --- bad ones beside a good one

BAD = {
    "wrong name": lambda a, s: dict(certificate=a.issue("other.example")), "expired": lambda a, s: dict(certificate=a.expired(NAME)),
    "untrusted": lambda a, s: dict(certificate=s.issue(NAME)), "garbage": lambda a, s: dict(way="garbage"),
    "stall": lambda a, s: dict(way="stall"), "close": lambda a, s: dict(way="close"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_from_the_start(make_client, make_dot, authority, stranger, kind, ca):
    bad, good = make_dot(**BAD[kind](authority, stranger)), make_dot()
    daemon = make_client(bad, good)
    with doh.h2_tls(daemon.port, ca) as c:
        ask_all(c, "n", 40)
    assert not bad.seen and len(good.queries()) >= 40


def test_who_floods_is_cut_off(make_client, make_dot, ca):
    """Bytes without end that answer nothing are not read without end."""
    bad, good = make_dot(way="flood"), make_dot()
    daemon = make_client(bad, good)
    with doh.h2_tls(daemon.port, ca) as c:
        ask_all(c, "n", 20)
        wait_until(lambda: bad.shaken and bad.open == 0, "the flood to be cut off")


SICK = {"silent": drop, "dies": close_midway, "fails": lambda: fail(dns.rcode.SERVFAIL)}


@pytest.mark.parametrize("kind", SICK)
def test_good_one_turns_bad(make_client, make_dot, kind, ca):
    both = make_dot(), make_dot()
    daemon = make_client(*both)
    with doh.h2_tls(daemon.port, ca) as c:
        ask_all(c, "before", 20)
        bad, good = sorted(both, key=lambda u: -len(u.queries()))
        bad.script_all(SICK[kind]())
        ask_all(c, "after", 40)
        assert sum(s.name.lower().startswith("after") for s in good.queries()) >= 20


@pytest.mark.parametrize("kind", ["wrong name", "expired", "garbage", "stall", "close"])
def test_known_names_are_told_stale(make_client, make_dot, authority, stranger, clock, kind, ca):
    """Where the only server is no more the one it was, nothing is asked of it, and what is known is told."""
    dot = make_dot()
    dot.script_all(answer("A 192.0.2.1", ttl=60))
    daemon = make_client(dot, env=clock.env, cache={"stale-after": "50ms"}, limits={"connection-life": "7d"},
                         upstream={"try-timeout": "200ms", "total-timeout": "1s"})
    with doh.h2_tls(daemon.port, ca) as c:
        ask_all(c, "n", 1)
        how = BAD[kind](authority, stranger)
        dot.way = how.get("way", "good")
        dot.present(how.get("certificate", dot.pair))
        clock.move(3600, c, dot)
        dot.script("n0.example", answer("A 192.0.2.2", ttl=60))
        dot.hang_up()
        for _ in range(3):
            reply = c.ask(doh.question("n0.example", edns=True))
            assert [str(r) for r in reply.dns.answer[0]] == ["192.0.2.1"] and reply.ede == [3], reply.dns
        dot.way = "good"
        dot.present(dot.pair)
        wait_until(lambda: c.ask(doh.question("n0.example", edns=True)).ede == [], "the server to be believed again")


# --- connections

def test_queries_are_padded(make_client, make_dot, ca):
    """RFC 8467: blocks of 128 bytes, whatever the name's length; and keepalive is asked for (RFC 7828)."""
    dot = make_dot()
    daemon = make_client(dot)
    with doh.h2_tls(daemon.port, ca) as c:
        for n in (1, 20, 63):
            assert c.ask(doh.question("x" * n + ".example")).dns.answer
        long = ".".join(["y" * 60] * 4)
        assert c.ask(doh.question(long, "A")).dns.answer
    assert len(dot.seen) >= 4
    for seen in dot.seen:
        assert len(seen.wire) % 128 == 0 and {11, 12} <= set(seen.options), (len(seen.wire), seen.options)
    assert {len(s.wire) for s in dot.seen} >= {128, 384}


def test_answers_out_of_order(make_client, make_dot, ca):
    dot = make_dot()
    gate = Gate()
    dot.script("slow.example", hold(gate, answer("A 192.0.2.7")))
    daemon = make_client(dot)
    with doh.h2_tls(daemon.port, ca) as c:
        ask_all(c, "warm", 1)
        slow = c.get(doh.question("slow.example"))
        dot.wait_seen("slow.example")
        ask_all(c, "n", 10)
        gate.set()
        assert c.wait(slow).dns.answer
    assert dot.shaken == 1


@pytest.mark.parametrize("tls12", [False, True], ids=["1.3", "1.2"])
def test_sessions_are_resumed(make_client, make_dot, tls12, ca):
    """What was closed is opened again by a resumed session; a question that met the close is not lost."""
    dot = make_dot(idle=0.3, tls12=tls12)
    daemon = make_client(dot)
    with doh.h2_tls(daemon.port, ca) as c:
        for i in range(4):
            ask_all(c, f"n{i}-", 1)
            wait_until(lambda: dot.open == 0, "the idle connection to be closed")
    assert dot.shaken >= 4 and dot.resumed >= dot.shaken - 1


def test_idle_limit_is_learnt(make_client, make_dot, ca):
    """A server that closes early is not met closed again: we close first."""
    dot = make_dot(idle=1.0)
    dot.script_all(answer_with_keepalive(6000, "A 192.0.2.1"))
    daemon = make_client(dot)
    with doh.h2_tls(daemon.port, ca) as c:
        ask_all(c, "a", 1)
        wait_until(lambda: dot.open == 0, "the server to close")
        dot.idle = None
        ask_all(c, "b", 1)
        wait_until(lambda: dot.open == 0, "us to close first")


def test_keepalive_of_zero_closes(make_client, make_dot, ca):
    dot = make_dot()
    dot.script_all(answer_with_keepalive(0, "A 192.0.2.1"))
    daemon = make_client(dot)
    with doh.h2_tls(daemon.port, ca) as c:
        for i in range(3):
            ask_all(c, f"n{i}-", 1)
            wait_until(lambda: dot.open == 0, "the connection to be closed")


def test_dead_idle_connection(make_client, make_dot, ca):
    """A server that restarts between two questions costs nobody an answer."""
    dot = make_dot()
    daemon = make_client(dot)
    with doh.h2_tls(daemon.port, ca) as c:
        ask_all(c, "before", 3)
        for i in range(5):
            dot.hang_up()
            ask_all(c, f"after{i}-", 1)


def test_never_in_clear(make_client, make_dot, authority, ca):
    """Errors that make a plain server be asked over TCP, or without EDNS, change nothing here."""
    dot = make_dot()
    daemon = make_client(dot)
    with doh.h2_tls(daemon.port, ca) as c:
        for name, step in (("formerr", fail(dns.rcode.FORMERR)), ("servfail", fail(dns.rcode.SERVFAIL)),
                           ("refused", fail(dns.rcode.REFUSED)), ("silent", drop()), ("dies", close_midway())):
            dot.script(f"{name}.example", step)
            c.ask(doh.question(f"{name}.example"))
        dot.way = "close"
        dot.hang_up()
        for i in range(5):
            c.ask(doh.question(f"closed{i}.example"))
    assert all(s.transport == "tls" for s in dot.seen)


def test_flood_is_bounded(make_client, make_dot, ca):
    """A server that answers nothing holds up to so many queries, and those beyond fail at once."""
    dot = make_dot()
    dot.script_all(drop())
    daemon = make_client(dot, limits={"miss-rate": 0}, upstream={"tries": 1})
    with contextlib.ExitStack() as stack:
        streams = []
        for n in range(12):
            c = stack.enter_context(doh.h2_tls(daemon.port, ca))
            streams += [(c, c.get(doh.question(f"n{n}-{i}.example"))) for i in range(100)]
        for c, s in streams:
            assert c.wait(s).dns.rcode() == dns.rcode.SERVFAIL
    # A connection that stays silent is taken for dead, and what it owes asked once more over another.
    # How many that makes depends on how fast the questions come.
    assert max(collections.Counter(s.connection for s in dot.seen).values()) <= 1000
    assert max(collections.Counter(s.name.lower() for s in dot.seen).values()) <= 2


# --- real servers

def unbound_config(folder, port, upstream, pair):
    text = f"""
server:
    directory: "{folder}"
    username: ""
    chroot: ""
    pidfile: ""
    logfile: ""
    use-syslog: no
    do-daemonize: no
    interface: 127.0.0.1@{port}
    tls-port: {port}
    tls-service-key: "{pair.key}"
    tls-service-pem: "{pair.chain}"
    do-not-query-localhost: no
    edns-tcp-keepalive: yes
    module-config: "iterator"
    local-zone: example. transparent
forward-zone:
    name: "."
    forward-addr: {upstream.address.replace(":", "@")}
"""
    (folder / "unbound.conf").write_text(text)
    return folder / "unbound.conf"


def kresd_config(folder, port, upstream, pair):
    text = f"""
net.listen('127.0.0.1', {port}, {{ kind = 'tls' }})
net.tls('{pair.chain}', '{pair.key}')
trust_anchors.remove('.')
policy.add(policy.all(policy.STUB('{upstream.address.replace(":", "@")}')))
"""
    (folder / "kresd.conf").write_text(text)
    return folder / "kresd.conf"


@pytest.fixture(params=["unbound", "kresd"])
def real_dot(request, tmp_path, upstream, pair):
    port = free_port()
    program = shutil.which(request.param) or f"/usr/sbin/{request.param}"
    if request.param == "unbound":
        argv = [program, "-d", "-p", "-c", unbound_config(tmp_path, port, upstream, pair)]
    else:
        argv = [program, "-n", "-q", "-c", kresd_config(tmp_path, port, upstream, pair), tmp_path]
    server = Program(argv, tmp_path / "log", cwd=tmp_path)
    yield port
    server.stop()


def test_real_server(make_polynya, real_dot, authority, ca):
    def listens():
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", real_dot)) == 0
    wait_until(listens, "the server to listen")
    daemon = make_polynya(upstream={"servers": [{"address": f"127.0.0.1:{real_dot}", "tls-name": NAME,
                                                 "ca-file": str(authority.cert)}], **PATIENT})
    with doh.h2_tls(daemon.port, ca) as c:
        ask_all(c, "n", 30)
    assert daemon.metric('upstream_queries_total{transport="tls"}') >= 30


# --- the config

@pytest.mark.parametrize("server,what", [
    ({"protocol": "tls"}, "needs tls-name or pins"),
    ({"protocol": "udp", "tls-name": "a.example"}, "udp cannot check"),
    ({"tls-name": "a.example", "ca-file": "missing.pem"}, "missing.pem: cannot read CAs"),
    ({"pins": ["abc"]}, "SHA-256 of a public key"),
])
def test_config_is_checked(make_polynya, server, what):
    daemon = make_polynya(start=False, upstream={"servers": [{"address": "192.0.2.1", **server}]})
    done = run(DAEMON, "-n", "-c", daemon.file, check=False)
    assert done.returncode == 1 and what in done.stderr.decode()


@pytest.mark.parametrize("said", [False, True])
def test_clear_text_beside_tls_must_be_asked_for(make_polynya, make_upstream, make_dot, authority, ca, said):
    dot, plain = make_dot(), make_upstream()
    known = {"tls-name": NAME, "ca-file": str(authority.cert)}
    daemon = make_polynya(start=False, upstream={"servers": [
        dot.server(**known), {**plain.server(), **({"allow-clear-text": True} if said else {})}], **PATIENT})
    done = run(DAEMON, "-n", "-c", daemon.file, check=False)
    if not said:
        assert done.returncode == 1 and "upstream.servers[1]: would be asked in clear text" in done.stderr.decode()
        return
    assert done.returncode == 0, done.stderr.decode()
    daemon.start()
    with doh.h2_tls(daemon.port, ca) as c:
        ask_all(c, "before", 5)
        dot.close()
        ask_all(c, "after", 10)
    assert plain.queries()
