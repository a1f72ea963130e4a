#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables in the man pages against the tables in the code: data/conf/settings.def in polynya.yaml(5),
data/base/metric.def, reason.def and refusal.def in polynyad(8), and the words of steering's decisions in polynya(1).

Each table stands in its page between two marked comments, exactly as this script writes it; --write renews them. So a
setting cannot gain a key, a default or a range that its man page does not tell."""
import pathlib
import re
import sys
import textwrap

ROOT = pathlib.Path(__file__).resolve().parents[2]

# How a kind of value is written in the page.
KINDS = {
    "UPSTREAM": r"Cm auto | udp | tls | https", "PIN": r"Ar base64",
    "COUNT": r"Ar number", "WORKERS": r"Cm auto | Ar number", "SIZE": r"Ar size", "TIME": r"Ar time",
    "PATH": r"Ar file", "PROXY": r"Ar url", "URL": r"Ar url", "URLPATH": r"Ar path", "USER": r"Ar account", "HOST": r"Ar host",
    "NAME": r"Ar name", "ADDRESS": r"Ar address : Ns Ar port", "SERVER": r"Ar address Ns Op : Ns Ar port",
    "BOOL": r"Cm true | false", "LEVEL": r"Cm error | warn | info | debug", "PROTOCOL": r"Cm https | tls | http",
    "FORWARDED": r"Cm x\-forwarded\-for | forwarded | none",
    "NET": r"Ar network", "IP": r"Ar address", "PAGE": r"Ar url", "SWITCH": r"Cm on | off", "DNSSEC": r"Cm honour | override",
    "VALIDATION": r"Cm validate | log | off", "CUT": r"Cm validated | always | off", "TSIG": r"Cm hmac\-sha256 | hmac\-sha512",
}


def rows(path, macros):
    """(macro, arguments) of each line that is a row; quoted arguments lose their quotes, others become words."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        match = re.fullmatch(r"([A-Z_]+)\((.*)\)\s*", line)
        if not match:
            continue
        if match[1] not in macros:
            sys.exit(f"{path}:{number}: a row of no known kind")
        yield match[1], [string if string is not None else word.strip() for string, word in
                         arguments(match[2])]


def arguments(text):
    at = 0
    while at < len(text):
        match = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^",]+))\s*(?:,|$)').match(text, at)
        if not match:
            sys.exit(f"cannot read the row: {text}")
        yield (match[1].replace('\\"', '"') if match[1] is not None else None), match[2]
        at = match.end()


def roff(text):
    """Text as roff input, each sentence on a line of its own, no line longer than 79."""
    text = text.replace("\\", r"\e").replace("-", r"\-")
    sentences = re.sub(r"(?<=[\w)][.]) (?=[A-Z])", "\n", text).split("\n")
    lines = [line for sentence in sentences for line in textwrap.wrap(sentence, 79, break_on_hyphens=False)]
    return [r"\&" + line if line[:1] in ".'" else line for line in lines]


def setting_item(kind, path, doc, least, most, default):
    yield f".It Ic {path} : {KINDS[kind]}".replace("-", r"\-")
    yield from roff(doc)
    facts = []
    if default == "REQUIRED":
        facts.append("Required")
    elif default != "NONE":
        facts.append(f"Default: {default}")
    if least:
        facts.append(f"from {least} to {most}" if facts else f"From {least} to {most}")
    if facts:
        yield ".br"
        yield from roff("; ".join(facts) + ".")


def list_item(path, doc, least, most):
    yield f".It Ic {path} : No list".replace("-", r"\-")
    yield from roff(doc)
    yield ".br"
    yield f"{least} to {most} entries."


def settings_table():
    for macro, row in rows(ROOT / "data/conf/settings.def", ("SETTING", "LIST")):
        if macro == "LIST":
            path, _, _, _, _, least, most, doc = row
            yield from list_item(path, doc, least, most)
        else:
            path, kind, _, _, least, most, default, doc = row
            yield from setting_item(kind, path, doc, least, most, default)


def metrics_table():
    last = None
    for _, (_, kind, name, labels, text) in rows(ROOT / "data/base/metric.def", ("METRIC",)):
        if name != last:
            yield f".It Li polynya_{name} Pq {'counter' if kind == 'COUNTER' else 'gauge'}"
            yield from roff(text)
        if labels:
            yield f".Li {{{labels}}}".replace('"', r"\(dq").replace(r"\\", "")
        last = name


def reasons_table():
    for _, (_, status, rcode, ede, label, text) in rows(ROOT / "data/base/reason.def", ("REASON",)):
        facts = f"HTTP {status}" + (f", RCODE {rcode}" if status == "200" else "")
        facts += f", EDE {ede}" if ede != "-1" else ""
        yield f".It Li {label}".replace("-", r"\-")
        yield f"{facts}{': ' + text if text else ''}.".replace("-", r"\-")


def refusals_table():
    for _, (_, name, text) in list(rows(ROOT / "data/base/refusal.def", ("REFUSAL",)))[1:]:
        yield f".It Li {name}".replace("-", r"\-")
        yield from roff(text[:1].upper() + text[1:] + ".")


def words_table(source, macro):
    """Rows that end in a name and what it says."""
    def table():
        for _, row in rows(ROOT / "steering" / source, (macro,)):
            yield f".It Li {row[-2]}".replace("-", r"\-")
            yield from roff(row[-1])
    return table


TABLES = [("data/conf/polynya.yaml.5", "settings.def", settings_table),
          ("resolver/polynyad.8", "metric.def", metrics_table),
          ("resolver/polynyad.8", "reason.def", reasons_table),
          ("resolver/polynyad.8", "refusal.def", refusals_table),
          ("steering/cli/polynya.1", "steer_verdict.def", words_table("steer_verdict.def", "STEER_VERDICT")),
          ("steering/cli/polynya.1", "steer_why.def", words_table("steer_why.def", "STEER_WHY"))]


def renew(page, source, table):
    """The page's text with the table as it should be."""
    text = page.read_text(encoding="utf-8")
    begin, end = f'.\\" begin {source}\n', f'.\\" end {source}\n'
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        sys.exit(f"{page}: no lines '{begin.strip()}' and '{end.strip()}'")
    return text, before + begin + "".join(line + "\n" for line in table()) + end + after


def main():
    stale = []
    for name, source, table in TABLES:
        page = ROOT / name
        is_now, should = renew(page, source, table)
        if is_now == should:
            continue
        if "--write" in sys.argv[1:]:
            page.write_text(should, encoding="utf-8")
        else:
            stale.append(f"{name}: not what {source} says: run tests/lint/settings.py --write")
    print("\n".join(stale), end="\n" if stale else "")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
