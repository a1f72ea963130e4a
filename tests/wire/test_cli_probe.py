# SPDX-License-Identifier: GPL-3.0-or-later
"""`polynya probe`: one probe by hand, of real TLS servers, good and bad in every way a mirror can be."""
import json

import pytest

from lib.cli import Cli
from lib.lists import Publisher
from lib.mirror import Mirror
from lib.ports import free_port

NAME, OTHER = "news.example", "other.example"


@pytest.fixture
def mirrors():
    made = []

    def make(*how, **more):
        made.append(Mirror(*how, **({"body": "<h1>news</h1>"} | more)))
        return made[-1]
    yield make
    for mirror in made:
        mirror.stop()


@pytest.fixture
def pair(authority):
    return authority.issue(NAME, "www." + NAME, OTHER)


class World:
    """A stopped daemon's state with sites, and `polynya probe` beside it."""

    def __init__(self, make_polynya, upstream, folder, ca):
        self.publisher, self.cli, self.ca = Publisher(folder / "list"), Cli(folder), ca
        self.make, self.upstream = make_polynya, upstream
        self.daemon = None

    def site(self, domain, *mirrors, **how):
        self.publisher.site(domain, *(f"{id},{m.address},port={m.port}" for id, m in mirrors), **how)

    def start(self):
        self.publisher.publish()
        self.daemon = self.make(self.upstream, steering=self.publisher.config())
        self.daemon.stop()

    def run(self, *words, ca=True):
        return self.cli.run("probe", *words, "-c", self.daemon.file, *(["--ca-file", self.ca] if ca else []), now=None)

    def probe(self, *words, status=0, ca=True):
        done = self.run(*words, "--json", ca=ca)
        assert done.returncode == status, (done.stdout, done.stderr)
        told = json.loads(done.stdout)
        assert told["good"] is (status == 0) and told["failed"] == sum(not p["good"] for p in told["probes"])
        return told["probes"]


@pytest.fixture
def world(make_polynya, upstream, tmp_path, authority):
    return World(make_polynya, upstream, tmp_path, authority.cert)


def test_a_domain_is_all_its_addresses(world, mirrors, pair):
    one, two = mirrors("127.0.0.2", pair), mirrors("127.0.0.3", pair)
    world.site(NAME, ("m1", one), ("m2", two), probe_path="/alive", probe_contains="news")
    world.start()
    found = {p["mirror"]: p for p in world.probe(NAME)}
    assert set(found) == {"m1", "m2"}
    assert found["m1"]["address"] == "127.0.0.2" and found["m1"]["port"] == one.port and found["m1"]["status"] == 200
    assert found["m1"]["alpn"] == "http/1.1" and found["m1"]["certificate_ends"] and found["m1"]["failure"] is None
    assert one.requests == [(NAME, f"{NAME}:{one.port}", "/alive")]
    two.stop()
    found = {p["mirror"]: p["failure"] for p in world.probe(NAME, status=1)}
    assert found == {"m1": None, "m2": "connection_refused"}
    text = world.run(NAME).stdout
    assert "m1" in text and "good" in text and "connection_refused" in text


def test_names(world, mirrors, pair):
    mirror = mirrors("127.0.0.2", pair)
    world.site(NAME, ("m1", mirror))
    world.start()
    assert [p["name"] for p in world.probe("WWW." + NAME)] == ["www." + NAME]
    assert [p["name"] for p in world.probe(NAME, "--all-names")] == [NAME, "www." + NAME]
    world.publisher.register(NAME, f"m1,{mirror.address},port={mirror.port}", seq=2, names=("www",))
    world.start()
    assert [p["name"] for p in world.probe(NAME)] == ["www." + NAME]


def test_an_address_is_every_site_that_has_it(world, mirrors, pair):
    shared, own = mirrors("127.0.0.2", pair), mirrors("127.0.0.3", pair)
    world.site(NAME, ("m1", shared), ("m2", own))
    world.site(OTHER, ("x", shared), names=("@",))
    world.start()
    found = world.probe("127.0.0.2")
    assert {(p["name"], p["mirror"]) for p in found} == {(NAME, "m1"), (OTHER, "x")}
    assert len(world.probe("127.0.0.3", OTHER)) == 2
    assert world.run("127.0.0.9").returncode == 1 and "no site has a mirror at" in world.run("127.0.0.9").stderr


def test_an_address_that_is_not_registered_yet(world, mirrors, pair):
    """By the site's own policy: what an outlet wants to know before it registers."""
    old, new = mirrors("127.0.0.2", pair), mirrors("127.0.0.4", pair, body="another page")
    world.site(NAME, ("m1", old), probe_contains="news")
    world.start()
    found, = world.probe(NAME, "--address", f"127.0.0.4:{new.port}", status=1)
    assert (found["failure"], found["mirror"], found["address"]) == ("http_body_mismatch", None, "127.0.0.4")
    new.body = "the news"
    assert world.probe(NAME, "--address", f"127.0.0.4:{new.port}")[0]["good"]
    found, = world.probe(NAME, "--address", "127.0.0.2")
    assert (found["mirror"], found["port"]) == ("m1", old.port)


@pytest.mark.parametrize("case,failure", [
    ("expired", "ssl_invalid_certificate"),
    ("another name's", "ssl_invalid_hostname"),
    ("unknown issuer", "ssl_unknown_authority"),
    ("ends soon", "ssl_certificate_expires_soon"),
    ("no marker", "http_body_mismatch"),
    ("error", "http_request_failed"),
])
def test_bad_mirrors_fail_by_their_name(world, mirrors, authority, pair, case, failure):
    bad = {"expired": lambda: authority.expired(NAME), "another name's": lambda: authority.issue(OTHER),
           "ends soon": lambda: authority.issue(NAME, end_days=2)}.get(case, lambda: pair)()
    mirror = mirrors("127.0.0.2", bad, body="x" if case == "no marker" else "marker", status=503 if case == "error" else 200)
    world.site(NAME, ("m1", mirror), probe_contains="marker")
    world.start()
    found, = world.probe(NAME, status=1, ca=case != "unknown issuer")
    assert found["failure"] == failure and found["failure_text"] and not found["good"]
    assert not mirror.requests or failure.startswith("http") or case == "ends soon", "nothing is asked over a bad handshake"


def test_silence_ends_by_its_time(world, mirrors, pair):
    import socket
    with socket.create_server(("127.0.0.2", 0)) as silent:
        mirror = type("M", (), {"address": "127.0.0.2", "port": silent.getsockname()[1]})
        world.site(NAME, ("m1", mirror))
        world.start()
        found, = world.probe(NAME, "--timeout", "1", status=1)
    assert found["failure"] == "generic_timeout_error" and found["ms"] >= 900


@pytest.mark.parametrize("words,status,text", [
    ([], 2, "is missing"),
    ([NAME], 2, "give -c FILE"),
    (["-c", "x.yaml", "example"], 2, "neither a domain nor an address"),
    (["-c", "x.yaml", "a..b"], 2, "neither a domain nor an address"),
    (["-c", "x.yaml", NAME, "--address", "nowhere"], 2, "--address wants"),
    (["-c", "x.yaml", "127.0.0.1", "--address", "127.0.0.1"], 2, "give domains"),
    (["-c", "x.yaml", NAME, "--timeout", "61"], 2, "1 to 60"),
    (["-c", "x.yaml", NAME, "--timeout", "x"], 2, "--timeout wants"),
    (["-c", "x.yaml", NAME], 1, "x.yaml"),
])
def test_misuse_says_what_to_do(cli, words, status, text):
    done = cli.fails(status, text, "probe", *words)
    assert not done.stdout and len(done.stderr.splitlines()) == 1


def test_the_config_says_whom_to_trust(world, mirrors, pair):
    world.site(NAME, ("m1", mirrors("127.0.0.2", pair)))
    world.start()
    assert not world.probe(NAME, ca=False, status=1)[0]["good"]
    world.daemon.configure({**world.daemon.config, "steering": {
        **world.daemon.config["steering"], "probe": {"mode": "off", "ca-file": str(world.ca), "timeout": "5s"}}})
    assert world.probe(NAME, ca=False)[0]["good"]


def test_bad_ca_files_and_unknown_names(world, tmp_path):
    world.site(NAME, ("m1", type("M", (), {"address": "127.0.0.2", "port": free_port("127.0.0.2")})))
    world.start()
    (tmp_path / "junk.pem").write_text("junk")
    for file in "junk.pem", "nowhere.pem", ".":
        done = world.cli.fails(1, file, "probe", NAME, "-c", world.daemon.file, "--ca-file", file)
        assert len(done.stderr.splitlines()) == 1, done.stderr
    world.cli.fails(1, "no list has", "probe", "unknown.example", "-c", world.daemon.file)
