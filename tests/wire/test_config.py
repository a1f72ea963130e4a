# SPDX-License-Identifier: GPL-3.0-or-later
"""Config: -n and -nv, and errors that name file, line and key and stop the start."""
import base64
import pathlib
import re
import shutil
import socket
import tempfile

import pytest
import yaml

from lib.polynya import run_daemon
from lib.ports import free_port


@pytest.fixture
def config(make_polynya):
    """A daemon that was not started; its file is good."""
    return make_polynya(start=False)


def test_good_config(config):
    done = run_daemon("-n", "-c", config.file)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_print_is_complete_and_stable(config, tmp_path):
    """-nv prints a config with all defaults that loads and prints the same again."""
    first = run_daemon("-nv", "-c", config.file)
    assert first.returncode == 0, first.stderr
    printed = yaml.safe_load(first.stdout)
    for key in ("listen", "tls", "state-dir", "workers", "upstream", "cache", "limits"):
        assert key in printed
    again = tmp_path / "again.yaml"
    again.write_text(first.stdout)
    second = run_daemon("-nv", "-c", again)
    assert second.returncode == 0, second.stderr
    assert second.stdout == first.stdout


def test_who_says_nothing_is_protected(tmp_path):
    """What a short config has without asking for it."""
    (tmp_path / "short.yaml").write_text(HEAD)
    done = run_daemon("-nv", "-c", tmp_path / "short.yaml")
    assert done.returncode == 0, done.stderr
    printed = yaml.safe_load(done.stdout)
    assert printed["dnssec"]["mode"] == "validate" and printed["dnssec"]["follow"] is True
    assert printed["rebinding"]["protect"] is True and printed["local-zones"] is True and printed["sandbox"] is True
    assert printed["cache"]["stale-for"] == "1d"


HEAD = """listen:
  - address: 127.0.0.1:8443
    protocol: http
state-dir: /tmp
"""


@pytest.mark.parametrize("added,words", [
    ("workrs: 2\n", ["workrs"]),
    ("workers: 0\n", ["workers"]),
    ("workers: many\n", ["workers"]),
    ("workers: -1\n", ["workers"]),
    ("log-level: loud\n", ["log-level"]),
    ("cache: {size: 1KB}\n", ["cache.size"]),
    ("cache: {size: 12XB}\n", ["cache.size"]),
    ("cache: {siez: 12MB}\n", ["siez"]),
    ("limits: {streams: 99999999}\n", ["limits.streams"]),
    ("limits: {idle-timeout: 5}\n", ["limits.idle-timeout"]),
    ("limits: {idle-timeout: 5 parsecs}\n", ["limits.idle-timeout"]),
    ("upstream: {servers: [{address: 192.0.2.1, tls-name: a.example}, {address: 192.0.2.2}]}\n",
     ["upstream.servers[1]", "clear text", "allow-clear-text"]),
    pytest.param("upstream: {answer-timeout: 2s}\n", ["upstream.answer-timeout"],
                 marks=pytest.mark.no_memcheck("its build lets a reader wait longer")),
    ("upstream: {servers: [{address: example.org}]}\n", ["address"]),
    ("upstream: {servers: [{address: '127.0.0.1:99999'}]}\n", ["address"]),
    ("steering: {dnssec: maybe}\n", ["steering.dnssec"]),
    ("steering: {lists: [{name: a, urls: ['http://x/'], root: r.json}]}\n", ["urls"]),
    ("steering: {lists: [{name: a, urls: ['gopher:x/'], root: r.json}]}\n", ["urls"]),
    ("steering: {lists: [{name: a, root: r.json}]}\n", ["urls"]),
    ("metrics: {address: nowhere}\n", ["metrics.address"]),
    ("state-dir: /tmp\n", ["state-dir"]),
    ("cache: [1, 2]\n", ["cache"]),
    ("workers: [1]\n", ["workers"]),
    ("cache: {size: 12MB\n", []),
])
def test_errors_name_line_and_key(config, added, words):
    line = len(HEAD.splitlines()) + 1
    config.write(HEAD + added)
    done = run_daemon("-n", "-c", config.file)
    assert done.returncode == 1 and done.stdout == ""
    message = done.stderr.strip()
    assert len(message.splitlines()) == 1, message
    found = re.match(re.escape(str(config.file)) + r":(\d+): ", message)
    assert found and int(found.group(1)) in (line, line + 1), message
    for word in words:
        assert word in message


@pytest.mark.parametrize("text,word", [
    ("", "missing"), ("{}\n", "missing"), ("listen: []\nstate-dir: /tmp\n", "listen"), ("[]\n", ""), ("just text\n", ""),
    ("state-dir: /tmp\n", "listen"), ("listen:\n  - address: 127.0.0.1:1\n    protocol: http\n", "state-dir"),
    ("listen:\n  - address: 127.0.0.1:1\nstate-dir: /tmp\n", "certificates"), ("\x00\x01\x02", ""), ("a: &x [*x]\n", ""),
    ("a: " * 100 + "\n", ""), ("[" * 10000, ""),
])
def test_incomplete_and_senseless_files(config, text, word):
    config.write(text)
    done = run_daemon("-n", "-c", config.file)
    assert done.returncode == 1
    assert done.stderr.startswith(str(config.file)) and word in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_missing_file(tmp_path):
    done = run_daemon("-c", tmp_path / "none.yaml")
    assert done.returncode == 1 and "none.yaml" in done.stderr


def test_usage():
    assert run_daemon().returncode == 2
    assert run_daemon("-x").returncode == 2
    assert run_daemon("-h").returncode == 0
    assert run_daemon("-V").stdout.startswith("polynyad ")


@pytest.mark.parametrize("kind", ["expired", "not_yet_valid", "mismatched", "broken"])
def test_bad_certificate_stops_the_start(make_polynya, authority, kind):
    pair = getattr(authority, kind)("localhost")
    daemon = make_polynya(start=False, tls={"certificates": [{"chain": str(pair.chain), "key": str(pair.key)}]})
    for flags in (["-n"], []):
        done = run_daemon(*flags, "-c", daemon.file)
        assert done.returncode == 1
        assert str(pair.chain) in done.stderr or str(pair.key) in done.stderr
        assert "event=ready" not in done.stderr


@pytest.fixture
def open_folder():
    """A folder that every account may enter, as the tests' own are not."""
    with tempfile.TemporaryDirectory(prefix="polynya-open-", dir="/tmp") as folder:
        pathlib.Path(folder).chmod(0o755)
        yield pathlib.Path(folder)


@pytest.fixture
def with_secrets(make_polynya, certificate, open_folder):
    """A daemon that was not started, and its files with secrets: a TLS key and the TSIG key of two zones."""
    key, secret = open_folder / "key.pem", open_folder / "tsig"
    shutil.copy(certificate.key, key)
    secret.write_text(base64.b64encode(bytes(32)).decode())
    zones = [{"name": name, "zone": f"{name}.test", "primary": f"127.0.0.1:{free_port()}", "tsig-name": "xfr.test",
              "tsig-secret-file": str(secret)} for name in ("one", "two")]
    daemon = make_polynya(start=False, tls={"certificates": [{"chain": str(certificate.chain), "key": str(key)}]},
                          steering={"rpz": zones})
    return daemon, key, secret


def test_secrets_that_others_may_read_are_told(with_secrets):
    """Once for each file at each load; in a check, too, which is good all the same."""
    daemon, key, secret = with_secrets
    key.chmod(0o644)
    secret.chmod(0o606)
    done = run_daemon("-n", "-c", daemon.file)
    assert done.returncode == 0 and not done.stdout
    assert done.stderr.splitlines() == [
        f"{daemon.file}: warning: tls.certificates[].key: {key}: every account may read it or write to it",
        f"{daemon.file}: warning: steering.rpz[].tsig-secret-file: {secret}: every account may read it or write to it"]
    daemon.start()
    lines = daemon.program.grep(r"level=warn .*event=secret\.exposed ")
    assert len(lines) == 2 and f"file={key} " in str(lines[0]) and f"file={secret} " in str(lines[1])
    secret.chmod(0o600)
    mark = daemon.program.mark()
    daemon.reload()
    lines = daemon.program.grep(r"event=secret\.exposed ", since=mark)
    assert len(lines) == 1 and f"file={key} " in str(lines[0])


def test_secrets_that_others_cannot_get_at_are_not_told(with_secrets, open_folder):
    daemon, key, secret = with_secrets
    key.chmod(0o640)
    secret.chmod(0o600)
    assert run_daemon("-n", "-c", daemon.file).stderr == ""
    key.chmod(0o644)
    open_folder.chmod(0o750)
    assert run_daemon("-n", "-c", daemon.file).stderr == ""
    daemon.start()
    assert not daemon.program.grep("event=secret")


def test_port_in_use(make_polynya):
    daemon = make_polynya(start=False)
    with socket.create_server(("127.0.0.1", daemon.port)):
        done = run_daemon("-c", daemon.file)
    assert done.returncode == 1
    assert daemon.config["listen"][0]["address"] in done.stderr


def test_state_dir_is_made(make_polynya):
    daemon = make_polynya(start=False)
    daemon.state.rmdir()
    daemon.start()
    assert daemon.state.stat().st_mode & 0o777 == 0o700


def test_state_dir_that_cannot_be_made(make_polynya):
    daemon = make_polynya(start=False)
    daemon.state.rmdir()
    daemon.state.write_text("a file stands in the way")
    done = run_daemon("-c", daemon.file)
    assert done.returncode == 1 and str(daemon.state) in done.stderr


def test_ipv6_listener(make_polynya, upstream, ca):
    from lib import doh
    port = free_port("::1")
    daemon = make_polynya(upstream, listen=[{"address": f"[::1]:{port}", "protocol": "https"}])
    with doh.h2_tls(port, ca, host="::1") as c:
        assert c.ask(doh.question("six.example")).dns.answer
    assert daemon.program.running()


def test_other_path(make_polynya, upstream, ca):
    from lib import doh
    daemon = make_polynya(upstream, http={"path": "/hidden"})
    with doh.h2_tls(daemon.port, ca, path="/hidden") as c:
        assert c.ask(doh.question("path.example")).dns.answer
        assert c.wait(c.open(c.headers(target="/dns-query?dns=AAAA"))).status == 404


def test_static_page(make_polynya, upstream, ca, tmp_path):
    from lib import doh
    page = tmp_path / "page.html"
    page.write_text("<title>here</title>\n")
    daemon = make_polynya(upstream, http={"static-file": str(page)})
    with doh.h2_tls(daemon.port, ca) as c:
        reply = c.wait(c.open(c.headers(target="/")))
        assert reply.body == page.read_bytes() and reply.headers["content-type"].startswith("text/html")
        assert c.wait(c.open(c.headers("POST", "/"))).status == 405
