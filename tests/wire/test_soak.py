# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything at once. 12 seconds in `make test`; SOAK_SECONDS=1200 for a soak."""
import os

import pytest

from lib.lists import Publisher
from lib.mirror import Mirror
from lib.ports import free_port
from lib.soak import SITE, Soak

SECONDS = float(os.environ.get("SOAK_SECONDS", "12"))
READERS = ["h2", "h2", "fresh", "h1", "dot", "raw"]


@pytest.mark.timeout(SECONDS + 240)
def test_soak(make_polynya, make_upstream, authority, ca, tmp_path):
    pair = authority.issue(SITE, "www." + SITE)
    mirror = Mirror("0.0.0.0", pair)
    publisher = Publisher(tmp_path / "list")
    served = authority.issue("localhost")
    spare = [authority.issue("localhost") for _ in range(2)]

    def publish(turn):
        """Another mirror each time, at an address of its own, beside the one before."""
        numbers = {max(turn - 1, 0), turn}
        where = {n: f"127.0.4.{n % 200 + 1}" for n in numbers}
        publisher.site(SITE, *(f"m{n},{where[n]},port={mirror.port}" for n in numbers), seq=turn + 1)
        publisher.publish()
        return where.values()

    mirrors = publish(0)
    ports = {"https": free_port(), "tls": free_port()}
    upstreams = [make_upstream(), make_upstream()]
    daemon = make_polynya(
        upstreams, workers=2,
        listen=[{"address": f"127.0.0.1:{port}", "protocol": protocol} for protocol, port in ports.items()],
        tls={"certificates": [{"chain": str(served.chain), "key": str(served.key)}]},
        limits={"connection-rate": 0, "query-rate": 0, "miss-rate": 0, "domain-miss-rate": 0, "handshakes": 0, "drain-timeout": "3s"},
        cache={"size": "16MB", "memory": "1MB"},
        steering=publisher.config() | {"probe": {"interval": "500ms", "ca-file": str(ca)}})
    daemon.expect_errors(r"event=(child|process|crew|worker|prober)\.")
    events = {"fault": 2, "measure": 1, "kill": 3.1, "kill_prober": 7.3, "reload": 5.2, "certificate": 8.4, "list": 4.3}
    if SECONDS > 60:
        events = {"fault": 5, "measure": 5, "kill": 20, "kill_prober": 130, "reload": 60, "certificate": 170, "list": 45}
    soak = Soak(daemon, upstreams, ports, ca, publish, lambda: spare[soak.count["certificate"] % 2].install(served), events)
    try:
        readers = soak.run(SECONDS, READERS, mirrors)
    finally:
        mirror.stop()
    asked, again = sum(r.asked for r in readers), sum(r.again for r in readers)
    print(f"{asked} questions, {again} asked again; " + ", ".join(f"{n} {what}" for what, n in soak.count.items()))
    troubles = sum(soak.count[what] for what in ("kill", "reload", "certificate"))
    assert asked > 100 and again <= len(READERS) * 3 * (troubles + 2)
    assert not daemon.program.grep(r"level=error .*event=(?!child|process|crew|worker|prober)")
    middle = len(soak.sizes) // 3
    early, late = soak.sizes[: middle + 1], soak.sizes[-middle - 1:]
    for i, room in ((0, 8 << 20), (1, 16), (2, 48 << 20)):
        assert max(s[i] for s in late) <= max(s[i] for s in early) + room, soak.sizes
