# SPDX-License-Identifier: GPL-3.0-or-later
"""Free ports on loopback that stay ours, however many test runs share the machine.

A port is taken below the ephemeral range and held by an abstract unix socket named after it for as long as this
process lives; nothing is left behind when it is killed.
"""
import random
import socket

LOW, HIGH = 15000, 32000
_held = []


def _bindable(host, port):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(family, kind) as s:
            if kind == socket.SOCK_STREAM:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind((host, port))
            except OSError:
                return False
    return True


def free_port(host="127.0.0.1"):
    """A port free for UDP and TCP at host, never given twice while its holder lives."""
    for _ in range(2000):
        port = random.randrange(LOW, HIGH)
        lock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            lock.bind(f"\0polynya-test-port-{port}")
        except OSError:
            lock.close()
            continue
        if _bindable(host, port):
            _held.append(lock)
            return port
        lock.close()
    raise RuntimeError("no free port found")
