# SPDX-License-Identifier: GPL-3.0-or-later
"""`polynya import ooni`: proposals out of OONI's two kinds of answers, never applied."""
import json
import shlex

import pytest


def cell(count, dns=0.0, tcp=0.0, tls=0.0, domain="outlet.example", cc="RU", **more):
    loni = {"dns_blocked": dns, "dns_down": 0.05, "tcp_blocked": tcp, "tcp_down": 0.05, "tls_blocked": tls,
            "tls_down": 0.05, "blocked_max_outcome": "x"}
    return {"count": count, "domain": domain, "probe_cc": cc, "loni": {**loni, **more}}


def counts(measurements, bad=0, kind=None, confirmed=0, failed=0, **axes):
    row = {"anomaly_count": bad, "confirmed_count": confirmed, "failure_count": failed,
           "ok_count": measurements - bad - confirmed - failed, "measurement_count": measurements, "probe_cc": "RU",
           "domain": "outlet.example", **axes}
    return row if kind is None else {**row, "blocking_type": kind}


def propose(cli, body, *words):
    cli.path("ooni.json").write_text(json.dumps(body))
    rows = json.loads(cli("import", "ooni", "ooni.json", "--json", *words))["proposals"]
    return {(row["domain"], row["country"]): (row["verdict"], row["blocked"]) for row in rows}


def analysis(*cells):
    return {"db_stats": {}, "dimension_count": 2, "results": list(cells)}


def aggregation(*rows):
    return {"v": 0, "dimension_count": 2, "result": list(rows)}


@pytest.mark.parametrize("cells,expected", [
    ([cell(30, dns=0.9)], ("blocked", ["dns"])),
    ([cell(30, dns=0.9, tcp=0.5, tls=0.8)], ("blocked", ["dns", "ip", "sni"])),
    ([cell(30, tls=0.49)], ("open", [])),
    ([cell(19, dns=1.0)], ("too-few", [])),
    ([cell(10, dns=1.0), cell(10, dns=1.0)], ("blocked", ["dns"])),
    ([cell(30, dns=1.0), cell(70, dns=0.1)], ("open", [])),             # weighted by what was measured
    ([cell(30, tcp=0.6, tcp_down=0.7)], ("open", [])),                  # down for everyone
    ([cell(30, dns=None, dns_isp_blocked=0.8)], ("blocked", ["dns"])),  # the older name
    ([cell(30, tls=7.0)], ("open", [])),                                # nonsense counts for nothing
])
def test_analysis(cli, cells, expected):
    assert propose(cli, analysis(*cells)) == {("outlet.example", "RU"): expected}


@pytest.mark.parametrize("rows,expected", [
    ([counts(60, 40, "dns"), counts(20, 0, "")], ("blocked", ["dns"])),
    ([counts(60, 20, "tcp_ip", confirmed=30), counts(20, 0, "")], ("blocked", ["ip"])),
    ([counts(60, 50, "http-failure")], ("blocked", ["sni"])),
    ([counts(60, 50, "http-diff")], ("open", [])),
    ([counts(60, 15, "dns"), counts(60, 0, "")], ("open", [])),
    ([counts(100, 10, "dns", failed=85)], ("too-few", [])),
    ([counts(60, 50)], ("kind-not-told", [])),
])
def test_counts(cli, rows, expected):
    assert propose(cli, aggregation(*rows)) == {("outlet.example", "RU"): expected}


def test_domains_and_countries(cli):
    found = propose(cli, analysis(cell(30, dns=1.0, domain="www.Outlet.example"), cell(30, tls=1.0, cc="BY"),
                                  cell(30, tls=1.0, domain="other.example"), cell(30, dns=1.0, domain="192.0.2.1"),
                                  cell(30, dns=1.0, domain="a b; rm -rf"), cell(30, dns=1.0, cc="Russia")))
    assert found == {("outlet.example", "RU"): ("blocked", ["dns"]), ("outlet.example", "BY"): ("blocked", ["sni"]),
                     ("other.example", "RU"): ("blocked", ["sni"])}
    done = cli.run("import", "ooni", "ooni.json")
    assert "3 rows left out" in done.stderr
    assert [line for line in done.stdout.splitlines() if line[0] != "#"] == [
        "polynya delegate delegations.json other.example --blocked RU=sni",
        "polynya delegate delegations.json outlet.example --blocked BY=sni --blocked RU=dns"]


def test_what_the_rows_do_not_name(cli):
    row = counts(60, 50, "dns")
    del row["domain"], row["probe_cc"]
    one = {"v": 0, "dimension_count": 0, "result": row}
    assert propose(cli, one) == {}
    found = propose(cli, one, "--domain", "outlet.example", "--country", "KZ")
    assert found == {("outlet.example", "KZ"): ("blocked", ["dns"])}
    row["input"] = "https://www.outlet.example:443/page?x"
    assert propose(cli, one, "--country", "KZ") == found


def test_thresholds(cli):
    body = analysis(cell(5, dns=0.3))
    assert propose(cli, body, "--at-least", "5", "--share", "30")[("outlet.example", "RU")] == ("blocked", ["dns"])
    assert propose(cli, body, "--at-least", "5", "--share", "31")[("outlet.example", "RU")] == ("open", [])


def test_a_proposal_can_be_run_and_is_not_run(made):
    made.path("ooni.json").write_text(json.dumps(analysis(cell(30, tls=0.9), cell(30, dns=1.0, cc="KZ"))))
    before = made.path("list/delegations.json").read_bytes()
    line = made("import", "ooni", "ooni.json").splitlines()[-1]
    assert made.path("list/delegations.json").read_bytes() == before and not made.path("delegations.json").exists()
    words = [w.replace("delegations.json", "list/delegations.json") for w in shlex.split(line)[1:]]
    made(*words, "--key", "maint.key")
    site, = json.loads(made("list", "show", "--text", "list/delegations.json"))["sites"]
    assert site["blocked"] == {"RU": ["sni"], "BY": ["sni"], "KZ": ["dns"]}


@pytest.mark.parametrize("body,words,status,text", [
    ('{"v": 0, "error": "param validation \\u001b[2J"}', [], 1, "OONI's error, not an answer: param validation"),
    ('{"detail": [{"msg": "x"}]}', [], 1, "OONI's error"),
    ("{}", [], 1, "neither result nor results"),
    ("[]", [], 1, "not an object"),
    ("", [], 1, "not valid JSON"),
    ("\x00\x01", [], 1, "not valid JSON"),
    ("<html>", [], 1, "not valid JSON"),
    ('{"results": [' + "[" * 3000, [], 1, "not valid JSON"),
    ('{"results": [' + "0," * 2200000 + "0]}", [], 1, "more entries than allowed"),
    ("{}" + " " * (16 << 20), [], 1, "longer than"),
    ('{"results": []}', ["--share", "101"], 2, "--share"),
    ('{"results": []}', ["--country", "ru"], 2, "--country"),
], ids=range(12))
def test_bad_files_are_one_clear_line(cli, body, words, status, text):
    cli.path("ooni.json").write_text(body)
    done = cli.fails(status, text, "import", "ooni", "ooni.json", *words)
    assert not done.stdout and len(done.stderr.splitlines()) == 1 and "\x1b" not in done.stderr
    for place in "nowhere", ".":
        cli.fails(1, "cannot read", "import", "ooni", place)
