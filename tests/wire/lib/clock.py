# SPDX-License-Identifier: GPL-3.0-or-later
"""A wall clock that a test can move under a daemon: hours of a cache's life pass at once.

Timers go on as they are: only what counts in wall-clock time (TTLs, expiries) is moved."""
import struct
import tempfile

from . import doh
from .process import wait_until

MARK = "clock-mark.example"   # cached for a day, so that its TTL tells what time it is in a worker


class Clock:
    def __init__(self, library):
        self.library = library
        self.file = tempfile.NamedTemporaryFile(prefix="polynya-clock-")
        self.moved = 0
        self._write()

    def _write(self):
        self.file.seek(0)
        self.file.write(struct.pack("=q", self.moved))
        self.file.flush()

    @property
    def env(self):
        """For the daemon; with the sanitizers' library not the first one, which it would mind."""
        return {"LD_PRELOAD": str(self.library), "POLYNYA_TEST_CLOCK": self.file.name,
                "ASAN_OPTIONS": "verify_asan_link_order=0"}

    def ahead(self, seconds):
        """So far from the real time, from now on, without waiting for anybody."""
        self.moved = seconds
        self._write()

    def move(self, seconds, connection, *upstreams):
        """Moves the clock by less than a day and waits until the worker behind connection, which asks these, has seen it."""
        from .upstream import answer
        for upstream in upstreams:
            upstream.script(MARK, answer("A 192.0.2.99", ttl=86400))

        def left():
            return connection.ask(doh.question(MARK)).dns.answer[0].ttl
        before = left()
        self.moved += seconds
        self._write()
        wait_until(lambda: before - left() >= seconds or left() > before, "the worker to see the clock move")

    def jump(self, seconds):
        """Moves it for daemons that are started after this."""
        self.moved += seconds
        self._write()

    def close(self):
        self.file.close()
