# SPDX-License-Identifier: GPL-3.0-or-later
"""Policy zones that are taken over: which of their rules count, what stands before them, and what becomes of them."""
import pytest

from lib import doh
from lib.lists import Publisher
from lib.polynya import merge, run_daemon
from lib.process import wait_until
from lib.rpz import ZONE
from lib.upstream import answer

SIGNED, OTHER = "news.example", "other.example"
TRUTH = "192.0.2.200"
RULES = f"""
{OTHER} A 1.1.1.1
www.{OTHER} A 1.0.0.1
"""


def zone_text(serial, rules=RULES, expire=86400, refresh=1):
    return f"$TTL 60\n@ SOA localhost. root.localhost. {serial} {refresh} 1 {expire} 5\n@ NS localhost.\n{rules}"


class ZoneFile:
    def __init__(self, path):
        self.path = path
        self.write(1)

    def write(self, serial, rules=RULES):
        self.put(zone_text(serial, rules))

    def put(self, text):
        fresh = self.path.with_suffix(".new")
        fresh.write_text(text)
        fresh.rename(self.path)

    def config(self, name="zone", **more):
        return {"name": name, "zone": ZONE, "file": str(self.path), **more}


@pytest.fixture
def zone(tmp_path):
    (tmp_path / "zones").mkdir()
    return ZoneFile(tmp_path / "zones" / "zone")


@pytest.fixture
def truth(upstream):
    for name in (SIGNED, OTHER, "www." + OTHER):
        upstream.script(name, answer("A " + TRUTH), type="A")
    return upstream


def rows(daemon):
    """{name: (serial, sites)} of the policy zones in force, as the daemon's own status has them."""
    return {r["name"]: (r["serial"], r["sites"]) for r in daemon.status()["steering"]["policy_zones"] if r["in_force"]}


def await_rows(daemon, **wanted):
    wait_until(lambda: rows(daemon) == wanted, f"policy zones {wanted}")


def refusals(daemon, why):
    return int(daemon.metric(f'list_refusals_total{{why="{why}"}}'))


def addresses(daemon, name, ca):
    with doh.h2_tls(daemon.port, ca) as conn:
        return {str(rr) for rrset in conn.ask(doh.question(name)).dns.answer for rr in rrset}


# --- files

def test_a_file_is_taken(make_polynya, truth, zone):
    """The prober runs for a policy zone alone, and what is not proved is not answered."""
    daemon = make_polynya(truth, steering={"rpz": [zone.config()]})
    daemon.program.wait_line(r"event=rpz\.accepted rpz=zone serial=1 sites=2 passed=0 refused=0 ")
    await_rows(daemon, zone=(1, 2))
    row, = daemon.status()["steering"]["policy_zones"]
    assert row["trust"] == "unsigned" and row["from"] == "file" and row["zone"] == ZONE
    assert daemon.metric("rpz_sites") == 2 and daemon.metric('rpz_loads_total{result="accepted"}') == 1
    assert b'"rpz":"fresh"' in daemon.admin("/health")[1]
    assert addresses(daemon, OTHER, daemon_ca(daemon)) == {TRUTH}


def daemon_ca(daemon):
    return daemon.config["tls"]["certificates"][0]["chain"]


def test_a_changed_file_is_noticed(make_polynya, truth, zone):
    daemon = make_polynya(truth, steering={"rpz": [zone.config()], "poll": "1h"})
    await_rows(daemon, zone=(1, 2))
    zone.write(2, f"{OTHER} A 1.1.1.1\n")
    await_rows(daemon, zone=(2, 1))


def test_a_bad_file_changes_nothing(make_polynya, truth, zone):
    daemon = make_polynya(truth, steering={"rpz": [zone.config()], "poll": "1s"})
    await_rows(daemon, zone=(1, 2))
    for text in (zone_text(2) + "nonsense\n", zone_text(2) + "stray.example. A 1.1.1.1\n", "", "$INCLUDE /etc/passwd\n"):
        before = int(daemon.metric('rpz_loads_total{result="refused"}'))
        zone.put(text)
        wait_until(lambda: int(daemon.metric('rpz_loads_total{result="refused"}')) == before + 1, "the zone is refused")
    assert daemon.program.grep(r'event=rpz\.refused rpz=zone why=bad-zone at="line 7: ')
    assert refusals(daemon, "bad-zone") == 4
    assert rows(daemon) == {"zone": (1, 2)}
    zone.path.unlink()
    wait_until(lambda: refusals(daemon, "unreadable") == 1, "the zone is gone")
    zone.write(3)
    await_rows(daemon, zone=(3, 2))


def test_it_outlives_a_restart(make_polynya, truth, zone):
    daemon = make_polynya(truth, steering={"rpz": [zone.config()]})
    await_rows(daemon, zone=(1, 2))
    daemon.stop()
    zone.path.unlink()
    daemon.start()
    await_rows(daemon, zone=(1, 2))
    assert daemon.program.grep(r"event=rpz\.kept rpz=zone serial=1 sites=2")


def test_a_zone_that_is_no_longer_configured_is_forgotten(make_polynya, truth, zone, tmp_path):
    publisher = Publisher(tmp_path / "list")
    publisher.site(SIGNED, "m1,127.0.0.2")
    publisher.publish()
    steering = publisher.config()
    daemon = make_polynya(truth, steering=merge(steering, {"rpz": [zone.config()]}))
    await_rows(daemon, zone=(1, 2))
    daemon.configure(merge(daemon.config, {"steering": {"rpz": None}}))
    daemon.reload()
    wait_until(lambda: not daemon.status()["steering"]["policy_zones"], "it is forgotten")


def test_refused_rules_are_counted(make_polynya, truth, zone):
    zone.write(1, f"""
{OTHER} A 1.1.1.1
 A 10.0.0.1
 TXT hello
hidden.example CNAME .
nodata.example CNAME *.
*.wild.example A 1.1.1.1
24.0.2.0.192.rpz-client-ip CNAME rpz-drop.
_dmarc.{OTHER} A 1.1.1.1
com A 1.1.1.1
denied.example A 9.9.9.9
https.example A 1.1.1.1
https.example HTTPS 0 elsewhere.example.
""")
    daemon = make_polynya(truth, steering={"rpz": [zone.config()], "deny": ["9.9.9.0/24"]})
    await_rows(daemon, zone=(1, 2))
    wanted = {"special-use": 1, "rpz-record": 2, "rpz-action": 2, "rpz-wildcard": 1, "rpz-trigger": 1, "bad-name": 1,
              "public-suffix": 1, "denied": 1}
    assert {why: refusals(daemon, why) for why in wanted} == wanted
    line = daemon.program.wait_line(r"event=rpz\.accepted ")
    assert f"refused={sum(wanted.values())} " in line
    assert all(f"{why}:{n}" in line for why, n in wanted.items()), line
    assert daemon.metric("rpz_rules_refused") == sum(wanted.values())


# --- precedence

def test_names_of_a_signed_list_are_not_touched(make_polynya, truth, zone, tmp_path):
    publisher = Publisher(tmp_path / "list")
    publisher.site(SIGNED, "m1,127.0.0.2")
    publisher.publish()
    zone.write(1, f"{SIGNED} A 1.1.1.1\n{OTHER} A 1.1.1.1\n")
    daemon = make_polynya(truth, steering=merge(publisher.config(), {"rpz": [zone.config()]}))
    await_rows(daemon, zone=(1, 1))
    ca = daemon_ca(daemon)
    assert addresses(daemon, SIGNED, ca) in ({"127.0.0.2"}, {TRUTH}), "the list's mirror, or unproved"
    assert addresses(daemon, OTHER, ca) == {TRUTH}


def test_an_earlier_zone_keeps_names_from_later_ones(make_polynya, truth, zone, tmp_path):
    first = ZoneFile(tmp_path / "zones" / "first")
    first.write(5, f"{OTHER} CNAME rpz-passthru.\n*.below.example CNAME rpz-passthru.\n")
    zone.write(1, RULES + "a.b.below.example A 1.1.1.1\nbelow.example A 1.1.1.1\n")
    daemon = make_polynya(truth, steering={"rpz": [first.config("first"), zone.config()]})
    await_rows(daemon, first=(5, 0), zone=(1, 2))


# --- config

@pytest.mark.parametrize("entry, why", [
    ({"file": "zone", "primary": "127.0.0.1"}, "either a file or a primary"),
    ({}, "either a file or a primary"),
    ({"file": "zone", "tsig-name": "key.test"}, "belong together, and to a primary"),
    ({"primary": "127.0.0.1", "tsig-name": "key.test"}, "belong together"),
    ({"primary": "127.0.0.1", "refresh-min": "2h"}, "must not be less than refresh-min"),
    ({"file": "zone", "zone": "a..b"}, "must be a domain name"),
    ({"file": "zone", "name": "demo"}, "name of another list or policy zone"),
])
def test_what_makes_no_sense_is_said(make_polynya, truth, tmp_path, entry, why):
    lists = [{"name": "demo", "urls": ["file:list/"], "root": "root.json"}]
    daemon = make_polynya(truth, start=False,
                          steering={"lists": lists, "rpz": [{"name": "zone", "zone": ZONE, **entry}]})
    done = run_daemon("-n", "-c", daemon.file)
    assert done.returncode == 1 and why in done.stderr and "steering.rpz[0]" in done.stderr, done.stderr
