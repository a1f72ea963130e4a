# SPDX-License-Identifier: GPL-3.0-or-later
"""`polynya why`: the steps of a decision, told from steering.mdb by the code that decides, beside a running daemon."""
import json

import pytest

from lib import doh, mmdb
from lib.cli import Cli
from lib.lists import Publisher, utc
from lib.process import wait_until
from lib.upstream import answer, drop

NAME = "news.example"
M1, M2 = "m1,127.0.0.2,::2,alpn=h2,weight=300", "m2,127.0.0.3,alpn=h2"


class World:
    """A daemon that follows `lists`, and `polynya` beside it."""

    def __init__(self, make_polynya, upstream, folder, *lists, start=True, **changes):
        config = {**lists[0][0].config(), "lists": [one for p, name in lists for one in p.config(name)["lists"]]}
        self.daemon = make_polynya(upstream, steering=config, start=start, **changes)
        self.cli = Cli(folder)

    def why(self, name=NAME, *words, source=None):
        source = source or ["-c", self.daemon.file]
        return json.loads(self.cli("why", name, *words, *source, "--json", now=None))

    def text(self, name=NAME, *words):
        return self.cli("why", name, *words, "-c", self.daemon.file, now=None)

    def ask(self, ca, name=NAME, type="A"):
        with doh.h2_tls(self.daemon.port, ca) as c:
            return c.ask(doh.question(name, type)).dns


@pytest.fixture
def publisher(tmp_path):
    p = Publisher(tmp_path / "list")
    p.site(NAME, M1, M2, blocked="RU=ip,dns")
    p.publish()
    return p


@pytest.fixture
def world(make_polynya, upstream, publisher, tmp_path):
    return World(make_polynya, upstream, tmp_path, (publisher, "demo"))


def records(reply):
    return {str(rr) for rrset in reply.answer for rr in rrset}


def test_it_says_what_the_worker_answers(world, ca):
    """Loopback clients are one network; each of the three types as the worker answers it, to the TTL."""
    told = world.why(NAME, "--client", "127.0.0.1")
    assert (told["outcome"], told["why"]) == ("mirrors", "picked")
    for type in "A", "AAAA", "HTTPS":
        reply = world.ask(ca, type=type)
        lines = told["answer"][type]
        assert len(lines) == len(records(reply))
        for line in lines:
            owner, ttl, _, kind, rdata = line.split(None, 4)
            assert (owner, kind) == (NAME + ".", type) and abs(int(ttl) - reply.answer[0].ttl) <= 1
            if type != "HTTPS":
                assert {rdata} == records(reply)
    best = told["mirrors"][0]
    assert best["picked"] == 1 and best["place"] == 1 and told["answer"]["A"][0].endswith(best["addresses"][0]["address"])


def test_every_step_is_there(world, publisher):
    told = world.why("www." + NAME, "--client", "198.51.100.77", "--country", "RU")
    assert told["client"] == {"network": "198.51.100.0/24", "country": "RU", "country_by": "option"}
    row, = told["lists"]
    assert (row["name"], row["version"], row["says"], row["site"], row["trust"]) == ("demo", 1, "answers", NAME, "signed")
    key = publisher.pub("outlet").read_text().splitlines()[1]
    assert row["delegation"]["key"] == key and row["delegation"]["blocked"] == {"RU": ["dns", "ip"]}
    registration = told["registration"]
    assert registration["names"] == [NAME, "www." + NAME] and registration["seq"] == 1 and not registration["expired"]
    assert registration["policy"] == {"answers": 1, "ttl": 60, "all_down": "origin", "probe_path": "/",
                                      "probe_contains": None}
    assert told["scope"] == {"blocked": {"RU": ["dns", "ip"]}, "inside": True, "dns_only": False, "needs_ech": False}
    assert [m["place"] for m in told["mirrors"]] == [1, 2]
    assert told["mirrors"][0]["score"] > told["mirrors"][1]["score"] > 0
    assert told["dnssec"] == "honour" and (told["ttl"], told["ttl_by"]) == (60, "policy")
    text = world.text("www." + NAME, "--client", "198.51.100.77", "--country", "RU")
    for word in ("list           demo version 1", key, "registration   news.example seq 1", "blocked RU=dns,ip",
                 "PICKED", "decision       mirrors: the best", "answer         www.news.example."):
        assert word in text, text


def test_clients_keep_their_order_and_share_it_within_a_network(world):
    def best(client):
        return world.why(NAME, "--client", client)["mirrors"][0]["id"]
    orders = {i: best(f"10.{i}.0.1") for i in range(24)}
    assert set(orders.values()) == {"m1", "m2"}
    assert all(best(f"10.{i}.0.0/24") == best(f"::ffff:10.{i}.0.99") == orders[i] for i in (0, 5))
    assert best("2001:db8:1:2ff::1") == best("2001:db8:1:200::/56")


def test_one_type(world, ca):
    told = world.why(NAME, "--type", "aaaa", "--client", "127.0.0.1")
    assert told["type"] == "AAAA" and set(told["answer"]) == {"AAAA"}
    other = world.why(NAME, "--type", "MX")
    assert other["outcome"] == "not-ours" and other["answer"] is None and other["registration"]["seq"] == 1
    assert "the truth, as upstream tells it" in world.text(NAME, "-t", "MX")


@pytest.mark.parametrize("name,says,site", [
    ("sub." + NAME, "not-registered", NAME),
    ("waiting.example", "no-registration", "waiting.example"),
    ("www.waiting.example", "no-registration", "waiting.example"),
    ("unheard.example", "unknown", None),
])
def test_why_a_name_is_not_steered(make_polynya, upstream, publisher, tmp_path, name, says, site):
    publisher.delegate("waiting.example")
    publisher.publish()
    world = World(make_polynya, upstream, tmp_path, (publisher, "demo"))
    told = world.why(name)
    row, = told["lists"]
    assert (row["says"], row["site"]) == (says, site)
    assert told["outcome"] == "not-ours" and told["registration"] is None and told["mirrors"] is None
    assert row["text"] in world.text(name)


def test_the_longest_ttl(make_polynya, upstream, publisher, tmp_path):
    publisher.register(NAME, M1, seq=2, ttl=3600)
    publisher.publish()
    told = World(make_polynya, upstream, tmp_path, (publisher, "demo")).why()
    assert (told["ttl"], told["ttl_by"], told["registration"]["policy"]["ttl"]) == (300, "limit", 3600)


def test_the_first_list_in_order_has_the_name(make_polynya, upstream, publisher, tmp_path):
    second = Publisher(tmp_path / "second")
    second.site(NAME, "x,127.0.0.9")
    second.publish()
    third = Publisher(tmp_path / "third")
    world = World(make_polynya, upstream, tmp_path, (publisher, "demo"), (second, "second"), (third, "third"))
    told = world.why()
    assert {row["name"]: row["says"] for row in told["lists"]} == {
        "demo": "answers", "second": "comes-later", "third": "not-accepted"}
    assert {m["id"] for m in told["mirrors"]} == {"m1", "m2"}
    world.text()


@pytest.mark.parametrize("blocked,words,why", [
    ("RU=ip", ["--country", "KZ"], "out-of-scope"),
    ("RU=dns", ["--country", "RU"], "dns-only"),
    ("RU=sni", ["--country", "RU"], "no-ech"),
    ("RU=sni", [], "no-ech"),
])
def test_the_truth_and_why(make_polynya, upstream, publisher, tmp_path, blocked, words, why):
    publisher.delegate(NAME, blocked)
    publisher.publish()
    world = World(make_polynya, upstream, tmp_path, (publisher, "demo"))
    told = world.why(NAME, *words)
    assert (told["outcome"], told["why"], told["answer"], told["ttl"]) == ("truth", why, None, None)
    assert all(m["place"] is None and m["score"] is None and not m["picked"] for m in told["mirrors"])
    world.text(NAME, *words)


def test_published_health_and_policy(make_polynya, upstream, publisher, tmp_path):
    publisher.register(NAME, M1, M2, seq=2, all_down="nodata")
    publisher.publish(health={NAME: {"m1": {"*": "up", "RU": "down"}, "m2": {"*": "down"}}})
    world = World(make_polynya, upstream, tmp_path, (publisher, "demo"))
    told = {m["id"]: m for m in world.why()["mirrors"]}
    assert (told["m1"]["list_health"], told["m1"]["verdict"], told["m2"]["verdict"]) == ("up", "fits", "list-down")
    down = world.why(NAME, "--country", "RU")
    assert (down["outcome"], down["why"]) == ("nodata", "all-down")
    assert down["answer"] == {"A": [], "AAAA": [], "HTTPS": []}
    assert "NODATA" in world.text(NAME, "--country", "RU")


def test_time_moves_what_it_says(world):
    late = utc(days=40)
    told = world.why(NAME, "--now", late)
    assert (told["why"], told["registration"]["expired"], told["lists"][0]["expired"], told["now"]) == (
        "expired", True, True, late)
    assert "EXPIRED" in world.text(NAME, "--now", late)


def test_a_state_folder_is_enough_and_the_daemon_need_not_run(world):
    world.daemon.stop()
    source = ["--state-dir", world.daemon.state]
    assert world.why(source=source)["outcome"] == "mirrors" and world.why(source=source)["dnssec"] is None


@pytest.mark.parametrize("words,status,text", [
    ([], 2, "NAME is missing"),
    ([NAME], 2, "give -c FILE"),
    ([NAME, "-c", "a", "--state-dir", "b"], 2, "give -c FILE"),
    ([NAME, "-c", "nowhere.yaml"], 1, "nowhere.yaml"),
    ([NAME, "--state-dir", "."], 1, "has the daemon run"),
    (["a..b", "--state-dir", "."], 2, "not a domain name"),
    ([NAME, "--client", "10.0.0.0/8", "--state-dir", "."], 2, "at most a /24"),
    ([NAME, "--client", "10.0.0.1/24", "--state-dir", "."], 2, "--client wants"),
    ([NAME, "--client", "2001:db8::/48", "--state-dir", "."], 2, "/56"),
    ([NAME, "--country", "Russia", "--state-dir", "."], 2, "--country wants"),
    ([NAME, "--type", "B", "--state-dir", "."], 2, "not a type"),
    ([NAME, "--now", "noon", "--state-dir", "."], 2, "--now wants"),
])
def test_misuse_says_what_to_do(cli, words, status, text):
    done = cli.fails(status, text, "why", *words)
    assert not done.stdout and len(done.stderr.splitlines()) == 1


# ---- countries and zones

def test_the_country_is_what_geoip_says(make_polynya, upstream, publisher, tmp_path):
    base = mmdb.write(tmp_path / "country.mmdb", mmdb.database({"192.0.2.0/24": "RU", "203.0.113.0/24": "DE"}))
    world = World(make_polynya, upstream, tmp_path, (publisher, "demo"), geoip=str(base))
    inside, outside = world.why(NAME, "--client", "192.0.2.7"), world.why(NAME, "--client", "203.0.113.0/24")
    assert inside["client"] == {"network": "192.0.2.0/24", "country": "RU", "country_by": "geoip"}
    assert (inside["outcome"], outside["outcome"], outside["why"]) == ("mirrors", "truth", "out-of-scope")
    assert "in RU (by geoip)" in world.text(NAME, "--client", "192.0.2.7")
    given = world.why(NAME, "--client", "203.0.113.7", "--country", "RU")
    assert given["client"]["country_by"] == "option" and given["outcome"] == "mirrors"
    nowhere = world.why(NAME, "--client", "198.51.100.7")
    assert nowhere["client"]["country"] is None and nowhere["outcome"] == "mirrors"
    base.write_bytes(b"junk")
    done = world.cli.fails(1, "country.mmdb", "why", NAME, "--client", "192.0.2.7", "-c", world.daemon.file)
    assert "give --country" in done.stderr and len(done.stderr.splitlines()) == 1


def test_a_policy_zone_is_told_apart(make_polynya, upstream, publisher, tmp_path):
    """Nobody has signed it, so published health never decides; a signed list stands before it."""
    zone = tmp_path / "zone"
    zone.write_text("$TTL 60\n@ SOA localhost. root.localhost. 7 60 60 86400 60\n@ NS localhost.\n"
                    f"zone.example A 1.1.1.1\n{NAME} A 1.0.0.1\n")
    steering = {**publisher.config(), "rpz": [{"name": "mine", "zone": "rpz.test", "file": str(zone)},
                                              {"name": "none", "zone": "none.test", "file": str(tmp_path / "none")}]}
    daemon = make_polynya(upstream, steering=steering)
    cli = Cli(tmp_path)

    def why(name, *words):
        return cli("why", name, "-c", daemon.file, *words, now=None)
    wait_until(lambda: json.loads(why("zone.example", "--json"))["rule"], "the zone in force")
    told = json.loads(why("zone.example", "--json"))
    rows = {row["name"]: (row["says"], row.get("trust")) for row in told["lists"]}
    assert rows == {"demo": ("unknown", "signed"), "mine": ("answers", "unsigned"), "none": ("not-accepted", None)}
    assert told["registration"] is None
    assert told["rule"] == {"domain": "zone.example", "policy_zone": "mine", "serial": 7, "trust": "unsigned",
                            "policy": {"answers": 1, "ttl": 60, "all_down": "origin", "probe_path": "/",
                                       "probe_contains": None}}
    assert [a["verdict"] for m in told["mirrors"] for a in m["addresses"]] == ["unproved"] and told["outcome"] == "truth"
    text = why("zone.example")
    assert "policy zone    mine serial 7" in text and "registration" not in text
    assert "rule           for zone.example in policy zone mine, serial 7: unsigned" in text
    assert {row["says"] for row in json.loads(why(NAME, "--json"))["lists"]} >= {"answers"}
    table = json.loads(cli("mirrors", "-c", daemon.file, "--json", now=None))["addresses"]
    assert {(a["domain"], a["trust"]) for a in table} >= {(NAME, "signed"), ("zone.example", "unsigned")}
    assert "mine (unsigned)" in cli("mirrors", "-c", daemon.file, now=None)
    exported = cli("export", "rpz", "-c", daemon.file, "--no-copies", now=None)
    assert f"{NAME} 60 IN A" in exported and "zone.example" not in exported, "of several lists, the signed one"
    cli("export", "rpz", "-c", daemon.file, "--no-copies", "--list", "mine", now=None)


def test_what_a_policy_zones_rule_comes_to(make_polynya, upstream, publisher, tmp_path):
    """Every rule that is not in force says why; a CNAME is shown with what its target was looked up to."""
    upstream.script("cdn.example", answer("A 1.1.1.1"), type="A")
    upstream.script("cdn.example", answer("AAAA 2606:4700::1"), type="AAAA")
    for type in "A", "AAAA":
        upstream.script("nowhere.example", drop(), type=type)
    zone = tmp_path / "zone"
    zone.write_text(f"""$TTL 60
@ SOA localhost. root.localhost. 7 60 60 86400 60
@ NS localhost.
{NAME} A 1.0.0.1
led.example CNAME cdn.example.
lost.example CNAME nowhere.example.
part.example A 1.0.0.1
part.example A 10.0.0.1
lan.example A 192.168.1.1
passed.example CNAME rpz-passthru.
hidden.example CNAME .
*.wild.example A 1.0.0.1
""")
    steering = {**publisher.config(), "rpz": [{"name": "mine", "zone": "rpz.test", "file": str(zone)}]}
    daemon = make_polynya(upstream, steering=steering)
    cli = Cli(tmp_path)

    def row(name, source=("-c", daemon.file)):
        return next(r for r in json.loads(cli("why", name, *source, "--json", now=None))["lists"] if r["name"] == "mine")
    wait_until(lambda: row("led.example")["says"] == "answers", "the target's addresses")
    assert row("led.example")["rule"] == {
        "zone": "rpz.test", "owner": "led.example", "records": ["led.example.\t60\tIN\tCNAME\tcdn.example."],
        "target": "cdn.example", "target_addresses": ["1.1.1.1", "2606:4700::1"], "refused": {}}
    told = {name: (r["says"], r["rule"] and r["rule"]["refused"]) for name in (
        NAME, "lost.example", "part.example", "lan.example", "passed.example", "hidden.example", "a.b.wild.example",
        "unheard.example") for r in [row(name)]}
    assert told == {
        NAME: ("comes-later", {}), "lost.example": ("waiting", {}), "part.example": ("answers", {"special-use": 1}),
        "lan.example": ("refused", {"special-use": 1}), "passed.example": ("passes-through", {}),
        "hidden.example": ("refused", {"rpz-action": 1}), "a.b.wild.example": ("refused", {"rpz-wildcard": 1}),
        "unheard.example": ("unknown", None)}
    assert row("a.b.wild.example")["rule"]["owner"] == "*.wild.example"
    alone = row("lan.example", ("--state-dir", daemon.state))
    assert alone["says"] == "not-taken" and alone["rule"]["refused"] is None and alone["rule"]["records"]
    text = cli("why", "led.example", "-c", daemon.file, now=None)
    assert "  target       cdn.example, looked up: 1.1.1.1 2606:4700::1" in text
    assert "no address known yet" in cli("why", "lost.example", "-c", daemon.file, now=None)
    assert "  refused      1 special-use" in cli("why", "lan.example", "-c", daemon.file, now=None)
