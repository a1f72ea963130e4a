# SPDX-License-Identifier: GPL-3.0-or-later
"""A network of one's own, on which every address and port is free."""
import contextlib
import ctypes
import os
import subprocess

CLONE_NEWNET = 0x40000000
# A loopback, and a cable into nowhere, for programs that want to see the world before they ask anybody.
LINKS = ("link set lo up", "link add out type veth peer name in", "link set in up", "link set out up",
         "address add 192.0.2.1/24 dev out")


def _call(function, *arguments):
    if function(*arguments) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


@contextlib.contextmanager
def own_network():
    """For this thread, and for the threads and programs that it starts meanwhile. OSError if the system refuses."""
    libc = ctypes.CDLL(None, use_errno=True)
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        _call(libc.unshare, CLONE_NEWNET)
        try:
            for words in LINKS:
                done = subprocess.run(["ip", *words.split()], capture_output=True, text=True)
                if done.returncode != 0:
                    raise OSError(f"ip {words}: {done.stderr}")
            yield
        finally:
            _call(libc.setns, before, CLONE_NEWNET)
    finally:
        os.close(before)
