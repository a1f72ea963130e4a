# SPDX-License-Identifier: GPL-3.0-or-later
"""The good client of the tests of attacks: readers who must not notice that somebody attacks.

Questions are due at a fixed rate, however late the answers are, and latency counts from when each was due: a server that
stands still for a second is late for all that was due in it. One process asks on a connection that it keeps, another on a
new connection each time. What a client may ask again without harm (RFC 9113 6.8, 8.7: not begun by the server) it asks
again, with the latency of both; everything else that is not answered well is lost.
"""
import contextlib
import multiprocessing
import pathlib
import re
import selectors
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from . import doh
from .polynya import SANITIZED
from .process import PATIENCE, wait_until

NAME = "good.example"
IN_FLIGHT = 50          # less than limits.streams: what is due meanwhile waits, and is late
REFUSED_STREAM = 7


@dataclass
class Tally:
    """Seconds each answer took, what was lost and why, and how many were asked again."""

    took: list = field(default_factory=list)
    lost: list = field(default_factory=list)
    again: int = 0

    def quantile(self, part):
        """Seconds; lost ones do not count."""
        return sorted(self.took)[min(int(len(self.took) * part), len(self.took) - 1)] if self.took else float("nan")


class Keeper:
    """One connection at a time, replaced when the server asks to leave."""

    def __init__(self, port, ca, name):
        context = doh.tls_context(ca, ("h2",))
        self.connect = lambda: doh.h2_tls(port, None, context=context)
        self.question = doh.question(name)
        self.tally = Tally()
        self.open = {}      # connection: {stream: when it was due}
        self.current = None
        self.waiting = []   # due, and not asked yet

    def ask(self):
        """Asks what is due, as far as it may."""
        if self.current and (self.current.goaway or self.current.closed):
            self.current = None
        while self.waiting and sum(map(len, self.open.values())) < IN_FLIGHT:
            due = self.waiting.pop(0)
            try:
                if not self.current:
                    self.current = self.connect()
                    self.open[self.current] = {}
                self.open[self.current][self.current.get(self.question)] = due
            except Exception as e:   # whatever it is, it is a reader's answer lost
                self.lose(f"kept connection: {e!r}")
                self.current = None

    def lose(self, why):
        self.tally.lost.append(why)

    def listen(self, seconds):
        """Waits for so long at most, takes what has come."""
        if not self.open:
            time.sleep(seconds)
            return
        with selectors.PollSelector() as ready:   # select() takes no descriptor from 1024 on
            for conn in self.open:
                ready.register(conn.sock, selectors.EVENT_READ, conn)
            readable = [key.data for key, _ in ready.select(seconds)]
        for conn in readable:
            conn.sock.settimeout(0)
            try:
                while conn.step():
                    pass
                conn.sock.settimeout(PATIENCE)
            except ssl.SSLWantReadError:
                conn.sock.settimeout(PATIENCE)
            except Exception:   # what makes no sense is as good as the end
                conn.closed = True
            self.settle(conn)

    def settle(self, conn):
        streams = self.open[conn]
        for stream in [s for s in streams if conn.replies[s].ended]:
            due, reply = streams.pop(stream), conn.replies.pop(stream)
            if reply.reset == REFUSED_STREAM:
                self.ask_again(due)
            elif reply.reset is None and reply.status == 200 and reply.dns.answer:
                self.tally.took.append(time.monotonic() - due)
            else:
                self.lose(f"kept connection: {reply}")
        if conn.goaway:
            for stream in [s for s in streams if s > conn.goaway.last_stream_id]:
                self.ask_again(streams.pop(stream))
        if conn.closed:
            for _ in streams:
                self.lose(f"kept connection: closed, {conn.goaway}")
            streams.clear()
        if not streams and (conn.closed or conn.goaway):
            self.open.pop(conn).clear()
            conn.close()

    def ask_again(self, due):
        self.tally.again += 1
        self.waiting.append(due)

    def run(self, rate, stopped):
        began, due = time.monotonic(), 0
        while not stopped():
            now = time.monotonic() - began
            while due / rate <= now:
                self.waiting.append(began + due / rate)
                due += 1
            self.ask()
            self.listen(max(0, due / rate - (time.monotonic() - began)))
        deadline = time.monotonic() + PATIENCE
        while (self.waiting or any(self.open.values())) and time.monotonic() < deadline:
            self.ask()
            self.listen(0.1)
        for left in [*self.waiting, *(d for streams in self.open.values() for d in streams)]:
            self.lose(f"kept connection: no answer after {time.monotonic() - left:.1f} s")
        for conn in self.open:
            conn.close()


def _keep(port, ca, name, rate, stopped):
    keeper = Keeper(port, ca, name)
    keeper.run(rate, stopped)
    return keeper.tally


def _renew(port, ca, name, rate, stopped):
    tally, context = Tally(), doh.tls_context(ca, ("h2",))

    def once(due):
        try:
            with doh.h2_tls(port, None, context=context) as conn:
                assert conn.ask(doh.question(name)).dns.answer
            tally.took.append(time.monotonic() - due)
        except Exception as e:   # as above
            tally.lost.append(f"new connection: {e!r}")

    with ThreadPoolExecutor(32) as pool:
        began, due = time.monotonic(), 0
        while not stopped():
            pool.submit(once, began + due / rate)
            due += 1
            time.sleep(max(0, began + due / rate - time.monotonic()))
    return tally


def _work(work, pipe, *args):
    tally = work(*args, pipe.poll)
    pipe.send(tally)


class Good:
    """Readers meanwhile; kept and new are questions a second. With: no answer may be lost. After it, kept and new are
    Tallies."""

    def __init__(self, port, ca, name=NAME, kept=50, new=5):
        context = multiprocessing.get_context("fork")
        self.readers = []
        for work, rate in ((_keep, kept), (_renew, new)):
            pipe, theirs = context.Pipe()
            self.readers.append((context.Process(target=_work, args=(work, theirs, port, ca, name, rate), daemon=True), pipe))
        self.kept = self.new = Tally()

    def start(self):
        for process, _ in self.readers:
            process.start()
        return self

    def stop(self):
        """(what kept connections gave, what new ones gave)"""
        for _, pipe in self.readers:
            pipe.send("stop")
        tallies = [pipe.recv() if pipe.poll(2 * PATIENCE) else Tally(lost=["the good client itself hangs"])
                   for _, pipe in self.readers]
        for process, _ in self.readers:
            process.join(PATIENCE)
        self.kept, self.new = tallies
        return tallies

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        for tally in self.stop():
            assert kind or not tally.lost, f"{len(tally.lost)} answers lost, the first: {tally.lost[0]}"
            assert kind or tally.took, "the good client got no answer at all"


# --- and the server meanwhile

MIB = 1 << 20


def rss(pid, what="VmRSS"):
    """Bytes; VmHWM is the most it ever was."""
    return int(re.search(rf"{what}:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1)) << 10


@contextlib.contextmanager
def unharmed(daemon, ca, **how):
    """A good client runs meanwhile; the first worker lives on, its memory stays within its bounds, and comes back."""
    pid = daemon.workers()[0]
    with Good(daemon.port, ca, **how):
        wait_until(lambda: daemon.metric('requests_total{protocol="http2"}') > 4, "the good client")
        before = rss(pid)
        yield
        assert SANITIZED or rss(pid, "VmHWM") - before < 64 * MIB
    assert daemon.workers()[0] == pid, "the worker was replaced"
    wait_until(lambda: SANITIZED or rss(pid) < before * 1.2, f"memory to come back to {before}")
