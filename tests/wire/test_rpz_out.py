# SPDX-License-Identifier: GPL-3.0-or-later
"""`polynya export rpz`: the zone, and what BIND, Unbound and Knot Resolver make of it."""
import re

import dns.exception
import dns.query
import dns.zone
import pytest

from lib.cli import Cli
from lib.lists import Publisher
from lib.ports import free_port
from lib.process import wait_until
from lib.rpz import KEY, ZONE, Bind, Folder, KnotResolver, NsdPrimary, Primary, Unbound
from lib.upstream import answer, drop, fail, nodata, truncate

NAME = "news.example"
MX, TXT, CAA = "10 mail.news.example.", '"v=spf1 -all" "a\\"b;c"', '0 issue "ca.example"'
MIRRORS = "m1,127.0.0.2,::2,alpn=h2,weight=900", "m2,127.0.0.3,alpn=h2"
HTTPS = '1 . alpn="h2" ipv4hint="127.0.0.2" ipv6hint="::2"'


class World:
    """A list believed by a daemon, its zone in a file, and the truth upstream."""

    def __init__(self, folder, make_polynya, upstream):
        self.upstream, self.zone, self.cli = upstream, folder / "zone", Cli(folder)
        self.publisher = Publisher(folder / "list")
        self.publisher.site(NAME, *MIRRORS)
        self.publisher.publish()
        for name in (NAME, "www." + NAME, "other.example"):
            upstream.script(name, answer("A 192.0.2.200"), type="A")
            upstream.script(name, nodata(), type="AAAA")
            upstream.script(name, nodata(), type="HTTPS")
        upstream.script(NAME, answer("MX " + MX), type="MX")
        upstream.script(NAME, answer("TXT " + TXT), type="TXT")
        upstream.script(NAME, answer("CAA " + CAA), type="CAA")
        self.daemon = make_polynya(upstream, steering=self.publisher.config())
        self.words = ["export", "rpz", "-c", self.daemon.file, "--zone", ZONE, "--out", self.zone]
        wait_until(lambda: self.version() == 1, "the daemon takes the list")
        self.export()

    def version(self):
        return int(self.daemon.metric("list_version"))

    def publish(self, health=None):
        """Publishes anew, and waits for the daemon to believe it."""
        self.publisher.publish(health=health)
        wanted = self.publisher.version()
        wait_until(lambda: self.version() == wanted, "the daemon takes the next list")

    def export(self, *words):
        done = self.cli.run(*self.words, *words, now=None)
        assert done.returncode == 0, done.stderr
        return done.stderr

    def lines(self):
        return self.zone.read_text().splitlines()

    def serial(self):
        return int(re.search(r" IN SOA \S+ \S+ (\d+) ", self.zone.read_text()).group(1))


@pytest.fixture
def world(tmp_path, make_polynya, upstream):
    return World(tmp_path, make_polynya, upstream)


def steered_at(reader, hint="127.0.0.2", v6=("::2",)):
    """Asserts that a reader of the zone steers, and what it says of all else."""
    for name in (NAME, "www." + NAME):
        reader.await_answer(name, "A", hint)
        assert reader.records(name, "AAAA") == set(v6)
        https, = reader.records(name, "HTTPS")
        assert https.startswith('1 . alpn="h2" ') and f'ipv4hint="{hint}"' in https
    assert reader.records(NAME, "MX") == {MX}
    assert reader.records(NAME, "TXT") == {TXT}
    assert reader.records(NAME, "CAA") == {CAA}
    assert reader.records("other.example", "A") == {"192.0.2.200"}
    assert reader.records("sub." + NAME, "A") == {"192.0.2.1"}, "exact names only"


def ttl(reader):
    return reader.ask(NAME, "A").answer[0].ttl


# --- readers

def test_bind(world, tmp_path):
    with Bind(tmp_path / "bind", world.upstream, zone=world.zone) as bind:
        steered_at(bind)
        assert bind.records(NAME, "HTTPS") == {HTTPS}
        assert ttl(bind) == 60


def test_unbound_file(world, tmp_path):
    with Unbound(tmp_path / "unbound", world.upstream, source=f'zonefile: "{world.zone}"') as unbound:
        steered_at(unbound)
        assert ttl(unbound) == 60


def test_unbound_url(world, tmp_path):
    with Folder(tmp_path) as web, \
            Unbound(tmp_path / "unbound", world.upstream, source=f'url: "{web.url}zone"') as unbound:
        steered_at(unbound)


def test_knot_resolver(world, tmp_path):
    with KnotResolver(tmp_path / "kresd", world.upstream, zone=world.zone) as kresd:
        steered_at(kresd)


@pytest.mark.parametrize("kind", [Primary, NsdPrimary])
def test_a_primary_passes_it_on(world, tmp_path, kind):
    """It sends the zone to BIND by AXFR, then what changed in it by NOTIFY and IXFR, all of it signed."""
    port = free_port()
    with kind(tmp_path / "primary", zone=world.zone, notify=[port]) as primary:
        primary.await_serial(world.serial())
        with Bind(tmp_path / "bind", world.upstream, zone=primary.port, port=port) as bind:
            steered_at(bind)
            assert bind.program.grep(rf"{ZONE}/IN: transferred serial .*TSIG '{KEY[0]}'")
            assert primary.program.grep(primary.SENT["AXFR"])
            mark = primary.program.mark()
            world.publish(health={NAME: {"m1": {"*": "down"}}})
            world.export()
            primary.reload()
            primary.program.wait_line(primary.SENT["IXFR"], since=mark)
            bind.program.wait_line(rf"{ZONE}/IN: transferred serial {world.serial()}: TSIG '{KEY[0]}'")
            steered_at(bind, "127.0.0.3", v6=())
            assert not primary.program.grep(primary.SENT["AXFR"], since=mark)


@pytest.mark.parametrize("kind", [Primary, NsdPrimary])
def test_nobody_gets_it_without_the_key(world, tmp_path, kind):
    """What the test before proves is worth something: the primary refuses a transfer that is not signed."""
    with kind(tmp_path / "primary", zone=world.zone) as primary:
        primary.await_serial(world.serial())
        with pytest.raises((dns.query.TransferError, dns.exception.DNSException)):
            dns.zone.from_xfr(dns.query.xfr(primary.host, ZONE, port=primary.port))


# --- the file

def test_serial_follows_version_and_health(world):
    assert world.serial() == world.version()
    before = world.zone.stat()
    world.export()
    assert world.zone.stat().st_ino == before.st_ino, "nothing changed, so nothing was written"
    world.publish()
    world.export()
    assert world.serial() == world.version() == 2 and world.zone.stat().st_ino != before.st_ino
    assert "; polynya-rpz/1 list=demo version=2" == world.lines()[0]
    assert not [p for p in world.zone.parent.iterdir() if p.name.endswith(".tmp")]


def test_copies_can_be_left_out(world):
    world.export("--no-copies")
    assert not [l for l in world.lines() if re.search(r" IN (MX|TXT|CAA) ", l)]


def test_copies_that_cannot_be_learnt_stay(world):
    world.upstream.script(NAME, fail(5), type="TXT")
    world.upstream.script(NAME, nodata(), type="MX")
    said = world.export()
    assert "no answer to 1 of 3" in said and "kept" in said
    text = world.zone.read_text()
    assert " IN TXT " in text and " IN CAA " in text and " IN MX " not in text


def test_silence_ends_with_the_time_given(world):
    for type in ("MX", "TXT", "CAA"):
        world.upstream.script(NAME, drop(), type=type)
    before = world.zone.read_text()
    assert "no answer to 3 of 3" in world.export("--timeout", "1")
    assert world.zone.read_text() == before


def test_copies_over_tcp_and_in_any_order(world):
    texts = [f'"{i} {"x" * 200}"' for i in range(20)]
    world.upstream.script(NAME, truncate(answer(*("TXT " + t for t in texts))), truncate(answer(*("TXT " + t for t in texts[::-1]))),
                          type="TXT")
    world.export()
    assert len([l for l in world.lines() if " IN TXT " in l]) == 20
    before = world.zone.stat().st_ino
    world.export()
    assert world.zone.stat().st_ino == before and world.upstream.queries(NAME, "TXT")[-1].transport == "tcp"


def test_another_resolver_for_the_copies(world, make_upstream):
    other = make_upstream()
    other.script_all(nodata())
    world.export("--resolver", other.address)
    assert other.queries(NAME, "MX") and " IN MX " not in world.zone.read_text()


def test_what_is_not_ours_is_not_overwritten(world):
    world.zone.write_text("precious\n")
    done = world.cli.fails(1, "not overwritten", *world.words, now=None)
    assert world.zone.read_text() == "precious\n" and not done.stdout


def test_a_folder_is_enough(world):
    done = world.cli.run("export", "rpz", "--state-dir", world.daemon.state, "--no-copies", now=None)
    assert done.returncode == 0 and f"{NAME} 60 IN A 127.0.0.2" in done.stdout and "$ORIGIN rpz.polynya." in done.stdout


@pytest.mark.parametrize("words,status,text", [
    ([], 2, "give -c FILE"),
    (["-c", "a", "--state-dir", "b"], 2, "give -c FILE"),
    (["--state-dir", "nowhere"], 1, "has the daemon run"),
    (["-c", "nowhere.yaml"], 1, "nowhere.yaml"),
    (["--state-dir", "b", "--region", "ru"], 2, "--region wants a country"),
])
def test_misuse_says_what_to_do(cli, words, status, text):
    cli.fails(status, text, "export", "rpz", *words, now=None)


@pytest.mark.parametrize("words,status,text", [
    (["--list", "other"], 1, "no list other"),
    (["--zone", "."], 2, "--zone wants a name"),
    (["--resolver", "localhost"], 2, "--resolver wants an address"),
])
def test_misuse_beside_a_daemon(world, words, status, text):
    world.cli.fails(status, text, *world.words, *words, now=None)
