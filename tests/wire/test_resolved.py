# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's systemd-resolved as a client of ours over TLS. All of this file runs in a network of its own: resolved
listens at one address only, and asks nobody where all links are loopbacks."""
import contextlib
import os
import socket

import dns.dnssec
import dns.flags
import dns.message
import dns.name
import dns.rcode
import pytest

from lib import doh, resolved
from lib.dot import dot_port, listen
from lib.namespace import own_network
from lib.process import PATIENCE, wait_until
from lib.upstream import big, nxdomain
from lib.world import World
from lib.zones import all_zones


@pytest.fixture(scope="module", autouse=True)
def network():
    """No server that is made for a whole session may be made in it: it could not be reached from anywhere else."""
    if os.geteuid() != 0:
        pytest.skip("namespaces need root")
    if resolved.missing():
        pytest.skip(resolved.missing())
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(own_network())
        except OSError as e:
            pytest.skip(f"network namespaces are refused: {e}")
        yield


@pytest.fixture(scope="module")
def shared(shared_factory, module_upstream):
    return shared_factory(module_upstream, **listen("https", "tls"))


@pytest.fixture
def make_resolved(tmp_path, ca):
    made = []

    def make(daemon, name="#localhost", **how):
        made.append(resolved.Resolved(tmp_path, ca, f"127.0.0.1:{dot_port(daemon)}{name}", **how))
        return made[-1]
    yield make
    for client in made:
        client.close()


def addresses(reply):
    return [str(rr) for rrset in reply.answer for rr in rrset]


@pytest.mark.parametrize("tls, name", [("yes", "#localhost"), ("opportunistic", "")], ids=["strict", "opportunistic"])
def test_answers(shared, make_resolved, module_upstream, tls, name):
    """Where TLS is not a must, it names and verifies nobody."""
    client = make_resolved(shared, name, tls=tls)
    assert addresses(client.ask(doh.question(f"{tls}.example"))) == ["192.0.2.1"]
    assert addresses(client.ask(doh.question(f"do.{tls}.example", do=True))) == ["192.0.2.1"]
    module_upstream.script(f"missing.{tls}.example", nxdomain())
    assert client.ask(doh.question(f"missing.{tls}.example")).rcode() == dns.rcode.NXDOMAIN
    for size in 2000, 20000:
        module_upstream.script(f"big{size}.{tls}.example", big(size))
        reply = client.ask(doh.question(f"big{size}.{tls}.example", "TXT", edns=True))
        assert sum(len(rr.to_text()) for rr in reply.answer[0]) > size * 3 / 4


def test_asks_nobody_of_another_name(shared, make_resolved, module_upstream):
    client = make_resolved(shared, "#other.example")
    client.ask_in_vain("strict.example")
    assert client.program.grep("certificate verify failed")
    assert not module_upstream.queries("strict.example")


def test_keeps_its_connection_and_asks_many_at_once(shared, make_resolved):
    client = make_resolved(shared)
    before = shared.metric('connections_total{transport="dot"}')
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(PATIENCE)
        for n in range(40):
            sock.sendto(doh.question(f"m{n}.example", id=n).to_wire(), (resolved.ADDRESS, 53))
        replies = {reply.id: reply for reply in (dns.message.from_wire(sock.recv(65535)) for _ in range(40))}
    assert sorted(replies) == list(range(40)) and all(addresses(r) == ["192.0.2.1"] for r in replies.values())
    assert shared.metric('connections_total{transport="dot"}') == before + 1


def test_comes_back_after_idleness_reload_and_restart(make_polynya, make_resolved, upstream):
    daemon = make_polynya(upstream, limits={"idle-timeout": "300ms"}, **listen("https", "tls"))
    client = make_resolved(daemon)
    for n in range(3):
        assert addresses(client.ask(doh.question(f"idle{n}.example")))
        wait_until(lambda: daemon.metric("connections") <= 1, "all to go but who asks for it")
    daemon.reload()
    assert addresses(client.ask(doh.question("reloaded.example")))
    daemon.stop()
    client.ask_in_vain("stopped.example")
    daemon.start()
    assert addresses(client.ask(doh.question("restarted.example")))


@pytest.fixture
def small_world(tmp_path):
    """A part of the signed world, which is a fixture for the session."""
    names = (".", "ec.", "one.ec.", "rsa.", "two.rsa.", "plain.", "bad.", "flipped.bad.")
    server = World(tmp_path / "world", [z for z in all_zones() if z.name in names])
    yield server
    server.close()


def test_validates_for_itself(tmp_path, make_polynya, make_resolved, small_world):
    """Keys, signatures and denials reach it, and what is bogus too: it says CD."""
    root = next(z for z in small_world.zones if z.name == ".")
    anchors = tmp_path / "anchors"
    ds = [dns.dnssec.make_ds(dns.name.root, key.rdata, "SHA256") for key in root.keys]
    anchors.write_text("".join(f". IN DS {d.to_text()}\n" for d in ds))
    daemon = make_polynya(small_world, **listen("https", "tls"),
                          dnssec={"mode": "validate", "anchors": str(small_world.root_anchors), "follow": False})
    client = make_resolved(daemon, anchors=anchors)
    for name, verdict in (("www.one.ec.", ("NOERROR", True)), ("missing.one.ec.", ("NXDOMAIN", True)),
                          ("www.two.rsa.", ("NOERROR", True)), ("www.plain.", ("NOERROR", False)),
                          ("www.flipped.bad.", ("SERVFAIL", False))):
        reply = client.ask(doh.question(name, do=True))
        assert (dns.rcode.to_text(reply.rcode()), bool(reply.flags & dns.flags.AD)) == verdict, name
    client.program.wait_line("DNSSEC validation failed for question www.flipped.bad IN A: invalid")
