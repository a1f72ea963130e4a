# SPDX-License-Identifier: GPL-3.0-or-later
"""Trust anchors that follow the root's keys through weeks (RFC 5011), and clocks that are wrong."""
import re
import time

import dns.dnssec
import dns.flags
import dns.rcode
import dns.rdata
import pytest

from lib import doh
from lib.ports import free_port
from lib.process import wait_until
from lib.signer import DAY, Key, Zone
from lib.world import World
from lib.zones import delegated

SOA = "@ 600 SOA ns.one. host.ns.one. 1 3600 600 864000 90\n@ 600 NS ns.one.\n"


@pytest.fixture
def sign(tmp_path):
    """Makes the world of a day: the root has these keys, and those in `signing` sign them."""
    worlds, one = [], Key()

    def make(days, *keys, signing=None):
        signing = signing or keys[:1]
        now = int(time.time() + days * DAY)
        root = Zone(".", SOA, keys=list(signing), zsks=[zsk], now=now,
                    published=lambda _: [k.rdata for k in keys] + [zsk.rdata])
        zones = delegated([root, Zone("one.", SOA + "www 600 A 192.0.2.1\n", keys=[one], now=now)])
        worlds.append(World(tmp_path / f"world{len(worlds)}", zones))
        return worlds[-1]
    zsk = Key(flags=256)
    yield make
    for world in worlds:
        world.close()


@pytest.fixture
def live(make_polynya, clock):
    """A daemon over weeks: live(days, world) is that day's run of it, restarted."""
    daemon = None

    def on(days, world, **dnssec):
        nonlocal daemon
        clock.ahead(int(days * DAY))
        if daemon is None:
            daemon = make_polynya(world, start=False, env=clock.env,
                                  listen=[{"address": f"127.0.0.1:{free_port()}", "protocol": "http"}],
                                  dnssec={"mode": "validate", "anchors": str(world.root_anchors)})
        elif daemon.program:
            daemon.stop()
        config = {**daemon.config, "upstream": {"servers": [world.server()]}}
        config["dnssec"] = {**config["dnssec"], **dnssec}
        daemon.configure(config)
        return daemon.start()
    return on


def states(daemon):
    """{tag: state}"""
    file = daemon.state / "prober" / "trust-anchors"
    lines = [line.split() for line in file.read_text().splitlines()] if file.exists() else []
    assert not lines or lines[-1] == ["end"]
    keys = {}
    for zone, state, since, *rdata in lines[1:-1]:
        assert zone == "."
        rdata = dns.rdata.from_text("IN", "DNSKEY", " ".join(rdata))
        keys[dns.dnssec.key_id(rdata)] = state
    return keys


def await_states(daemon, keys):
    wait_until(lambda: states(daemon) == keys, f"{keys}")


def verdict(daemon, name="www.one."):
    with doh.h2c(daemon.port) as c:
        reply = c.ask(doh.question(name, do=True))
    return dns.rcode.to_text(reply.dns.rcode()), bool(reply.dns.flags & dns.flags.AD)


def await_trust(daemon):
    """Until workers trust what was kept."""
    daemon.program.wait_line(r"event=dnssec\.anchors\.changed")
    daemon.program.wait_line(r"event=reload\.done")


def test_a_key_is_rolled(sign, live):
    old, new = Key(), Key()
    daemon = live(0, sign(0, old, new))
    await_states(daemon, {old.tag: "valid", new.tag: "added"})
    await_trust(daemon)
    assert verdict(daemon) == ("NOERROR", True)

    daemon = live(20, sign(20, old, new, signing=[new]))      # too early
    assert verdict(daemon) == ("SERVFAIL", False)
    daemon.program.wait_line(r"event=dnssec\.anchor\.untrusted")
    assert states(daemon) == {old.tag: "valid", new.tag: "added"}

    daemon = live(31, sign(31, old, new))
    await_states(daemon, {old.tag: "valid", new.tag: "valid"})
    await_trust(daemon)

    revoked = old.flagged(257 | 128)
    daemon = live(40, sign(40, new, revoked, signing=[new, revoked]))
    await_states(daemon, {old.tag: "revoked", new.tag: "valid"})
    await_trust(daemon)
    assert verdict(daemon) == ("NOERROR", True)

    daemon = live(50, sign(50, new))
    assert verdict(daemon) == ("NOERROR", True)
    daemon = live(100, sign(100, old, new))                   # whoever has the old key is nobody
    assert verdict(daemon) == ("SERVFAIL", False)
    daemon = live(101, sign(101, new), follow=False)          # what is configured is not what signs
    assert verdict(daemon) == ("SERVFAIL", False)


def test_without_room_it_goes_on(sign, live):
    """A file that is torn, or cannot be written, costs no validation."""
    key = Key()
    daemon = live(0, sign(0, key))
    await_states(daemon, {key.tag: "valid"})
    file = daemon.state / "prober" / "trust-anchors"
    daemon.stop()
    file.write_text(file.read_text()[:60])
    (daemon.state / "prober" / "trust-anchors.new").mkdir()
    daemon.expect_errors(r"event=dnssec\.anchors\.unwritten")
    daemon.start()
    daemon.program.wait_line(r"event=dnssec\.anchors\.anew")
    daemon.program.wait_line(r"event=dnssec\.anchors\.unwritten")
    assert verdict(daemon) == ("NOERROR", True)


@pytest.mark.parametrize("days", [-400, 400])
def test_clock_far_off(sign, live, clock, days):
    daemon = live(days, sign(0, Key()))
    daemon.expect_errors(r"event=dnssec\.clock")
    assert verdict(daemon) == ("SERVFAIL", False)
    line = daemon.program.wait_line(r"event=dnssec\.clock")
    assert re.search(r"is the clock right", line)
    clock.ahead(0)      # somebody set it
    wait_until(lambda: verdict(daemon) == ("NOERROR", True), "validation to go on")


def test_clock_far_off_and_tolerated(sign, live):
    daemon = live(-400, sign(0, Key()), **{"tolerate-clock": True})
    daemon.expect_errors(r"event=dnssec\.clock")
    assert verdict(daemon) == ("NOERROR", False)
    daemon.program.wait_line(r"event=dnssec\.clock")
