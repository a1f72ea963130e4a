# SPDX-License-Identifier: GPL-3.0-or-later
"""`polynya why` and `mirrors` beside a daemon whose prober works: what they say is what its workers answer."""
import json
import re

import pytest

from lib import doh
from lib.cli import ROOT, Cli
from lib.lists import Publisher, utc
from lib.mirror import Mirror
from lib.process import wait_until

NAME = "news.example"


class World:
    """A daemon, two mirrors of news.example, a canary, and an override file."""

    def __init__(self, make_polynya, upstream, authority, folder):
        self.pair, self.ca = authority.issue(NAME, "www." + NAME, "canary.example"), authority.cert
        self.mirror = {id: Mirror(address, self.pair) for id, address in (("m1", "127.0.0.2"), ("m2", "127.0.0.3"))}
        self.canary = Mirror("127.0.0.4", self.pair)
        self.publisher, self.cli = Publisher(folder / "list"), Cli(folder)
        self.overrides = folder / "overrides"
        self.publisher.site(NAME, *(f"{id},{m.address},port={m.port}" for id, m in self.mirror.items()))
        self.publisher.publish()
        probe = {"interval": "100ms", "timeout": "2s", "ca-file": str(authority.cert), "canaries": [
            {"url": f"https://canary.example:{self.canary.port}/", "address": "127.0.0.4"}]}
        self.daemon = make_polynya(upstream, steering={**self.publisher.config(), "probe": probe,
                                                       "overrides": str(self.overrides)})

    def close(self):
        for server in (*self.mirror.values(), self.canary):
            server.stop()

    def why(self, *words):
        return json.loads(self.cli("why", NAME, "--client", "127.0.0.1", "-c", self.daemon.file, "--json", *words, now=None))

    def verdicts(self):
        told = json.loads(self.cli("mirrors", "-c", self.daemon.file, "--json", now=None))
        return {a["mirror"]: a["verdict"] for a in told["addresses"]}

    def wait(self, **verdicts):
        wait_until(lambda: self.verdicts() == verdicts, f"the verdicts {verdicts}")

    def answer(self):
        with doh.h2_tls(self.daemon.port, self.ca) as c:
            return {str(rr) for rrset in c.ask(doh.question(NAME, "A")).dns.answer for rr in rrset}


@pytest.fixture
def world(make_polynya, upstream, authority, tmp_path):
    w = World(make_polynya, upstream, authority, tmp_path)
    w.wait(m1="up", m2="up")
    yield w
    w.close()


def by_id(told):
    return {m["id"]: m for m in told["mirrors"]}


def test_what_is_proved(world):
    told = world.why()
    assert (told["why"], told["ttl"], told["ttl_by"]) == ("picked", 5, "health")
    assert told["health"]["fresh"] and told["health"]["probing"]
    for mirror in told["mirrors"]:
        address, = mirror["addresses"]
        assert address["verdict"] == "up" and address["since"] and address["checked"] and address["proved"]
        assert address["alpn"] == "http/1.1" and address["certificate_ends"] and address["failure"] is None
    picked, = [m["addresses"][0]["address"] for m in told["mirrors"] if m["picked"]]
    assert world.answer() == {picked}


def test_a_mirror_dies_and_comes_back(world):
    world.mirror["m1"].stop()
    world.wait(m1="down", m2="up")
    told = world.why()
    dead, = by_id(told)["m1"]["addresses"]
    assert dead["failure"] == "connection_refused" and dead["state"] == "down" and not dead["usable"]
    assert told["answer"]["A"][0].endswith("127.0.0.3")
    wait_until(lambda: world.answer() == {"127.0.0.3"}, "the workers to say the same")
    text = world.cli("mirrors", "-c", world.daemon.file, now=None)
    assert any("m1" in line and " down " in line and "connection_refused" in line for line in text.splitlines()), text
    assert "last failure connection_refused" in world.cli("why", NAME, "-c", world.daemon.file, now=None)
    world.mirror["m1"].start()
    world.wait(m1="up", m2="up")
    assert by_id(world.why())["m1"]["addresses"][0]["failure"] is None


def test_an_exported_zone_is_what_the_probes_prove(world):
    """For other resolvers, too: who is down stands in no zone, and a name without a mirror in none at all."""
    def zone():
        return world.cli("export", "rpz", "-c", world.daemon.file, "--no-copies", now=None)

    def addresses():
        return set(re.findall(rf"^{NAME} 60 IN A (\S+)$", zone(), re.M))
    assert len(addresses()) == 1 and addresses() <= {"127.0.0.2", "127.0.0.3"}
    world.mirror["m1"].stop()
    world.wait(m1="down", m2="up")
    assert addresses() == {"127.0.0.3"}
    world.mirror["m2"].stop()
    world.wait(m1="down", m2="down")
    assert NAME not in zone()
    world.mirror["m1"].start()
    world.wait(m1="up", m2="down")
    assert addresses() == {"127.0.0.2"}


def test_the_operator_has_the_last_word(world):
    world.overrides.write_text("*/m1 => DOWN\n")
    world.wait(m1="forced-down", m2="up")
    told = by_id(world.why())
    assert told["m1"]["addresses"][0]["forced"] == "down" and told["m1"]["addresses"][0]["state"] == "up"
    wait_until(lambda: world.answer() == {"127.0.0.3"}, "the workers to obey")
    assert "FORCED down" in world.cli("mirrors", "-c", world.daemon.file, now=None)
    assert "FORCED down by the operator" in world.cli("why", NAME, "-c", world.daemon.file, now=None)


def test_all_dead_and_our_own_uplink_dead(world):
    world.mirror["m1"].stop()
    world.mirror["m2"].stop()
    world.wait(m1="down", m2="down")
    assert (world.why()["outcome"], world.why()["why"]) == ("truth", "all-down")
    for id in "m1", "m2":
        world.mirror[id].start()
    world.wait(m1="up", m2="up")
    before = world.why()["answer"]["A"]
    world.close()
    wait_until(lambda: world.why()["health"]["uplink"] == "dead", "the uplink to be known as dead")
    assert world.why()["answer"]["A"] == before


def test_a_table_that_is_too_old(world):
    world.daemon.stop()
    later = ["--now", utc(minutes=20)]
    told = world.why(*later)
    assert not told["health"]["fresh"] and {m["addresses"][0]["verdict"] for m in told["mirrors"]} == {"stale"}
    assert told["why"] == "all-down"
    assert "OLD" in world.cli("mirrors", "-c", world.daemon.file, *later, now=None)
    assert "too OLD to count" in world.cli("why", NAME, "-c", world.daemon.file, *later, now=None)


def test_probe_agrees(world):
    words = ["probe", NAME, "-c", world.daemon.file, "--json"]
    assert json.loads(world.cli(*words, now=None))["good"]
    world.mirror["m2"].stop()
    world.wait(m1="up", m2="down")
    told = json.loads(world.cli.fails(1, "", *words, now=None).stdout)
    assert {p["mirror"]: p["failure"] for p in told["probes"]} == {"m1": None, "m2": "connection_refused"}


def test_the_page_has_every_key(world):
    """What scripts may read is told in polynya(1)."""
    page = re.sub(r"\\-", "-", (ROOT / "steering/cli/polynya.1").read_text())
    told = set(re.findall(r"\w+", page))

    def keys(value, path=""):
        if isinstance(value, dict):
            for k, v in value.items():
                if path not in ("blocked", "answer"):  # countries, types
                    yield k
                yield from keys(v, k)
        elif isinstance(value, list):
            for v in value:
                yield from keys(v, path)
    for words in (["why", NAME], ["mirrors"], ["probe", NAME]):
        value = json.loads(world.cli(*words, "-c", world.daemon.file, "--json", now=None))
        assert set(keys(value)) <= told, (words, set(keys(value)) - told)
