# SPDX-License-Identifier: GPL-3.0-or-later
"""Steering lists made from nothing by the `polynya` program, as an outlet, a maintainer and a publisher would."""
import datetime
import json
import pathlib

from .polynya import MAKER, run_cli


def utc(**ago):
    """RFC 3339 of now plus a timedelta's arguments."""
    moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**ago)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def make(*words):
    run_cli(*words, program=MAKER)


class Publisher:
    """One list in folder/list with all its keys in folder/keys. Addresses may be special ones unless strict."""

    def __init__(self, folder, strict=False):
        self.dir = pathlib.Path(folder)
        self.keys, self.list = self.dir / "keys", self.dir / "list"
        self.registrations = self.list / "registrations"
        self.registrations.mkdir(parents=True)
        self.keys.mkdir()
        self.special = [] if strict else ["--allow-special-use"]
        for name in ("root", "maintainer", "publisher", "outlet", "stranger"):
            make("key", "new", self.key(name))
        self.root("root")
        (self.dir / "pinned.json").write_bytes((self.list / "root-1.json").read_bytes())

    @property
    def pinned(self):
        return self.dir / "pinned.json"

    def key(self, name):
        return self.keys / f"{name}.key"

    def pub(self, name):
        return self.keys / f"{name}.pub"

    def root(self, signer, after=None, publisher="publisher", extra_signers=(), unheard=()):
        """unheard: further root keys, all of which must sign, and none does."""
        words = ["--after", after] if after else []
        for name in (signer, *extra_signers):
            words += ["--key", self.key(name)]
        for name in unheard:
            words += ["--root-key", self.pub(name), "--threshold", f"root={1 + len(unheard)}"]
        make("root", "new", "--root-key", self.pub(signer), "--maintainer", self.pub("maintainer"),
                "--publisher", self.pub(publisher), *words, "--out", self.list)

    def register(self, domain, *mirrors, seq=1, names=("@", "www"), key="outlet", **policy):
        words = [w for n in names for w in ("--name", n)] + [w for m in mirrors for w in ("--mirror", m)]
        for name, value in policy.items():
            words += ["--" + name.replace("_", "-"), value]
        make("registration", "new", domain, *words, "--seq", seq, "--key", self.key(key),
                "--out", self.registrations / f"{domain}.json", "--replace")

    def delegate(self, domain, blocked="RU=ip", key="outlet", **how):
        """blocked: "RU=dns,ip", or a list of such."""
        words = [w for name, value in how.items() for w in ("--" + name.replace("_", "-"), value)]
        words += [w for b in ([blocked] if isinstance(blocked, str) else blocked) for w in ("--blocked", b)]
        make("delegate", self.list / "delegations.json", domain, "--outlet-key", self.pub(key),
                "--key", self.key("maintainer"), *words)

    def publish(self, key="publisher", health=None, **how):
        words = [w for name, value in how.items() for w in ("--" + name.replace("_", "-"), value)]
        if health is not None:
            (self.dir / "health.json").write_text(json.dumps(health))
            words += ["--health", self.dir / "health.json"]
        make("publish", self.list, "--key", self.key(key), *words, *self.special)

    def site(self, domain, *mirrors, blocked="RU=ip", **how):
        self.register(domain, *mirrors, **how)
        self.delegate(domain, blocked)

    def config(self, name="demo"):
        """The section `steering`; nothing answers at most tests' mirrors, so they are not probed."""
        return {"lists": [{"name": name, "urls": [f"file:{self.list}/"], "root": str(self.pinned),
                           "allow-special-use": bool(self.special)}], "probe": {"mode": "off"}}

    @property
    def document(self):
        return self.list / "list.json"

    def version(self):
        return json.loads(json.loads(self.document.read_text())["signed"])["version"]

    def put(self, data, name="list.json"):
        """Replaces a document by an atomic rename, as publish does."""
        fresh = self.list / (name + ".new")
        fresh.write_bytes(data)
        fresh.rename(self.list / name)
