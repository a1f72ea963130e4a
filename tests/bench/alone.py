# SPDX-License-Identifier: GPL-3.0-or-later
"""What only Polynya is asked: each function starts servers of its own and prints a line or two."""
import statistics
import time

import servers
from lib.process import wait_until
from zones import DENIED, NAMES, SIGNED

TURNS = 7


def in_turn(measure, *some):
    """What servers cost, measured in turn: a list for each."""
    turns = [[measure(server) for server in some] for _ in range(TURNS)]
    return [list(costs) for costs in zip(*turns)]


def ratio(costs, others):
    """The median over the turns, so that a noisy minute, which hits both, does no harm."""
    return statistics.median(ours / theirs for ours, theirs in zip(costs, others))


def fits(figure, most):
    return f"must be at most {most}: {'yes' if figure <= most else 'NO'}"


def stop(some):
    for server in some:
        server.stop()


def restart(bench):
    """Seconds from the start to the first answer out of the cache of before, all names known and no upstream asked."""
    server = bench.start("polynya", "restart")
    server.stop()
    began = time.monotonic()
    server.again()
    wait_until(lambda: bench.answers(server), "the first answer", 30)
    took = time.monotonic() - began
    server.stop()
    print(f"first answer out of the old cache after a start: {took:.2f} s, {fits(took, 1)}")


def workers(bench):
    """CPU per query of two workers over that of one: 1 is linear. (Throughput itself needs a third processor.)"""
    some = [bench.start("polynya", f"workers-{count}", workers=count) for count in (1, 2)]
    one, two = in_turn(lambda server: bench.cached(server, "get", (64, 32)), *some)
    stop(some)
    print(f"two workers cost {ratio(two, one):.2f} of what one costs, {fits(ratio(two, one), 1.05)}")


def validation(bench):
    """What validating adds to misses and cache hits: the same questions to the same signed upstream, with it and without."""
    some = [bench.start("polynya", "validates", SIGNED, validate=True), bench.start("polynya", "trusts", SIGNED)]
    for what, column, zone in (("miss", "validated misses", SIGNED), ("denial", "validated denials", DENIED)):
        costs = in_turn(lambda server: bench.misses(server, bench.count(column), zone), *some)
        on, off = map(statistics.median, costs)
        print(f"validation adds {on - off:.1f} µs a {what} ({on:.1f} − {off:.1f}), {fits(on - off, 200)}")
    on, off = in_turn(lambda server: bench.cached(server, "get", (4, 32), longer=4), *some)     # 3 % of little have to be told
    stop(some)
    print(f"with validation a cache hit costs {ratio(on, off):.2f} of what it does without, {fits(ratio(on, off), 1.03)}")


def many_names(bench, count):
    """Memory and disk of a worker with that many cached names."""
    server = bench.start("polynya", "many", cache="1GB")
    first = NAMES
    while first < count:
        part = min(100_000, count - first)
        bench.load(server, "misses", 8, 32, part, first)
        first += part
    time.sleep(1)
    pid = max(server.processes()[1:], key=servers.resident_of)
    disk = sum(f.stat().st_blocks * 512 for f in (server.dir / "state").rglob("*") if f.is_file())
    resident, own = servers.resident_of(pid), servers.resident_of(pid, "RssAnon")
    server.stop()
    print(f"{count:,} cached names: worker {resident / 2**20:.0f} MiB resident ({own / 2**20:.0f} its own), must be under 200; "
          f"{disk / 2**20:.0f} MiB on disk")


def measure(bench):
    restart(bench)
    workers(bench)
    validation(bench)
    if bench.options.many:
        many_names(bench, bench.options.many)
