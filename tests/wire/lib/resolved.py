# SPDX-License-Identifier: GPL-3.0-or-later
"""systemd-resolved as it is, at the address that it always takes, in file systems of its own: it finds no D-Bus in
/run, what it writes there is gone with it, and it reads no configuration but the test's. For root, in own_network().

`make test-deps` unpacks it and does not install it: its package makes /etc/resolv.conf a link to what a running
resolved writes, and where none runs, as in a container or under a policy-rc.d, no name can be resolved any more.
"""
import socket
import subprocess

from . import tools
from .doh import question
from .polynya import ROOT
from .process import Program, wait_until

PROGRAM = ROOT / "build/systemd-resolved"
ADDRESS = "127.0.0.53"

CONFIG = """
[Resolve]
DNS={server}
DNSOverTLS={tls}
DNSSEC={dnssec}
FallbackDNS=
Domains=~.
LLMNR=no
MulticastDNS=no
ReadEtcHosts=no
"""

# It becomes the user systemd-resolve, who can read neither a build folder nor a test's.
START = """
mount -t tmpfs -o mode=755 none /run
[ ! -d /etc/systemd ] || mount -t tmpfs none /etc/systemd
mkdir -p /run/systemd/resolved.conf.d /run/dnssec-trust-anchors.d
cp "$1" /run/program
cp "$2" /run/ca.pem
cp "$3" /run/systemd/resolved.conf.d/test.conf
cp "$4" /run/dnssec-trust-anchors.d/test.positive
{ grep -v ^systemd-resolve: /etc/passwd; echo systemd-resolve:x:65533:65533::/:/bin/false; } >/run/passwd
mount --bind /run/passwd /etc/passwd
exec /run/program
"""
ENV = {"SSL_CERT_FILE": "/run/ca.pem", "SYSTEMD_LOG_LEVEL": "debug", "SYSTEMD_LOG_TARGET": "console"}


def missing():
    """Why it cannot be run, if so."""
    def fails(*argv):
        return subprocess.run(argv, capture_output=True).returncode != 0
    if not PROGRAM.exists() or fails(PROGRAM, "--version"):
        return "no systemd-resolved, or not of its library's version: make test-deps"
    if fails("unshare", "--mount", "mount", "-t", "tmpfs", "none", "/run"):
        return "mount namespaces are refused"


class Resolved:
    """Knows one server, ADDRESS:PORT or ADDRESS:PORT#NAME; validates if given a file of trust anchors, which are DS."""

    def __init__(self, folder, ca, server, tls="yes", anchors=None):
        config = folder / "resolved.conf"
        config.write_text(CONFIG.format(server=server, tls=tls, dnssec="yes" if anchors else "no"))
        files = [PROGRAM, ca, config, anchors or "/dev/null"]
        argv = ["unshare", "--mount", "sh", "-ec", START, "sh", *files]
        self.program = Program(argv, folder / "resolved.log", env=ENV)
        wait_until(self.listens, "systemd-resolved to listen")

    def listens(self):
        assert self.program.running(), "\n".join(self.program.lines)
        with socket.socket() as probe:
            return probe.connect_ex((ADDRESS, 53)) == 0

    def ask(self, message, tcp=False):
        return tools.direct(ADDRESS, 53, message, tcp)

    def ask_in_vain(self, name):
        """Waits until it has tried often enough, of which it tells its log, but nobody who asks."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(question(name).to_wire(), (ADDRESS, 53))
            self.program.wait_line(f"<{name} IN A> .* now complete with <attempts-max-reached>")

    def close(self):
        self.program.stop()
