# SPDX-License-Identifier: GPL-3.0-or-later
"""`polynya` run in a folder of its own with its clock stopped, and a small list made with it."""
import json
import os
import pathlib
import shutil
import subprocess

from .polynya import MAKER
from .process import PATIENCE

ROOT = pathlib.Path(__file__).resolve().parents[3]
POLYNYA = (ROOT / os.environ.get("POLYNYA_BUILD", "build")).resolve() / "polynya"
NOW = "2026-11-23T20:00:00Z"


class Cli:
    """The program in a folder of its own, with its clock stopped at NOW where a command has one; now=None: the real one."""

    CLOCKED = {("root", "new"), ("root", "sign"), ("root", "rotate"), ("delegate",), ("registration", "new"), ("registration", "sign"),
               ("registration", "check"), ("publish",), ("list", "verify"), ("export", "bc2")}

    def __init__(self, folder, program=POLYNYA):
        self.folder, self.program = folder, program

    def run(self, *words, now=NOW):
        words = [str(w) for w in words]
        clocked = now and (tuple(words[:2]) in self.CLOCKED or tuple(words[:1]) in self.CLOCKED)
        return subprocess.run([self.program, *words, *(["--now", now] if clocked else [])], cwd=self.folder, text=True,
                              capture_output=True, timeout=PATIENCE)

    def __call__(self, *words, now=NOW):
        done = self.run(*words, now=now)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout

    def fails(self, status, text, *words, now=NOW):
        done = self.run(*words, now=now)
        assert done.returncode == status, (words, done.returncode, done.stdout, done.stderr)
        assert text in done.stdout + done.stderr, (text, done.stdout, done.stderr)
        return done

    def path(self, name):
        return self.folder / name

    def json(self, name):
        return json.loads(self.path(name).read_text())

    def change(self, name, change):
        document = self.json(name)
        change(document)
        self.path(name).write_text(json.dumps(document))


def keys(cli, *names):
    for name in names:
        cli("key", "new", f"{name}.key")


def make_list(cli):
    """A list with one outlet in list/, everything signed."""
    given, cli = cli, Cli(cli.folder, MAKER)
    keys(cli, "root", "maint", "pub", "outlet", "stranger")
    (cli.folder / "list" / "registrations").mkdir(parents=True)
    cli("root", "new", "--root-key", "root.pub", "--maintainer", "maint.pub", "--publisher", "pub.pub", "--key",
        "root.key", "--out", "list")
    shutil.copy(cli.path("list/root-1.json"), cli.path("pinned.json"))
    cli("registration", "new", "outlet.example", "--mirror", "m1,9.9.9.9,2620:fe::9,alpn=h2,weight=3", "--mirror",
        "m2,1.1.1.1,blocked-in=RU", "--out", "list/registrations/outlet.json")
    cli("registration", "sign", "list/registrations/outlet.json", "--key", "outlet.key")
    cli("delegate", "list/delegations.json", "outlet.example", "--outlet-key", "outlet.pub", "--blocked",
        "RU=dns,ip", "--blocked", "BY=sni", "--key", "maint.key")
    cli("publish", "list", "--key", "pub.key")
    return given


def minisign(cli, *words):
    return subprocess.run(["minisign", *words], cwd=cli.folder, stdin=subprocess.DEVNULL, text=True,
                          capture_output=True, timeout=PATIENCE)
