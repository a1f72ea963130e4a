# SPDX-License-Identifier: GPL-3.0-or-later
"""`polynya mirrors`: the table of what a daemon has, from its folder."""
import json

import pytest

from lib.cli import Cli
from lib.lists import Publisher, utc

NAME, OTHER = "news.example", "other.example"


@pytest.fixture
def lists(tmp_path):
    """Two lists; the second has one site that the first has, too."""
    first, second = Publisher(tmp_path / "first"), Publisher(tmp_path / "second")
    first.site(NAME, "m1,127.0.0.2,::2", "m2,127.0.0.3")
    first.publish(health={NAME: {"m2": {"*": "down"}}})
    second.site(NAME, "x,127.0.0.9")
    second.site(OTHER, "y,127.0.0.8", names=("@",))
    second.publish()
    return first, second


@pytest.fixture
def mirrors(make_polynya, upstream, lists, tmp_path):
    config = {**lists[0].config(), "lists": [one for p, n in zip(lists, ("first", "second")) for one in p.config(n)["lists"]]}
    daemon = make_polynya(upstream, steering=config)
    cli = Cli(tmp_path)

    def run(*words, text=False):
        done = cli("mirrors", "-c", daemon.file, *words, *([] if text else ["--json"]), now=None)
        return done if text else json.loads(done)
    return run


def places(told):
    return {(a["list"], a["domain"], a["mirror"], a["address"]) for a in told["addresses"]}


MINE = {("first", NAME, "m1", "127.0.0.2"), ("first", NAME, "m1", "::2"), ("first", NAME, "m2", "127.0.0.3"),
        ("second", OTHER, "y", "127.0.0.8")}
SHADOWED = {("second", NAME, "x", "127.0.0.9")}


def test_what_readers_may_be_sent_to(mirrors):
    told = mirrors()
    assert places(told) == MINE and all(a["answered"] for a in told["addresses"])
    verdicts = {a["mirror"]: a["mirror_verdict"] for a in told["addresses"]}
    assert verdicts == {"m1": "fits", "m2": "list-down", "y": "fits"}
    lines = mirrors(text=True).splitlines()
    assert lines[0].split()[:5] == ["site", "list", "mirror", "address", "state"]
    assert any("m2" in line and "list-down" in line for line in lines)


def test_all_and_one_site(mirrors):
    told = mirrors("--all")
    assert places(told) == MINE | SHADOWED
    assert {a["answered"] for a in told["addresses"] if a["mirror"] == "x"} == {False}
    assert places(mirrors("--site", "WWW." + NAME)) == {p for p in MINE if p[1] == NAME}
    assert places(mirrors("--site", NAME)) == {p for p in MINE | SHADOWED if p[1] == NAME}


def test_expired_registrations_are_left_out(mirrors):
    assert mirrors("--now", utc(days=40))["addresses"] == []
    assert "no list sends readers" in mirrors("--now", utc(days=40), text=True)
    assert len(mirrors("--now", utc(days=40), "--all")["addresses"]) == 5


@pytest.mark.parametrize("words,status,text", [
    ([], 2, "give -c FILE"),
    (["word", "-c", "x"], 2, "too many"),
    (["--state-dir", "."], 1, "has the daemon run"),
    (["--state-dir", ".", "--site", "a..b"], 2, "not a domain name"),
])
def test_misuse_says_what_to_do(cli, words, status, text):
    done = cli.fails(status, text, "mirrors", *words)
    assert not done.stdout and len(done.stderr.splitlines()) == 1
