# SPDX-License-Identifier: GPL-3.0-or-later
"""A real authoritative server as upstream: what comes through us is what it says itself, record by record."""
import threading

import dns.flags
import dns.rdatatype
import pytest

from lib import doh
from lib.zone import QUESTIONS


@pytest.fixture(scope="module")
def through(shared_factory, knot, authority):
    daemon = shared_factory(knot)
    with doh.h2_tls(daemon.port, authority.cert) as c:
        yield lambda name, type, **how: c.ask(doh.question(name, type, **how))


def records(section):
    """{(owner, type): set of data}, names in lower case as DNS compares them."""
    out = {}
    for rrset in section:
        key = (str(rrset.name).lower(), dns.rdatatype.to_text(rrset.rdtype), str(rrset.covers))
        out.setdefault(key, set()).update(rr.to_digestable() for rr in rrset)
    return out


def ttls(section):
    return {(str(r.name).lower(), r.rdtype): r.ttl for r in section}


@pytest.mark.parametrize("name,type", QUESTIONS, ids=[f"{n}{t}" for n, t in QUESTIONS])
def test_equal_to_a_direct_query(through, knot, name, type):
    truth = knot.ask(name, type, edns=True)
    for source in ("upstream", "cache"):
        ours = through(name, type, edns=True).dns
        assert ours.rcode() == truth.rcode(), source
        assert records(ours.answer) == records(truth.answer), source
        for key, ttl in ttls(truth.answer).items():
            assert ttl - 5 <= ttls(ours.answer)[key] <= ttl
        if not any(r.rdtype == dns.rdatatype.from_text(type) for r in truth.answer):
            assert records(ours.authority) == records(truth.authority), source
        assert not ours.flags & dns.flags.AA


@pytest.mark.parametrize("name,type", [("www.signed.test.", "A"), ("alias.signed.test.", "AAAA"), ("signed.test.", "DNSKEY"),
                                       ("missing.signed.test.", "A"), ("www.signed.test.", "MX")])
def test_signed_zone_with_do(through, knot, name, type):
    """Signatures and proofs come along with DO, and only with it."""
    truth = knot.ask(name, type, do=True)
    for _ in range(2):
        ours = through(name, type, do=True).dns
        assert records(ours.answer) == records(truth.answer)
        assert records(ours.authority) == records(truth.authority) or truth.answer
        assert any(key[1] == "RRSIG" for key in {**records(ours.answer), **records(ours.authority)})
        plain = through(name, type, edns=True).dns
        assert not any(key[1] in ("RRSIG", "NSEC") for key in {**records(plain.answer), **records(plain.authority)})


def test_alias_out_of_the_zone(through):
    """An authoritative server cannot follow it; the alias itself must come through."""
    ours = through("alias.zone.test.", "A").dns
    assert [str(r[0]) for r in ours.answer] == ["outside.other.test."]


def test_alias_loop_ends(through):
    for _ in range(3):
        assert through("loop1.zone.test.", "A").status == 200


def test_upper_case_question(through):
    ours = through("WWW.Zone.TEST.", "A").dns
    assert str(ours.question[0].name) == "WWW.Zone.TEST."
    assert {str(r.name).lower() for r in ours.answer} == {"www.zone.test.", "web.zone.test.", "zone.test."}


def test_all_questions_at_once(shared_factory, knot, authority):
    """Every question over every kind of connection at the same time."""
    daemon = shared_factory(knot, workers=2)
    failures, truths = [], {q: records(knot.ask(*q, edns=True).answer) for q in QUESTIONS}

    def run(opener, target):
        with opener(*target) as c:
            for name, type in QUESTIONS:
                got = records(c.ask(doh.question(name, type, edns=True)).dns.answer)
                if got != truths[name, type]:
                    failures.append((name, type, got))
    kinds = [(doh.h2_tls, (daemon.port, authority.cert)), (doh.h1_tls, (daemon.port, authority.cert)),
             (doh.h2c, (daemon.plain_port,)), (doh.h1c, (daemon.plain_port,))] * 2
    threads = [threading.Thread(target=run, args=k) for k in kinds]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures
