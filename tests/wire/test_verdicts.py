# SPDX-License-Identifier: GPL-3.0-or-later
"""Polynya's verdicts beside Unbound's and Knot Resolver's, name by name, on one signed world full of broken zones."""
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from lib import doh
from lib.world import KnotResolver, Unbound, questions, verdict
from lib.zones import PARDONED

# Where the two differ from each other: the one that is followed, and why.
UNBOUND, KNOT = 1, 2
DIFFER = [
    (r"(a\.b\.empty|\*\.wild|mixed\.case)\.iter(2500\.ec|300\.ed|100\.ec)\. .*", UNBOUND,
     "A signature that holds needs no proof of absence to be secure (RFC 4035 5.3); Knot Resolver gives up on the "
     "zone as soon as one proof on the way is too dear."),
    (r"(?!(a\.b\.empty|\*\.wild|mixed\.case)\.).*\biter100\.ec\. .*", KNOT,
     "A proof of more than 50 iterations is not computed (RFC 9276 3.2 leaves the bound to us; Unbound's is 150)."),
    (r"deep\.un\.signed\.ed\. DS", UNBOUND, "Under opt-out nothing is known of names there (RFC 5155 9.2)."),
    (r".*\bskew\.bad\. .*", UNBOUND, "A signature ten minutes over its time: clocks differ, and it is let pass."),
    (r"any\.wild\.nosoasig\.bad\. A", UNBOUND, "The SOA is no part of this answer, so its signature does not matter."),
    (r"www\.oddflags\.bad\. TXT", UNBOUND, "NSEC3 with flags that nobody knows prove nothing (RFC 5155 8.2)."),
    (r"www\.fewlabels\.bad\. TXT", KNOT,
     "An NSEC that was made from a wildcard would deny names at will (RFC 4035 5.3.4 with 5.4)."),
    (r".*\bdowngrade\.bad\. .*", KNOT, "SHA-1 does not count beside a better digest (RFC 4509 3)."),
    (r".*\brevoked\.bad\. .*", KNOT, "A revoked key vouches for nothing (RFC 5011 2.1)."),
    (r"www\.cutbit\.bad\. TXT", KNOT, "An NSEC from above a zone cut says nothing about what is there (RFC 6840 4.1)."),
    (r"h1\.forged\.bad\. MX", KNOT, "NXDOMAIN for a name that is proved to exist is a forgery, not to be mended."),
    (r"h11\.forged3?\.bad\. TXT", KNOT, "What is denied is proved; that the SOA is missing only forbids caching."),
    (r"a\.b\.d1\.forged3?\.bad\. A", KNOT, "A CNAME that its DNAME does not account for (RFC 6672 5.3.1)."),
]


@pytest.fixture(scope="module")
def polynya(shared_factory, world):
    return shared_factory(world, dnssec={"mode": "validate", "anchors": str(world.anchors),
                                         "negative-anchors": [PARDONED], "follow": False})


@pytest.fixture(scope="module")
def verdicts(world, polynya, authority):
    """{question: (Polynya's, Unbound's, Knot Resolver's)}"""
    others = [kind(world.dir / kind.__name__, world) for kind in (Unbound, KnotResolver)]
    asked = list(questions(world))

    def ours():
        with doh.h2_tls(polynya.port, authority.cert) as c:
            return [verdict(c.ask(doh.question(name, type, do=True)).dns) for name, type in asked]

    def theirs(server):
        return [verdict(server.ask(name, type, tcp=False, do=True)) for name, type in asked]
    try:
        with ThreadPoolExecutor() as pool:
            columns = [pool.submit(ours), *(pool.submit(theirs, s) for s in others)]
            return {f"{q[0]} {q[1]}": v for q, v in zip(asked, zip(*(c.result() for c in columns)))}
    finally:
        for server in others:
            server.stop()


def followed(question):
    """Whom to be equal with: both, or the one that DIFFER names."""
    found = [whom for pattern, whom, _ in DIFFER if re.fullmatch(pattern, question)]
    assert len(found) < 2, question
    return found or [UNBOUND, KNOT]


def test_every_verdict_is_theirs(verdicts):
    wrong = [f"{q}: Polynya {v[0]}, Unbound {v[1]}, Knot Resolver {v[2]}"
             for q, v in verdicts.items() if any(v[0] != v[whom] for whom in followed(q))]
    assert not wrong, f"{len(wrong)} of {len(verdicts)}:\n" + "\n".join(wrong)


def test_differences_listed_are_there(verdicts):
    """A row that nothing needs is taken out again."""
    for pattern, _, _ in DIFFER:
        matching = [v for q, v in verdicts.items() if re.fullmatch(pattern, q)]
        assert any(v[UNBOUND] != v[KNOT] for v in matching), pattern


def test_the_world_is_what_it_should_be(verdicts):
    """Were all of it bogus, or nothing, all would agree as well."""
    kinds = [(v[0][0], v[0][1]) for v in verdicts.values()]
    for kind, least in ((("NOERROR", True), 200), (("NXDOMAIN", True), 50), (("NOERROR", False), 200),
                        (("SERVFAIL", False), 100)):
        assert kinds.count(kind) >= least, kind
