# SPDX-License-Identifier: GPL-3.0-or-later
"""Groups of upstreams, and the names that are forwarded to them."""
import itertools

import dns.rcode
import pytest
import yaml

from lib import doh
from lib.fake_dot import FakeDot
from lib.polynya import DAEMON
from lib.process import wait_until
from lib.tools import run
from lib.upstream import answer, drop, fail

QUICK = {"try-timeout": "100ms", "total-timeout": "400ms", "failure-max": "1s"}


@pytest.fixture
def three(make_upstream):
    """One for all, one for the office, one for its laboratory; each says who it is."""
    out = make_upstream(), make_upstream(), make_upstream()
    for i, u in enumerate(out):
        u.script_all(answer(f"A 192.0.2.{i}"))
    return out


def forwarding(three, rules, **more):
    plain, office, lab = three
    return {"upstream": {"servers": [plain.server(), {**office.server(), "group": "office"}, {**lab.server(), "group": "lab"}],
                         "forward": rules, **more}}


RULES = [{"suffix": "lab.corp.example", "group": "lab"}, {"suffix": "corp.example.", "group": "office"},
         {"suffix": "public.corp.example", "group": "default"}, {"suffix": "2.0.192.in-addr.arpa", "group": "office"}]


def who(c, name, type="A"):
    return str(c.ask(doh.question(name, type)).dns.answer[0][0])


def test_longest_suffix_wins(make_polynya, three, ca):
    daemon = make_polynya(**forwarding(three, RULES))
    expected = {"www.example": 0, "example": 0, "corp.example": 1, "www.corp.example": 1, "WWW.Corp.Example": 1, "notcorp.example": 0,
                "lab.corp.example": 2, "a.b.lab.corp.example": 2, "xlab.corp.example": 1, "www.public.corp.example": 0}
    with doh.h2_tls(daemon.port, ca) as c:
        for _ in range(2):  # the second time from the caches: a name's group is the same there
            for name, index in expected.items():
                assert who(c, name) == f"192.0.2.{index}", name
    for i, u in enumerate(three):
        assert {s.name.lower().rstrip(".") for s in u.seen if s.type == "A"} == \
            {n.lower() for n, index in expected.items() if index == i}


def test_no_other_group_is_asked(make_polynya, three, ca):
    """An internal name never leaves for the outside, whatever its own servers do; nor the other way round."""
    plain, office, lab = three
    daemon = make_polynya(**forwarding(three, RULES, **QUICK))
    with doh.h2_tls(daemon.port, ca) as c:
        for step in (fail(dns.rcode.SERVFAIL), fail(dns.rcode.REFUSED), drop()):
            office.script_all(step)
            for i in range(12):
                assert c.ask(doh.question(f"n{i}-{id(step)}.corp.example")).dns.rcode() != 0
        wait_until(lambda: any(u["on_hold"] for u in daemon.status()["upstreams"]), "the office's server to be on hold")
        assert who(c, "www.example") == "192.0.2.0"
        office.script_all(answer("A 192.0.2.1"))
        wait_until(lambda: c.ask(doh.question("back.corp.example")).dns.rcode() == 0, "the office to be back")
    assert not any("corp" in s.name.lower() for u in (plain, lab) for s in u.seen)
    assert not any("www.example" in s.name.lower() for s in office.seen)


def test_group_over_tls(make_polynya, make_upstream, authority, ca):
    pair = authority.issue("dns.corp.example")
    plain, office = make_upstream(), FakeDot(pair)
    office.script_all(answer("A 192.0.2.1"))
    daemon = make_polynya(upstream={
        "servers": [plain.server(), office.server(**{"group": "office", "tls-name": "dns.corp.example", "ca-file": str(authority.cert)})],
        "forward": [{"suffix": "corp.example", "group": "office"}], **QUICK})
    with doh.h2_tls(daemon.port, ca) as c:
        assert who(c, "www.corp.example") == "192.0.2.1"
        office.close()
        assert c.ask(doh.question("other.corp.example")).dns.rcode() == dns.rcode.SERVFAIL
    assert not office.clear and not plain.queries("other.corp.example")


def test_status_tells_groups(make_polynya, three):
    daemon = make_polynya(**forwarding(three, RULES))
    assert [(u["group"], u["protocol"]) for u in daemon.status()["upstreams"]] == [("default", "udp"), ("office", "udp"), ("lab", "udp")]


def test_rules_change_at_reload(make_polynya, three, ca):
    daemon = make_polynya(**forwarding(three, RULES))
    with doh.h2_tls(daemon.port, ca) as c:
        assert who(c, "a.corp.example") == "192.0.2.1"
    daemon.configure({**daemon.config, **forwarding(three, RULES[:1])})
    daemon.reload()
    names = itertools.count()

    def asked():   # by the old worker, while it still accepts
        with doh.h2_tls(daemon.port, ca) as c:
            return who(c, f"b{next(names)}.corp.example")
    wait_until(lambda: asked() == "192.0.2.0", "the new worker to answer")


def test_internal_zones(make_polynya, three, ca):
    """They may have private addresses, and stand before what would be answered here."""
    plain, office, lab = three
    office.script_all(answer("A 10.1.2.3"))
    office.script("1.0.0.10.in-addr.arpa", answer("PTR host.corp.example."))
    plain.script_all(answer("A 10.1.2.3"))
    daemon = make_polynya(**forwarding(three, [{"suffix": "corp.example", "group": "office"}, {"suffix": "10.in-addr.arpa", "group": "office"},
                                               {"suffix": "home.arpa", "group": "office"}, {"suffix": "public.example", "group": "office",
                                                                                             "internal": False}]))
    with doh.h2_tls(daemon.port, ca) as c:
        assert who(c, "www.corp.example") == who(c, "printer.home.arpa") == "10.1.2.3"
        assert who(c, "1.0.0.10.in-addr.arpa", "PTR") == "host.corp.example."
        for name in ("www.example", "www.public.example", "1.0.168.192.in-addr.arpa"):
            assert not c.ask(doh.question(name)).dns.answer


def test_forwarded_is_not_validated(make_polynya, three):
    """-nv shows the negative anchors that come with the rules, and reads back the same."""
    rules = [{"suffix": "corp.example", "group": "office"}, {"suffix": "signed.example", "group": "lab", "internal": False}]
    daemon = make_polynya(start=False, **forwarding(three, rules))
    text = run(DAEMON, "-nv", "-c", daemon.file).stdout.decode()
    assert yaml.safe_load(text)["dnssec"]["negative-anchors"] == ["corp.example"]
    assert yaml.safe_load(text)["rebinding"]["allow"] == ["corp.example"]
    daemon.write(text)
    assert run(DAEMON, "-nv", "-c", daemon.file).stdout.decode() == text


@pytest.mark.parametrize("rules,what", [
    ([{"suffix": "a.example", "group": "nobody"}], "upstream.forward[0].group: no server is in it"),
    ([{"suffix": "a.example", "group": "lab"}, {"suffix": "A.example.", "group": "office"}], "upstream.forward[1].suffix: is forwarded already"),
    ([{"suffix": ".", "group": "lab"}], "upstream.forward[0]: the root cannot be internal"),
    ([{"suffix": "a..example", "group": "lab"}], "upstream.forward[0].suffix: is not a domain name"),
])
def test_config_is_checked(make_polynya, three, rules, what):
    daemon = make_polynya(start=False, **forwarding(three, rules))
    done = run(DAEMON, "-n", "-c", daemon.file, check=False)
    assert done.returncode == 1 and what in done.stderr.decode()


def test_a_default_group_is_needed(make_polynya, three):
    daemon = make_polynya(start=False, upstream={"servers": [{**three[1].server(), "group": "office"}]})
    done = run(DAEMON, "-n", "-c", daemon.file, check=False)
    assert done.returncode == 1 and "none is without a group" in done.stderr.decode()
