#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""polynya(1) against the program: every command and option that `polynya help` knows stands in the page, and every one
in the page is known, by the same letter. Prose is not read: only the headings of commands and their lists' items count.

    tests/lint/manual.py [BUILD]
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "steering/cli/polynya.1"
# What the page tells once for all commands, in the list behind this sentence.
COMMON = "These mean the same everywhere:"
OPTION = re.compile(r"(?:\bFl ([A-Za-z]) , )?\bFl Fl ([a-z][a-z-]*)|\bFl ([A-Za-z])\b(?! ,)")


def help_of(program, *words):
    return subprocess.run([program, "help", *words], capture_output=True, text=True, check=True).stdout


def program_options(program):
    """{command: {option: letter or None}}"""
    names = [line[2:22].strip() for line in help_of(program).splitlines() if re.match(r"  \S", line)]
    found = {}
    for name in names:
        rows = re.finditer(r"^  (?:-(\w), |    )--([\w-]+)", help_of(program, *name.split()), re.M)
        found[name] = {m[2]: m[1] for m in rows if m[2] != "help"}
    return found


def section(lines, title):
    """The lines of .Sh title."""
    start = next(i for i, line in enumerate(lines) if line.strip() == f".Sh {title}") + 1
    end = next((i for i in range(start, len(lines)) if lines[i].startswith(".Sh ")), len(lines))
    return lines[start:end]


def options_in(lines, letters):
    """{option: letter or None} of headings and items; a letter alone stands for the option `letters` has for it."""
    found = {}
    for line in lines:
        if not re.match(r"\.(Ss|It) ", line):
            continue
        for both, name, alone in OPTION.findall(line.replace("\\-", "-")):
            name = name or letters.get(alone, "-" + alone)
            found[name] = both or alone or found.get(name)
    return found


def command_of(heading, names):
    """".Ss list show Oo …" → "list show", the longest that fits."""
    words = heading.split()[1:]
    fits = [n for n in names if words[:len(n.split())] == n.split()]
    return max(fits, key=len, default=None)


def page_sections(lines, names):
    """{command: lines}, and headings that are no command."""
    found, strangers, name = {}, [], None
    for line in section(lines, "COMMANDS"):
        if line.startswith(".Ss "):
            name = command_of(line, names)
            if name is None:
                strangers.append(line)
        if name:
            found.setdefault(name, []).append(line)
    return found, strangers


def common_options(lines):
    start = lines.index(COMMON)
    end = next(i for i in range(start, len(lines)) if lines[i] == ".El")
    return options_in(lines[start:end], {})


def compare(name, known, told, common):
    for option, letter in known.items():
        if option not in told and option not in common:
            yield f"{name}: --{option} is not in the page"
        elif option in told and told[option] not in (None, letter):
            yield f"{name}: the page has -{told[option]} for --{option}, the program has {letter or 'no letter'}"
    for option in told:
        if option not in known:
            yield f"{name}: the page has {option if option.startswith('-') else '--' + option}, the program does not"


def main():
    program = (ROOT / (sys.argv[1] if len(sys.argv) > 1 else "build")) / "polynya"
    known = program_options(program)
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    sections, findings = page_sections(lines, known)
    findings = [f"no command: {line}" for line in findings]
    common = common_options(lines)
    for name, options in known.items():
        if name not in sections:
            findings.append(f"{name}: no section")
            continue
        letters = {letter: option for option, letter in options.items() if letter}
        findings += compare(name, options, options_in(sections[name], letters), common)
    for option in common:
        if not any(option in options for options in known.values()):
            findings.append(f"--{option} means the same everywhere, and no command has it")
    print("\n".join(f"steering/cli/polynya.1: {f}" for f in findings), end="\n" if findings else "")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
