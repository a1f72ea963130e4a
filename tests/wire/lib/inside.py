# SPDX-License-Identifier: GPL-3.0-or-later
"""Whoever had taken a process of the daemon over: what it tries from inside, and how the kernel likes it."""
import ctypes
import mmap
import os
import struct
import tempfile

from .process import wait_until

WHAT = ["exec", "fork", "trace", "signal", "read", "write", "remove", "connect", "multipath", "listen", "packets", "dump", "hang"]
HEAD = "=iiii"
SIZE = struct.calcsize(HEAD) + 256


def landlock():
    """The kernel's ABI of Landlock, 0 without: 1 confines paths, 4 TCP ports."""
    return max(0, ctypes.CDLL(None, use_errno=True).syscall(444, None, 0, 1))


class Inside:
    def __init__(self, library):
        self.library = library
        self.file = tempfile.NamedTemporaryFile(prefix="polynya-inside-")
        self.file.truncate(SIZE)
        self.shared = mmap.mmap(self.file.fileno(), SIZE)

    @property
    def env(self):
        """For the daemon."""
        return {"LD_PRELOAD": str(self.library), "POLYNYA_TEST_INSIDE": self.file.name}

    def begin(self, pid, what, at=0):
        """Has process pid do what; at: a path, a port or another process."""
        path, number = (b"", at) if isinstance(at, int) else (os.fsencode(at), 0)
        self.shared[16:] = path.ljust(256, b"\0")
        self.shared[4:16] = struct.pack("=iii", WHAT.index(what), number, 0)
        self.shared[:4] = struct.pack("=i", pid)

    def tries(self, pid, what, at=0):
        """0 if it was allowed, else errno."""
        self.begin(pid, what, at)
        wait_until(lambda: self.shared[:4] == b"\0" * 4, f"process {pid} to try to {what}")
        return struct.unpack(HEAD, self.shared[:16])[3]

    def close(self):
        self.shared.close()
        self.file.close()
