# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients of DNS over TLS that people use: stubby as it is, and Android's Private DNS as far as its code tells.
systemd-resolved has test_resolved.py."""
import socket
import ssl

import dns.edns
import dns.message
import dns.rcode
import pytest

from lib import doh, tools
from lib.dot import Dot, context, dot_port, listen
from lib.ports import free_port
from lib.process import PATIENCE, Program, wait_until
from lib.upstream import big, nxdomain


@pytest.fixture(scope="module")
def shared(shared_factory, module_upstream):
    return shared_factory(module_upstream, **listen("https", "tls"))


# --- stubby

# Its reader of YAML wants names bare and texts quoted.
CONFIG = """
resolution_type: GETDNS_RESOLUTION_STUB
dns_transport_list: [GETDNS_TRANSPORT_TLS]
tls_authentication: GETDNS_AUTHENTICATION_REQUIRED
tls_query_padding_blocksize: 128
edns_client_subnet_private: 1
idle_timeout: 20000
tls_ca_file: "{ca}"
appdata_dir: "{folder}"
listen_addresses: [127.0.0.1@{port}]
upstream_recursive_servers:
  - address_data: 127.0.0.1
    tls_port: {server}
    tls_auth_name: "{name}"
"""


class Stubby:
    """stubby(1) on a port of its own, which knows no other server than ours, and asks it over TLS only."""

    def __init__(self, folder, server, name, ca, more):
        self.port = free_port()
        file = folder / "stubby.yml"
        file.write_text(CONFIG.format(server=server, name=name, ca=ca, port=self.port, folder=folder) + more)
        self.program = Program(["stubby", "-C", file, "-v", "7"], folder / "stubby.log", cwd=folder)

    def listens(self):
        assert self.program.running(), "\n".join(self.program.lines)
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def ask(self, message, tcp=False):
        return tools.direct("127.0.0.1", self.port, message, tcp)

    def close(self):
        self.program.stop()


@pytest.fixture
def make_stubby(tmp_path, ca):
    made = []

    def make(server, name="localhost", more=""):
        made.append(Stubby(tmp_path, server, name, ca, more))
        wait_until(made[-1].listens, "stubby to listen")
        return made[-1]
    yield make
    for stubby in made:
        stubby.close()


@pytest.fixture
def stubby(shared, make_stubby):
    return make_stubby(dot_port(shared))


def addresses(reply):
    return [str(rr) for rrset in reply.answer for rr in rrset]


def test_stubby(stubby, module_upstream):
    assert addresses(stubby.ask(doh.question("stubby.example"))) == ["192.0.2.1"]
    assert addresses(stubby.ask(doh.question("stubby.example", edns=True, do=True))) == ["192.0.2.1"]
    module_upstream.script("missing.example", nxdomain())
    assert stubby.ask(doh.question("missing.example")).rcode() == dns.rcode.NXDOMAIN
    module_upstream.script("big.example", big(20000))
    reply = stubby.ask(doh.question("big.example", "TXT"), tcp=True)
    assert sum(len(rr.to_text()) for rr in reply.answer[0]) > 15000


def test_stubby_keeps_its_connection_and_asks_many_at_once(shared, stubby):
    before = shared.metric('connections_total{transport="dot"}')
    questions = [doh.question(f"s{n}.example", id=n) for n in range(40)]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(PATIENCE)
        for q in questions:
            sock.sendto(q.to_wire(), ("127.0.0.1", stubby.port))
        replies = {reply.id: reply for reply in (dns.message.from_wire(sock.recv(65535)) for _ in questions)}
    assert not [r for r in replies.values() if not addresses(r)], "\n".join(stubby.program.lines)
    assert shared.metric('connections_total{transport="dot"}') == before + 1


def test_stubby_comes_back_after_idleness_and_reload(make_polynya, make_stubby, upstream):
    """The idle time that it is told (RFC 7828), and the notice of a reload, cost no question."""
    daemon = make_polynya(upstream, limits={"idle-timeout": "300ms"}, **listen("https", "tls"))
    stubby = make_stubby(dot_port(daemon))
    for n in range(3):
        assert addresses(stubby.ask(doh.question(f"idle{n}.example")))
        wait_until(lambda: daemon.metric("connections") <= 1, "all to go but who asks for it")
    daemon.reload()
    assert addresses(stubby.ask(doh.question("reloaded.example")))


def test_stubby_asks_nobody_of_another_name(shared, make_stubby, module_upstream):
    stubby = make_stubby(dot_port(shared), name="other.example")
    assert stubby.ask(doh.question("strict.example")).rcode() == dns.rcode.SERVFAIL
    assert not module_upstream.queries("strict.example")


# --- Android

@pytest.mark.parametrize("strict", [False, True], ids=["opportunistic", "strict"])
def test_android_probes_and_then_asks(shared, ca, strict):
    """Automatic mode knows only the server's address: it names and verifies nobody. Either mode first asks for a made-up
    name, on a connection of its own, and believes in the server if it answers; then it goes on with that session, numbers
    its questions itself, and takes the answers as they come."""
    tls = context(ca) if strict else ssl.create_default_context()
    if not strict:
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    how = dict(tls=tls, name="localhost" if strict else None)
    probe = doh.question("a1b2c3d4-dnsotls-ds.metric.gstatic.com", "AAAA", id=0x1234)
    with Dot(dot_port(shared), ca, **how) as c:
        reply = c.ask(probe)
        assert reply.id == probe.id and reply.question == probe.question and reply.rcode() == dns.rcode.NOERROR
        session = c.sock.session
    with Dot(dot_port(shared), ca, session=session, **how) as c:
        assert c.sock.session_reused
        c.send(*[doh.question(f"android{n}.example", id=n, edns=True, payload=8192,
                              options=[dns.edns.GenericOption(dns.edns.PADDING, bytes(60))]) for n in range(30)])
        replies = {reply.id: reply for reply in (c.read() for _ in range(30))}
        assert sorted(replies) == list(range(30)) and all(addresses(r) == ["192.0.2.1"] for r in replies.values())
