# SPDX-License-Identifier: GPL-3.0-or-later
"""The operators' pages: /metrics and /health on their own listener, /status on the control socket, `polynya status`."""
import json
import os
import signal
import socket
import stat

import dns.rcode
import pytest

from lib import doh
from lib.polynya import run_cli
from lib.process import wait_until
from lib.upstream import answer, drop, fail, forge, garble, nxdomain


def test_metrics_parse_and_count(make_polynya, upstream, ca):
    daemon = make_polynya(upstream)
    before = daemon.metrics()
    with doh.h2_tls(daemon.port, ca) as c:
        for _ in range(3):
            c.ask(doh.question("count.example"))
    with doh.h1_tls(daemon.port, ca) as c:
        c.ask(doh.question("count.example"))
    after = daemon.metrics()
    grown = {k: after[k] - before.get(k, 0) for k in after}
    assert grown['polynya_requests_total{protocol="http2"}'] == 3
    assert grown['polynya_cache_hits_total{level="packet"}'] == 3
    assert grown["polynya_cache_misses_total"] == 1
    assert grown['polynya_upstream_queries_total{transport="udp"}'] == 1
    assert grown['polynya_tls_handshakes_total{resumed="no"}'] == 2
    assert all(value >= 0 for key, value in grown.items() if "_total" in key)


def test_metrics_name_nobody(make_polynya, upstream, ca):
    """No label and no log line holds a client's address or a queried name."""
    daemon = make_polynya(upstream, log_level="info")
    with doh.h2_tls(daemon.port, ca) as c:
        c.ask(doh.question("very-private-name.example"))
        c.ask(b"very-private-garbage")
    text = daemon.admin("/metrics")[1].decode() + json.dumps(daemon.status()) + daemon.log.read_text()
    assert "very-private" not in text
    assert "127.0.0.1" not in daemon.admin("/metrics")[1].decode()


def holders(folder, *texts):
    """Names of the files below the folder that hold one of the texts."""
    return {p.name for p in folder.rglob("*") if p.is_file() and any(t in p.read_bytes() for t in texts)}


def test_nobody_is_written_down(make_polynya, upstream, ca):
    """However a question ends, at the most talkative level: names are in the cache's files alone, and clients in none."""
    who = "127.66.77.88"
    ends = {"good": answer("A 192.0.2.1"), "none": nxdomain(), "broken": fail(dns.rcode.SERVFAIL), "silent": drop(),
            "garbled": garble(b"very-private" * 3), "forged": forge("id"), "inside": answer("A 10.0.0.1"),
            "alias": answer("CNAME very-private-target.example.")}
    for name, how in ends.items():
        upstream.script(f"{name}.very-private.example", how)
    daemon = make_polynya(upstream, log_level="debug", limits={"miss-rate": 4}, upstream={"total-timeout": "1s"})
    names = [f"{name}.very-private.example" for name in [*ends, *(f"flood{n}" for n in range(50))]]
    with doh.h2_tls(daemon.port, ca, source=who) as c:
        for stream in [c.get(doh.question(name, edns=True)) for name in names]:
            c.wait(stream)
        c.wait(c.open(c.headers(target="/very-private?dns=very-private", extra=[("x-forwarded-for", who)])))
        c.wait(c.post(b"very-private-garbage"))
        c.get(doh.question("silent.very-private.example", "AAAA"))
        wait_until(lambda: upstream.queries("silent.very-private.example", "AAAA"), "a question under way")
        victim = daemon.workers()[0]
        os.kill(victim, signal.SIGSEGV)
        daemon.program.wait_line(r"event=process\.died who=worker/0 signal=11")
    wait_until(lambda: daemon.workers().get(0) not in (victim, None), "a new worker")
    pages = daemon.admin("/metrics")[1].decode() + daemon.admin("/health")[1].decode() + json.dumps(daemon.status())
    assert "very-private" not in pages and who not in pages
    written = holders(daemon.dir, b"very-private")
    assert written and all(name.startswith("cache-") for name in written)
    assert not holders(daemon.dir, who.encode(), socket.inet_aton(who))


def test_every_metric_has_help(shared):
    text = shared.admin("/metrics")[1].decode()
    helped = {line.split(" ")[2] for line in text.splitlines() if line.startswith("# HELP ")}
    typed = {line.split(" ")[2] for line in text.splitlines() if line.startswith("# TYPE ")}
    assert helped == typed and len(helped) > 20
    assert all(name.startswith("polynya_") for name in helped)


def test_content_types(shared):
    assert shared.admin("/metrics")[2]["content-type"].startswith("text/plain; version=0.0.4")
    status, body, headers = shared.admin("/health")
    assert status == 200 and headers["content-type"] == "application/json"
    assert json.loads(body)["status"] == "ok"


@pytest.mark.parametrize("path,method,status", [("/", "GET", 404), ("/dns-query", "GET", 404), ("/status", "GET", 404),
                                                ("/metrics", "POST", 405), ("/metrics", "HEAD", 200), ("/metrics/", "GET", 404)])
def test_admin_refusals(shared, path, method, status):
    assert shared.admin(path, method)[0] == status


def test_admin_pages_are_not_public(shared, ca):
    with doh.h2_tls(shared.port, ca) as c:
        for path in ("/metrics", "/health", "/status"):
            assert c.wait(c.open(c.headers(target=path))).status == 404


def test_control_socket(shared):
    mode = (shared.state / "control.sock").stat().st_mode
    assert stat.S_ISSOCK(mode) and mode & 0o007 == 0
    status = shared.status()
    assert not status["draining"]
    assert {p["role"] for p in status["processes"]} >= {"worker"}
    assert len({p["pid"] for p in status["processes"]}) == len(status["processes"])


def test_polynya_status(shared):
    control = shared.state / "control.sock"
    assert json.loads(run_cli("status", "--control", control, "--json").stdout)["processes"]
    assert "worker" in run_cli("status", "--control", control).stdout
    assert "worker" in run_cli("status", "--config", shared.file).stdout


def test_polynya_status_without_a_daemon(tmp_path):
    done = run_cli("status", "--control", tmp_path / "nothing.sock", check=False)
    assert done.returncode == 1 and "nothing.sock" in done.stderr


def test_two_workers_tell_the_same(make_polynya, upstream, ca):
    """Whichever worker answers, the numbers are those of all."""
    daemon = make_polynya(upstream, workers=2)
    for i in range(20):
        with doh.h2_tls(daemon.port, ca) as c:
            c.ask(doh.question(f"all{i}.example"))
    assert {daemon.metric('requests_total{protocol="http2"}') for _ in range(10)} == {20}


def test_cli_query(make_polynya, upstream, authority):
    daemon = make_polynya(upstream)
    url = f"https://localhost:{daemon.port}/dns-query"
    out = run_cli("query", "--server", url, "--cacert", authority.cert, "cli.example", "A").stdout
    assert "192.0.2.1" in out
    answer = json.loads(run_cli("query", "--json", "--get", "--server", url, "--cacert", authority.cert, "cli.example").stdout)
    assert "192.0.2.1" in json.dumps(answer)
    refused = run_cli("query", "--server", url, "cli.example", check=False)
    assert refused.returncode == 1 and "certificate" in refused.stderr.lower()
