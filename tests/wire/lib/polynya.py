# SPDX-License-Identifier: GPL-3.0-or-later
"""The daemon under test: its config, its life, and the questions a test asks of it from outside."""
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

import yaml

from .process import MEMCHECK, PATIENCE, Program, children_of, listens, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[3]
BUILD = pathlib.Path(os.environ.get("POLYNYA_BUILD", "build"))
BUILD = BUILD if BUILD.is_absolute() else ROOT / BUILD
DAEMON, CLI = BUILD / "polynyad", BUILD / "polynya"
# For what tests make with `polynya` to test something else: under Valgrind that would be the same commands by the thousand.
MAKER = BUILD.parent / "polynya" if MEMCHECK else CLI
# Slow, large, and with system calls of its own.
SANITIZED = MEMCHECK or DAEMON.exists() and b"__asan_init" in DAEMON.read_bytes()


def merge(base, changes):
    """base with changes laid over it, mappings merged, all else replaced; None takes a key away."""
    out = dict(base)
    for key, value in changes.items():
        if value is None:
            out.pop(key, None)
        elif isinstance(value, dict) and isinstance(out.get(key), dict):
            out[key] = merge(out[key], value)
        else:
            out[key] = value
    return out


def parse_metrics(text):
    """{'name{labels}': value} of a Prometheus text, refusing what the format does not allow (0.0.4)."""
    values, typed = {}, {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in typed, f"TYPE of {name} twice"
            assert kind in ("counter", "gauge"), line
            typed[name] = kind
        elif line and not line.startswith("#"):
            found = re.fullmatch(r'([a-z_][a-z0-9_]*)(\{(?:[a-z_]+="[^"]*",?)*\})? (-?[0-9.e+]+)', line)
            assert found, f"not a sample: {line!r}"
            name, labels, value = found.groups()
            assert name in typed, f"{name} has no TYPE before it"
            key = name + (labels or "")
            assert key not in values, f"{key} twice"
            values[key] = float(value)
    return values


class Polynya:
    """A running polynyad with its own folder. Leave it with close(), which holds it to a clean end."""

    def __init__(self, folder, config, env=None):
        self.dir = pathlib.Path(folder)
        self.dir.mkdir(parents=True, exist_ok=True)
        self.file = self.dir / "polynya.yaml"
        self.log = self.dir / "stderr.log"
        self.env = env or {}
        self.allowed = []   # patterns of level=error lines that the test expects
        self.program = None
        self.configure(config)

    def configure(self, config):
        """Writes the config by an atomic rename; takes effect at the next start or reload."""
        self.config = config
        self.write(yaml.safe_dump(config, sort_keys=False))

    def write(self, text):
        fresh = self.file.with_suffix(".new")
        fresh.write_text(text)
        fresh.rename(self.file)

    @property
    def state(self):
        return pathlib.Path(self.config["state-dir"])

    @property
    def port(self):
        return int(self.config["listen"][0]["address"].rsplit(":", 1)[1])

    @property
    def plain_port(self):
        return next(int(l["address"].rsplit(":", 1)[1]) for l in self.config["listen"] if l["protocol"] == "http")

    def start(self):
        self.program = Program([DAEMON, "-c", self.file], self.log, cwd=self.dir, env=self.env)
        self.program.wait_line(r"\bevent=ready\b")
        for listen in self.config["listen"]:
            host, port = listen["address"].rsplit(":", 1)
            socket.create_connection((host.strip("[]"), int(port)), PATIENCE).close()
        return self

    def expect_errors(self, pattern):
        self.allowed.append(re.compile(pattern))

    def reload(self):
        """SIGHUP, and waits until the new generation alone takes connections: for a moment both do."""
        mark, old = self.program.mark(), children_of(self.program.pid)
        self.program.send_signal(signal.SIGHUP)
        self.program.wait_line(r"\bevent=reload\.done\b", since=mark)
        wait_until(lambda: not any(map(listens, old)), "the old workers to listen no more")

    def only_current(self):
        """Waits until the workers of older generations have ended."""
        wait_until(lambda: len({p["generation"] for p in self.status()["processes"] if p["role"] == "worker"}) == 1,
                   "the old workers to end")

    def stop(self, number=signal.SIGTERM):
        """Ends the daemon and asserts that it ended well."""
        program, self.program = self.program, None
        status = program.stop(number)
        assert not program.sanitizer_reports(), "\n".join(program.lines[-60:])
        errors = [l for l in program.grep(r"\blevel=error\b") if not any(p.search(l) for p in self.allowed)]
        assert not errors, "\n".join(errors)
        if number == signal.SIGTERM:
            assert status == 0, f"polynyad ended with {status}:\n" + "\n".join(program.lines[-20:])
        assert not program.left_over, f"processes left behind: {program.left_over}"

    def kill(self):
        """SIGKILL for every process of it at once, as a power cut or the OOM killer would."""
        program, self.program = self.program, None
        family = children_of(program.pid)
        program.send_signal(signal.SIGSTOP)
        for pid in family:
            os.kill(pid, signal.SIGKILL)
        program.stop(signal.SIGKILL)

    def close(self):
        if self.program:
            self.stop()

    def workers(self):
        """{index: pid} of the serving workers, from `status`."""
        return {p["index"]: p["pid"] for p in self.status()["processes"] if p["role"] == "worker"}

    def metrics(self):
        return parse_metrics(self.admin("/metrics")[1].decode())

    def metric(self, name):
        """The value of name, labels included, without the common prefix."""
        return self.metrics()["polynya_" + name]

    def admin(self, path, method="GET"):
        host, port = self.config["metrics"]["address"].rsplit(":", 1)
        conn = http.client.HTTPConnection(host, int(port), timeout=PATIENCE)
        try:
            conn.request(method, path)
            reply = conn.getresponse()
            return reply.status, reply.read(), dict(reply.getheaders())
        finally:
            conn.close()

    def status(self):
        """GET /status over the control socket."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            s.settimeout(PATIENCE)
            s.connect(str(self.state / "control.sock"))
            s.sendall(b"GET /status HTTP/1.1\r\nHost: polynya\r\nConnection: close\r\n\r\n")
            reply = http.client.HTTPResponse(s)
            reply.begin()
            assert reply.status == 200, reply.status
            return json.loads(reply.read())


def run_daemon(*args, cwd=None):
    return subprocess.run([str(DAEMON), *map(str, args)], capture_output=True, text=True, timeout=PATIENCE, cwd=cwd)


def run_cli(*args, cwd=None, check=True, env=None, program=CLI):
    done = subprocess.run([str(program), *map(str, args)], capture_output=True, text=True, timeout=PATIENCE, cwd=cwd,
                          stdin=subprocess.DEVNULL, env={**os.environ, **(env or {})})
    assert not check or done.returncode == 0, f"polynya {' '.join(map(str, args))}: {done.stdout}{done.stderr}"
    return done
