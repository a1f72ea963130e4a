#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks the shape of the C sources against the design: who may include whom, who may call whom, who may use what.

Includes are read from the sources, calls from the symbol tables of the objects in build/o, so what the
compiler saw is what is judged. Prints one line a finding; exit code 1 if there is any.

    tests/lint/layers.py [BUILD]

Also that nothing waits where a worker's loop would stand still.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

# A file includes its own layer and lower ones. Folders of one row are kept free of cycles among themselves.
LAYERS = [
    ["data/base"],
    ["data/dns", "data/store", "data/list", "data/conf"],
    ["resolver/net", "resolver/validator"],
    ["steering", "steering/cli"],
    ["resolver"],
]

# Decide, but do nothing: time, randomness and answers are arguments. No I/O layer, no role, no clock. What belongs to
# them and reads files is called ..._file.
PURE = ["guard", "trust", "ooni", "list", "health", "override", "pick", "steer", "addresses", "rpz", "registry", "view", "xfr", "target_reply", "target_table"]
ROLES = ["feed", "prober", "registrar", "fleet"]
IMPURE_INCLUDES = re.compile(r'"(resolver/|data/store/|data/base/clock|data/base/log)|<(ev|curl/|sys/socket|lmdb|hiredis)')
IMPURE_CALLS = {"time", "clock_gettime", "gettimeofday", "getrandom", "random", "rand", "arc4random", "RAND_bytes",
                "open", "fopen", "socket", "connect", "send", "recv", "read", "write", "getenv", "sleep", "nanosleep"}

# (what, pattern of an include, pattern of an imported symbol, the only files that may)
SINGLE_USERS = [
    ("LMDB", r"<lmdb\.h>", r"mdb_\w+", ["data/store/store.c"]),
    ("SSL", r"<openssl/ssl\.h>", r"SSL_\w+", ["resolver/net/tls.c", "resolver/net/tls_conn.c", "resolver/net/tls_conn.h", "resolver/net/tls_client.c", "resolver/net/ca.c"]),
    ("nghttp2", r"<nghttp2/", r"nghttp2_\w+", ["resolver/net/" + f for f in ("h2.c", "h2_stream.c", "h2_stream.h", "h2_request.c", "h2_memory.c", "h2_memory.h", "h2_client.c")]),
    ("EVP signing", None, r"EVP_(DigestSign|DigestVerify|PKEY_sign|PKEY_verify|PKEY_new_raw)\w*", ["data/list/minisign.c", "resolver/validator/key.c"]),
    ("EVP_MAC", None, r"EVP_MAC_\w+", ["data/dns/tsig.c", "resolver/net/tls.c"]),
    ("libcyaml", r"<cyaml/", r"cyaml_\w+", ["data/conf/raw.c"]),
    ("libyaml", r"<yaml\.h>", r"yaml_\w+", ["data/conf/outline.c"]),
    ("ldns", r"<ldns/", r"ldns_\w+", ["data/dns/present.c", "data/dns/zonefile.c"]),
    ("libcurl", r"<curl/", r"curl_\w+", ["resolver/net/" + f for f in ("fetch.c", "fetch_inner.h", "fetch_end.c", "curl_loop.h", "curl_loop.c")] + ["steering/cli/http.c"]),
    ("libseccomp", r"<seccomp\.h>", r"seccomp_\w+", ["resolver/confine.c"]),
    ("c-ares", r"<ares\.h>", r"ares_\w+", ["steering/cli/copies.c", "steering/stub.c", "steering/stub.h", "steering/targets.c"]),
    ("libmaxminddb", r"<maxminddb\.h>", r"MMDB_\w+", ["data/store/geoip.c"]),
    ("libpsl", r"<libpsl\.h>", r"psl_\w+", ["steering/guard.c"]),
]

# What waits, and in which file it may: a worker's loop never does. steering/cli may do as it likes.
WAITS = r"getaddrinfo|getnameinfo|gethostby\w+|res_n?(query|search)|u?sleep|(clock_)?nanosleep|pause|p?select|p?poll|" \
        r"epoll_p?wait2?|wait|wait[34]|waitpid|waitid|sigwait\w*|system|popen|pthread_join|flock|lockf|sync|f(data)?sync"
WAITERS = {
    "data/base/parallel.c": {"pthread_join"},   # the prober and the command line, for their own sums
    "data/store/cache.c": {"nanosleep"},        # a worker that opens the cache, before it serves
    "data/store/cachedir.c": {"fsync"},         # the same, and one that ends
    "resolver/keeper.c": {"fsync"},             # the prober
    "resolver/supervisor.c": {"poll", "waitpid"},
}

findings = []


def finding(where, what):
    findings.append(f"{where}: {what}")


def is_pure(path, name):
    return folder_of(path) == "steering" and not name.endswith("_file") and any(
        name == p or name.startswith(p + "_") for p in PURE)


def sources():
    for folder in ("data", "resolver", "steering"):
        for path in sorted((ROOT / folder).rglob("*.[ch]")):
            yield str(path.relative_to(ROOT))


def folder_of(path):
    return path.rsplit("/", 1)[0]


def layer_of(path):
    folder = folder_of(path)
    return next((i for i, row in enumerate(LAYERS) if folder in row), None)


def includes_of(path):
    """(line number, as written with its quotes or brackets)"""
    for number, line in enumerate((ROOT / path).read_text().splitlines(), 1):
        found = re.match(r'\s*#\s*include\s+(<[^>]+>|"[^"]+")', line)
        if found:
            yield number, found.group(1)


def cycles(graph):
    """Groups of nodes that reach each other (Tarjan), larger than one or with an edge to itself."""
    index, low, on, stack, out = {}, {}, set(), [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        on.add(node)
        for other in sorted(graph.get(node, ())):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in on:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            group = []
            while True:
                member = stack.pop()
                on.discard(member)
                group.append(member)
                if member == node:
                    break
            if len(group) > 1:
                out.append(sorted(group))
    sys.setrecursionlimit(10000)
    for node in sorted(graph):
        if node not in index:
            visit(node)
    return out


def check_includes(files):
    graph, folders = {}, {}
    known = set(files)
    for path in files:
        graph[path] = set()
        layer = layer_of(path)
        if layer is None:
            finding(path, "stands in no layer; name its folder in tests/lint/layers.py")
            continue
        for number, text in includes_of(path):
            if text[0] == "<":
                continue
            target = text[1:-1]
            where = f"{path}:{number}"
            if "/" not in target or not (ROOT / target).exists():
                finding(where, f"{text}: includes are written from the root of the repository")
                continue
            below = layer_of(target)
            if below is None or below > layer:
                finding(where, f"includes {target}, which is above it")
            if folder_of(path) == "steering" and folder_of(target) == "steering/cli":
                finding(where, f"includes {target}: the command line stands above the rest of steering")
            if target in known:
                graph[path].add(target)
            if folder_of(target) != folder_of(path):
                folders.setdefault(folder_of(path), set()).add(folder_of(target))
    for group in cycles(graph):
        finding(group[0], "include cycle: " + " ".join(group))
    for group in cycles(folders):
        finding(group[0], "folders include each other: " + " ".join(group))


def check_pure_includes(files):
    for path in files:
        name = path.rsplit("/", 1)[1][:-2]
        if not is_pure(path, name):
            continue
        for number, text in includes_of(path):
            role = re.fullmatch(r'"steering/(\w+)\.h"', text)
            if IMPURE_INCLUDES.match(text) or role and role.group(1) in ROLES:
                finding(f"{path}:{number}", f"{text} in a file that must stay pure")


def check_single_includes(files):
    for what, include, _, allowed in SINGLE_USERS:
        for path in files if include else ():
            for number, text in includes_of(path):
                if re.match(include, text) and path not in allowed:
                    finding(f"{path}:{number}", f"{what} belongs to {' and '.join(allowed)} alone")


def symbols(build, path):
    """(functions defined, symbols wanted) of the object of path; None if it was not built."""
    obj = build / "o" / (path[:-2] + ".o")
    if not obj.exists():
        return None
    listing = subprocess.run(["nm", obj], capture_output=True, text=True, check=True).stdout
    defined, wanted = set(), set()
    for line in listing.splitlines():
        kind, name = line.split()[-2:]
        if kind == "T":
            defined.add(name)
        elif kind == "U":
            wanted.add(name.split("@")[0])
    return defined, wanted


def check_calls(files, build):
    tables = {}
    for path in files:
        if path.endswith(".c"):
            tables[path] = symbols(build, path)
            if tables[path] is None:
                finding(path, f"no object in {build}/o: build first")
    tables = {path: table for path, table in tables.items() if table}
    owner = {name: path for path, (defined, _) in tables.items() for name in defined}
    graph = {}
    for path, (_, wanted) in tables.items():
        graph[path] = {owner[name] for name in wanted if name in owner} - {path}
        for target in graph[path]:
            if layer_of(target) > layer_of(path):
                finding(path, f"calls into {target}, which is above it")
        check_imports(path, wanted)
    for group in cycles(graph):
        finding(group[0], "call cycle: " + " ".join(group) + " (" + "; ".join(edges(group, graph, tables, owner)) + ")")


def edges(group, graph, tables, owner):
    for path in group:
        for other in sorted(graph[path] & set(group)):
            names = sorted(n for n in tables[path][1] if owner.get(n) == other)
            yield f"{path} wants {', '.join(names[:3])}"


def check_imports(path, wanted):
    for what, _, symbol, allowed in SINGLE_USERS:
        used = sorted(n for n in wanted if re.fullmatch(symbol, n))
        if used and path not in allowed:
            finding(path, f"uses {used[0]}: {what} belongs to {' and '.join(allowed)} alone")
    for call in sorted(wanted - WAITERS.get(path, set())):
        if re.fullmatch(WAITS, call) and folder_of(path) != "steering/cli":
            finding(path, f"calls {call}, which waits: see WAITERS")
    name = path.rsplit("/", 1)[1][:-2]
    if is_pure(path, name):
        for call in sorted(wanted & IMPURE_CALLS):
            finding(path, f"calls {call} in a file that must stay pure")


def main():
    build = ROOT / (sys.argv[1] if len(sys.argv) > 1 else "build")
    files = list(sources())
    check_includes(files)
    check_pure_includes(files)
    check_single_includes(files)
    check_calls(files, build)
    print("\n".join(findings), end="\n" if findings else "")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
