# SPDX-License-Identifier: GPL-3.0-or-later
"""A program under test: started, waited for by events in its log, stopped, and checked for what it left behind."""
import contextlib
import os
import pathlib
import re
import signal
import subprocess
import threading
import time

MEMCHECK = bool(os.environ.get("MEMCHECK"))   # our programs run under Valgrind
SLOWNESS = 10 if MEMCHECK else 1   # how much longer everything takes
PATIENCE = 30 * SLOWNESS  # seconds after which an awaited event is taken for missing; never something a passing test spends
SANITIZER = re.compile(r"(ERROR|WARNING): (Address|Leak|Memory|Thread|UndefinedBehavior)Sanitizer|runtime error: |SUMMARY: \w+Sanitizer"
                       r"|^==\d+== (?!$)")


def wait_until(condition, what, patience=PATIENCE):
    """Polls condition until it gives something true and returns that."""
    deadline = time.monotonic() + patience
    while True:
        result = condition()
        if result:
            return result
        assert time.monotonic() < deadline, f"timed out waiting for {what}"
        time.sleep(0.02)


def children_of(pid):
    """Pids of the living direct children of pid."""
    try:
        tasks = list(pathlib.Path(f"/proc/{pid}/task").iterdir())
        return [int(c) for t in tasks for c in (t / "children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def descendants_of(pid):
    out = []
    for child in children_of(pid):
        out += [child, *descendants_of(child)]
    return out


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Program:
    """One run of a program whose stderr is copied to a file and can be waited on."""

    def __init__(self, argv, log, cwd=None, env=None):
        self.argv = [str(a) for a in argv]
        self.log = pathlib.Path(log)
        self.lines = []
        self._news = threading.Condition()
        self.popen = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                      stderr=subprocess.PIPE, cwd=cwd, env={**os.environ, **(env or {})})
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        with self.log.open("ab") as copy:
            for raw in self.popen.stderr:
                copy.write(raw)
                copy.flush()
                with self._news:
                    self.lines.append(raw.decode("utf-8", "replace").rstrip("\n"))
                    self._news.notify_all()
        with self._news:
            self._news.notify_all()

    @property
    def pid(self):
        return self.popen.pid

    def mark(self):
        """A place in the log, to wait only for what comes after it."""
        with self._news:
            return len(self.lines)

    def wait_line(self, pattern, since=0, patience=PATIENCE):
        """The first log line after `since` that matches pattern; fails if the program ends without it."""
        wanted = re.compile(pattern)
        deadline = time.monotonic() + patience
        with self._news:
            at = since
            while True:
                while at < len(self.lines):
                    if wanted.search(self.lines[at]):
                        return self.lines[at]
                    at += 1
                ended = not self._reader.is_alive()
                left = deadline - time.monotonic()
                assert not ended and left > 0, self._missing(pattern, ended)
                self._news.wait(min(left, 0.5))

    def _missing(self, pattern, ended):
        why = f"ended with {self.popen.poll()}" if ended else "did not say it in time"
        return f"{self.argv[0]} {why}: no log line matches {pattern!r}; its log ends:\n" + "\n".join(self.lines[-20:])

    def grep(self, pattern, since=0):
        with self._news:
            return [line for line in self.lines[since:] if re.search(pattern, line)]

    def send_signal(self, number):
        self.popen.send_signal(number)

    def running(self):
        return self.popen.poll() is None

    def stop(self, number=signal.SIGTERM, patience=PATIENCE):
        """Sends the signal, waits for the end of the program and of its log, returns the exit status."""
        family = descendants_of(self.pid)
        if self.running():
            self.send_signal(number)
        try:
            status = self.popen.wait(patience)
        except subprocess.TimeoutExpired:
            status = None
            self.popen.kill()
            self.popen.wait()
        self.left_over = []
        for pid in family:
            try:
                wait_until(lambda: not alive(pid), f"the end of process {pid}", 5 if status is not None else 0)
            except AssertionError:
                self.left_over.append(pid)
                os.kill(pid, signal.SIGKILL)
        self._reader.join(PATIENCE)
        self.popen.stderr.close()
        return status

    def sanitizer_reports(self):
        return [line for line in self.lines if SANITIZER.search(line)]


def listens(pid):
    """Whether the process has a TCP socket on which connections are accepted, by the kernel's tables."""
    links = set()
    try:
        tables = [pathlib.Path(f"/proc/{pid}/net/{name}").read_text() for name in ("tcp", "tcp6")]
        for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):    # closed meanwhile
                links.add(os.readlink(fd))
    except (FileNotFoundError, ProcessLookupError):
        return False
    rows = [line.split() for table in tables for line in table.splitlines()[1:]]
    return any(f"socket:[{row[9]}]" in links for row in rows if row[3] == "0A")
