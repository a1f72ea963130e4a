# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples of polynya(1), run as they stand there, in order, as a reader would type them.

Only what no test may touch is replaced: documentation's addresses, paths below /etc and /srv, and OONI's server."""
import os
import re
import subprocess

import pytest

from lib.cli import POLYNYA, ROOT
from lib.lists import Publisher
from lib.process import PATIENCE

PAGE = ROOT / "steering/cli/polynya.1"


def examples():
    """{heading: [command, …]} of the section EXAMPLES."""
    text = PAGE.read_text().split(".Sh EXAMPLES\n", 1)[1].split("\n.Sh ", 1)[0]
    found, heading, literal = {}, None, False
    for line in text.splitlines():
        if line.startswith(".Ss "):
            heading = line[4:]
            found[heading] = []
        elif line.startswith(".Bd "):
            literal = True
        elif line == ".Ed":
            literal = False
        elif literal:
            found[heading].append(line.replace("\\e", "\\"))
    return {heading: commands("\n".join(lines)) for heading, lines in found.items()}


def commands(text):
    """What stands behind "$ ", continued lines joined; all else is output."""
    return [line[2:] for line in text.replace("\\\n", " ").splitlines() if line.startswith("$ ")]


class Reader:
    """A shell in a folder, with this build's `polynya` first in its PATH."""

    def __init__(self, folder, replace=()):
        self.folder, self.replace = folder, replace
        self.env = dict(os.environ, PATH=f"{POLYNYA.parent}:{os.environ['PATH']}")

    def run(self, line):
        for old, new in self.replace:
            line = re.sub(old, str(new), line)
        done = subprocess.run(["bash", "-c", "set -o pipefail; " + line], cwd=self.folder, env=self.env, text=True,
                              capture_output=True, stdin=subprocess.DEVNULL, timeout=PATIENCE)
        assert done.returncode == 0, (line, done.stdout, done.stderr)
        return done.stdout

    def path(self, name):
        return self.folder / name


def test_there_are_examples_for_everybody():
    found = examples()
    assert list(found) == ["An outlet", "The maintainers of a list", "An operator"]
    assert all(len(lines) >= 6 for lines in found.values())


@pytest.fixture
def outlet(tmp_path):
    reader = Reader(tmp_path, [(r"198\.51\.100\.7", "9.9.9.9"), (r"2001:db8::7", "2620:fe::9"), (r"203\.0\.113\.9", "1.1.1.1")])
    for line in examples()["An outlet"]:
        reader.run(line)
    return reader


def test_an_outlet(outlet):
    key = outlet.path("outlet.pub").read_text().splitlines()[1]
    assert "seq 2" in outlet.run(f"polynya registration check reg-2.json --key {key}")


def test_the_maintainers(outlet):
    reader = outlet
    for name in "bob", "carol", "dave", "online":
        reader.run(f"polynya key new {name}.key")
    ooni = reader.path("api.json")
    ooni.write_text('{"results": [{"domain": "outlet.example", "probe_cc": "RU", "count": 50, "loni": {"dns_blocked": 1}}]}')
    key = reader.path("outlet.pub").read_text().splitlines()[1]
    reader.replace = [(r"RWRtVOdQ1c7z\S+", key), (r"api=[^ ;]+", f"api=file://{ooni}"), (r"\$api\?[^\"]*", "$api")]
    lines = examples()["The maintainers of a list"]
    api = next(i for i, line in enumerate(lines) if line.startswith("api="))
    lines[api:api + 2] = ["; ".join(lines[api:api + 2])]  # one shell
    for line in lines:
        if "list diff" in line:
            reader.run("mkdir -p old && cp list/delegations.json old/")
        if line.startswith("polynya publish"):
            reader.run("cp reg-2.json list/registrations/")
        told = reader.run(line)
        if line.startswith("polynya import"):
            assert "--blocked RU=dns" in told
    assert "good     outlet.example" in reader.run("polynya list verify list --root list/root-1.json")


def test_an_operator(make_polynya, upstream, authority, tmp_path):
    """Beside a running daemon, the mirror being another that serves a page."""
    pair = authority.issue("outlet.example")
    (tmp_path / "page.html").write_text("<h1>outlet</h1>")
    mirror = make_polynya(upstream, tls={"certificates": [{"chain": str(pair.chain), "key": str(pair.key)}]},
                          http={"static-file": str(tmp_path / "page.html")})
    publisher = Publisher(tmp_path)
    publisher.site("outlet.example", f"m1,127.0.0.1,port={mirror.port}")
    publisher.publish()
    steering = publisher.config()
    steering["probe"]["ca-file"] = str(authority.cert)
    daemon = make_polynya(upstream, steering=steering)
    reader = Reader(tmp_path, [(r"verify list", "verify --allow-special-use list"), (r"/etc/polynya/root-1\.json", publisher.pinned),
                               (r"/etc/polynya\.yaml", daemon.file), (r"/srv/www/", f"{tmp_path}/"),
                               (r"https://dns\.example/dns-query", f"https://localhost:{daemon.port}/dns-query --cacert {authority.cert}")])
    told = {line: reader.run(line) for line in examples()["An operator"]}
    assert "steered by list demo" in next(t for l, t in told.items() if "HTTPS --server" in l)
    assert "h2" in next(t for l, t in told.items() if l.startswith("polynya probe"))
    assert '"main_domain": "outlet.example"' in (tmp_path / "bc2.json").read_text()
