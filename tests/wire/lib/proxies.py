# SPDX-License-Identifier: GPL-3.0-or-later
"""Reverse proxies in front of the daemon: haproxy and nginx as operators set them up, and bytes of our own."""
import ipaddress
import socket
import struct

from .ports import free_port
from .process import PATIENCE, Program, wait_until

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def header(source=None, command=1, family=None, addresses=None, tlvs=b""):
    """A header of PROXY protocol version 2; without a source for no one in particular."""
    if addresses is None:
        addresses = b""
        if source:
            ip = ipaddress.ip_address(source)
            to = ipaddress.ip_address("203.0.113.99" if ip.version == 4 else "2001:db8::99")
            family = family or (0x11 if ip.version == 4 else 0x21)
            addresses = ip.packed + to.packed + struct.pack(">HH", 40000, 443)
    return SIGNATURE + struct.pack(">BBH", 0x20 | command, family or 0, len(addresses + tlvs)) + addresses + tlvs


def _accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), PATIENCE).close()
        return True
    except ConnectionRefusedError:
        return False


class _Proxy:
    """A proxy that listens on 127.0.0.1:port and connects from 127.0.0.1."""

    def __init__(self, folder, name, text):
        self.port = free_port()
        self.config = folder / f"{name}.conf"
        self.config.write_text(text.format(port=self.port, folder=folder))
        self.program = Program(self.command(folder), folder / f"{name}.log", cwd=folder)
        wait_until(lambda: _accepts(self.port) or not self.program.running(), f"{name} to listen")
        assert self.program.running(), self.program.log.read_text()

    def close(self):
        self.program.stop()


class Haproxy(_Proxy):
    def __init__(self, folder, mode, server, defaults=""):
        super().__init__(folder, "haproxy", f"""
global
    stats socket {{folder}}/haproxy.sock
defaults
    mode {mode}
    timeout connect {PATIENCE}s
    timeout client {PATIENCE}s
    timeout server {PATIENCE}s
    {defaults}
listen polynya
    bind 127.0.0.1:{{port}}
    server s1 {server}
""")

    def command(self, folder):
        return ["/usr/sbin/haproxy", "-db", "-f", self.config]


class Nginx(_Proxy):
    """Many readers, few connections: requests of all of them share those that are kept alive."""

    def __init__(self, folder, server, field):
        super().__init__(folder, "nginx", f"""
daemon off;
master_process off;
pid {{folder}}/nginx.pid;
error_log stderr;
events {{{{ }}}}
http {{{{
    access_log off;
    client_body_temp_path {{folder}}/body;
    proxy_temp_path {{folder}}/proxy;
    fastcgi_temp_path {{folder}}/fastcgi;
    uwsgi_temp_path {{folder}}/uwsgi;
    scgi_temp_path {{folder}}/scgi;
    upstream polynya {{{{ server {server}; keepalive 1; }}}}
    server {{{{
        listen 127.0.0.1:{{port}};
        location / {{{{
            proxy_pass http://polynya;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header {field};
        }}}}
    }}}}
}}}}
""")

    def command(self, folder):
        return ["/usr/sbin/nginx", "-p", folder, "-c", self.config, "-e", "stderr"]
