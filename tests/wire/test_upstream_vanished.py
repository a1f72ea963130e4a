# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections to an upstream that end without a word: a firewall or NAT forgets them, a machine is gone, one side only is
closed. There is no other server here, so that an answer in a reader's time can only have come over a new connection.
"""
import contextlib

import pytest

from lib import doh
from lib.doh import ask_all
from lib.fake_doh import FakeDoh
from lib.fake_dot import FakeDot
from lib.process import wait_until
from lib.upstream import PATIENT, FakeUpstream, Gate, answer, hold, truncate

NAME = "dns.example.net"


@pytest.fixture(scope="module")
def pair(authority):
    return authority.issue(NAME)


@pytest.fixture(params=["tcp", "tls", "https"])
def peer(request, pair):
    """A server of each kind that keeps connections."""
    if request.param == "tcp":
        server = FakeUpstream()
        server.script_all(truncate(answer("A 192.0.2.1")))
    else:
        server = (FakeDot if request.param == "tls" else FakeDoh)(pair)
    server.kind = request.param
    yield server
    server.close()


@pytest.fixture
def make_client(peer, make_polynya, authority, ca):
    with contextlib.ExitStack() as stack:
        def make(**upstream):
            how = {} if peer.kind == "tcp" else {"tls-name": NAME, "ca-file": str(authority.cert), "protocol": peer.kind}
            daemon = make_polynya(upstream={"servers": [{"address": peer.address, **how}], **upstream})
            c = stack.enter_context(doh.h2_tls(daemon.port, ca))
            ask_all(c, "before", 3)
            return c
        yield make


@pytest.fixture
def client(make_client):
    return make_client(**PATIENT)


def steps(peer, *then):
    return [truncate(s) for s in then] if peer.kind == "tcp" else then


def connections(peer, prefix):
    return {s.connection for s in peer.queries() if s.name.lower().startswith(prefix) and s.transport != "udp"}


def test_vanished_while_idle(client, peer):
    """A reader waits for one hedge and a new connection, and the next ones for nothing."""
    old = connections(peer, "before")
    for i in range(3):
        peer.vanish()
        ask_all(client, f"after{i}-", 3)
    assert len(old) == 1 and len(connections(peer, "after")) == 3 and not old & connections(peer, "after")


def test_vanished_under_way(client, peer):
    """Questions that were asked, and those asked afterwards, are all answered."""
    gate = Gate()
    for i in range(20):
        peer.script(f"lost{i}.example", *steps(peer, hold(gate, answer("A 192.0.2.1")), answer("A 192.0.2.2")))
    streams = [client.get(doh.question(f"lost{i}.example")) for i in range(20)]
    wait_until(lambda: len(connections(peer, "lost")) == 1 and
               len([s for s in peer.queries() if s.name.lower().startswith("lost") and s.transport != "udp"]) >= 20, "all to be asked")
    peer.vanish()
    streams += [client.get(doh.question(f"later{i}.example")) for i in range(20)]
    assert all(client.wait(s).dns.answer for s in streams)
    gate.set()


def test_vanished_with_what_was_asked(make_client, peer):
    """Even if nobody else asks: the next try tells what became of the connection, in a reader's time."""
    client = make_client()
    gate = Gate()
    peer.script("lost.example", *steps(peer, hold(gate, answer("A 192.0.2.1")), answer("A 192.0.2.2")))
    lost = client.get(doh.question("lost.example"))
    wait_until(lambda: connections(peer, "lost"), "the question to be asked")
    peer.vanish()
    assert client.wait(lost).dns.answer
    gate.set()


@pytest.mark.no_memcheck("it takes longer than a connection may be silent")
@pytest.mark.parametrize("peer", ["https"], indirect=True)
def test_vanished_after_goaway(make_client, peer):
    """What the leaving connection still owed is not lost with it."""
    client = make_client()
    gate = Gate()
    peer.script("lost.example", hold(gate, answer("A 192.0.2.1")), answer("A 192.0.2.2"))
    lost = client.get(doh.question("lost.example"))
    wait_until(lambda: connections(peer, "lost"), "the question to be asked")
    peer.leave()
    wait_until(lambda: ask_all(client, f"b{peer.shaken}-", 1) or peer.shaken == 2, "another connection")
    peer.vanish()
    assert client.wait(lost).dns.answer
    ask_all(client, "after", 3)
    gate.set()


@pytest.mark.no_memcheck("its build lets a reader wait longer than a connection may be silent")
def test_slow_answers_are_waited_for(client, peer):
    """A server that only takes its time has confirmed the question: it keeps its connection."""
    gate = Gate()
    peer.script("slow.example", *steps(peer, hold(gate, answer("A 192.0.2.7"))))
    slow = client.get(doh.question("slow.example"))
    wait_until(lambda: connections(peer, "slow"), "the slow one to be asked")
    ask_all(client, "meanwhile", 3)
    reply = client.wait(slow)    # at our own limit
    gate.set()
    ask_all(client, "after", 1)
    assert connections(peer, "slow") == connections(peer, "before") == connections(peer, "after")
    assert not reply.dns.answer


def test_half_closed(client, peer):
    """The server ends its side and reads on."""
    gate = Gate()
    peer.script("cut.example", *steps(peer, hold(gate, answer("A 192.0.2.7")), answer("A 192.0.2.9")))
    cut = client.get(doh.question("cut.example"))
    wait_until(lambda: connections(peer, "cut"), "the question to be asked")
    peer.end_sending()
    assert client.wait(cut).dns.answer
    gate.set()
    peer.end_sending()
    ask_all(client, "after", 3)
