# SPDX-License-Identifier: GPL-3.0-or-later
"""Other people's clients, run as programs: curl, kdig, nghttp; and plain DNS by dnspython."""
import subprocess

import dns.message
import dns.query

from .process import PATIENCE


def run(*argv, check=True):
    done = subprocess.run([str(a) for a in argv], capture_output=True, timeout=2 * PATIENCE, stdin=subprocess.DEVNULL)
    assert not check or done.returncode == 0, f"{argv[0]} ended with {done.returncode}: {done.stderr.decode()}"
    return done


def curl(*args, check=True):
    return run("curl", "--silent", "--show-error", "--noproxy", "*", "--max-time", PATIENCE, *args, check=check)


def kdig(port, ca, *args, get=False, name="localhost", path="/dns-query"):
    """kdig's text for a question over HTTPS."""
    options = [f"+https={path}"] + (["+https-get"] if get else [])
    return run("kdig", "@127.0.0.1", "-p", port, *options, f"+tls-ca={ca}", f"+tls-hostname={name}",
               f"+timeout={PATIENCE}", "+retry=0", *args).stdout.decode()


def nghttp(*args, check=True):
    return run("nghttp", *args, check=check)


def direct(address, port, message, tcp=False):
    """What a plain DNS server says."""
    if tcp:
        return dns.query.tcp(message, address, PATIENCE, port)
    reply, _ = dns.query.udp_with_fallback(message, address, PATIENCE, port)
    return reply
