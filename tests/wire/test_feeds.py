# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists over HTTPS: taken, kept, refused. What a hostile server of a list can do is not be of use; each way to
be one has its own name in the log and in the metrics, and costs nobody else anything."""
import hashlib
import json

import pytest

from lib import doh
from lib.feeds import FeedServer, Proxy
from lib.lists import Publisher, utc
from lib.polynya import merge, run_cli
from lib.process import wait_until
from lib.upstream import answer
from test_steering import edit_signed

NAME, OTHER, MIRROR = "news.example", "other.example", "127.0.0.2"
TRUTH = "192.0.2.200"


@pytest.fixture
def truth(upstream):
    for name in (NAME, OTHER, "bad.example"):
        upstream.script(name, answer("A " + TRUTH), type="A")
    return upstream


@pytest.fixture
def publisher(tmp_path):
    p = Publisher(tmp_path / "list")
    p.site(NAME, f"m1,{MIRROR}")
    p.publish()
    return p


@pytest.fixture
def other(tmp_path):
    """Another list, from a folder: whatever befalls the first, this one steers."""
    p = Publisher(tmp_path / "other")
    p.site(OTHER, "m1,127.0.0.77")
    p.publish()
    return p


@pytest.fixture
def serve(certificate):
    made = []

    def make(folder):
        made.append(FeedServer(folder, certificate))
        return made[-1]
    yield make
    for server in made:
        server.stop()


@pytest.fixture
def feed(serve, publisher):
    return serve(publisher.list)


@pytest.fixture
def follow(make_polynya, truth, publisher, other, authority):
    """A daemon that follows the URLs given, and the other list."""
    def start(*feeds, **steering):
        first = publisher.config()["lists"][0] | {"urls": [f if isinstance(f, str) else f.url for f in feeds]}
        base = publisher.config() | {"lists": [first, *other.config("other")["lists"]], "poll": "1s",
                "fetch": {"ca-file": str(authority.cert), "timeout": "20s"}}
        return make_polynya(truth, steering=merge(base, steering))
    return start


def answers_of(daemon, ca, name=NAME):
    with doh.h2_tls(daemon.port, ca) as c:
        return {str(rr) for rrset in c.ask(doh.question(name)).dns.answer for rr in rrset}


def await_mirror(daemon, ca, address=MIRROR, name=NAME):
    wait_until(lambda: answers_of(daemon, ca, name) == {address}, f"{address} for {name}")


def refusals(daemon, why):
    return daemon.metric(f'list_refusals_total{{why="{why}"}}')


def assert_refused(daemon, ca, why, mark=0, event="refused"):
    """One line with the reason, its counter, and the other list as before."""
    line = daemon.program.wait_line(rf"event=list\.{event} list=demo .*why={why}\b", since=mark)
    wait_until(lambda: refusals(daemon, why) >= 1, "the counter")
    assert answers_of(daemon, ca, OTHER) == {"127.0.0.77"}
    assert len(daemon.program.grep(rf"event=list\.{event} list=demo .*why={why}\b", since=mark)) == 1
    return line


# --- what works

def test_a_list_is_followed(follow, feed, publisher, ca):
    daemon = follow(feed)
    await_mirror(daemon, ca)
    publisher.register(NAME, "m9,127.0.0.9", seq=2)
    publisher.publish()
    await_mirror(daemon, ca, "127.0.0.9")
    wait_until(lambda: 304 in feed.statuses("list.json"), "a conditional request")
    assert len(feed.statuses("delegations.json")) == 1, "unchanged delegations are not fetched again"
    assert set(feed.statuses("root-2.json")) == {404}
    assert not daemon.program.grep("event=list.refused")
    publisher.site("more.example", "m1,127.0.0.5")
    publisher.publish()
    await_mirror(daemon, ca, "127.0.0.5", "more.example")
    assert len(feed.statuses("delegations.json")) == 2


@pytest.mark.parametrize("how", ["dead", "tampered", "missing"])
def test_the_next_url_is_tried(follow, serve, publisher, ca, how, tmp_path):
    first, second = serve(publisher.list), serve(publisher.list)
    if how == "dead":
        first.stop()
    elif how == "tampered":
        first.tamper["list.json"] = first.body(publisher.document.read_bytes().replace(b"127.0.0.2", b"127.0.0.6"))
    else:
        first.folder = tmp_path
    daemon = follow(first, second)
    await_mirror(daemon, ca)
    why = {"dead": "not-fetched", "tampered": "too-few-signatures", "missing": "not-fetched"}[how]
    line = assert_refused(daemon, ca, why)
    assert first.url in str(line) and second.url not in str(line)


def test_a_failing_server_is_left_alone_longer_each_time(follow, serve, publisher, ca):
    first, second = serve(publisher.list), serve(publisher.list)
    first.tamper["root-2.json"] = first.status(500)
    daemon = follow(first, second)
    wait_until(lambda: len(second.statuses("list.json")) >= 8, "polls")
    assert len(first.asked) < 6, "of eight polls, those at 0, 1, 3 and 7 seconds"
    assert_refused(daemon, ca, "not-fetched")


def test_through_a_proxy(follow, feed, ca):
    proxy = Proxy()
    try:
        daemon = follow(feed, fetch={"proxy": proxy.url})
        await_mirror(daemon, ca)
        assert set(proxy.asked) == {f"localhost:{feed.port}"}
    finally:
        proxy.stop()


def test_roots_are_walked_one_by_one(follow, feed, publisher, ca):
    daemon = follow(feed)
    await_mirror(daemon, ca)
    publisher.root("root", after=publisher.list / "root-1.json")
    publisher.root("root", after=publisher.list / "root-2.json", publisher="stranger")
    publisher.register(NAME, "m8,127.0.0.8", seq=2)
    publisher.publish(key="stranger")
    await_mirror(daemon, ca, "127.0.0.8")
    assert 200 in feed.statuses("root-2.json") and 200 in feed.statuses("root-3.json")
    daemon.program.wait_line(r"event=list\.root list=demo version=3")
    feed.stop()
    daemon.expect_errors(r"event=list\.")
    daemon.stop()
    daemon.start()
    assert answers_of(daemon, ca) == {"127.0.0.8"}


def test_cold_start_without_network(follow, feed, ca):
    daemon = follow(feed)
    await_mirror(daemon, ca)
    daemon.stop()
    feed.stop()
    daemon.start()
    assert answers_of(daemon, ca) == {MIRROR}
    assert_refused(daemon, ca, "not-fetched")
    feed.start()
    daemon.program.wait_line(r"event=ready")
    wait_until(lambda: feed.statuses("list.json"), "the server to be asked again")


# --- tampered servers

def older(p, feed):
    old = p.document.read_bytes()
    p.register(NAME, "m1,127.0.0.2", seq=2)
    p.publish()
    return old


def bad_root(p, feed):
    root = json.loads((p.list / "root-1.json").read_text())
    document = json.loads(root["signed"])
    document["version"] = 2
    p.list.joinpath("root-2.json").write_bytes(edit_signed_root(p, document))


def edit_signed_root(p, document):
    (p.list / "made.json").write_text(json.dumps({"signed": json.dumps(document), "signatures": []}))
    return edit_signed(p, lambda d: None, key="stranger", name="made.json")


BAD = {
    "frozen": "frozen", "expired": "expired", "mixed versions": "wrong-hash", "wrong hash": "wrong-hash",
    "replayed": "rolled-back", "endless": "too-large", "slow": "too-slow", "endless root": "too-large",
    "endless delegations": "too-large", "root of a stranger": "too-few-signatures",
    "root signed by too few": "too-few-signatures", "cut": "not-fetched",
    "redirect": "not-fetched", "garbage": "bad-json", "error": "not-fetched", "no delegations": "not-fetched",
}


def tamper(kind, feed, p):
    """Makes the feed bad; the publisher has published a version 2 by then, and old is version 1."""
    if kind == "frozen":
        p.put(edit_signed(p, lambda d: d.update(version=3, issued=utc(hours=-3), expires=utc(hours=5))))
    elif kind == "expired":
        p.put(edit_signed(p, lambda d: d.update(version=3, issued=utc(hours=-9), expires=utc(hours=-1))))
    elif kind == "mixed versions":
        feed.tamper["delegations.json"] = feed.body((p.list / "delegations.json").read_bytes())
        p.site("more.example", "m1,127.0.0.5")
        p.publish()
    elif kind == "wrong hash":
        p.put(edit_signed(p, lambda d: (d.update(version=3), d["delegations"].update(sha256="0" * 64))))
    elif kind == "replayed":
        feed.tamper["list.json"] = feed.body(feed.old)
    elif kind in ("endless", "slow", "cut"):
        feed.tamper["list.json"] = getattr(feed, kind)
    elif kind == "endless root":
        feed.tamper["root-2.json"] = feed.endless
    elif kind in ("endless delegations", "no delegations"):
        feed.tamper["delegations.json"] = feed.endless if kind[0] == "e" else feed.status(404)
        p.site("more.example", "m1,127.0.0.5")
        p.publish()
    elif kind == "root of a stranger":
        bad_root(p, feed)
    elif kind == "root signed by too few":
        p.root("root", after=p.list / "root-1.json", unheard=["stranger"])
    elif kind == "redirect":
        feed.tamper["list.json"] = feed.redirect(feed.url + "list.json")
    elif kind == "garbage":
        feed.tamper["list.json"] = feed.body(b"\x00\xff" * 5000)
    elif kind == "error":
        feed.tamper["list.json"] = feed.status(503)


@pytest.mark.parametrize("kind", BAD)
def test_a_tampered_feed(follow, feed, publisher, ca, kind):
    """Refused with its own reason; what was believed stands; and the feed is believed again when it is good."""
    feed.old = older(publisher, feed)
    daemon = follow(feed, **({"fetch": {"timeout": "1s"}} if kind == "slow" else {}))
    await_mirror(daemon, ca)
    mark = daemon.program.mark()
    tamper(kind, feed, publisher)
    assert_refused(daemon, ca, BAD[kind], mark)
    assert answers_of(daemon, ca) == {MIRROR}
    feed.tamper.clear()
    (publisher.list / "root-2.json").unlink(missing_ok=True)
    publisher.register(NAME, "m9,127.0.0.9", seq=9)
    publisher.publish()
    await_mirror(daemon, ca, "127.0.0.9")


def test_a_server_of_another_name(follow, serve, publisher, authority, ca):
    """The WebPKI guards who sees what we fetch; nothing is believed for it."""
    bad = FeedServer(publisher.list, authority.issue("elsewhere.example"))
    try:
        daemon = follow(bad)
        assert "ssl_invalid_hostname" in str(assert_refused(daemon, ca, "not-fetched"))
        assert bad.asked == [] and answers_of(daemon, ca) == {TRUTH}
    finally:
        bad.stop()


def test_one_frozen_server_does_not_hold_a_list_back(follow, serve, publisher, tmp_path, ca):
    """The first URL has a list that is valid for hours, the second a newer one."""
    frozen = tmp_path / "frozen"
    frozen.mkdir()
    publisher.put(edit_signed(publisher, lambda d: d.update(issued=utc(hours=-3), expires=utc(hours=5))))
    for name in ("list.json", "delegations.json"):
        (frozen / name).write_bytes((publisher.list / name).read_bytes())
    publisher.register(NAME, "m9,127.0.0.9", seq=2)
    publisher.publish()
    daemon = follow(serve(frozen), serve(publisher.list))
    await_mirror(daemon, ca, "127.0.0.9")
    assert_refused(daemon, ca, "frozen")
    daemon.program.wait_line(r"event=list\.refused list=demo .*why=rolled-back")


# --- age

def test_an_old_list_shows(follow, feed, publisher, ca, other):
    """To the operator, in four places; no balancer takes the instance away for it."""
    daemon = follow(feed)
    await_mirror(daemon, ca)
    assert json.loads(daemon.admin("/health")[1]) == {"status": "ok", "list": "fresh"}
    publisher.put(edit_signed(publisher, lambda d: d.update(version=2, issued=utc(hours=-3), expires=utc(hours=5))))
    daemon.program.wait_line("event=list.old list=demo")
    wait_until(lambda: daemon.metric("list_old") == 1, "the metric")
    status, body, _ = daemon.admin("/health")
    assert status == 200 and json.loads(body) == {"status": "degraded", "list": "old"}
    assert daemon.metric("list_age_seconds") >= 3 * 3600 and daemon.metric("list_expired") == 0
    steering = daemon.status()["steering"]
    assert steering["state"] == "old" and steering["age"] >= 3 * 3600 and steering["issued"]
    assert "old" in run_cli("status", "--config", daemon.file).stdout
    assert answers_of(daemon, ca) == {MIRROR}
    publisher.publish()
    daemon.program.wait_line("event=list.fresh list=demo")
    wait_until(lambda: json.loads(daemon.admin("/health")[1])["status"] == "ok", "a good health")


def test_an_expired_list_shows(follow, feed, publisher, ca):
    daemon = follow(feed)
    daemon.expect_errors(r"event=list\.expired")
    publisher.put(edit_signed(publisher, lambda d: d.update(version=2, expires=utc(seconds=5))))
    await_mirror(daemon, ca)
    daemon.program.wait_line("event=list.expired list=demo")
    assert_refused(daemon, ca, "expired")
    status, body, _ = daemon.admin("/health")
    assert status == 200 and json.loads(body) == {"status": "degraded", "list": "expired"}
    assert answers_of(daemon, ca) == {MIRROR}


# --- registrations

def register_by_hand(p, domain, change):
    """Signed by the outlet, whatever our own tools think of it."""
    path = p.registrations / f"{NAME}.json"
    made = p.registrations.parent / "made.json"
    envelope = json.loads(path.read_text())
    document = json.loads(envelope["signed"]) | {"domain": domain}
    change(document)
    made.write_text(json.dumps({"signed": json.dumps(document), "signatures": []}))
    return json.loads(edit_signed(p, lambda d: None, key="outlet", name="made.json"))


def add_site(p, domain, change):
    """Delegated, registered and published without any check of our own."""
    envelope = json.loads((p.list / "delegations.json").read_text())
    document = json.loads(envelope["signed"])
    document["version"] += 1
    document["sites"].append(dict(document["sites"][0], domain=domain))
    (p.list / "made.json").write_text(json.dumps({"signed": json.dumps(document), "signatures": []}))
    delegations = edit_signed(p, lambda d: None, key="maintainer", name="made.json")
    p.put(delegations, "delegations.json")
    registration = register_by_hand(p, domain, change)

    def extend(d):
        d["version"] += 1
        d["delegations"] = {"version": document["version"], "sha256": hashlib.sha256(delegations).hexdigest()}
        d["registrations"].append(registration)
    p.put(edit_signed(p, extend))


def addresses(*texts):
    return lambda d: d["mirrors"][0].update(addresses=list(texts))


BAD_SITES = {
    "a delegation for com": ("com", lambda d: None, "public-suffix"),
    "a delegation for co.uk": ("co.uk", lambda d: None, "public-suffix"),
    "a mirror in 10/8": ("bad.example", addresses("10.1.2.3"), "special-use"),
    "v4-mapped loopback": ("bad.example", addresses("::ffff:127.0.0.1"), "special-use"),
    "an underscore name": ("bad.example", lambda d: d.update(names=["@", "_dmarc"]), "bad-name"),
    "an underscore domain": ("_dmarc.bad.example", lambda d: None, "bad-name"),
}


@pytest.mark.parametrize("kind", BAD_SITES)
def test_a_bad_registration_costs_that_site_only(make_polynya, truth, serve, tmp_path, other, authority, ca, kind):
    domain, change, why = BAD_SITES[kind]
    p = Publisher(tmp_path / "strict", strict=True)
    p.site(NAME, "m1,8.8.8.8")
    p.publish()
    add_site(p, domain, change)
    first = p.config()["lists"][0] | {"urls": [serve(p.list).url]}
    daemon = make_polynya(truth, steering=p.config() | {"lists": [first, *other.config("other")["lists"]],
                                           "fetch": {"ca-file": str(authority.cert)}})
    line = assert_refused(daemon, ca, why, event="site-refused")
    assert f"domain={domain}" in str(line)
    await_mirror(daemon, ca, "8.8.8.8")
    assert daemon.metric("list_registrations_refused_total") == 1
    if domain == "bad.example":
        assert answers_of(daemon, ca, domain) == {TRUTH}
