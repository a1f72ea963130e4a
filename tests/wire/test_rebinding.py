# SPDX-License-Identifier: GPL-3.0-or-later
"""Public names may not lead into a reader's network, unless the operator says so."""
import signal

import dns.rdatatype
import pytest

from lib import doh
from lib.process import wait_until
from lib.upstream import answer

PRIVATE = [("A", ["A 10.1.2.3"]), ("A", ["A 192.168.0.1", "A 192.0.2.1"]), ("A", ["A 127.0.0.1"]), ("A", ["A 0.0.0.0"]), ("A", ["A 100.64.0.1"]),
           ("A", ["CNAME b.example.", "b.example. A 169.254.169.254"]), ("AAAA", ["AAAA fd00::1"]), ("AAAA", ["AAAA ::1"]),
           ("AAAA", ["AAAA fe80::1"]), ("AAAA", ["AAAA ::ffff:10.0.0.1"]), ("AAAA", ["AAAA 64:ff9b::7f00:1"]),
           ("HTTPS", ["HTTPS 1 . alpn=h2 ipv4hint=172.16.0.9"]), ("HTTPS", ["HTTPS 1 . ipv4hint=192.0.2.1 ipv6hint=2001:db8::1,fd00::1"]),
           ("SVCB", ["SVCB 1 x.example. ipv4hint=10.0.0.1"])]
PUBLIC = [("A", ["A 192.0.2.1"]), ("A", ["A 172.32.0.1"]), ("AAAA", ["AAAA 2001:db8::1"]), ("AAAA", ["AAAA 64:ff9b::808:808"]),
          ("HTTPS", ["HTTPS 1 . alpn=h2 ipv4hint=192.0.2.1"]), ("TXT", ["TXT 10.0.0.1"])]


def filtered(reply):
    message = reply.dns
    return message.rcode() == 0 and not message.answer and message.authority[0].rdtype == dns.rdatatype.SOA and reply.ede == [17]


@pytest.fixture
def ask(shared, ca):
    with doh.h2_tls(shared.port, ca) as c:
        yield lambda name, type="A": c.ask(doh.question(name, type, edns=True))


@pytest.mark.parametrize("number,case", list(enumerate(PRIVATE)))
def test_private_addresses_are_not_told(ask, module_upstream, number, case):
    """From upstream and from the cache alike: empty, and marked so that a browser does not ask elsewhere."""
    type, records = case
    name = f"p{number}.example"
    module_upstream.script(name, answer(*records))
    for _ in range(2):
        reply = ask(name, type)
        assert filtered(reply), reply.dns
        assert 298 <= reply.max_age <= 300
    assert len(module_upstream.queries(name)) == 1


@pytest.mark.parametrize("number,case", list(enumerate(PUBLIC)))
def test_others_are_told(ask, module_upstream, number, case):
    type, records = case
    module_upstream.script(f"o{number}.example", answer(*records))
    reply = ask(f"o{number}.example", type)
    assert reply.dns.answer and reply.ede == []


def test_dropped_answers_are_counted(make_polynya, upstream, ca):
    upstream.script("in.example", answer("A 10.0.0.1"))
    daemon = make_polynya(upstream)
    with doh.h2_tls(daemon.port, ca) as c:
        for _ in range(3):
            c.ask(doh.question("in.example"))
    assert daemon.metric("rebinding_dropped_total") == 1
    assert daemon.metric('answers_total{reason="rebinding"}') == 3


def test_allowed(make_polynya, upstream, ca):
    """By the name asked for: an alias into an allowed domain is no way in."""
    for name in ("nas.corp.example", "corp.example"):
        upstream.script(name, answer("A 10.0.0.1"))
    upstream.script("evil.example", answer("CNAME nas.corp.example.", "nas.corp.example. A 10.0.0.1"))
    daemon = make_polynya(upstream, rebinding={"allow": ["corp.example"]})
    with doh.h2_tls(daemon.port, ca) as c:
        for name in ("nas.corp.example", "NAS.corp.EXAMPLE", "corp.example"):
            assert str(c.ask(doh.question(name, edns=True)).dns.answer[0][0]) == "10.0.0.1"
        assert filtered(c.ask(doh.question("evil.example", edns=True)))


def test_config_decides_about_what_is_cached(make_polynya, upstream, ca):
    """Answers on disk from before a reload are not told as they are."""
    upstream.script("in.example", answer("A 10.0.0.1"))
    daemon = make_polynya(upstream, rebinding={"protect": False})

    def ask():
        with doh.h2_tls(daemon.port, ca) as c:
            return c.ask(doh.question("in.example", edns=True))

    def reload(**rebinding):
        daemon.configure({**daemon.config, "rebinding": rebinding})
        daemon.reload()
    assert ask().dns.answer
    wait_until(lambda: daemon.metric("cache_writes_total"), "the answer to be on disk")
    reload(protect=True)
    wait_until(lambda: filtered(ask()), "the new worker to answer")
    wait_until(lambda: daemon.metric("cache_writes_total") >= 2, "the filtered answer to be on disk")
    reload(protect=True, allow=["in.example"])
    wait_until(lambda: ask().dns.answer, "the new worker to answer")


def test_bad_domain_is_refused(make_polynya, upstream):
    daemon = make_polynya(upstream)
    daemon.configure({**daemon.config, "rebinding": {"allow": ["a..b"]}})
    daemon.expect_errors(r"rebinding\.allow\[0\]")
    daemon.program.send_signal(signal.SIGHUP)
    daemon.program.wait_line(r"rebinding\.allow\[0\].*domain name")
