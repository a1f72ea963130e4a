# SPDX-License-Identifier: GPL-3.0-or-later
"""`polynya`, from nothing to a verified list, with minisign on both sides, and every way it must refuse."""
import base64
import json
import os
import shutil
import subprocess

import pytest

from lib.cli import NOW, POLYNYA, ROOT, keys, minisign
from lib.process import PATIENCE


def verify(cli, status=0, now=NOW):
    done = cli.run("list", "verify", "list", "--root", "pinned.json", "--json", now=now)
    assert done.returncode == status, (done.stdout, done.stderr)
    return {row["document"]: row["why"] for row in json.loads(done.stdout)["documents"]}


def test_a_list_from_nothing_is_accepted(made):
    assert verify(made) == {"pinned.json": "", "list.json": "", "delegations.json": "", "outlet.example": ""}
    shown = json.loads(made("list", "show", "list", "--json"))
    assert shown["list"]["version"] == 1
    assert [m["addresses"] for m in shown["sites"][0]["mirrors"]] == [["9.9.9.9", "2620:fe::9"], ["1.1.1.1"]]
    assert "outlet.example" in made("list", "show", "list")
    text = made("list", "show", "--text", "list/delegations.json")
    assert json.loads(text)["sites"][0]["blocked"] == {"RU": ["dns", "ip"], "BY": ["sni"]}


def test_the_demo_recipe_works_from_shipped_and_from_fresh_keys(tmp_path):
    env = dict(os.environ, POLYNYA_BUILD=str(POLYNYA.parent))
    script = ROOT / "data/seed/make-demo.sh"
    for extra in {}, {"DEMO": str(tmp_path / "fresh")}:
        done = subprocess.run([script, tmp_path / f"list{len(extra)}"], env={**env, **extra}, text=True,
                              capture_output=True, timeout=PATIENCE)
        assert done.returncode == 0, done.stderr
        assert "good     news.example" in done.stdout
    for key in (ROOT / "data/seed/demo/keys").glob("*.key"):
        assert "WORTHLESS" in key.read_text().splitlines()[0]
    # Another run over the same folder is an update, not an error.
    again = subprocess.run([script, tmp_path / "list0"], env=env, capture_output=True, timeout=PATIENCE)
    assert again.returncode == 0


# ---- keys and minisign ----

def test_keys_are_secret_and_never_overwritten(cli):
    public = cli("key", "new", "a.key", "--comment", "mine").strip()
    assert cli.path("a.key").stat().st_mode & 0o777 == 0o600
    assert cli.path("a.key").read_text().startswith("untrusted comment: mine\n")
    assert cli.path("a.pub").read_text().splitlines()[1] == public
    before = cli.path("a.key").read_bytes()
    cli.fails(1, "exists", "key", "new", "a.key")
    assert cli.path("a.key").read_bytes() == before
    cli.path("b.pub").write_text("something else")
    cli.fails(1, "exists", "key", "new", "b.key")
    assert not cli.path("b.key").exists()


def test_minisign_accepts_what_we_sign(made):
    for name, key in ("root-1.json", "root"), ("delegations.json", "maint"), ("list.json", "pub"), \
            ("registrations/outlet.json", "outlet"):
        made.path("text").write_text(made("list", "show", "--text", f"list/{name}"))
        made.path("text.minisig").write_text(made.json(f"list/{name}")["signatures"][0])
        assert minisign(made, "-H", "-V", "-m", "text", "-p", f"{key}.pub").returncode == 0
        assert minisign(made, "-H", "-V", "-m", "text", "-p", "stranger.pub").returncode != 0


def test_minisign_signs_for_us(made):
    assert minisign(made, "-G", "-W", "-p", "m.pub", "-s", "m.key").returncode == 0
    made("delegate", "list/delegations.json", "outlet.example", "--outlet-key", "m.pub", "--blocked", "RU=ip",
         "--key", "maint.key")
    file = "list/registrations/outlet.json"
    made("registration", "new", "outlet.example", "--after", file, "--out", file, "--replace")
    assert made.json(file)["signatures"] == []
    made.path("text").write_text(made("list", "show", "--text", file))
    assert minisign(made, "-S", "-s", "m.key", "-m", "text").returncode == 0
    made("registration", "sign", file, "--signature", "text.minisig")
    made("registration", "check", file, "--key", "m.pub")
    made("publish", "list", "--key", "pub.key")
    assert verify(made)["outlet.example"] == ""
    # And the secret key itself serves here, too, as ours serves minisign.
    made("registration", "new", "outlet.example", "--after", file, "--out", "r.json", "--key", "m.key")
    made("registration", "check", "r.json", "--key", "m.pub")
    assert minisign(made, "-S", "-s", "outlet.key", "-m", "text").returncode == 0
    assert minisign(made, "-V", "-p", "outlet.pub", "-m", "text").returncode == 0


def test_legacy_signatures_do_not_count(made):
    file = "list/registrations/outlet.json"
    made.path("text").write_text(made("list", "show", "--text", file))
    assert minisign(made, "-S", "-l", "-s", "outlet.key", "-m", "text").returncode == 0
    made.fails(1, "legacy", "registration", "sign", file, "--signature", "text.minisig")


# ---- thresholds ----

def test_two_of_three_maintainers(cli):
    keys(cli, "a", "b", "c", "pub", "outlet")
    (cli.folder / "list" / "registrations").mkdir(parents=True)
    out = cli("root", "new", *[w for k in "abc" for w in ("--root-key", f"{k}.pub", "--maintainer", f"{k}.pub")],
              "--publisher", "pub.pub", "--out", "list", "--key", "a.key")
    assert "1 of 2" in out
    assert "1 of 2" in cli("root", "sign", "list/root-1.json", "--key", "a.key")  # a key counts once
    assert "2 of 2" in cli("root", "sign", "list/root-1.json", "--key", "c.key")
    shutil.copy(cli.path("list/root-1.json"), cli.path("pinned.json"))
    delegations = "list/delegations.json"
    out = cli("delegate", delegations, "outlet.example", "--outlet-key", "outlet.pub", "--blocked", "RU=ip", "--key",
              "a.key")
    assert "1 of 2" in out
    cli.fails(1, "fewer valid signatures", "publish", "list", "--key", "pub.key")
    cli.fails(1, "not a maintainers key", "delegate", "--sign", delegations, "--key", "outlet.key")
    before = cli.json(delegations)["signed"]
    assert "2 of 2" in cli("delegate", "--sign", delegations, "--key", "b.key")
    assert cli.json(delegations)["signed"] == before
    cli("publish", "list", "--key", "pub.key")
    assert verify(cli)["delegations.json"] == ""


def test_roots_are_walked(made):
    keys(made, "root2", "pub2")
    made("root", "new", "--after", "list/root-1.json", "--out", "list", "--root-key", "root2.pub", "--maintainer",
         "maint.pub", "--publisher", "pub2.pub", "--key", "root2.key")
    assert verify(made, 1)["root-2.json"] == "too-few-signatures"
    made("root", "sign", "list/root-2.json", "--key", "root.key")
    made.fails(1, "not a publisher key", "publish", "list", "--key", "pub.key")
    made("publish", "list", "--key", "pub2.key")
    verdicts = verify(made)
    assert verdicts["root-2.json"] == "" and verdicts["list.json"] == ""


# ---- what must be refused ----

def swap(old, new):
    def change(document):
        assert old in document["signed"]
        document["signed"] = document["signed"].replace(old, new)
    return change


@pytest.mark.parametrize("name,change,where,why", [
    ("list.json", swap("2026-11-24T20:00:00Z", "2026-11-24T21:00:00Z"), "list", "too-few-signatures"),
    ("list.json", lambda d: d.update(signatures=[]), "list", "too-few-signatures"),
    ("delegations.json", swap("outlet.example", "victim.example"), "list", "wrong-hash"),
    ("list.json", swap("9.9.9.9", "8.8.8.8"), "list", "too-few-signatures"),
])
def test_tampering_is_named(made, name, change, where, why):
    made.change(f"list/{name}", change)
    assert verify(made, 1)[where] == why


def test_a_flipped_bit_in_the_pinned_root(made):
    made.change("pinned.json", swap("2027", "2037"))
    assert list(verify(made, 1).values()) == ["too-few-signatures"]


def test_half_a_file_is_refused(made):
    path = made.path("list/list.json")
    path.write_bytes(path.read_bytes()[:-100])
    assert verify(made, 1)["list"] == "bad-json"


def test_time_takes_lists_and_registrations(made):
    assert verify(made, 1, now="2026-11-24T20:00:00Z")["list"] == "expired"
    assert verify(made, 1, now="2026-11-23T19:00:00Z")["list"] == "issued-in-future"
    made("publish", "list", "--key", "pub.key", now="2026-12-23T12:00:00Z")
    assert verify(made, 1, now="2026-12-23T20:00:01Z")["outlet.example"] == "expired"
    assert json.loads(made("list", "show", "list", "--json"))["list"]["version"] == 2


def test_publish_leaves_bad_registrations_out(made):
    folder = made.path("list/registrations")
    made("registration", "new", "other.example", "--mirror", "m1,9.9.9.9", "--key", "stranger.key", "--out",
         "list/registrations/undelegated.json")
    made("registration", "new", "outlet.example", "--seq", "9", "--mirror", "evil,9.9.9.9", "--key", "stranger.key",
         "--out", "list/registrations/forged.json")
    (folder / "torn.json").write_text('{"signed": "{')
    done = made.run("publish", "list", "--key", "pub.key")
    assert done.returncode == 0 and "1 registrations, 3 left out" in done.stdout
    for text in "undelegated.json", "forged.json: 0 of 1: fewer valid", "torn.json":
        assert text in done.stderr
    assert verify(made)["outlet.example"] == ""


def test_publish_leaves_out_names_of_another_delegation(made):
    """As readers would: nobody finds out by his site's being gone."""
    made("registration", "new", "outlet.example", "--seq", "9", "--name", "@", "--name", "blog", "--mirror", "m1,9.9.9.9",
         "--key", "outlet.key", "--out", "list/registrations/wide.json")
    made("publish", "list", "--key", "pub.key")
    assert verify(made)["outlet.example"] == ""
    made("delegate", "list/delegations.json", "blog.outlet.example", "--outlet-key", "stranger.pub", "--blocked", "RU=ip",
         "--key", "maint.key")
    done = made.run("publish", "list", "--key", "pub.key")
    assert done.returncode == 0 and "wide.json" in done.stderr and "another domain" in done.stderr
    assert verify(made)["outlet.example"] == "", "the registration before it"


def test_publish_takes_the_highest_seq_and_health(made):
    made("registration", "new", "outlet.example", "--after", "list/registrations/outlet.json", "--mirror",
         "m3,8.8.8.8", "--key", "outlet.key", "--out", "list/registrations/a-newer.json")
    made.path("health.json").write_text('{"outlet.example": {"m3": {"*": "up", "RU": "down"}}}')
    made("publish", "list", "--key", "pub.key", "--health", "health.json")
    site = json.loads(made("list", "show", "list", "--json"))["sites"]
    assert [s["seq"] for s in site] == [2]
    assert site[0]["mirrors"][0]["health"] == {"*": "up", "RU": "down"}
    assert "health *=up RU=down" in made("list", "show", "list")
    made.path("health.json").write_text('{"outlet.example": {"m3": {"*": "sideways"}}}')
    before = made.path("list/list.json").read_bytes()
    made.fails(1, "health", "publish", "list", "--key", "pub.key", "--health", "health.json")
    assert made.path("list/list.json").read_bytes() == before


@pytest.mark.parametrize("options,text", [
    (["--mirror", "m1,127.0.0.1"], "special-use"),
    (["--mirror", "m1,10.0.0.1"], "special-use"),
    (["--mirror", "m1,::ffff:9.9.9.9"], "special-use"),
    (["--mirror", "m1,9.9.9.9,port=8443"], "port"),
    (["--mirror", "m1,9.9.9.9", "--name", "_acme-challenge"], "name"),
])
def test_guards_are_told_before_anyone_signs(cli, options, text):
    done = cli.run("registration", "new", "outlet.example", *options)
    if done.returncode == 0:
        done = cli.run("registration", "check", "outlet.example.json")
    assert done.returncode == 1 and text in done.stderr, done.stderr


def test_public_suffixes_cannot_be_registered(cli):
    cli.fails(1, "public suffix", "registration", "new", "co.uk", "--mirror", "m1,9.9.9.9")
    cli("registration", "new", "x.co.uk", "--mirror", "m1,9.9.9.9", "--name", "@", "--out", "x.json")
    cli.change("x.json", lambda d: d.update(signed=d["signed"].replace("x.co.uk", "co.uk")))
    cli.fails(1, "public suffix", "registration", "check", "x.json")


@pytest.mark.parametrize("words,text", [
    (["registration", "new", "o.example"], "--mirror"),
    (["registration", "new", "o.example", "--mirror", "m1"], "no address"),
    (["registration", "new", "o.example", "--mirror", "m1,nonsense"], "not an address"),
    (["registration", "new", "o.example", "--mirror", "m1,9.9.9.9,weight=0"], "weight=0"),
    (["registration", "new", "o.example", "--mirror", "m1,9.9.9.9", "--answers", "3"], "--answers"),
    (["registration", "new", "o.example", "--mirror", "m1,9.9.9.9", "--expires", "soon"], "expiry"),
    (["registration", "new", "o.example", "--mirror", "m1,9.9.9.9", "--all-down", "panic"], "--all-down"),
    (["registration", "sign", "x"], "--key"),
    (["delegate", "list/delegations.json"], "domain is missing"),
    (["publish", "list"], "--key"),
    (["list", "verify", "list"], "--root"),
    (["root", "new", "--root-key", "nowhere=RW"], "neither"),
    (["query", "a..b"], "not a domain name"),
    (["query", "a.example", "NOTYPE"], "not a type"),
    (["query", "a.example", "--server", "gopher://x"], "--server"),
    (["status"], "--control"),
    (["query"], "missing"),
    (["query", "a.example", "A", "more"], "too many"),
    (["query", "--bogus", "a.example"], "--bogus is not an option"),
    (["query", "a.example", "--server"], "--server wants a value"),
    (["nonsense"], "no command"),
    (["root"], "root sign"),
    ([], "usage"),
])
def test_misuse_says_what_to_do(cli, words, text):
    done = cli.run(*words)
    assert done.returncode == (1 if text == "neither" else 2), (done.returncode, done.stderr)
    assert text in done.stderr and not done.stdout


def test_help_and_version(cli):
    everything = cli("help")
    assert cli("--version").startswith("polynya ")
    for line in everything.splitlines():
        if line.startswith("  "):
            name = line[2:22].split()
            text = cli("help", *name)
            assert text.startswith(f"usage: polynya {' '.join(name)} ")
            assert subprocess.run([POLYNYA, *name, "--help"], text=True, capture_output=True).stdout == text


def test_documents_are_not_overwritten_unasked(made):
    before = made.path("list/root-1.json").read_bytes()
    made.fails(1, "exists", "root", "new", "--root-key", "stranger.pub", "--maintainer", "maint.pub", "--publisher",
               "pub.pub", "--out", "list")
    assert made.path("list/root-1.json").read_bytes() == before
    made.fails(1, "exists", "registration", "new", "outlet.example", "--mirror", "m1,9.9.9.9", "--out",
               "list/registrations/outlet.json")
    assert not [p for p in made.path("list").iterdir() if p.name.endswith(".tmp")]


def test_signing_twice_with_one_clock_gives_the_same_bytes(made):
    file = "list/registrations/outlet.json"
    for out in "x.json", "y.json":
        made("registration", "new", "outlet.example", "--after", file, "--key", "outlet.key", "--out", out)
    assert made.path("x.json").read_bytes() == made.path("y.json").read_bytes()


def test_revoking_a_site(made):
    made("delegate", "list/delegations.json", "--revoke", "outlet.example", "--key", "maint.key")
    made.fails(1, "not delegated", "delegate", "list/delegations.json", "--revoke", "outlet.example", "--key",
               "maint.key")
    assert "0 registrations, 1 left out" in made("publish", "list", "--key", "pub.key")
    assert "outlet.example" not in verify(made)


# ---- delegations, changed ----

def delegated(cli):
    return json.loads(cli("list", "show", "--text", "list/delegations.json"))["sites"]


def delegate(cli, *options):
    return cli("delegate", "list/delegations.json", *options, "--key", "maint.key")


def test_blocked_is_changed_country_by_country(made):
    before = delegated(made)[0]
    delegate(made, "outlet.example", "--blocked", "RU=sni", "--blocked", "KZ=ip,dns")
    site, = delegated(made)
    assert site == {**before, "blocked": {"RU": ["sni"], "BY": ["sni"], "KZ": ["dns", "ip"]}}
    delegate(made, "outlet.example", "--unblocked", "RU", "--unblocked", "BY")
    assert delegated(made)[0]["blocked"] == {"KZ": ["dns", "ip"]}
    delegate(made, "outlet.example", "--outlet-key", "stranger.pub")
    assert delegated(made)[0]["blocked"] == {"KZ": ["dns", "ip"]} and delegated(made)[0]["key"] != before["key"]


def test_a_delegation_is_renewed(made):
    before = delegated(made)
    made("delegate", "list/delegations.json", "outlet.example", "--key", "maint.key", now="2027-01-20T00:00:00Z")
    assert delegated(made) == before
    text = json.loads(made("list", "show", "--text", "list/delegations.json"))
    assert (text["version"], text["issued"], text["expires"]) == (2, "2027-01-20T00:00:00Z", "2027-04-20T00:00:00Z")


def test_a_delegation_tells_who_has_signed(made):
    told = json.loads(made("delegate", "list/delegations.json", "outlet.example", "--blocked", "RU=ip", "--json"))
    assert (told["version"], told["have"], told["need"], told["complete"]) == (2, 0, 1, False)
    assert [(row["name"], row["signed"]) for row in told["signers"]] == [("maint", False)]
    told = json.loads(made("delegate", "--sign", "list/delegations.json", "--key", "maint.key", "--json"))
    assert told["complete"] is True and told["signers"][0]["signed"] is True
    assert "  signed       maint" in made("delegate", "--sign", "list/delegations.json", "--key", "maint.key")


@pytest.mark.parametrize("words,status,text", [
    (["outlet.example", "--blocked", "RU"], 2, "--blocked wants a country"),
    (["outlet.example", "--blocked", "ru=ip"], 2, "--blocked wants a country"),
    (["outlet.example", "--blocked", "RU=http"], 2, "--blocked wants a country"),
    (["outlet.example", "--blocked", "RU=ip", "--blocked", "RU=dns"], 2, "RU is given twice"),
    (["outlet.example", "--blocked", "RU=ip", "--unblocked", "RU"], 2, "both blocked and not"),
    (["outlet.example", "--unblocked", "Russia"], 2, "--unblocked wants a country"),
    (["outlet.example", "--unblocked", "KZ"], 1, "not said to be blocked in KZ"),
    (["outlet.example", "--revoke", "--blocked", "RU=ip"], 2, "--revoke"),
    (["other.example", "--blocked", "RU=ip"], 2, "give --outlet-key"),
    (["other.example", "--revoke"], 1, "not delegated"),
    (["outlet.example", "--expires", "91d"], 2, "90 days at most"),
    (["--sign", "--blocked", "RU=ip"], 2, "--sign changes nothing"),
    (["--sign"], 2, "nothing to sign with"),
])
def test_a_wrong_delegation_changes_nothing(made, words, status, text):
    before = made.path("list/delegations.json").read_bytes()
    made.fails(status, text, "delegate", "list/delegations.json", *words)
    assert made.path("list/delegations.json").read_bytes() == before


def test_a_file_too_long_is_not_read(made):
    made.path("list/registrations/huge.json").write_bytes(b" " * 70000)
    done = made.run("publish", "list", "--key", "pub.key")
    assert "1 left out" in done.stdout and "longer than" in done.stderr


def test_an_encrypted_key_is_told_apart(made):
    key = made.path("outlet.key")
    head, body = key.read_text().splitlines()
    raw = bytearray(base64.b64decode(body))
    raw[2:4] = b"Sc"
    key.write_text(f"{head}\n{base64.b64encode(raw).decode()}\n")
    made.fails(1, "encrypted", "registration", "sign", "list/registrations/outlet.json", "--key", "outlet.key")
