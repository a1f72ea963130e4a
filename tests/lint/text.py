#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks what the files say: licence line and opening paragraph, no leftovers, no machine's paths or package hosts,
and logs that can name neither a client nor a queried name.

Looks at every file git knows or would add. Prints one line a finding; exit code 1 if there is any.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
CODE = {".c", ".h", ".def", ".py", ".sh"}
SPDX = "SPDX-License-Identifier: GPL-3.0-or-later"

# Hosts of package registries and paths of one machine have no place in a file that others build from.
FOREIGN = re.compile("|".join([
    r"\b(deb|security|snapshot|ftp)\.debian" + r"\.org", r"registry\.npmjs" + r"\.org", r"\bpypi" + r"\.org",
    r"\bfiles\.pythonhosted" + r"\.org", r"\bcrates" + r"\.io", r"\bproxy\.golang" + r"\.org", "/work" + r"/(main|shared|\.library)",
    "/tmp/" + "bash_", "/home" + r"/\w+/"]))
LEFTOVER = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")

# What the answering side may send of itself: nothing. Its version is for `-V` alone.
VERSION_IN_REPLY = re.compile(r'"[^"\n]*\b(Server|Via|X-Powered-By)\b\s*:', re.I)

# Values of a log line that would be a client's or a reader's: the names under which they travel in the sources.
PRIVATE_LOG = re.compile(r"\b(client|peer|remote|qname|q->name|query->name|name_to_text|question|s->client|r->path|r->query|->target)\b")
LOG_CALL = re.compile(r"\blog_(error|warn|info|event)\s*\(")

findings = []


def finding(path, line, what):
    findings.append(f"{path}:{line}: {what}" if line else f"{path}: {what}")


def files():
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                            capture_output=True, check=True).stdout.decode().split("\0")
    return sorted({f for f in listed if f and (ROOT / f).is_file()})


def check_opening(path, text):
    head = text.splitlines()[:3]
    if not any(SPDX in line for line in head[:2]):
        finding(path, 1, f"the first lines must say {SPDX}")
        return
    after = text.split(SPDX, 1)[1].split("\n", 1)[1].lstrip("\n") if "\n" in text.split(SPDX, 1)[1] else ""
    if path.endswith((".c", ".h", ".def")):
        opening = re.match(r"/\*(.*?)\*/", after, re.S)
    elif path.endswith(".py") or "python" in head[0]:
        opening = re.match(r'"""(.*?)"""', after, re.S)
    else:
        opening = re.match(r"((?:#[^\n]*\n)+)", after)
    if not opening or len(opening.group(1).split()) < 3:
        finding(path, 2, "after the licence line one paragraph must say what this file is")


def check_lines(path, text):
    for number, line in enumerate(text.splitlines(), 1):
        if FOREIGN.search(line):
            finding(path, number, "names a package registry or a path of one machine")
        if pathlib.Path(path).suffix in CODE:
            if LEFTOVER.search(line):
                finding(path, number, "a note to oneself, not a finished line")
            if line != line.rstrip() and not path.startswith("tests/fuzz/corpus/"):
                finding(path, number, "blanks at the end of the line")
            if len(line) > 140 and not path.endswith((".def", ".py")):
                finding(path, number, "longer than 140 columns")


def statement_at(text, start):
    """The call that begins at start, up to its closing parenthesis."""
    depth = 0
    for at in range(start, min(len(text), start + 2000)):
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        if depth == 0 and text[at] == ")":
            return text[start:at + 1]
    return text[start:start + 200]


def check_logs(path, text):
    if path in ("data/base/log.h", "data/base/log.c"):
        return
    for call in LOG_CALL.finditer(text):
        statement = re.sub(r'"(?:\\.|[^"\\])*"', '""', statement_at(text, call.end() - 1))
        private = PRIVATE_LOG.search(statement)
        if private:
            finding(path, text.count("\n", 0, call.start()) + 1,
                    f"logs {private.group(0)}: never a client's address, never a queried name")


def check_conditionals(path, text):
    """No #ifdef: one program on one system. Guards of headers and of C++ are not meant."""
    for number, line in enumerate(text.splitlines(), 1):
        found = re.match(r"\s*#\s*(ifdef|ifndef|if|elif)\b\s*(\w*)", line)
        if found and not (path.endswith(".h") and found.group(1) == "ifndef" and found.group(2).startswith("POLYNYA_")):
            finding(path, number, "conditional compilation")


def check_guard(path, text):
    if path.endswith(".h"):
        guard = re.search(r"#ifndef (\w+)\n#define (\w+)\n", text)
        if not guard or guard.group(1) != guard.group(2) or not guard.group(1).startswith("POLYNYA_"):
            finding(path, 0, "has no include guard POLYNYA_…_H")


def main():
    for path in files():
        try:
            text = (ROOT / path).read_text()
        except UnicodeDecodeError:
            continue
        if path == "LICENSE" or path.startswith("tests/fuzz/corpus/"):
            continue
        check_lines(path, text)
        script = text.startswith("#!")
        if (pathlib.Path(path).suffix in CODE or script) and text.strip():
            check_opening(path, text)
        if path.startswith(("data/", "resolver/", "steering/")) and path.endswith((".c", ".h")):
            check_conditionals(path, text)
            check_guard(path, text)
            check_logs(path, text)
            for number, line in enumerate(text.splitlines(), 1):
                if VERSION_IN_REPLY.search(line):
                    finding(path, number, "a reply that names its server")
    print("\n".join(findings), end="\n" if findings else "")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
