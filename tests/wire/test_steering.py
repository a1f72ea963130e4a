# SPDX-License-Identifier: GPL-3.0-or-later
"""Steering end to end: lists made by `polynya`, answers as browsers get them, and lists that must not be believed."""
import json
import subprocess

import dns.edns
import dns.flags
import dns.rcode
import dns.rdatatype
import pytest

from lib import doh
from lib.lists import Publisher, utc
from lib.polynya import merge, run_cli
from lib.process import SLOWNESS, wait_until
from lib.upstream import answer, drop, fail, nodata

NAME = "news.example"
M1, M2 = "m1,127.0.0.2,::2,alpn=h2,alpn=http/1.1", "m2,127.0.0.3,::3,alpn=h2"
V4, V6 = {"127.0.0.2", "127.0.0.3"}, {"::2", "::3"}
TRUTH = "192.0.2.200"


@pytest.fixture
def publisher(tmp_path):
    return Publisher(tmp_path / "list")


@pytest.fixture
def demo(publisher):
    """A list with news.example at two mirrors."""
    publisher.site(NAME, M1, M2)
    publisher.publish()
    return publisher


@pytest.fixture
def truth(upstream):
    for name in (NAME, "www." + NAME, "sub." + NAME):
        upstream.script(name, answer("A " + TRUTH), type="A")
        upstream.script(name, answer("AAAA 2001:db8::200"), type="AAAA")
        upstream.script(name, answer("HTTPS 1 . alpn=h3 ipv4hint=192.0.2.200"), type="HTTPS")
        upstream.script(name, answer("TXT truth"), type="TXT")
    return upstream


@pytest.fixture
def steered(make_polynya, truth, demo):
    return make_polynya(truth, steering=demo.config())


@pytest.fixture
def ask(steered, ca):
    with doh.h2_tls(steered.port, ca) as c:
        yield lambda name=NAME, type="A", path=None, **how: c.wait(c.get(
            doh.question(name, type, **how), target=path and f"{path}?dns={doh.b64(doh.question(name, type, **how).to_wire())}"))


def one(reply):
    """The only record of the answer, as text."""
    rrset, = reply.dns.answer
    record, = rrset
    return str(record)


def answers_of(daemon, ca, name=NAME, type="A"):
    with doh.h2_tls(daemon.port, ca) as c:
        return {str(rr) for rrset in c.ask(doh.question(name, type)).dns.answer for rr in rrset}


# --- answers

@pytest.mark.parametrize("name", [NAME, "www." + NAME, "NEWS.Example", "wWw.news.EXAMPLE"])
def test_addresses(ask, truth, name):
    v4, v6 = one(ask(name, "A")), one(ask(name, "AAAA"))
    assert v4 in V4 and v6 in V6
    assert v4[-1] == v6[-1], "A and AAAA name the same mirror"
    assert not truth.queries(name, "A") and not truth.queries(name, "AAAA")
    assert str(ask(name).dns.answer[0].name).lower() == name.lower() + "."


def test_https_record(ask):
    """`1 .` with the picked mirror's alpn and hints, never the origin's own record."""
    v4, v6 = one(ask(type="A")), one(ask(type="AAAA"))
    text = one(ask(type="HTTPS"))
    words = text.split()
    assert words[:2] == ["1", "."]
    assert f'ipv4hint="{v4}"' in words and f'ipv6hint="{v6}"' in words
    assert ('alpn="h2,http/1.1"' if v4 == "127.0.0.2" else 'alpn="h2"') in words
    assert "ech" not in text and "h3" not in text


def test_one_client_gets_one_mirror(steered, ca, ask):
    first = one(ask())
    for _ in range(5):
        assert answers_of(steered, ca) == {first}


def test_ede_and_cache_control(ask):
    """EDE 4 with list and version where there is an OPT; private, and as long as the TTL."""
    reply = ask(edns=True)
    assert reply.ede == [4]
    text, = [o.text for o in reply.dns.options if o.otype == dns.edns.EDE]
    assert text == "list demo version 1"
    parts = {p.strip() for p in reply.headers["cache-control"].split(",")}
    ttl = reply.dns.answer[0].ttl
    assert parts == {"private", f"max-age={ttl}"} and 5 <= ttl <= 60
    bare = ask()
    assert bare.dns.edns == -1 and "private" in bare.headers["cache-control"]


def test_flags(ask):
    for how in ({}, {"cd": True}, {"rd": False}):
        reply = ask(edns=True, **how).dns
        assert not reply.flags & (dns.flags.AD | dns.flags.AA | dns.flags.TC)
        assert reply.rcode() == 0 and reply.answer


def test_padding_of_steered_answers(ask):
    reply = ask(options=[dns.edns.GenericOption(12, bytes(20))])
    assert len(reply.body) % 468 == 0 and reply.ede == [4]


@pytest.mark.parametrize("type", ["TXT", "MX", "NS", "CAA", "TYPE64", "CNAME"])
def test_other_types_are_the_truth(ask, truth, type):
    reply = ask(type=type, edns=True)
    assert reply.ede == [] and truth.queries(NAME)
    if type == "TXT":
        assert one(reply) == '"truth"'


@pytest.mark.parametrize("name", ["sub." + NAME, "ews.example", "xnews.example", "a.www.news.example", "example"])
def test_other_names_are_the_truth(ask, name):
    reply = ask(name, edns=True)
    assert reply.ede == [] and not V4 & {str(rr) for rrset in reply.dns.answer for rr in rrset}


def test_any_is_not_steered(ask):
    assert ask(type="ANY").dns.answer[0].rdtype == dns.rdatatype.HINFO


def test_raw_path_never_steers(ask):
    for type, expected in (("A", TRUTH), ("AAAA", "2001:db8::200")):
        reply = ask(type=type, path="/dns-query/raw", edns=True)
        assert one(reply) == expected and reply.ede == []
        assert "private" not in reply.headers["cache-control"]
    assert one(ask()) in V4, "what the raw path cached does not leak into steered answers"


def test_no_v6_mirror_means_nodata(make_polynya, truth, publisher, ca):
    """Else the reader leaks to the blocked origin over IPv6."""
    publisher.site(NAME, "m1,127.0.0.2,alpn=h2")
    publisher.publish()
    daemon = make_polynya(truth, steering=publisher.config())
    with doh.h2_tls(daemon.port, ca) as c:
        reply = c.ask(doh.question(NAME, "AAAA", edns=True))
        assert reply.dns.rcode() == 0 and not reply.dns.answer
        assert reply.dns.authority[0].rdtype == dns.rdatatype.SOA and reply.ede == [4]
        assert "ipv6hint" not in one(c.ask(doh.question(NAME, "HTTPS")))
    assert not truth.queries(NAME, "AAAA")


def test_two_answers_best_first(make_polynya, truth, publisher, ca):
    publisher.site(NAME, M1, M2, answers=2)
    publisher.publish()
    daemon = make_polynya(truth, steering=publisher.config())
    with doh.h2_tls(daemon.port, ca) as c:
        orders = {tuple(str(rr) for rr in c.ask(doh.question(NAME)).dns.answer[0]) for _ in range(5)}
        order, = orders
        assert set(order) == V4
        first6 = [str(rr) for rr in c.ask(doh.question(NAME, "AAAA")).dns.answer[0]]
        assert [a[-1] for a in first6] == [a[-1] for a in order]


@pytest.mark.parametrize("ttl,expected", [(60, range(5, 61)), (5, [5]), (300, range(5, 301))])
def test_ttl_policy(make_polynya, truth, publisher, ca, ttl, expected):
    publisher.site(NAME, M1, ttl=ttl)
    publisher.publish()
    daemon = make_polynya(truth, steering=publisher.config())
    with doh.h2_tls(daemon.port, ca) as c:
        assert c.ask(doh.question(NAME)).dns.answer[0].ttl in expected


def test_ech_is_carried(make_polynya, truth, publisher, ca):
    publisher.site(NAME, "m1,127.0.0.2,alpn=h2,ech=AEX+DQBBpQAgACB/")
    publisher.publish()
    daemon = make_polynya(truth, steering=publisher.config())
    with doh.h2_tls(daemon.port, ca) as c:
        assert 'ech="AEX+DQBBpQAgACB/"' in one(c.ask(doh.question(NAME, "HTTPS")))


# --- health, policy and scope

@pytest.mark.parametrize("all_down,expected", [("origin", {TRUTH}), ("mirrors", None), ("nodata", set())])
def test_all_mirrors_down(make_polynya, truth, publisher, ca, all_down, expected):
    publisher.site(NAME, M1, M2, all_down=all_down)
    publisher.publish(health={NAME: {"m1": {"*": "down"}, "m2": {"*": "down"}}})
    daemon = make_polynya(truth, steering=publisher.config())
    with doh.h2_tls(daemon.port, ca) as c:
        reply = c.ask(doh.question(NAME, edns=True))
        got = {str(rr) for rrset in reply.dns.answer for rr in rrset}
        if all_down == "mirrors":
            assert got and got <= V4
        else:
            assert got == expected
        assert reply.ede == {"origin": [], "mirrors": [4], "nodata": [17]}[all_down]


def test_published_health_moves_readers(make_polynya, truth, demo, ca):
    daemon = make_polynya(truth, steering=demo.config())
    before, = answers_of(daemon, ca)
    mirror = "m1" if before == "127.0.0.2" else "m2"
    other = (V4 - {before}).pop()
    demo.publish(health={NAME: {mirror: {"*": "down"}}})
    wait_until(lambda: answers_of(daemon, ca) == {other}, "the other mirror")
    demo.publish(health={NAME: {mirror: {"*": "up"}}})
    wait_until(lambda: answers_of(daemon, ca) == {before}, "the first mirror again")


@pytest.mark.parametrize("blocked,steers", [("RU=dns", False), ("RU=ip", True), ("RU=dns,ip", True), ("RU=sni", False), ("RU=ip,sni", False)])
def test_how_it_is_blocked(make_polynya, truth, publisher, ca, blocked, steers):
    """By DNS alone the truth is the cure; against SNI filters only ECH helps (design 6.7)."""
    publisher.site(NAME, M1, blocked=blocked)
    publisher.publish()
    daemon = make_polynya(truth, steering=publisher.config())
    assert answers_of(daemon, ca) == ({"127.0.0.2"} if steers else {TRUTH})


RRSIG = "RRSIG A 13 2 300 20370101000000 20260101000000 12345 news.example. " + "A" * 86 + "=="


@pytest.mark.parametrize("mode", ["honour", "override"])
@pytest.mark.parametrize("signed", [True, False])
def test_dnssec_ok(make_polynya, truth, demo, ca, mode, signed):
    """DO=1 and a signed truth: the truth, unless the operator overrides (design 6.8)."""
    truth.script(NAME, answer("A " + TRUTH, *([RRSIG] if signed else [])), type="A")
    daemon = make_polynya(truth, steering=merge(demo.config(), {"dnssec": mode}))
    with doh.h2_tls(daemon.port, ca) as c:
        for _ in range(2):
            reply = c.ask(doh.question(NAME, do=True))
            types = {r.rdtype for r in reply.dns.answer}
            if mode == "honour" and signed:
                assert types == {dns.rdatatype.A, dns.rdatatype.RRSIG} and reply.ede == []
            else:
                assert types == {dns.rdatatype.A} and reply.ede == [4]
                assert str(reply.dns.answer[0][0]) in V4
            assert not reply.dns.flags & dns.flags.AD
        assert str(c.ask(doh.question(NAME)).dns.answer[0][0]) in V4, "without DO it is steered"


SIGNED_SOA = ["news.example. 300 SOA ns.news.example. host.news.example. 1 3600 600 86400 300",
              "news.example. 300 " + RRSIG.replace(" A ", " SOA ", 1)]


def test_dnssec_ok_for_every_type(make_polynya, truth, demo, ca):
    """A signed denial is a signed truth: else one type leads to a mirror, whom no validator believes, and another does not."""
    truth.script(NAME, answer("A " + TRUTH, RRSIG), type="A")
    for type in "AAAA", "HTTPS":
        truth.script(NAME, answer(authority=SIGNED_SOA), type=type)
    daemon = make_polynya(truth, steering=demo.config())
    with doh.h2_tls(daemon.port, ca) as c:
        for type in "A", "AAAA", "HTTPS":
            reply = c.ask(doh.question(NAME, type, do=True))
            assert reply.ede == [] and bool(reply.dns.answer) == (type == "A"), type


@pytest.mark.parametrize("forged", [["A " + TRUTH, RRSIG], ["CNAME other.example.", RRSIG.replace(" A ", " CNAME ", 1)]])
def test_dnssec_ok_where_nothing_can_be_signed(make_polynya, truth, demo, ca, forged):
    """No validator looks at signatures below an unsigned delegation: there a censor's are no reason to tell his answer."""
    truth.script(NAME, answer(*forged), type="A")
    daemon = make_polynya(truth, steering=demo.config(), dnssec={"mode": "validate", "follow": False, "negative-anchors": ["example"]})
    with doh.h2_tls(daemon.port, ca) as c:
        reply = c.ask(doh.question(NAME, do=True))
        assert reply.ede == [4] and one(reply) in V4


@pytest.mark.parametrize("way", [drop(), fail(dns.rcode.SERVFAIL), fail(dns.rcode.REFUSED), nodata(), nodata(rcode=dns.rcode.NXDOMAIN)])
def test_dnssec_ok_when_the_truth_is_kept_away(make_polynya, truth, demo, ca, way):
    """A censor who answers nothing, or lies without a signature, does not bring the truth back that way."""
    truth.script(NAME, way, type="A")
    daemon = make_polynya(truth, steering=demo.config())
    with doh.h2_tls(daemon.port, ca) as c:
        reply = c.ask(doh.question(NAME, do=True))
        assert reply.ede == [4] and one(reply) in V4


@pytest.mark.parametrize("limit", ["miss-rate", "domain-miss-rate"])
def test_dnssec_ok_when_the_truth_may_not_be_asked_for(make_polynya, truth, demo, ca, limit):
    """A flood of made-up names takes nobody's mirrors away: where the truth is not to be had they are the answer."""
    daemon = make_polynya(truth, steering=demo.config(), limits={limit: 1})
    with doh.h2_tls(daemon.port, ca) as c:
        for n in range(20):
            c.wait(c.get(doh.question(f"r{n}.{NAME}")))
        reply = c.ask(doh.question(NAME, do=True))
        assert reply.ede == [4] and one(reply) in V4
    assert not truth.queries(NAME)


# --- changes

def test_changed_list_is_picked_up(make_polynya, truth, demo, ca):
    daemon = make_polynya(truth, steering=demo.config(), workers=2)
    assert answers_of(daemon, ca) <= V4
    demo.register(NAME, "m9,127.0.0.9", seq=2)
    demo.publish()
    for _ in range(6):   # every worker
        wait_until(lambda: answers_of(daemon, ca) == {"127.0.0.9"}, "the new mirror")
    assert daemon.metric("list_version") == 2
    demo.site("other.example", "m1,127.0.0.7")
    demo.publish()
    wait_until(lambda: answers_of(daemon, ca, "other.example") == {"127.0.0.7"}, "the new site")


def test_list_that_comes_later(make_polynya, truth, publisher, ca):
    """Started before anything was published."""
    daemon = make_polynya(truth, steering=publisher.config())
    daemon.expect_errors(r"event=list\.")
    assert answers_of(daemon, ca) == {TRUTH}
    publisher.site(NAME, M1)
    publisher.publish()
    wait_until(lambda: answers_of(daemon, ca) == {"127.0.0.2"}, "the first list")


def test_withdrawn_site(make_polynya, truth, demo, ca):
    daemon = make_polynya(truth, steering=demo.config())
    run_cli("delegate", demo.list / "delegations.json", NAME, "--revoke", "--key", demo.key("maintainer"))
    demo.publish()
    wait_until(lambda: answers_of(daemon, ca) == {TRUTH}, "the site to go")


def test_root_is_replaced(make_polynya, truth, demo, ca):
    """A new publisher key by a root signed by the old and the new root key."""
    daemon = make_polynya(truth, steering=demo.config())
    demo.root("root", after=demo.list / "root-1.json", publisher="stranger")
    demo.register(NAME, "m8,127.0.0.8", seq=2)
    demo.publish(key="stranger")
    wait_until(lambda: answers_of(daemon, ca) == {"127.0.0.8"}, "the list of the new publisher")
    daemon.stop()
    daemon.start()
    assert answers_of(daemon, ca) == {"127.0.0.8"}


# --- what must not be believed

def edit_signed(publisher, change, key="publisher", name="list.json"):
    """The document changed and signed again."""
    envelope = json.loads((publisher.list / name).read_text())
    document = json.loads(envelope["signed"])
    change(document)
    text = publisher.dir / "edited"
    text.write_text(json.dumps(document))
    signature = minisign_sign(publisher, text, key)
    return json.dumps({"signed": text.read_text(), "signatures": [signature]}).encode()


def minisign_sign(publisher, path, key):
    """By `minisign -S` itself: an unencrypted key of ours is one of its own."""
    signature = publisher.dir / "signature"
    subprocess.run(["minisign", "-S", "-W", "-s", publisher.key(key), "-m", path, "-x", signature], check=True, capture_output=True,
                   stdin=subprocess.DEVNULL)
    return signature.read_text()


def tampered(p):
    return p.document.read_bytes().replace(b"127.0.0.9", b"127.0.0.6")


def set_of(**fields):
    return lambda p: edit_signed(p, lambda d: d.update(fields))


BAD_LISTS = {
    "tampered": (tampered, "bad-signature|too-few-signatures"),
    "half written": (lambda p: p.document.read_bytes()[:-200], "bad-json"),
    "empty": (lambda p: b"", "bad-json|unreadable"),
    "not json": (lambda p: b"\x00\xff\xfe" * 1000, "bad-json"),
    "deeply nested": (lambda p: b"[" * 100000, "bad-json|too-many"),
    "over-long": (lambda p: p.document.read_bytes() + b" " * (17 << 20), "too-large"),
    "foreign signer": (lambda p: edit_signed(p, lambda d: None, key="stranger"), "too-few-signatures|bad-signature"),
    "outlet's signature": (lambda p: edit_signed(p, lambda d: None, key="outlet"), "too-few-signatures|bad-signature"),
    "unsigned": (lambda p: json.dumps({**json.loads(p.document.read_text()), "signatures": []}).encode(), "."),
    "expired": (lambda p: edit_signed(p, lambda d: d.update(issued=utc(hours=-30), expires=utc(hours=-7))), "expired"),
    "lives too long": (lambda p: edit_signed(p, lambda d: d.update(expires=utc(days=3))), "too-long-life"),
    "from the future": (lambda p: edit_signed(p, lambda d: d.update(issued=utc(hours=5), expires=utc(hours=6))), "issued-in-future"),
    "rolled back": (set_of(version=1), "rolled-back|same-version"),
    "version zero": (set_of(version=0), "."),
    "other type": (set_of(type="polynya-list/2"), "bad-type"),
    "wrong hash": (lambda p: edit_signed(p, lambda d: d["delegations"].update(sha256="0" * 64)), "."),
}


@pytest.mark.parametrize("kind", BAD_LISTS)
def test_bad_list_leaves_the_old_one(make_polynya, truth, demo, ca, kind):
    """Named in one log line; the old list stands; the next good one is taken."""
    old = demo.document.read_bytes()
    demo.register(NAME, "m9,127.0.0.9", seq=2)
    demo.publish()
    demo.publish()
    good = demo.document.read_bytes()   # version 3
    make, why = BAD_LISTS[kind]
    bad = make(demo)
    demo.put(old)
    daemon = make_polynya(truth, steering=demo.config())
    before, mark = answers_of(daemon, ca), daemon.program.mark()
    assert before <= V4
    demo.put(bad)
    daemon.program.wait_line(rf"event=list\.refused .*why=({why})", since=mark)
    assert answers_of(daemon, ca) == before
    assert len(daemon.program.grep("event=list.refused", since=mark)) == 1
    demo.put(good)
    wait_until(lambda: answers_of(daemon, ca) == {"127.0.0.9"}, "the next good list")


def test_rollback_is_remembered_over_a_restart(make_polynya, truth, demo, ca):
    old = demo.document.read_bytes()
    demo.register(NAME, "m9,127.0.0.9", seq=2)
    demo.publish()
    daemon = make_polynya(truth, steering=demo.config())
    assert answers_of(daemon, ca) == {"127.0.0.9"}
    daemon.stop()
    demo.put(old)
    daemon.start()
    daemon.program.wait_line(r"event=list\.refused .*why=rolled-back")
    assert answers_of(daemon, ca) == {"127.0.0.9"}


def test_registration_seq_does_not_go_back(make_polynya, truth, demo, ca):
    demo.register(NAME, "m9,127.0.0.9", seq=5)
    demo.publish()
    daemon = make_polynya(truth, steering=demo.config())
    assert answers_of(daemon, ca) == {"127.0.0.9"}
    demo.register(NAME, "m1,127.0.0.2", seq=4)
    demo.publish()
    daemon.program.wait_line(r"event=list\.(site-)?refused .*why=rolled-back")
    assert answers_of(daemon, ca) != {"127.0.0.2"}


def test_bad_registration_costs_that_site_only(make_polynya, truth, demo, ca):
    """The publisher's machine can hide a mirror, never invent one."""
    demo.site("other.example", "m1,127.0.0.7")
    demo.publish()

    def invent(document):
        for i, text in enumerate(document["registrations"]):
            whole = json.dumps(text)
            if "other.example" in whole:
                document["registrations"][i] = json.loads(whole.replace("127.0.0.7", "127.0.0.66"))
        document["version"] += 1
    demo.put(edit_signed(demo, invent))
    truth.script("other.example", answer("A " + TRUTH), type="A")
    daemon = make_polynya(truth, steering=demo.config())
    daemon.program.wait_line(r"event=list\.site-refused .*domain=other\.example")
    assert answers_of(daemon, ca) <= V4
    assert answers_of(daemon, ca, "other.example") == {TRUTH}


@pytest.mark.parametrize("mirror", ["m1,127.0.0.2", "m1,10.1.2.3", "m1,192.168.0.1", "m1,::1", "m1,fe80::1", "m1,2001:db8::1", "m1,::ffff:8.8.8.8", "m1,224.0.0.1"])
def test_special_addresses_are_refused(make_polynya, truth, tmp_path, ca, mirror):
    """However well signed, unless the operator allows it for a demo."""
    publisher = Publisher(tmp_path / "list")
    publisher.site(NAME, mirror)
    publisher.publish()
    steering = publisher.config()
    steering["lists"][0]["allow-special-use"] = False
    daemon = make_polynya(truth, steering=steering)
    daemon.program.wait_line(r"event=list\.site-refused")
    assert answers_of(daemon, ca) == {TRUTH}


def test_denied_networks_are_refused(make_polynya, truth, tmp_path, ca):
    """The operator's own word stands above the list's, and above allow-special-use."""
    publisher = Publisher(tmp_path / "list")
    publisher.site(NAME, M1, M2)
    publisher.publish()
    daemon = make_polynya(truth, steering=publisher.config() | {"deny": ["127.0.0.2/31"]})
    daemon.program.wait_line(r"event=list\.site-refused .*denied")
    assert answers_of(daemon, ca) == {TRUTH}


def test_global_addresses_need_no_permission(make_polynya, truth, tmp_path, ca):
    publisher = Publisher(tmp_path / "list", strict=True)
    publisher.site(NAME, "m1,8.8.8.8,2620:fe::fe")
    publisher.publish()
    daemon = make_polynya(truth, steering=publisher.config())
    assert answers_of(daemon, ca) == {"8.8.8.8"}
    assert not daemon.program.grep("event=list.unguarded")


def test_allowing_special_use_is_said_loudly(steered):
    assert steered.program.grep(r"level=warn .*event=list\.unguarded")


# --- persistence

def test_restart_without_the_files(make_polynya, make_upstream, demo, ca, tmp_path):
    """A cold start with neither list nor upstream steers at once."""
    dead = make_upstream()
    daemon = make_polynya(dead, steering=demo.config())
    before = answers_of(daemon, ca)
    assert before <= V4
    daemon.stop()
    dead.close()
    demo.list.rename(tmp_path / "gone")
    daemon.expect_errors(r"event=list\.")
    daemon.start()
    assert answers_of(daemon, ca) <= V4
    assert (daemon.state / "prober" / "steering.mdb").exists()


def test_expired_list_steers_on(make_polynya, truth, publisher, ca):
    """Registrations live on until their own expiry; an alarm rises (design 5)."""
    publisher.site(NAME, M1)
    publisher.publish()
    publisher.put(edit_signed(publisher, lambda d: d.update(expires=utc(seconds=4 * SLOWNESS))))
    daemon = make_polynya(truth, steering=merge(publisher.config(), {"poll": "1s"}))
    daemon.expect_errors(r"event=list\.expired")
    assert answers_of(daemon, ca) == {"127.0.0.2"}
    daemon.program.wait_line("event=list.expired")
    assert answers_of(daemon, ca) == {"127.0.0.2"}
    assert json.loads(daemon.admin("/health")[1])["list"] == "expired"
    publisher.publish()
    wait_until(lambda: json.loads(daemon.admin("/health")[1])["list"] == "fresh", "the fresh list")


def test_weeks_without_a_publisher(make_polynya, truth, publisher, ca, clock):
    """Nobody publishes and nobody restarts: the list grows old, expires, and in the end its registrations do."""
    publisher.site(NAME, M1)
    publisher.publish()
    daemon = make_polynya(truth, steering=merge(publisher.config(), {"poll": "1s"}), env=clock.env)
    daemon.expect_errors(r"event=list\.expired")
    assert answers_of(daemon, ca) == {"127.0.0.2"}
    for hours, event in ((3, "list.old"), (25, "list.expired")):
        clock.ahead(hours * 3600)
        daemon.program.wait_line(f"event={event} list=demo")
        assert answers_of(daemon, ca) == {"127.0.0.2"}
    clock.ahead(29 * 86400)
    wait_until(lambda: daemon.metric("list_age_seconds") >= 28 * 86400, "the prober to see the clock")
    assert answers_of(daemon, ca) == {"127.0.0.2"}
    clock.ahead(31 * 86400)
    wait_until(lambda: answers_of(daemon, ca) == {TRUTH}, "the registration's end")


@pytest.mark.parametrize("when", ["running", "started"])
def test_a_clock_that_was_ahead(make_polynya, truth, publisher, ca, clock, tmp_path, when):
    """Set right again, it brings back what it made us take for expired, with no feed to be had."""
    publisher.site(NAME, M1, M2, expires="2d")
    publisher.publish()
    daemon = make_polynya(truth, steering=merge(publisher.config(), {"poll": "1s"}), env=clock.env)
    daemon.expect_errors(r"event=list\.expired")
    assert answers_of(daemon, ca) <= V4
    publisher.list.rename(tmp_path / "gone")
    if when == "started":
        daemon.stop()
    clock.ahead(3 * 86400)
    if when == "started":
        daemon.start()
    wait_until(lambda: answers_of(daemon, ca) == {TRUTH}, "the registration's end")
    wait_until(lambda: daemon.metric("list_age_seconds") >= 2 * 86400, "the prober to see the clock")
    clock.ahead(0)
    wait_until(lambda: answers_of(daemon, ca) <= V4, "the mirrors")


@pytest.mark.parametrize("damage", [b"", b"garbage" * 5000])
def test_damaged_steering_store(make_polynya, truth, demo, ca, damage):
    daemon = make_polynya(truth, steering=demo.config())
    daemon.stop()
    (daemon.state / "prober" / "steering.mdb").write_bytes(damage)
    daemon.expect_errors(r"event=steering\.")
    daemon.start()
    assert answers_of(daemon, ca) <= V4


def test_killed_prober_comes_back(make_polynya, truth, demo, ca):
    import os
    import signal
    daemon = make_polynya(truth, steering=demo.config())
    prober, = [p["pid"] for p in daemon.status()["processes"] if p["role"] == "prober"]
    os.kill(prober, signal.SIGKILL)
    assert answers_of(daemon, ca) <= V4
    demo.register(NAME, "m9,127.0.0.9", seq=2)
    demo.publish()
    wait_until(lambda: answers_of(daemon, ca) == {"127.0.0.9"}, "a new prober to take the new list")


def test_first_list_wins(make_polynya, truth, tmp_path, ca):
    one, two = Publisher(tmp_path / "one"), Publisher(tmp_path / "two")
    one.site(NAME, "m1,127.0.0.11")
    two.site(NAME, "m1,127.0.0.12")
    two.site("other.example", "m1,127.0.0.13")
    for p in (one, two):
        p.publish()
    first, second = one.config("first"), two.config("second")
    daemon = make_polynya(truth, steering=first | {"lists": first["lists"] + second["lists"]})
    assert answers_of(daemon, ca) == {"127.0.0.11"}
    assert answers_of(daemon, ca, "other.example") == {"127.0.0.13"}


# --- the command line's view

def test_query_says_why(steered, authority):
    url = f"https://localhost:{steered.port}/dns-query"
    told = json.loads(run_cli("query", "--json", "--server", url, "--cacert", authority.cert, NAME, "A").stdout)
    assert told["steered"] is True and "list demo version 1" in told["why"]
    raw = json.loads(run_cli("query", "--json", "--raw", "--server", url, "--cacert", authority.cert, NAME, "A").stdout)
    assert raw["steered"] is False and TRUTH in json.dumps(raw["answer"])


def test_minisign_accepts_what_we_sign(demo, tmp_path):
    for name, signer in (("list.json", "publisher"), ("delegations.json", "maintainer"), ("root-1.json", "root")):
        envelope = json.loads((demo.list / name).read_text())
        (tmp_path / "text").write_text(envelope["signed"])
        (tmp_path / "sig").write_text(envelope["signatures"][0])
        subprocess.run(["minisign", "-V", "-p", demo.pub(signer), "-m", tmp_path / "text", "-x", tmp_path / "sig"], check=True, capture_output=True)


def test_list_signed_by_minisign_is_accepted(make_polynya, truth, demo, ca):
    demo.put(edit_signed(demo, lambda d: d.update(version=9)))
    daemon = make_polynya(truth, steering=demo.config())
    assert answers_of(daemon, ca) <= V4
    assert daemon.metric("list_version") == 9


def test_list_verify_agrees(demo):
    words = ["list", "verify", demo.list, "--root", demo.pinned, "--allow-special-use"]
    assert run_cli(*words).returncode == 0
    demo.put(tampered(demo).replace(b"127.0.0.2", b"127.0.0.6"))
    assert run_cli(*words, check=False).returncode == 1
