# SPDX-License-Identifier: GPL-3.0-or-later
"""Policy zones that are taken over: which of their rules count, what stands before them, and what becomes of them."""
import json
import threading
import time

import dns.rcode
import dns.rdatatype
import pytest

from lib import doh
from lib.lists import Publisher
from lib.mirror import Mirror
from lib.polynya import merge, run_cli, run_daemon
from lib.process import wait_until
from lib.rpz import KEY, ZONE, BindPrimary, FakePrimary, NsdPrimary, Primary, Signer, envelope
from lib.upstream import answer, drop, nodata, nxdomain

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


def unprobed(*zones, **more):
    """The config of policy zones whose mirrors are out in the world, where no test may go."""
    return {"rpz": list(zones), "probe": {"mode": "off"}, **more}


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
    daemon = make_polynya(truth, steering=unprobed(zone.config()))
    daemon.program.wait_line(r"event=rpz\.accepted rpz=zone serial=1 sites=2 passed=0 waiting=0 refused=0 ")
    await_rows(daemon, zone=(1, 2))
    row, = daemon.status()["steering"]["policy_zones"]
    assert row["trust"] == "unsigned" and row["from"] == "file" and row["zone"] == ZONE
    assert daemon.metric("rpz_sites") == 2 and daemon.metric('rpz_loads_total{result="accepted"}') == 1
    assert b'"rpz":"fresh"' in daemon.admin("/health")[1]
    assert addresses(daemon, OTHER, daemon_ca(daemon)) == {TRUTH}


def daemon_ca(daemon):
    return daemon.config["tls"]["certificates"][0]["chain"]


def test_a_changed_file_is_noticed(make_polynya, truth, zone):
    daemon = make_polynya(truth, steering=unprobed(zone.config(), poll="1h"))
    await_rows(daemon, zone=(1, 2))
    zone.write(2, f"{OTHER} A 1.1.1.1\n")
    await_rows(daemon, zone=(2, 1))


def test_a_bad_file_changes_nothing(make_polynya, truth, zone):
    daemon = make_polynya(truth, steering=unprobed(zone.config(), poll="1s"))
    await_rows(daemon, zone=(1, 2))
    for text in (zone_text(2) + "nonsense\n", zone_text(2) + "stray.example. A 1.1.1.1\n", "", "$INCLUDE /etc/passwd\n"):
        before = int(daemon.metric('rpz_loads_total{result="refused"}'))
        zone.put(text)
        wait_until(lambda: int(daemon.metric('rpz_loads_total{result="refused"}')) == before + 1, "the zone is refused")
    daemon.program.wait_line(r'event=rpz\.refused rpz=zone why=bad-zone at="line 7: ')
    assert refusals(daemon, "bad-zone") == 4
    assert rows(daemon) == {"zone": (1, 2)}
    zone.path.unlink()
    wait_until(lambda: refusals(daemon, "unreadable") == 1, "the zone is gone")
    zone.write(3)
    await_rows(daemon, zone=(3, 2))


def test_it_outlives_a_restart(make_polynya, truth, zone):
    daemon = make_polynya(truth, steering=unprobed(zone.config()))
    await_rows(daemon, zone=(1, 2))
    daemon.stop()
    zone.path.unlink()
    daemon.start()
    await_rows(daemon, zone=(1, 2))
    daemon.program.wait_line(r"event=rpz\.kept rpz=zone serial=1 sites=2")


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
    daemon = make_polynya(truth, steering=unprobed(zone.config(), deny=["9.9.9.0/24"]))
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
    assert addresses(daemon, SIGNED, ca) == {"127.0.0.2"}, "nothing is probed: the list's word decides"
    assert addresses(daemon, OTHER, ca) == {TRUTH}, "a policy zone's word does not"


def test_an_earlier_zone_keeps_names_from_later_ones(make_polynya, truth, zone, tmp_path):
    first = ZoneFile(tmp_path / "zones" / "first")
    first.write(5, f"{OTHER} CNAME rpz-passthru.\n*.below.example CNAME rpz-passthru.\n")
    zone.write(1, RULES + "a.b.below.example A 1.1.1.1\nbelow.example A 1.1.1.1\n")
    daemon = make_polynya(truth, steering=unprobed(first.config("first"), zone.config()))
    await_rows(daemon, first=(5, 0), zone=(1, 2))


# --- what readers get

QUICK = {"mode": "on", "interval": "150ms", "timeout": "1s"}


@pytest.fixture(scope="module")
def outlet(authority):
    return authority.issue(OTHER, "www." + OTHER, SIGNED, "www." + SIGNED)


@pytest.fixture
def mirror(outlet):
    made = []

    def make(address, pair=outlet):
        made.append(Mirror(address, pair))
        return made[-1]
    yield make
    for m in made:
        m.stop()


def rule(name, *mirrors):
    """Mirrors of one name: their port is in its HTTPS record, which allow-special-use lets pass."""
    port, = {m.port for m in mirrors}
    return "".join(f"{name} A {m.address}\n" for m in mirrors) + f"{name} HTTPS 1 . port={port}\n"


def steering(zone, ca, **more):
    return merge({"rpz": [zone.config(**{"allow-special-use": True})], "probe": QUICK | {"ca-file": str(ca)}}, more)


def await_answer(daemon, ca, name, *wanted):
    wait_until(lambda: addresses(daemon, name, ca) == set(wanted), f"{name} is answered with {wanted}")


def test_a_proved_mirror_is_answered_while_it_lives(make_polynya, truth, zone, ca, mirror):
    m = mirror("127.0.0.21")
    zone.write(1, rule(OTHER, m))
    daemon = make_polynya(truth, steering=steering(zone, ca))
    await_answer(daemon, ca, OTHER, m.address)
    assert {r[0] for r in m.requests} == {OTHER}
    with doh.h2_tls(daemon.port, ca) as conn:
        reply = conn.ask(doh.question(OTHER, "HTTPS", edns=True))
        https, = [str(rr) for rrset in reply.dns.answer for rr in rrset]
        assert f'ipv4hint="{m.address}"' in https and f'port="{m.port}"' in https
        assert 4 in reply.ede
    row, = json.loads(run_cli("mirrors", "-c", daemon.file, "--json").stdout)["addresses"]
    assert (row["list"], row["trust"], row["verdict"], row["proved"]) == ("zone", "unsigned", "up", True)
    assert "zone (unsigned)" in run_cli("mirrors", "-c", daemon.file).stdout
    assert "in policy zone zone, serial 1: unsigned" in run_cli("why", OTHER, "-c", daemon.file).stdout
    m.stop()
    await_answer(daemon, ca, OTHER, TRUTH)
    m.start()
    await_answer(daemon, ca, OTHER, m.address)
    zone.write(2, "")
    await_answer(daemon, ca, OTHER, TRUTH)


def test_where_nothing_is_probed_nothing_is_answered(make_polynya, truth, zone, ca, mirror):
    m = mirror("127.0.0.22")
    zone.write(1, rule(OTHER, m))
    daemon = make_polynya(truth, steering=steering(zone, ca, probe={"mode": "off"}))
    await_rows(daemon, zone=(1, 1))
    assert addresses(daemon, OTHER, ca) == {TRUTH} and not m.connections


def test_the_certificate_must_be_the_names(make_polynya, truth, zone, ca, mirror, authority):
    m, stranger = mirror("127.0.0.23"), mirror("127.0.0.24", authority.issue("stranger.example"))
    zone.write(1, rule(OTHER, stranger) + rule("www." + OTHER, m))
    daemon = make_polynya(truth, steering=steering(zone, ca))
    await_answer(daemon, ca, "www." + OTHER, m.address)
    wait_until(lambda: stranger.connections > 3, "the stranger is probed")
    assert addresses(daemon, OTHER, ca) == {TRUTH}


@pytest.mark.parametrize("mode", ["on", "off"])
def test_no_override_stands_for_a_proof(make_polynya, truth, zone, ca, mirror, authority, tmp_path, mode):
    """UP speaks for what an outlet has signed; of a policy zone's mirrors nothing but a proof speaks."""
    stranger = mirror("127.0.0.24", authority.issue("stranger.example"))
    publisher = Publisher(tmp_path / "list")
    publisher.site(SIGNED, "m1,127.0.0.25,port=9")
    publisher.publish()
    zone.write(1, rule(OTHER, stranger))
    (tmp_path / "overrides").write_text("*/* => UP\n")
    more = {"overrides": str(tmp_path / "overrides"), "lists": publisher.config()["lists"], "probe": {"mode": mode}}
    daemon = make_polynya(truth, steering=steering(zone, ca, **more))
    await_answer(daemon, ca, SIGNED, "127.0.0.25")
    await_rows(daemon, zone=(1, 1))
    wait_until(lambda: mode == "off" or stranger.connections > 3, "the stranger is probed")
    assert addresses(daemon, OTHER, ca) == {TRUTH}


def test_a_signed_lists_dead_mirror_is_no_policy_zones_chance(make_polynya, truth, zone, ca, mirror, tmp_path):
    signed, other = mirror("127.0.0.25"), mirror("127.0.0.26")
    publisher = Publisher(tmp_path / "list")
    publisher.site(SIGNED, f"m1,{signed.address},port={signed.port}")
    publisher.publish()
    zone.write(1, rule(SIGNED, other) + rule(OTHER, other))
    daemon = make_polynya(truth, steering=steering(zone, ca, lists=publisher.config()["lists"]))
    await_answer(daemon, ca, SIGNED, signed.address)
    await_answer(daemon, ca, OTHER, other.address)
    signed.stop()
    await_answer(daemon, ca, SIGNED, TRUTH)
    assert {r[0] for r in other.requests} == {OTHER}


# --- CNAMEs

TARGET = "mirror.example"


def mirrors(daemon):
    """{site: addresses} as the daemon's state has them."""
    out = {}
    for row in json.loads(run_cli("mirrors", "-c", daemon.file, "--json").stdout)["addresses"]:
        out.setdefault(row["domain"], set()).add(row["address"])
    return out


def test_a_targets_addresses_are_looked_up(make_polynya, truth, zone):
    """Behind CNAMEs of its own, too; and anew after a restart, before which those known hold."""
    truth.script(TARGET, answer("CNAME cdn.example.", "cdn.example. A 1.1.1.7", "cdn.example. A 1.1.1.6"), type="A")
    truth.script(TARGET, answer("CNAME cdn.example.", "cdn.example. AAAA 2620:fe::7"), type="AAAA")
    zone.write(1, f"{OTHER} CNAME {TARGET}.\n")
    daemon = make_polynya(truth, steering=unprobed(zone.config()))
    daemon.program.wait_line(r"event=rpz\.accepted rpz=zone serial=1 sites=0 passed=0 waiting=1 refused=0 ")
    await_rows(daemon, zone=(1, 1))
    assert mirrors(daemon) == {OTHER: {"1.1.1.6", "1.1.1.7", "2620:fe::7"}}
    daemon.stop()
    for type in ("A", "AAAA"):
        truth.script(TARGET, drop(), type=type)
    daemon.start()
    await_rows(daemon, zone=(1, 1))
    assert mirrors(daemon) == {OTHER: {"1.1.1.6", "1.1.1.7", "2620:fe::7"}}


def test_a_target_is_guarded(make_polynya, truth, zone):
    truth.script(TARGET, answer("A 192.168.1.1"), type="A")
    truth.script(TARGET, nodata(), type="AAAA")
    truth.script("nowhere.example", nxdomain())
    zone.write(1, f"{OTHER} CNAME {TARGET}.\nwww.{OTHER} CNAME nowhere.example.\n")
    daemon = make_polynya(truth, steering=unprobed(zone.config()))
    wait_until(lambda: refusals(daemon, "special-use") == 1 and refusals(daemon, "rpz-target") == 1, "both are refused")
    assert rows(daemon) == {"zone": (1, 0)}
    assert daemon.metric("rpz_rules_refused") == 2


# --- transfers

class Secret:
    """The file of KEY's secret, and the config of a zone that is transferred with it."""

    def __init__(self, folder):
        self.path = folder / "secret"
        self.path.write_text(KEY[2] + "\n")

    def config(self, port, name="zone", **more):
        return {"name": name, "zone": ZONE, "primary": f"127.0.0.1:{port}", "tsig-name": KEY[0],
                "tsig-secret-file": str(self.path), "refresh-min": "1s", "refresh-max": "1s", **more}


@pytest.fixture
def secret(tmp_path):
    return Secret(tmp_path)


@pytest.mark.parametrize("kind", [Primary, NsdPrimary, BindPrimary])
def test_a_primary_is_followed(make_polynya, truth, zone, secret, tmp_path, kind):
    """AXFR first, then what changed, by IXFR, all of it signed."""
    with kind(tmp_path / "primary", zone=zone.path) as primary:
        primary.await_serial(1)
        daemon = make_polynya(truth, steering=unprobed(secret.config(primary.port)))
        await_rows(daemon, zone=(1, 2))
        daemon.program.wait_line(r"event=rpz\.transferred rpz=zone kind=AXFR serial=1 ")
        zone.write(2, RULES + "third.example A 1.1.1.1\n")
        primary.reload()
        await_rows(daemon, zone=(2, 3))
        daemon.program.wait_line(r"event=rpz\.transferred rpz=zone kind=IXFR serial=2 ")
        zone.write(3, f"{OTHER} A 1.0.0.1\n")
        primary.reload()
        await_rows(daemon, zone=(3, 1))
        assert len(daemon.program.grep(r"event=rpz\.transferred rpz=zone kind=AXFR")) == 1
        row, = daemon.status()["steering"]["policy_zones"]
        assert row["from"] == "primary"


def test_hmac_sha512(make_polynya, truth, secret):
    key = (KEY[0], "hmac-sha512", KEY[2])
    with FakePrimary(honest(key), key) as primary:
        daemon = make_polynya(truth, steering=unprobed(secret.config(primary.port, **{"tsig-algorithm": key[1]})))
        await_rows(daemon, zone=(9, 1))


def test_a_wrong_key_has_its_own_reason(make_polynya, truth, zone, secret, tmp_path):
    with Primary(tmp_path / "primary", zone=zone.path) as primary:
        primary.await_serial(1)
        secret.path.write_text("d3JvbmcgYnV0IGFzIGxvbmcgYXMgdGhlIG90aGVyIQ==")
        daemon = make_polynya(truth, steering=unprobed(secret.config(primary.port)))
        wait_until(lambda: refusals(daemon, "tsig-signature"), "the secret is refused")
        assert rows(daemon) == {} and b'"rpz":"missing"' in daemon.admin("/health")[1]
        daemon.configure(merge(daemon.config, {"steering": {"rpz": [
            secret.config(primary.port, **{"tsig-name": "other.test"})]}}))
        daemon.reload()
        wait_until(lambda: refusals(daemon, "tsig-key"), "the key is refused")
        daemon.configure(merge(daemon.config, {"steering": {"rpz": [
            {"name": "zone", "zone": ZONE, "primary": f"127.0.0.1:{primary.port}", "refresh-min": "1s"}]}}))
        daemon.reload()
        wait_until(lambda: refusals(daemon, "transfer-refused"), "nobody gets it without a key")
        daemon.program.wait_line(r"event=rpz\.unsigned rpz=zone ")
        secret.path.write_text(KEY[2])
        daemon.configure(merge(daemon.config, {"steering": {"rpz": [secret.config(primary.port)]}}))
        daemon.reload()
        await_rows(daemon, zone=(1, 2))


def test_a_dead_primary_leaves_the_last_good_zone(make_polynya, truth, zone, secret, tmp_path):
    with Primary(tmp_path / "primary", zone=zone.path) as primary:
        primary.await_serial(1)
        daemon = make_polynya(truth, steering=unprobed(secret.config(primary.port)))
        await_rows(daemon, zone=(1, 2))
    wait_until(lambda: refusals(daemon, "not-fetched"), "the primary is gone")
    daemon.stop()
    daemon.start()
    await_rows(daemon, zone=(1, 2))
    wait_until(lambda: refusals(daemon, "not-fetched"), "and still is")


def test_a_zone_expires(make_polynya, truth, zone, secret, tmp_path):
    """Nobody has confirmed it for the SOA's expire: its rules end, and begin again with the primary's return."""
    zone.put(zone_text(1, expire=3))
    with Primary(tmp_path / "primary", zone=zone.path) as primary:
        primary.await_serial(1)
        daemon = make_polynya(truth, steering=unprobed(secret.config(primary.port)))
        daemon.expect_errors(r"event=rpz\.expired")
        await_rows(daemon, zone=(1, 2))
        primary.stop()
        wait_until(lambda: rows(daemon) == {}, "the zone expires")
        daemon.program.wait_line(r"event=rpz\.expired rpz=zone serial=1 ")
        assert b'"rpz":"missing"' in daemon.admin("/health")[1] and daemon.metric("rpz_sites") == 0
        with Primary(tmp_path / "again", zone=zone.path, port=primary.port):
            await_rows(daemon, zone=(1, 2))
            assert len(daemon.program.grep(r"event=rpz\.transferred")) == 1, "it was confirmed, not sent again"


# --- a primary that misbehaves

SOA = f"{ZONE} SOA localhost. root.localhost. %d 1 1 86400 5"
A = f"{OTHER}.{ZONE} A 1.1.1.1"


def honest(key=KEY, *transfer, serial=9, sign=True):
    """The SOA signed, then the messages given (records of each), all signed unless sign says otherwise."""
    messages = transfer or ([SOA % serial, A, SOA % serial],)

    def answer(question):
        signer = Signer(question, key)
        soa = envelope(question, SOA % serial)
        if question.question[0].rdtype == dns.rdatatype.SOA:
            return [signer(soa)]
        wires = [envelope(question, *m, asked=i == 0) for i, m in enumerate(messages)]
        return [signer(w, sign=sign is True or sign[i]) for i, w in enumerate(wires)]
    return answer


def bad(make_polynya, truth, secret, answer, why, key=KEY, **fetch):
    with FakePrimary(answer, key) as primary:
        daemon = make_polynya(truth, steering=unprobed(secret.config(primary.port), fetch=fetch))
        wait_until(lambda: refusals(daemon, why), f"the transfer is refused: {why}")
        assert rows(daemon) == {}
        daemon.program.wait_line(rf"event=rpz\.refused rpz=zone why={why} ")
    return daemon


def test_unsigned_messages_between_signed_ones(make_polynya, truth, secret):
    many = [[SOA % 9]] + [[f"n{i}.example.{ZONE} A 1.1.1.1"] for i in range(99)] + [[SOA % 9]]
    with FakePrimary(honest(KEY, *many, sign=[True] + [False] * 99 + [True]), KEY) as primary:
        daemon = make_polynya(truth, steering=unprobed(secret.config(primary.port)))
        await_rows(daemon, zone=(9, 99))


@pytest.mark.parametrize("transfer, sign, why", [
    ([[SOA % 9, A], [SOA % 9]], [True, False], "tsig-missing"),
    ([[SOA % 9, A, SOA % 8]], True, "bad-transfer"),
    ([[SOA % 9, A, SOA % 9, A]], True, "bad-transfer"),
    ([[A, SOA % 9]], True, "bad-transfer"),
    ([[SOA % 9, "news.example A 1.1.1.1", SOA % 9]], True, "bad-zone"),
    ([[SOA % 9]] + [[A]] * 100 + [[SOA % 9]], [True] + [False] * 100 + [True], "tsig-missing"),
], ids=["unsigned-end", "other-soa", "behind-the-end", "no-soa", "outside", "too-many-unsigned"])
def test_what_is_wrong_is_refused_whole(make_polynya, truth, secret, transfer, sign, why):
    bad(make_polynya, truth, secret, honest(KEY, *transfer, sign=sign), why)


def test_an_unsigned_answer(make_polynya, truth, secret):
    bad(make_polynya, truth, secret, lambda q: [envelope(q, SOA % 9)], "tsig-missing")


def test_an_old_signature(make_polynya, truth, secret):
    bad(make_polynya, truth, secret,
        lambda q: [Signer(q, KEY)(envelope(q, SOA % 9), time_signed=time.time() - 400)], "tsig-time")


def test_a_changed_answer(make_polynya, truth, secret):
    def answer(question):
        wire = honest()(question)[0]
        return [wire.replace(b"localhost", b"localbost", 1)]
    bad(make_polynya, truth, secret, answer, "tsig-signature")


def test_an_endless_transfer(make_polynya, truth, secret):
    def answer(question):
        if question.question[0].rdtype == dns.rdatatype.SOA:
            return honest()(question)
        return endless(question)

    def endless(question):
        signer = Signer(question, KEY)
        yield signer(envelope(question, SOA % 9))
        for i in range(10**9):
            yield signer(envelope(question, *[f"n{i}-{k}.example.{ZONE} A 1.1.1.1" for k in range(20)]))
    daemon = bad(make_polynya, truth, secret, answer, "too-slow", timeout="3s")
    assert daemon.metric("rpz_missing") == 1


def test_a_silent_primary(make_polynya, truth, secret):
    silent = threading.Event()

    def answer(question):
        silent.wait(30)
    bad(make_polynya, truth, secret, answer, "too-slow", timeout="1s")
    silent.set()


def test_a_primary_that_hangs_up(make_polynya, truth, secret):
    bad(make_polynya, truth, secret, lambda q: None, "bad-transfer")


def test_a_serial_that_goes_back(make_polynya, truth, secret):
    serial = [9]
    with FakePrimary(lambda q: honest(serial=serial[0])(q), KEY) as primary:
        daemon = make_polynya(truth, steering=unprobed(secret.config(primary.port)))
        await_rows(daemon, zone=(9, 1))
        serial[0] = 8
        wait_until(lambda: refusals(daemon, "rolled-back"), "an older zone")
        assert rows(daemon) == {"zone": (9, 1)}


def test_a_wrong_difference_is_asked_for_whole(make_polynya, truth, secret):
    """What cannot be applied is no reason to stay behind for ever."""
    serial = [9]

    def answer(question):
        if serial[0] == 9 or question.question[0].rdtype != dns.rdatatype.IXFR:
            return honest(serial=serial[0])(question)
        gone = f"never-there.example.{ZONE} A 1.1.1.1"
        return honest(KEY, [SOA % 10, SOA % 9, gone, SOA % 10, SOA % 10], serial=10)(question)
    with FakePrimary(answer, KEY) as primary:
        daemon = make_polynya(truth, steering=unprobed(secret.config(primary.port)))
        await_rows(daemon, zone=(9, 1))
        serial[0] = 10
        await_rows(daemon, zone=(10, 1))
        assert refusals(daemon, "bad-transfer") == 1
        assert primary.asked[-1] in ("SOA", "AXFR") and "IXFR" in primary.asked


def test_a_primary_without_ixfr(make_polynya, truth, secret):
    serial = [9]

    def answer(question):
        if question.question[0].rdtype == dns.rdatatype.IXFR:
            return [Signer(question, KEY)(envelope(question, rcode=dns.rcode.NOTIMP))]
        return honest(serial=serial[0])(question)
    with FakePrimary(answer, KEY) as primary:
        daemon = make_polynya(truth, steering=unprobed(secret.config(primary.port)))
        await_rows(daemon, zone=(9, 1))
        serial[0] = 10
        await_rows(daemon, zone=(10, 1))
        assert not refusals(daemon, "transfer-refused")


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
