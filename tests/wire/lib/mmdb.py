# SPDX-License-Identifier: GPL-3.0-or-later
"""Databases in MaxMind's format (version 2.0), written as their specification says and read by anybody's reader."""
import ipaddress
import pathlib
import time

MARKER = b"\xab\xcd\xefMaxMind.com"


class Number(int):
    """An int with the type it is written as: 5 uint16, 6 uint32, 9 uint64."""

    def __new__(cls, kind, value):
        made = super().__new__(cls, value)
        made.kind = kind
        return made


def encode(value):
    """One value of the data section."""
    if isinstance(value, str):
        data = value.encode()
        assert len(data) < 29
        return bytes([2 << 5 | len(data)]) + data
    if isinstance(value, int):
        data = value.to_bytes((value.bit_length() + 7) // 8, "big")
        kind = getattr(value, "kind", 6)
        return bytes([kind << 5 | len(data)] if kind < 8 else [len(data), kind - 7]) + data
    if isinstance(value, list):
        return bytes([len(value), 11 - 7]) + b"".join(encode(v) for v in value)
    assert len(value) < 29
    return bytes([7 << 5 | len(value)]) + b"".join(encode(k) + encode(v) for k, v in value.items())


def database(networks, kind="Test-Country"):
    """networks: {"192.0.2.0/24": "RU"}, none inside another; values may be whole records."""
    nodes, data, offsets = [[None, None]], b"", {}
    for text, value in networks.items():
        net = ipaddress.ip_network(text)
        record = encode({"country": {"iso_code": value}} if isinstance(value, str) else value)
        if record not in offsets:
            offsets[record] = len(data)
            data += record
        skip = 96 if net.version == 4 else 0
        bits = f"{int(net.network_address):0{net.max_prefixlen}b}"[:net.prefixlen]
        node, path = 0, "0" * skip + bits
        for bit in map(int, path[:-1]):
            if nodes[node][bit] is None:
                nodes[node][bit] = len(nodes)
                nodes.append([None, None])
            node = nodes[node][bit]
        nodes[node][int(path[-1])] = ("data", offsets[record])

    def number(child):
        if child is None:
            return len(nodes)
        return child if isinstance(child, int) else len(nodes) + 16 + child[1]
    tree = b"".join(number(child).to_bytes(4, "big") for node in nodes for child in node)
    about = {"node_count": len(nodes), "record_size": Number(5, 32), "ip_version": Number(5, 6),
             "database_type": kind, "languages": [],
             "binary_format_major_version": Number(5, 2), "binary_format_minor_version": Number(5, 0),
             "build_epoch": Number(9, int(time.time())), "description": {}}
    return tree + bytes(16) + data + MARKER + encode(about)


def write(path, data):
    """Replaces the file by an atomic rename, as updaters do."""
    path = pathlib.Path(path)
    fresh = path.with_name(path.name + ".new")
    fresh.write_bytes(data)
    fresh.rename(path)
    return path
