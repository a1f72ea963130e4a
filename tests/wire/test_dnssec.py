# SPDX-License-Identifier: GPL-3.0-or-later
"""Validation of what a real signed zone answers: Knot's, trusted by its key or wrongly."""
import dns.flags
import dns.rcode
import pytest

from lib import doh
from lib.lists import Publisher
from lib.polynya import run_daemon


def anchors(knot, folder, change=lambda text: text):
    key = next(r for r in knot.ask("signed.test.", "DNSKEY").answer if r.rdtype == 48)
    file = folder / "anchors"
    file.write_text("; trust\n" + "".join(change(f"signed.test. 3600 IN DNSKEY {k.to_text()}\n") for k in key))
    return str(file)


@pytest.fixture
def ask(make_polynya, knot, ca, tmp_path):
    def start(change=lambda text: text, **dnssec):
        daemon = make_polynya(knot, dnssec={"mode": "validate", "follow": False,
                                             "anchors": anchors(knot, tmp_path, change),
                                             **dnssec})

        def one(name, type, **how):
            with doh.h2_tls(daemon.port, ca) as c:
                return c.ask(doh.question(name, type, **how)).dns
        one.daemon = daemon
        return one
    return start


def test_bad_anchors_are_refused(ask):
    q = ask()
    (q.daemon.dir / "bad").write_text(". IN DS 1 8 2 zz\n")
    q.daemon.configure({**q.daemon.config, "dnssec": {"mode": "validate", "anchors": str(q.daemon.dir / "bad")}})
    done = run_daemon("-c", q.daemon.file, "-n")
    assert done.returncode == 1 and "bad:1: not a DS or DNSKEY record" in done.stdout + done.stderr


def verdict(message):
    return dns.rcode.to_text(message.rcode()), bool(message.flags & dns.flags.AD)


def test_verdicts(ask):
    q = ask()
    for name, type in [("www.signed.test.", "A"), ("alias.signed.test.", "AAAA"), ("www.signed.test.", "MX"),
                       ("signed.test.", "DNSKEY"), ("signed.test.", "SOA")]:
        for _ in range(2):
            assert verdict(q(name, type, do=True)) == ("NOERROR", True), (name, type)
            plain = q(name, type, edns=True)
            assert verdict(plain) == ("NOERROR", False)
            assert not any(r.rdtype == 46 for r in plain.answer + plain.authority)
    assert verdict(q("missing.signed.test.", "A", do=True)) == ("NXDOMAIN", True)
    assert verdict(q("a.b.c.missing.signed.test.", "A", do=True)) == ("NXDOMAIN", True)
    assert verdict(q("web.zone.test.", "A", do=True)) == ("NOERROR", False)   # nobody vouches for it
    assert q.daemon.metric('dnssec_answers_total{verdict="bogus"}') == 0


def test_what_is_signed_is_not_steered_for_validators(make_polynya, knot, ca, tmp_path):
    """For all types alike, denials and aliases too; what nobody vouches for is."""
    publisher = Publisher(tmp_path / "list")
    publisher.site("signed.test", "m1,127.0.0.2", names=("www", "alias", "missing"))
    publisher.site("zone.test", "m1,127.0.0.2", names=("web",))
    publisher.publish()
    daemon = make_polynya(knot, dnssec={"mode": "validate", "follow": False, "anchors": anchors(knot, tmp_path)},
                          steering=publisher.config())
    with doh.h2_tls(daemon.port, ca) as c:
        for type in "A", "AAAA", "HTTPS":
            for name in "www.signed.test", "alias.signed.test", "missing.signed.test":
                reply = c.ask(doh.question(name, type, do=True))
                assert reply.ede == [] and verdict(reply.dns)[1], (name, type)
                assert c.ask(doh.question(name, type, edns=True)).ede == [4], (name, type)
            assert c.ask(doh.question("web.zone.test", type, do=True)).ede == [4]


def test_wrong_anchor(ask):
    q = ask(lambda text: text.replace(" 257 3 13 ", " 257 3 13 AAAA"))
    assert verdict(q("www.signed.test.", "A", do=True)) == ("SERVFAIL", False)
    assert verdict(q("missing.signed.test.", "A")) == ("SERVFAIL", False)
    assert verdict(q("web.zone.test.", "A")) == ("NOERROR", False)
    assert q.daemon.metric('dnssec_answers_total{verdict="bogus"}') == 2


@pytest.mark.parametrize("how", [{"mode": "log"}, {"negative-anchors": ["signed.test"]}])
def test_served_all_the_same(ask, how):
    change = (lambda text: text.replace(" 257 3 13 ", " 257 3 13 AAAA")) if "mode" in how else \
        (lambda text: text.replace("signed.test.", "elsewhere.test."))
    q = ask(change, **how)
    assert verdict(q("www.signed.test.", "A", do=True)) == ("NOERROR", False)
