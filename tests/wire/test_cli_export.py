# SPDX-License-Identifier: GPL-3.0-or-later
"""`polynya export`: what leaves for other systems is only what verifies and what readers could be sent to."""
import json

import pytest

from lib.cli import Cli
from lib.lists import Publisher
from lib.process import wait_until


def exported(text):
    document = json.loads(text)
    assert document["version"] == "2.0" and set(document) == {"version", "sites"}
    return {site["main_domain"]: [a["url"] for a in site["available_alternatives"]] for site in document["sites"]}


def bc2(cli, *words):
    return exported(cli("export", "bc2", "list", "--root", "pinned.json", *words))


def republish(made, health):
    made.path("health.json").write_text(json.dumps({"outlet.example": health}))
    made("publish", "list", "--key", "pub.key", "--health", "health.json")


def test_bc2_has_every_field_its_readers_want(made):
    site, = json.loads(made("export", "bc2", "list", "--root", "pinned.json"))["sites"]
    assert site == {"main_domain": "outlet.example", "available_alternatives": [
        {"proto": "https", "type": "mirror", "created_at": "2026-11-23T20:00:00Z", "updated_at": "2026-11-23T20:00:00Z",
         "url": "https://outlet.example/"}]}


def test_a_site_without_its_apex_is_known_by_its_first_name(made):
    file = "list/registrations/outlet.json"
    made("registration", "new", "outlet.example", "--after", file, "--name", "www", "--name", "m", "--key", "outlet.key",
         "--out", file, "--replace")
    made("publish", "list", "--key", "pub.key")
    assert bc2(made) == {"outlet.example": ["https://www.outlet.example/"]}


def test_published_health_decides(made):
    everything = {"outlet.example": ["https://outlet.example/"]}
    republish(made, {"m1": {"*": "down"}})
    assert bc2(made) == everything  # m2 is left
    assert bc2(made, "--region", "BY") == everything
    assert bc2(made, "--region", "RU") == {}  # where m2 is blocked
    republish(made, {"m1": {"*": "down", "RU": "up"}, "m2": {"*": "down"}})
    assert bc2(made) == {} and bc2(made, "--region", "RU") == everything


def test_nothing_leaves_that_does_not_verify(made):
    def forge(document):
        document["signed"] = document["signed"].replace("9.9.9.9", "8.8.8.8")
    made.change("list/list.json", forge)
    done = made.fails(1, "can be believed", "export", "bc2", "list", "--root", "pinned.json", "-o", "out.json")
    assert "fewer valid signatures" in done.stderr and not done.stdout and not made.path("out.json").exists()


def test_a_refused_site_is_named_and_left_out(made):
    """The publisher may put in what it likes; the guards hold here as in a resolver."""
    made("registration", "new", "outlet.example", "--after", "list/registrations/outlet.json", "--mirror",
         "m1,127.0.0.1", "--key", "outlet.key", "--out", "list/registrations/z.json")
    made("publish", "list", "--key", "pub.key", "--allow-special-use")
    done = made.run("export", "bc2", "list", "--root", "pinned.json")
    assert done.returncode == 0 and exported(done.stdout) == {}
    assert "outlet.example" in done.stderr and "special-use" in done.stderr
    assert bc2(made, "--allow-special-use") == {"outlet.example": ["https://outlet.example/"]}


def test_the_file_is_replaced_at_once(made):
    made.path("out.json").write_text("old")
    inode = made.path("out.json").stat().st_ino
    assert made("export", "bc2", "list", "--root", "pinned.json", "--out", "out.json") == ""
    assert exported(made.path("out.json").read_text()) and made.path("out.json").stat().st_ino != inode
    assert not [p for p in made.folder.iterdir() if p.name.endswith(".tmp")]
    made.fails(1, "cannot create", "export", "bc2", "list", "--root", "pinned.json", "--out", "nowhere/out.json")


@pytest.mark.parametrize("words,status,text", [
    (["bc2"], 2, "give a list's folder, or -c FILE"),
    (["bc2", "list", "-c", "polynya.yaml"], 2, "give a list's folder, or -c FILE"),
    (["bc2", "list"], 2, "--root"),
    (["bc2", "list", "--root", "pinned.json", "--region", "ru"], 2, "--region wants a country"),
    (["bc2", "-c", "nowhere.yaml"], 1, "nowhere.yaml"),
    (["bc2", "nowhere", "--root", "pinned.json"], 1, "cannot read nowhere/list.json"),
    (["bc2", "a", "b"], 2, "too many"),
    ([], 2, "export bc2"),
])
def test_misuse_says_what_to_do(made, words, status, text):
    done = made.fails(status, text, "export", *words)
    assert not done.stdout


def test_what_the_daemon_believes(make_polynya, tmp_path):
    """From steering.mdb, while the daemon runs, and before it has taken anything."""
    publisher = Publisher(tmp_path / "list")
    publisher.site("news.example", "m1,127.0.0.2")
    daemon = make_polynya(steering=publisher.config(), start=False)
    cli = Cli(tmp_path)
    cli.fails(1, "has the daemon run", "export", "bc2", "-c", daemon.file, now=None)
    daemon.start()
    cli.fails(1, "accepted no list yet", "export", "bc2", "-c", daemon.file, now=None)
    publisher.publish()
    words = ["export", "bc2", "-c", daemon.file]
    wait_until(lambda: cli.run(*words, now=None).returncode == 0, "the daemon takes the list")
    assert exported(cli(*words, now=None)) == {"news.example": ["https://news.example/"]}
    publisher.register("news.example", "m1,127.0.0.2,blocked-in=RU", seq=2)
    publisher.publish(health={"news.example": {"m1": {"*": "up", "BY": "down"}}})
    wait_until(lambda: exported(cli(*words, "--region", "RU", now=None)) == {}, "the daemon takes the next one")
    assert exported(cli(*words, "--region", "BY", now=None)) == {}
    assert exported(cli(*words, "--region", "KZ", now=None)) == {"news.example": ["https://news.example/"]}
