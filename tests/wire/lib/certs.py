# SPDX-License-Identifier: GPL-3.0-or-later
"""A throwaway certificate authority, made by the openssl program: ECDSA P-256 throughout.

Also makes what a server must refuse: expired, not yet valid, for another name, with another's key, broken.
"""
import datetime
import pathlib
import shutil
import subprocess
from dataclasses import dataclass

CONFIG = """
[ca]
default_ca = tests
[tests]
dir = {dir}
database = $dir/index.txt
serial = $dir/serial
new_certs_dir = $dir
default_md = sha256
policy = any
unique_subject = no
copy_extensions = none
[any]
commonName = supplied
"""


@dataclass(frozen=True)
class Pair:
    """A certificate chain and its key, as files."""

    chain: pathlib.Path
    key: pathlib.Path

    def install(self, target):
        """Puts this pair where target's files are, each by an atomic rename, key first."""
        for source, destination in ((self.key, target.key), (self.chain, target.chain)):
            fresh = destination.with_name(destination.name + ".new")
            shutil.copyfile(source, fresh)
            fresh.rename(destination)


def _openssl(*args):
    done = subprocess.run(["openssl", *map(str, args)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"openssl {args[0]}: {done.stderr}"


def _utc(moment):
    return moment.strftime("%Y%m%d%H%M%SZ")


class Authority:
    def __init__(self, folder):
        self.dir = pathlib.Path(folder)
        self.dir.mkdir(parents=True, exist_ok=True)
        self.cert, self.key = self.dir / "ca.pem", self.dir / "ca.key"
        self.made = 0
        (self.dir / "index.txt").touch()
        (self.dir / "serial").write_text("1000\n")
        (self.dir / "ca.cnf").write_text(CONFIG.format(dir=self.dir))
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                 "-subj", "/CN=Polynya test CA", "-keyout", self.key, "-out", self.cert)

    def issue(self, *names, start_days=-1, end_days=20, rsa=False):
        """A pair valid for names (DNS names or IP addresses) from start_days to end_days from now."""
        self.made += 1
        stem = self.dir / f"leaf{self.made}"
        chain, key = stem.with_suffix(".pem"), stem.with_suffix(".key")
        request, extensions, leaf = stem.with_suffix(".csr"), stem.with_suffix(".ext"), stem.with_suffix(".crt")
        kind = ["rsa:2048"] if rsa else ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        _openssl("req", "-new", "-newkey", *kind, "-nodes", "-subj", f"/CN={names[0]}", "-keyout", key, "-out", request)
        alt = ",".join(("IP:" if n.replace(".", "").isdigit() or ":" in n else "DNS:") + n for n in names)
        extensions.write_text(f"subjectAltName={alt}\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n")
        now = datetime.datetime.now(datetime.timezone.utc)
        _openssl("ca", "-batch", "-notext", "-config", self.dir / "ca.cnf", "-cert", self.cert, "-keyfile", self.key,
                 "-startdate", _utc(now + datetime.timedelta(days=start_days)),
                 "-enddate", _utc(now + datetime.timedelta(days=end_days)),
                 "-extfile", extensions, "-in", request, "-out", leaf)
        chain.write_text(leaf.read_text() + self.cert.read_text())
        return Pair(chain, key)

    def expired(self, *names):
        return self.issue(*names, start_days=-10, end_days=-2)

    def not_yet_valid(self, *names):
        return self.issue(*names, start_days=3, end_days=20)

    def mismatched(self, *names):
        """A good chain with the key of another certificate."""
        return Pair(self.issue(*names).chain, self.issue(*names).key)

    def broken(self, *names):
        """A chain file cut off in the middle of its certificate."""
        good = self.issue(*names)
        text = good.chain.read_text()
        good.chain.write_text(text[: len(text) // 4])
        return good
