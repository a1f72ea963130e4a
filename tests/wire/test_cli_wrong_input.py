# SPDX-License-Identifier: GPL-3.0-or-later
"""Every subcommand of `polynya` called wrongly: one line that says what is wrong, the right exit status, no crash.

What can be called wrongly is taken from the program's own help, so that a new command or option is covered by being
there. Where a command needs good input to come as far as the bad, GOOD has it."""
import os
import re
import subprocess

import pytest

from lib.cli import NOW, POLYNYA, Cli, make_list
from lib.lists import Publisher
from lib.process import PATIENCE

NAME = "outlet.example"


def run(*words, cwd=None, stdout=subprocess.PIPE, **how):
    env = dict(os.environ, ASAN_OPTIONS="detect_leaks=1")
    return subprocess.run([POLYNYA, *(str(w) for w in words)], cwd=cwd, stdout=stdout, stderr=subprocess.PIPE, text=True,
                          timeout=PATIENCE, env=env, **how)


def commands():
    listing = run("help").stdout
    return [line[2:22].strip() for line in listing.splitlines() if line.startswith("  ") and line[2] != " "]


class Command:
    """What `polynya help NAME` says of it."""

    def __init__(self, name):
        self.name, self.words = name, name.split()
        text = run("help", *self.words).stdout
        self.usage = text.splitlines()[0].split("[OPTION…]", 1)[1].split()
        self.options = [(m[2], m[3]) for m in re.finditer(r"^  (?:-(\w), |    )--([\w-]+)(?: (\S+))?  ", text, re.M)
                        if m[2] != "help"]

    @property
    def required(self):
        return [w for w in self.usage if not w.startswith("[")]

    @property
    def open_ended(self):
        return any(w.endswith("…") for w in self.usage)


COMMANDS = {name: Command(name) for name in commands()}
VALUED = [(c, o, v) for c in COMMANDS.values() for o, v in c.options if v]


def check(done, status, text=""):
    """One line on standard error, nothing on standard output, no sanitizer's report, no signal."""
    assert done.returncode == status, (done.args, done.returncode, done.stdout, done.stderr)
    assert not done.stdout, done.stdout
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("polynya"), (done.args, done.stderr)
    assert text in lines[0] and len(lines[0]) > 20 and lines[0].isprintable(), lines[0]


def test_the_help_is_understood():
    assert len(COMMANDS) >= 20 and "list diff" in COMMANDS and "why" in COMMANDS
    assert ("client", "ADDRESS|NET") in COMMANDS["why"].options and ("json", None) in COMMANDS["why"].options
    assert COMMANDS["probe"].open_ended and COMMANDS["list diff"].required == ["A", "B"]


# ---- the words themselves

@pytest.mark.parametrize("words,text", [
    (["nonsense"], "no command 'nonsense'"), (["help", "nonsense"], "no command"), (["--nonsense"], "no command"),
    ([""], "no command ''"), (["listverify"], "no command"), (["why-not"], "no command"),
])
def test_unknown_commands(words, text):
    check(run(*words), 2, text)


@pytest.mark.parametrize("words", [[], ["list"], ["root"], ["list", "nonsense"], ["help", "export"], ["export", ""]])
def test_half_a_command_lists_what_there_is(words):
    done = run(*words)
    assert done.returncode == 2 and not done.stdout and len(done.stderr.splitlines()) > 1


@pytest.mark.parametrize("name", COMMANDS)
def test_unknown_options(name):
    for option in "--nonsense", "--nonsense=1", "-%", "--json=yes":
        check(run(*COMMANDS[name].words, option), 2, "polynya help " + name)


@pytest.mark.parametrize("name", COMMANDS)
def test_words_missing_and_too_many(name):
    command = COMMANDS[name]
    if command.required:
        check(run(*command.words), 2, "is missing")
    if not command.open_ended:
        check(run(*command.words, *["word"] * 9), 2, "one word too many")
    check(run(*command.words, *["word"] * 200), 2)


@pytest.mark.parametrize("name,option", [(c.name, o) for c, o, _ in VALUED])
def test_options_without_their_value(name, option):
    check(run(*COMMANDS[name].words, "--" + option), 2, "wants a value")


@pytest.mark.parametrize("name,option,kind", [(c.name, o, v) for c, o, v in VALUED if v in ("N", "SECONDS", "PERCENT", "TIME")])
def test_numbers_and_times(name, option, kind):
    bad = ["", " 1", "1 ", "+1", "-1", "0x10", "1e9", "99999999999999999999999", str(2 ** 53 + 1), "x" * 3000]
    if kind == "TIME":
        bad = ["", "now", "2026-13-01T00:00:00Z", "2026-11-23", "2026-11-23T20:00:00+01:00", "x" * 3000]
    for value in bad:
        check(run(*COMMANDS[name].words, f"--{option}={value}"), 2, f"--{option} wants")


@pytest.mark.parametrize("name", COMMANDS)
def test_help_that_cannot_be_written(name):
    with open("/dev/full", "w") as full:
        check(run(*COMMANDS[name].words, "--help", stdout=full), 2 if name == "list diff" else 1, "standard output")


# ---- files

class Bad:
    """Kinds of files that are not what was asked for; each gives its path in `folder`."""

    @staticmethod
    def missing(folder):
        return folder / "nowhere" / "file"

    @staticmethod
    def directory(folder):
        (folder / "bad.d").mkdir()
        return folder / "bad.d"

    @staticmethod
    def empty(folder):
        return write(folder, b"")

    @staticmethod
    def junk(folder):
        return write(folder, bytes(range(256)) * 3)

    @staticmethod
    def null(folder):
        return write(folder, b"null")

    @staticmethod
    def deep(folder):
        return write(folder, b'{"signed": ' + b"[" * 30000)

    @staticmethod
    def strange(folder):
        return write(folder, b'{"signed": "{\\"type\\": \\"x\\\\u001b[2J\\\\n\\"}", "signatures": []}')

    @staticmethod
    def huge(folder):
        path = write(folder, b"")
        os.truncate(path, 1 << 34)
        return path

    @staticmethod
    def endless(folder):
        return "/dev/zero"

    @staticmethod
    def long_name(folder):
        return "x/" * 3000


def write(folder, data):
    path = folder / "bad.file"
    path.write_bytes(data)
    return path


KINDS = [k for k in vars(Bad) if not k.startswith("_")]

# @ is the bad file; all else is good. Files stand as make_list makes them.
REG = "list/registrations/outlet.json"
INPUTS = [
    f"registration new {NAME} --after @ --out new.json",
    f"registration new {NAME} --mirror m1,9.9.9.9 --key @ --out new.json",
    "registration sign @ --key outlet.key",
    f"registration sign {REG} --key @",
    f"registration sign {REG} --signature @",
    "registration check @",
    f"registration check {REG} --key @",
    "root new --root-key @ --maintainer maint.pub --publisher pub.pub",
    "root new --root-key root.pub --maintainer maint.pub --publisher pub.pub --key @",
    "root new --root-key root.pub --maintainer maint.pub --publisher pub.pub --after @",
    "root rotate @",
    "root rotate list/root-1.json --root-key @",
    "root sign @ --key root.key",
    "root sign list/root-1.json --key @",
    "root sign list/root-1.json --signature @",
    "root show @",
    "root show list/root-1.json --after @",
    f"delegate list/delegations.json {NAME} --key maint.key --root @",
    f"delegate list/delegations.json {NAME} --key @",
    f"delegate list/delegations.json {NAME} --outlet-key @ --key maint.key",
    "delegate list/delegations.json --sign --key @",
    "publish @ --key pub.key",
    "publish list --key @",
    "publish list --key pub.key --root @",
    "publish list --key pub.key --health @",
    "publish list --key pub.key --registrations @",
    "list verify @ --root pinned.json",
    "list show @",
    "list show --json @",
    "list show --text @",
    "list diff @ list",
    "list diff list @",
    "import ooni @",
    "export bc2 @ --root pinned.json",
    "export bc2 -c @",
    "export rpz -c @",
    "export rpz --state-dir @",
    f"why {NAME} -c @",
    f"why {NAME} --state-dir @",
    "mirrors -c @",
    "mirrors --state-dir @",
    f"probe {NAME} -c @",
    f"probe {NAME} --state-dir @",
    "status -c @",
    "status --control @",
    f"query {NAME} --cacert @ --server https://127.0.0.1:9/dns-query",
]
# What is good all the same: a folder without registrations, and a document of no known type, which is shown as it is.
FINE = {("publish list --key pub.key --registrations @", "directory"), ("list show --text @", "directory"),
        ("list show @", "strange"), ("list show --text @", "strange")}


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    cli = Cli(tmp_path_factory.mktemp("list"))
    make_list(cli)
    return cli.folder


@pytest.fixture
def folder(template, tmp_path):
    subprocess.run(["cp", "-a", f"{template}/.", tmp_path], check=True)
    return tmp_path


def clocked(words):
    known = tuple(words[:2]) in Cli.CLOCKED or tuple(words[:1]) in Cli.CLOCKED
    return ["--now", NOW] if known else []


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*")
            if p.is_file() and p.name != "bad.file"}


@pytest.mark.parametrize("line,kind", [(line, kind) for line in INPUTS for kind in KINDS if (line, kind) not in FINE])
def test_bad_files(folder, line, kind):
    bad = getattr(Bad, kind)(folder)
    before = contents(folder)
    words = [str(bad) if w == "@" else w for w in line.split()]
    done = run(*words, *clocked(words), cwd=folder)
    status = 2 if line.startswith("list diff") else 1
    assert done.returncode == status, (words, done.returncode, done.stdout, done.stderr)
    lines = done.stderr.splitlines()
    assert not done.stdout and 1 <= len(lines) <= 2 and all(l.startswith("polynya") for l in lines), done.stderr
    assert all(l.isprintable() and len(l) < 1200 for l in lines), lines
    assert contents(folder) == before, "a file was left or changed"


def test_no_text_steers_the_terminal(folder):
    """A document may hold any characters; only --text gives them as they are."""
    (folder / "bad.file").write_text('{"signed": "\\u001b[2J \\u0007 \\u00fc", "signatures": []}')
    assert run("list", "show", "bad.file", cwd=folder).stdout == "?[2J ? \u00fc\n"
    assert run("list", "show", "--text", "bad.file", cwd=folder).stdout == "\x1b[2J \x07 \u00fc"


def test_a_bad_pinned_root_is_a_verdict(folder):
    done = run("list", "verify", "list", "--root", Bad.junk(folder), "--now", NOW, cwd=folder)
    assert done.returncode == 1 and done.stdout.startswith("REFUSED") and not done.stderr


# ---- what is written

OUTPUTS = [
    "key new @",
    f"registration new {NAME} --mirror m1,9.9.9.9 --out @",
    f"registration new {NAME} --mirror m1,9.9.9.9 --out @ --replace",
    "root new --root-key root.pub --maintainer maint.pub --publisher pub.pub --out @",
    "root rotate list/root-1.json --key root.key --out @",
    f"delegate @ {NAME} --outlet-key outlet.pub --key maint.key --root pinned.json",
    "export bc2 list --root pinned.json --out @",
]


@pytest.mark.parametrize("place", ["nowhere/deep/file", "list/root-1.json/file", "x" * 300, "x/" * 3000])
@pytest.mark.parametrize("line", OUTPUTS)
def test_places_that_cannot_be_written(folder, line, place):
    before = contents(folder)
    words = [place if w == "@" else w for w in line.split()]
    check(run(*words, *clocked(words), cwd=folder), 1)
    assert contents(folder) == before


def test_files_are_not_overwritten_unasked(folder):
    before = contents(folder)
    for line in ("key new outlet.key", f"registration new {NAME} --mirror m1,9.9.9.9 --out list/list.json",
                 "root new --root-key root.pub --maintainer maint.pub --publisher pub.pub --out list"):
        check(run(*line.split(), cwd=folder), 1, "not overwritten")
    assert contents(folder) == before


# ---- names and values

NOT_NAMES = ["", ".", "..", "a..b", ".a.example", "x" * 64 + ".example", "a." * 130 + "example", "\\999.example"]
VALUES = [
    ("registration new @ --mirror m1,9.9.9.9 --out new.json", 2, NOT_NAMES[:1] + NOT_NAMES[2:]),
    ("registration new @ --mirror m1,9.9.9.9 --out new.json", 1, [".", "com", "co.uk", "a_b"]),
    (f"registration new {NAME} --mirror @ --out new.json", 2,
     ["", ",", "m1", "m1,", "m1,nowhere", "m1,9.9.9.9,weight=0", "m1,9.9.9.9,weight=10001", "m1,9.9.9.9,kind=x",
      "m1,9.9.9.9,ech=!", "m1,9.9.9.9,blocked-in=RUS", "m1,9.9.9.9,port=0", "m1,9.9.9.9,port=65536", "m1,9.9.9.9,x=y",
      "m1" + ",9.9.9.9" * 9]),
    (f"registration new {NAME} --mirror m1,9.9.9.9 --name @ --out new.json", 1,
     ["..", "_dmarc", "a b", "x" * 64, "*", "www." + "x" * 250]),
    (f"registration new {NAME} --mirror m1,9.9.9.9 --all-down @ --out new.json", 2, ["", "x", "ORIGIN"]),
    (f"registration new {NAME} --mirror m1,9.9.9.9 --ttl @ --out new.json", 2, ["4", "3601"]),
    (f"registration new {NAME} --mirror m1,9.9.9.9 --answers @ --out new.json", 2, ["3"]),
    (f"registration new {NAME} --mirror m1,9.9.9.9 --probe-path @ --out new.json", 1, ["x", "/ /", "/" + "x" * 300]),
    (f"registration new {NAME} --mirror m1,9.9.9.9 --expires @ --out new.json", 2,
     ["", "d", "0d", "-1d", "1w", "soon", "31d", "2020-01-01T00:00:00Z"]),
    ("root new --root-key root.pub --maintainer maint.pub --publisher pub.pub --threshold @", 2,
     ["", "root", "root=", "root=0", "root=x", "nobody=1", "root=2"]),
    ("root new --root-key root.pub --maintainer maint.pub --publisher pub.pub --expires @", 2, ["", "x", "0d", "2020-01-01T00:00:00Z"]),
    ("root rotate list/root-1.json --remove @", 2, ["nobody", "", "root=nobody"]),
    ("delegate list/delegations.json @ --outlet-key outlet.pub --key maint.key", 2, NOT_NAMES + ["example"]),
    (f"delegate list/delegations.json {NAME} --key maint.key --blocked @", 2,
     ["", "RU", "RU=", "ru=ip", "RU=x", "RUS=ip", "=ip", "RU=ip,", "RU=,ip", "RU=ip,,dns"]),
    (f"delegate list/delegations.json {NAME} --key maint.key --unblocked @", 2, ["", "ru", "RUS"]),
    (f"delegate list/delegations.json {NAME} --key maint.key --expires @", 2, ["91d", "2020-01-01T00:00:00Z"]),
    ("publish list --key pub.key --expires @", 2, ["25h", "x", "2020-01-01T00:00:00Z"]),
    ("export bc2 list --root pinned.json --region @", 2, ["", "ru", "RUS", "*"]),
    ("export rpz --state-dir . --region @", 2, ["", "ru", "RUS"]),
    ("why @ --state-dir .", 2, NOT_NAMES[:1] + NOT_NAMES[2:]),
    (f"why {NAME} --state-dir . --client @", 2, ["", "x", "9.9.9.9/33", "9.9.9.9/0", "::/0", "fe80::1%lo"]),
    (f"why {NAME} --state-dir . --country @", 2, ["ru", "RUS", "R"]),
    (f"why {NAME} --state-dir . --type @", 2, ["", "x", "TYPE65536", "TYPE-1"]),
    ("mirrors --state-dir . --site @", 2, NOT_NAMES[2:]),
    ("probe @ --state-dir .", 2, NOT_NAMES + ["9.9.9", "9.9.9.9/24"]),
    (f"probe {NAME} --state-dir . --address @", 2, ["", "x", "9.9.9.9:65536", "9.9.9.9:x", "[::1", "unix:/x"]),
    ("query @", 2, NOT_NAMES[2:]),
    (f"query {NAME} @", 2, ["", "x", "TYPE65536"]),
    (f"query {NAME} --server @", 2, ["", "x", "ftp://x/", "https://x/?y"]),
    ("import ooni @", 1, ["\n"]),
    ("publish @ --key pub.key", 2, [""]),
]


@pytest.mark.parametrize("line,status,value", [(line, status, v) for line, status, vs in VALUES for v in vs])
def test_bad_values(folder, line, status, value):
    before = contents(folder)
    words = [value if w == "@" else w for w in line.split()]
    check(run(*words, *clocked(words), cwd=folder), status)
    assert contents(folder) == before


# ---- configs and folders of a daemon

CONFIGURED = [c for c in COMMANDS.values() if ("config", "FILE") in c.options]


@pytest.mark.parametrize("text,says", [
    ("", ""), ("\t", ""), ("a: [", ""), ("state-dir: x\nlisten: 5\n", "listen"), ("nonsense: 1\n", "nonsense"),
    ("state-dir: [1]\n", "state-dir"), ("&a [*a]\n", ""), ("state-dir: x\n", "listen"),
])
@pytest.mark.parametrize("command", CONFIGURED, ids=lambda c: c.name)
def test_broken_configs(tmp_path, command, text, says):
    (tmp_path / "bad.yaml").write_text(text)
    words = [NAME] * len([w for w in command.required])
    check(run(*command.words, *words, "-c", "bad.yaml", cwd=tmp_path), 1, says)


@pytest.mark.parametrize("name", ["export bc2", "export rpz", "why", "mirrors", "probe"])
def test_a_daemon_that_steers_nothing(tmp_path, name):
    (tmp_path / "plain.yaml").write_text("state-dir: state\nlisten: [{address: '127.0.0.1:1', protocol: http}]\n")
    words = [NAME] if COMMANDS[name].required else []
    check(run(*name.split(), *words, "-c", "plain.yaml", cwd=tmp_path), 1, "names no list")


def test_every_command_with_a_config_was_tried():
    assert {c.name for c in CONFIGURED} == {"export bc2", "export rpz", "why", "mirrors", "probe", "status"}


@pytest.mark.parametrize("name", ["export rpz", "why", "mirrors", "probe"])
@pytest.mark.parametrize("content", [b"", b"junk", bytes(8192), os.urandom(65536)], ids=["empty", "short", "zeros", "random"])
def test_damaged_state(tmp_path, name, content):
    (tmp_path / "prober").mkdir(exist_ok=True)
    (tmp_path / "prober" / "steering.mdb").write_bytes(content)
    words = [NAME] * len(COMMANDS[name].required)
    check(run(*name.split(), *words, "--state-dir", tmp_path), 1, "steering.mdb")
    assert (tmp_path / "prober" / "steering.mdb").read_bytes() == content


# ---- an output that cannot be written

@pytest.fixture(scope="module")
def state(shared_factory, tmp_path_factory, module_upstream):
    publisher = Publisher(tmp_path_factory.mktemp("state"))
    publisher.site(NAME, "m1,127.0.0.2")
    publisher.publish()
    daemon = shared_factory(module_upstream, steering=publisher.config())
    daemon.stop()
    return daemon


PRINTING = [
    "key new new.key", f"registration new {NAME} --mirror m1,9.9.9.9 --out new.json",
    f"registration sign {REG} --key outlet.key", f"registration check {REG}",
    "root new --root-key root.pub --maintainer maint.pub --publisher pub.pub --out .", "root show list/root-1.json",
    "root sign list/root-1.json --key root.key", "root rotate list/root-1.json --out .",
    f"delegate list/delegations.json {NAME} --key maint.key", "publish list --key pub.key",
    "list verify list --root pinned.json", "list show list", "list show --text list/list.json", "list diff list/list.json list/delegations.json",
    "export bc2 list --root pinned.json", "export bc2 -c %", "export rpz -c % --no-copies", f"why {NAME} -c %", "mirrors -c %",
    f"probe {NAME} -c % --timeout 1", "help", "--version", "help why",
]


@pytest.mark.parametrize("how", ["full", "broken", pytest.param("closed", marks=pytest.mark.no_memcheck(
    "its log takes the place of the output"))])
@pytest.mark.parametrize("line", PRINTING)
def test_output_that_cannot_be_written(folder, state, line, how):
    words = [str(state.file) if w == "%" else w for w in line.split()]
    words += clocked(words)
    if how == "full":
        with open("/dev/full", "w") as full:
            done = run(*words, cwd=folder, stdout=full)
    elif how == "closed":
        done = subprocess.run(["sh", "-c", 'exec "$0" "$@" >&-', POLYNYA, *words], cwd=folder, stderr=subprocess.PIPE, text=True,
                              timeout=PATIENCE)
    else:
        reader, writer = os.pipe()
        os.close(reader)
        done = run(*words, cwd=folder, stdout=writer)
        os.close(writer)
    assert done.returncode == (2 if line.startswith("list diff") else 1), (done.returncode, done.stderr)
    assert "cannot write to standard output" in done.stderr.splitlines()[-1], done.stderr
    for file in folder.rglob("new.*"):
        assert b"untrusted comment" in file.read_bytes()[:20] or file.suffix == ".json", "nothing else fell into it"


def test_every_command_that_prints_was_tried():
    tried = {" ".join(line.split()[:n]) for line in PRINTING for n in (1, 2)}
    assert set(COMMANDS) - tried == {"import ooni", "query", "status"}  # they print by the same frame


def test_nothing_to_read_from(folder):
    """Closed standard input, output and error: nothing opened takes their place."""
    done = subprocess.run(["sh", "-c", 'exec "$0" key new new.key <&- >&- 2>&-', POLYNYA], cwd=folder, timeout=PATIENCE)
    assert done.returncode == 1
    assert (folder / "new.pub").read_text().startswith("untrusted comment") and len((folder / "new.pub").read_text().splitlines()) == 2
