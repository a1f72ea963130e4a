# SPDX-License-Identifier: GPL-3.0-or-later
"""What the servers under measurement ask: a plain zone, and a signed tree of a root and two zones below it."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "wire"))

from lib.tools import run  # noqa: E402
from lib.zone import Knot  # noqa: E402

ZONE = "bench.test"
SIGNED, DENIED = "signed.test", "denied.test"     # all that is asked is there (NSEC); nothing is (NSEC3)
NAMES = 10_000          # of each zone, cached by all; POST asks for one of them, which is all h2load can do
GAPS = 50_000           # so many that few questions meet an NSEC3 of one before


def expected(i):
    return f"198.18.{i // 250 % 250}.{i % 250 + 1}"


def zone(origin, count=NAMES, prefix="n", more=()):
    lines = [f"$ORIGIN {origin}.", "$TTL 86400", "@ SOA ns hostmaster 1 3600 600 864000 300", "@ NS ns", "ns A 192.0.2.1", *more]
    lines += [f"{prefix}{i:04d} A {expected(i)}" for i in range(count)]
    return "\n".join(lines) + "\n"


def plain(folder):
    return Knot(folder, {f"{ZONE}.": (zone(ZONE, more=["* A 192.0.2.2"]), None)})


class Tree(Knot):
    """Signed with ECDSA P-256, by keys that are made first, so that the root can have the DS of the others."""

    def __init__(self, folder, count):
        super().__init__(folder, {".": (zone("", 0), "nsec"), f"{SIGNED}.": (zone(SIGNED, count), "nsec"),
                                  f"{DENIED}.": (zone(DENIED, GAPS, "there"), "nsec3")})

    def start(self):
        with (self.dir / ".zone").open("a") as root:
            for name in self.names:
                self.keymgr(name, "generate", "algorithm=ecdsap256sha256", "ksk=yes", "zsk=yes")
                if name != ".":
                    root.write(f"{name} NS ns.{name}\nns.{name} A 192.0.2.1\n{self.keymgr(name, 'ds')}")
        self.key = self.keymgr(".", "dnskey").split()[2:]
        self.anchors = self.dir / "anchors"
        self.anchors.write_text(f". 86400 IN DNSKEY {' '.join(self.key)}\n")
        super().start()

    def keymgr(self, name, *words):
        return run("keymgr", "-c", self.dir / "knot.conf", name, *words).stdout.decode()
