# SPDX-License-Identifier: GPL-3.0-or-later
"""`polynya list diff`: what another edition of a list says otherwise, and exit statuses as diff's."""
import json
import shutil
import subprocess

import pytest

from lib.cli import POLYNYA, keys
from lib.process import PATIENCE

OUTLET = "registrations/outlet.json"


def diff(cli, a="list", b="other", status=1):
    done = cli.run("list", "diff", a, b, "--json")
    assert done.returncode == status, (done.stdout, done.stderr)
    told = json.loads(done.stdout)
    assert told["same"] == (status == 0)
    return {(" ".join(row["path"]), row["change"]): (row["from"], row["to"]) for row in told["changes"]}


@pytest.fixture
def pair(made):
    """The list, and an equal one beside it."""
    shutil.copytree(made.path("list"), made.path("other"))
    return made


def register(cli, *options):
    cli("registration", "new", "outlet.example", "--after", f"other/{OUTLET}", *options, "--key", "outlet.key", "--out",
        f"other/{OUTLET}", "--replace")
    cli("publish", "other", "--key", "pub.key")


def test_a_list_is_the_same_as_itself(pair):
    assert diff(pair, status=0) == {}
    assert pair("list", "diff", "list", "other") == ""
    for place in "file:list", f"file://{pair.path('list')}/", "list/list.json", "./list/":
        assert diff(pair, place, "other", status=0) == {}
    # Who signed is not what is said.
    pair.change("other/list.json", lambda d: d.update(signatures=[]))
    assert diff(pair, status=0) == {}


def test_registrations(pair):
    register(pair, "--mirror", "m1,9.9.9.9,8.8.8.8,alpn=h2,weight=5,blocked-in=RU", "--mirror", "m3,1.0.0.1", "--name",
             "@", "--name", "cdn", "--ttl", "30")
    found = diff(pair)
    at = "sites outlet.example"
    assert found.pop((f"{at} mirrors m2", "removed"))[0]["addresses"] == ["1.1.1.1"]
    assert found.pop((f"{at} mirrors m3", "added"))[1]["addresses"] == ["1.0.0.1"]
    assert found == {
        ("list version", "changed"): (1, 2),
        (f"{at} seq", "changed"): (1, 2),
        (f"{at} names", "removed"): ("www", None),
        (f"{at} names", "added"): (None, "cdn"),
        (f"{at} mirrors m1 addresses", "removed"): ("2620:fe::9", None),
        (f"{at} mirrors m1 addresses", "added"): (None, "8.8.8.8"),
        (f"{at} mirrors m1 weight", "changed"): (3, 5),
        (f"{at} mirrors m1 blocked_in", "added"): (None, "RU"),
        (f"{at} policy ttl", "changed"): (60, 30),
    }
    text = pair.run("list", "diff", "list", "other").stdout.splitlines()
    assert "~ outlet.example mirrors m1 weight: 3 -> 5" in text
    assert "+ outlet.example names: cdn" in text and "- outlet.example names: www" in text
    assert len(text) == 11


def test_the_other_way_round_is_the_opposite(pair):
    register(pair, "--mirror", "m1,9.9.9.9", "--expires", "5d")
    opposite = {"added": "removed", "removed": "added", "changed": "changed"}
    assert diff(pair, "other", "list") == {(path, opposite[change]): (to, was)
                                           for (path, change), (was, to) in diff(pair).items()}


def test_delegations(pair):
    keys(pair, "key2")
    pair("delegate", "other/delegations.json", "outlet.example", "--outlet-key", "key2.pub", "--blocked", "RU=sni",
         "--unblocked", "BY", "--expires", "30d", "--key", "maint.key")
    pair("delegate", "other/delegations.json", "new.example", "--outlet-key", "key2.pub", "--key", "maint.key")
    key, key2 = (pair.path(f"{k}.pub").read_text().splitlines()[1] for k in ("outlet", "key2"))
    for a, b in ("list", "other"), ("list/delegations.json", "other/delegations.json"):
        assert diff(pair, a, b) == {
            ("delegations version", "changed"): (1, 3),
            ("sites outlet.example key", "changed"): (key, key2),
            ("sites outlet.example blocked RU", "removed"): ("dns", None),
            ("sites outlet.example blocked RU", "removed"): ("ip", None),
            ("sites outlet.example blocked RU", "added"): (None, "sni"),
            ("sites outlet.example blocked BY", "removed"): (["sni"], None),
            ("sites new.example", "added"): (None, {"domain": "new.example", "key": key2, "blocked": {}}),
        }
    assert ("sites outlet.example", "removed") in diff(pair, "other/delegations.json", "list/root-1.json")


def test_health_and_times(pair):
    pair.path("health.json").write_text('{"outlet.example": {"m1": {"*": "up", "RU": "down"}}}')
    pair("publish", "other", "--key", "pub.key", "--health", "health.json", now="2026-11-23T21:00:00Z")
    found = diff(pair)
    assert found[("sites outlet.example mirrors m1 health RU", "added")] == (None, "down")
    assert found[("list issued", "changed")] == ("2026-11-23T20:00:00Z", "2026-11-23T21:00:00Z")
    assert found[("list expires", "changed")][1] == "2026-11-24T21:00:00Z"


def test_roots(pair):
    keys(pair, "root2")
    pair("root", "new", "--after", "list/root-1.json", "--out", "other", "--root-key", "root2.pub", "--root-key",
         "root.pub", "--maintainer", "maint.pub", "--publisher", "pub.pub", "--key", "root2.key")
    found = diff(pair)
    assert found == diff(pair, "list/root-1.json", "other/root-2.json")
    assert found[("root roles root keys", "added")] == (None, "root2")
    assert found[("root roles root threshold", "changed")] == (1, 2)
    assert ("root keys root2", "added") in found
    # A file comes without its root, so that of the folder is no difference.
    assert diff(pair, "list", "other/list.json", status=0) == {}


def test_text_from_others_cannot_command_a_terminal(pair):
    register(pair, "--probe-contains", "a\x1b[2Jb\u202e")
    done = pair.run("list", "diff", "list", "other")
    assert "\x1b" not in done.stdout and "\u202e" not in done.stdout and "u001B" in done.stdout
    assert diff(pair)[("sites outlet.example policy probe contains", "changed")] == (None, "a\x1b[2Jb\u202e")


def test_a_registration_that_cannot_be_read_is_counted(pair):
    def spoil(document):
        body = json.loads(document["signed"])
        body["registrations"][0]["signed"] = "{}"
        document["signed"] = json.dumps(body)
    pair.change("other/list.json", spoil)
    found = diff(pair)
    assert found[("list left_out", "changed")] == (0, 1)
    assert ("sites outlet.example seq", "removed") in found


@pytest.mark.parametrize("words,text", [
    (["nowhere", "list"], "cannot read nowhere"),
    (["list", "nowhere"], "cannot read nowhere"),
    (["list", "."], "list.json"),
    (["list", "root.key"], "not valid JSON"),
    (["list", "/dev/null"], "not valid JSON"),
    (["list", "https://list.example/"], "cannot be fetched"),
    (["list"], "missing"),
    (["list", "list", "list"], "one word too many"),
])
def test_trouble_is_two(made, words, text):
    done = made.run("list", "diff", *words)
    assert done.returncode == 2 and not done.stdout, (done.returncode, done.stdout)
    assert text in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr


def test_a_full_disk_is_trouble_not_a_difference(pair):
    register(pair, "--mirror", "m1,9.9.9.9")
    with open("/dev/full", "w") as full:
        done = subprocess.run([POLYNYA, "list", "diff", "list", "other"], cwd=pair.folder, stdout=full,
                              stderr=subprocess.PIPE, timeout=PATIENCE)
    assert done.returncode == 2 and b"standard output" in done.stderr
