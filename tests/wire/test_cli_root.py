# SPDX-License-Identifier: GPL-3.0-or-later
"""`polynya root rotate|sign|show`: from one root to the next, signed by enough keys of both."""
import json
import shutil

import pytest

from lib.cli import keys, minisign

AFTER = ("--after", "list/root-1.json")


def shown(cli, path, status, *words):
    done = cli.run("root", "show", path, "--json", *words)
    assert done.returncode == status, (done.stdout, done.stderr)
    return json.loads(done.stdout)


def signed(report):
    return {row["name"]: row["signed"] for row in report["signers"]}


@pytest.fixture
def next_root(made):
    """root-2.json here, unsigned: two new root keys, threshold 2, another publisher; root-1.json is in list/."""
    keys(made, "alice", "bob", "pub2")
    made("root", "rotate", "list/root-1.json", "--root-key", "alice.pub", "--root-key", "bob.pub", "--threshold",
         "root=2", "--remove", "publisher=pub", "--publisher", "pub2.pub")
    return made


def test_what_is_not_named_stays(next_root):
    report = shown(next_root, "root-2.json", 1, *AFTER)
    roles = {name: (role["keys"], role["threshold"]) for name, role in report["roles"].items()}
    assert roles == {"root": (["root", "alice", "bob"], 2), "maintainers": (["maint"], 1), "publisher": (["pub2"], 1)}
    assert report["version"] == 2 and report["expires"] == "2027-11-23T20:00:00Z"
    assert "pub" not in report["keys"]


def test_who_signed_and_who_is_missing(next_root):
    report = shown(next_root, "root-2.json", 1, *AFTER)
    assert signed(report) == {"root": False, "alice": False, "bob": False}
    assert [row["root_key_of"] for row in report["signers"]] == [[2, 1], [2], [2]]
    assert report["complete"] is False and report["why"] == "too-few-signatures"
    next_root("root", "sign", "root-2.json", "--key", "alice.key", "--key", "bob.key", *AFTER)
    # Its own threshold is met, that of the root before is not.
    report = shown(next_root, "root-2.json", 1, *AFTER)
    assert report["signatures"] == [{"version": 2, "have": 2, "need": 2}, {"version": 1, "have": 0, "need": 1}]
    # Without the root before nobody can tell.
    assert shown(next_root, "root-2.json", 1)["complete"] is None
    text = next_root("root", "sign", "root-2.json", "--key", "root.key", *AFTER)
    assert "complete: resolvers will take it" in text and "1 of 1 signatures of the root keys before it" in text
    assert shown(next_root, "root-2.json", 0, *AFTER)["complete"] is True


def test_resolvers_walk_to_it(next_root):
    next_root("root", "sign", "root-2.json", "--key", "root.key", "--key", "alice.key", *AFTER)
    shutil.copy(next_root.path("root-2.json"), next_root.path("list/root-2.json"))
    assert shown(next_root, "list/root-2.json", 0)["complete"] is True  # the one before is beside it
    next_root("publish", "list", "--key", "pub2.key")
    done = json.loads(next_root("list", "verify", "list", "--root", "pinned.json", "--json"))
    assert done["accepted"] and {"root-2.json", "list.json"} <= {row["document"] for row in done["documents"]}


def test_publish_does_not_go_ahead_of_the_signers(next_root):
    """A root that waits for signatures in the list's folder is named and not used."""
    shutil.copy(next_root.path("root-2.json"), next_root.path("list/root-2.json"))
    done = next_root.run("publish", "list", "--key", "pub.key")
    assert done.returncode == 0 and "root-2.json" in done.stderr and "fewer valid signatures" in done.stderr
    next_root.fails(1, "not a publisher key", "publish", "list", "--key", "pub2.key")
    next_root("root", "sign", "list/root-2.json", "--key", "root.key", "--key", "bob.key")
    next_root.fails(1, "not a publisher key", "publish", "list", "--key", "pub.key")
    next_root("publish", "list", "--key", "pub2.key")


def test_minisign_signs_the_next_root(next_root):
    next_root.path("text").write_text(next_root("list", "show", "--text", "root-2.json"))
    for name in "root", "alice", "stranger":
        assert minisign(next_root, "-S", "-s", f"{name}.key", "-m", "text", "-x", f"{name}.sig").returncode == 0
    next_root.fails(1, "not a signature of this document by a root key", "root", "sign", "root-2.json", "--signature",
                    "stranger.sig", *AFTER)
    text = next_root("root", "sign", "root-2.json", "--signature", "root.sig", "--signature", "alice.sig", *AFTER)
    assert "complete" in text
    for i, name in enumerate(("root", "alice")):
        next_root.path("s").write_text(next_root.json("root-2.json")["signatures"][i])
        assert minisign(next_root, "-H", "-V", "-m", "text", "-x", "s", "-p", f"{name}.pub").returncode == 0


def test_a_key_is_replaced_by_one_of_the_same_name(made):
    keys(made, "spare")
    made.path("new").mkdir()
    shutil.copy(made.path("spare.pub"), made.path("new/maint.pub"))
    made("root", "rotate", "list/root-1.json", "--remove", "maint", "--maintainer", "new/maint.pub", "--key", "root.key")
    report = shown(made, "root-2.json", 0, *AFTER)
    assert report["keys"]["maint"] == made.path("spare.pub").read_text().splitlines()[1]
    made.fails(1, "two keys are named maint", "root", "rotate", "list/root-1.json", "--maintainer", "new/maint.pub",
               "--out", "new")


@pytest.mark.parametrize("words,status,text", [
    (["--remove", "nobody"], 2, "no such key"),
    (["--remove", "maintainers=pub"], 2, "no such key"),
    (["--remove", "pub"], 2, "no key is given for the role publisher"),
    (["--remove", "root=root", "--root-key", "pub.pub", "--threshold", "root=2"], 2, "must be 1 to 1"),
    (["--maintainer", "maint.pub"], 2, "has this role already"),
    (["--threshold", "kings=1"], 2, "is no role"),
    (["--publisher", "nowhere.pub"], 1, "neither a public key"),
    (["--key", "stranger.key"], 1, "not a root key"),
    (["--expires", "soon"], 2, "expiry"),
])
def test_mistakes_write_nothing(made, words, status, text):
    made.fails(status, text, "root", "rotate", "list/root-1.json", *words)
    assert not made.path("root-2.json").exists()


def test_thresholds_cannot_outgrow_their_keys(next_root):
    next_root("root", "sign", "root-2.json", "--key", "root.key", "--key", "alice.key", *AFTER)
    lose_two = ["root", "rotate", "root-2.json", "--remove", "root=root", "--remove", "alice.pub"]
    next_root.fails(2, "2 keys of root must sign, but 1 are left", *lose_two)
    next_root(*lose_two, "--threshold", "root=1")
    report = shown(next_root, "root-3.json", 1)
    assert report["roles"]["root"] == {"keys": ["bob"], "threshold": 1}
    assert report["signatures"][1] == {"version": 2, "have": 0, "need": 2}


def test_only_a_signed_root_can_be_followed(next_root):
    next_root.fails(1, "fewer valid signatures", "root", "rotate", "root-2.json", "--out", "list")
    next_root.fails(1, "version 2, not the one before 2", "root", "show", "root-2.json", "--after", "root-2.json")
    next_root.fails(1, "type is not", "root", "show", "list/list.json")
    next_root.fails(1, "exists", "root", "rotate", "list/root-1.json")
