# SPDX-License-Identifier: GPL-3.0-or-later
"""--json: one object, nothing else on standard output, the same keys for the same things, from every command that has it."""
import json
import re

import pytest

from lib.cli import keys

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def load(text):
    value = json.loads(text)
    assert isinstance(value, dict) and text.startswith("{\n  ") and text.endswith("}\n")
    walk(value)
    return value


def walk(value, key=None):
    """Times are RFC 3339, keys that are ours are lower-case words."""
    if isinstance(value, dict):
        for k, v in value.items():
            walk(v, k)
    elif isinstance(value, list):
        for v in value:
            walk(v, key)
    elif key in ("expires", "issued", "since", "checked", "certificate_ends", "stored") and value is not None:
        assert TIME.fullmatch(value), (key, value)


def test_key_new(cli):
    done = cli.run("key", "new", "a.key", "--json")
    made = load(done.stdout)
    assert made == {"key": cli.path("a.pub").read_text().splitlines()[1], "secret_file": "a.key", "public_file": "a.pub"}
    assert not done.stderr


def test_registration(cli):
    keys(cli, "outlet", "stranger")
    words = ["--mirror", "m1,9.9.9.9,alpn=h2", "--json"]
    made = load(cli("registration", "new", "outlet.example", *words))
    assert made == {"file": "outlet.example.json", "domain": "outlet.example", "seq": 1, "expires": "2026-12-23T20:00:00Z",
                    "signatures": 0}
    signed = load(cli("registration", "sign", "outlet.example.json", "--key", "outlet.key", "--json"))
    assert signed == {**made, "signatures": 1}
    check = ["registration", "check", "outlet.example.json", "--json"]
    good = load(cli(*check, "--key", "outlet.pub"))
    assert good["accepted"] is True and good["why"] == "" and good["signature_checked"] is True
    mirror, = good["registration"]["mirrors"]
    assert mirror["addresses"] == ["9.9.9.9"] and mirror["alpn"] == ["h2"] and good["registration"]["names"] == ["@", "www"]
    assert load(cli(*check))["signature_checked"] is False
    done = cli.fails(1, "", *check, "--key", "stranger.pub")
    refused = load(done.stdout)
    assert not done.stderr and refused["accepted"] is False and refused["why"] == "too-few-signatures"
    cli.path("outlet.example.json").write_text("{")
    assert load(cli.fails(1, "", *check).stdout)["why"] == "bad-json"


def test_publish(made):
    made.path("list/registrations/torn.json").write_text("{")
    told = load(made("publish", "list", "--key", "pub.key", "--json"))
    assert told == {"file": "list/list.json", "version": 2, "expires": "2026-11-24T20:00:00Z", "registrations": 1,
                    "left_out": [{"file": "list/registrations/torn.json", "why": "bad-json", "text": told["left_out"][0]["text"]}]}


def test_show_is_the_tree_of_diff(made):
    tree = load(made("list", "show", "list", "--json"))
    assert set(tree) == {"list", "delegations", "root", "sites"}
    site, = tree["sites"]
    assert site["blocked"] == {"RU": ["dns", "ip"], "BY": ["sni"]} and site["policy"]["ttl"] == 60
    only = load(made("list", "show", "list/registrations/outlet.json", "--json"))
    assert set(only) == {"sites"} and only["sites"][0]["seq"] == 1


@pytest.mark.parametrize("words", [
    ["list", "verify", "list", "--root", "pinned.json"],
    ["list", "diff", "list", "list"],
    ["root", "show", "list/root-1.json"],
    ["root", "sign", "list/root-1.json", "--key", "root.key"],
    ["root", "rotate", "list/root-1.json", "--key", "root.key", "--out", "."],
    ["delegate", "--sign", "list/delegations.json", "--key", "maint.key"],
])
def test_the_others(made, words):
    value = load(made(*words, "-j"))
    for signer in value.get("signers", []):
        assert set(signer) - {"root_key_of"} == {"name", "key", "signed"}
