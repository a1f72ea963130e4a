# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients that people use: curl, kdig, nghttp, and Python's h2."""
import http.server
import re
import ssl
import threading

import dns.edns
import dns.flags
import dns.message
import dns.rdataclass
import pytest

from lib import doh, tools
from lib.upstream import answer


@pytest.fixture(scope="module")
def through_knot(shared_factory, knot):
    return shared_factory(knot)


class Site:
    """An HTTPS site on 127.0.0.1 that a DoH client is to find by name."""

    def __init__(self, pair):
        class Page(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = b"found by name\n"
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair.chain, pair.key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


# --- curl

def test_curl_resolves_through_us(make_polynya, upstream, authority):
    polynya = make_polynya(upstream, rebinding={"allow": ["site.example"]})
    upstream.script("site.example", answer("A 127.0.0.1"), type="A")
    site = Site(authority.issue("site.example"))
    try:
        done = tools.curl("--doh-url", f"https://localhost:{polynya.port}/dns-query", "--resolve", f"localhost:{polynya.port}:127.0.0.1",
                          "--cacert", authority.cert, f"https://site.example:{site.port}/")
        assert done.stdout == b"found by name\n"
        assert {s.type for s in upstream.queries("site.example")} >= {"A"}
    finally:
        site.close()


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_curl_raw(shared, ca, tmp_path, version, method):
    query = doh.question("curl.example")
    url = f"https://localhost:{shared.port}/dns-query"
    args = [version, "--cacert", ca, "--resolve", f"localhost:{shared.port}:127.0.0.1", "-D", tmp_path / "head", "-o", tmp_path / "body"]
    if method == "GET":
        args += ["-H", "accept: application/dns-message", f"{url}?dns={doh.b64(query.to_wire())}"]
    else:
        (tmp_path / "query").write_bytes(query.to_wire())
        args += ["-H", "content-type: application/dns-message", "--data-binary", f"@{tmp_path / 'query'}", url]
    tools.curl(*args)
    reply = dns.message.from_wire((tmp_path / "body").read_bytes())
    assert reply.id == query.id and str(reply.answer[0][0]) == "192.0.2.1"
    head = (tmp_path / "head").read_text().lower()
    assert re.search(r"^http/(2|1\.1) 200", head)
    assert "content-type: application/dns-message" in head and "cache-control: max-age=" in head


@pytest.mark.parametrize("version", ["--http1.1", "--http2-prior-knowledge"])
def test_curl_behind_a_proxy(shared, tmp_path, version):
    """The plain listener, as a proxy would use it."""
    text = doh.b64(doh.question("proxy.example").to_wire())
    tools.curl(version, "-o", tmp_path / "body", f"http://127.0.0.1:{shared.plain_port}/dns-query?dns={text}")
    assert str(dns.message.from_wire((tmp_path / "body").read_bytes()).answer[0][0]) == "192.0.2.1"


def test_curl_head(shared, ca):
    text = doh.b64(doh.question("head.example").to_wire())
    done = tools.curl("--head", "--cacert", ca, "--resolve", f"localhost:{shared.port}:127.0.0.1", f"https://localhost:{shared.port}/dns-query?dns={text}")
    assert b" 200" in done.stdout.splitlines()[0]
    assert b"content-length: " in done.stdout.lower()


def test_curl_sends_a_large_body_with_expect(shared, ca, tmp_path):
    """curl waits for 100-continue before bodies over a mebibyte or so; ours must refuse early and well."""
    (tmp_path / "query").write_bytes(bytes(2_000_000))
    done = tools.curl("--http1.1", "--cacert", ca, "--resolve", f"localhost:{shared.port}:127.0.0.1", "-w", "%{http_code}", "-o", "/dev/null",
                      "-H", "content-type: application/dns-message", "--data-binary", f"@{tmp_path / 'query'}", f"https://localhost:{shared.port}/dns-query")
    assert done.stdout == b"413"


# --- kdig

@pytest.mark.parametrize("get", [False, True])
@pytest.mark.parametrize("name,type", [("zone.test", "A"), ("zone.test", "HTTPS"), ("long.zone.test", "TXT"), ("many.zone.test", "A"),
                                       ("www.zone.test", "AAAA"), ("missing.zone.test", "A")])
def test_kdig(through_knot, knot, ca, get, name, type):
    text = tools.kdig(through_knot.port, ca, name, type, get=get)
    truth = knot.ask(name + ".", type)
    assert ("NXDOMAIN" in text) == (truth.rcode() == 3)
    assert f"ANSWER: {sum(len(r) for r in truth.answer)};" in text
    assert re.search(r"HTTP/2-(GET|POST)", text)


def test_kdig_short_and_dnssec(through_knot, ca):
    assert tools.kdig(through_knot.port, ca, "+short", "www.zone.test", "A").split() == ["web.zone.test.", "zone.test.", "192.0.2.1"]
    assert "RRSIG" in tools.kdig(through_knot.port, ca, "+dnssec", "www.signed.test", "A")


def test_kdig_padding(through_knot, ca):
    assert "PADDING" in tools.kdig(through_knot.port, ca, "+padding=128", "zone.test", "A")


def test_kdig_keeps_the_connection(through_knot, ca):
    text = tools.kdig(through_knot.port, ca, "+keepopen", "zone.test", "A", "zone.test", "MX", "both.zone.test", "AAAA")
    assert text.count("status: NOERROR") == 3


# --- nghttp

def test_nghttp_many_on_one_connection(shared, ca):
    urls = [f"https://127.0.0.1:{shared.port}/dns-query?dns={doh.b64(doh.question(f'ng{i}.example').to_wire())}" for i in range(20)]
    done = tools.nghttp("-y", "--stat", "--null-out", *urls)
    assert len(re.findall(rb"\s200\s", done.stdout)) == 20


def test_nghttp_post(shared, tmp_path):
    (tmp_path / "query").write_bytes(doh.question("ng.example").to_wire())
    done = tools.nghttp("-H", "content-type: application/dns-message", "-d", tmp_path / "query", "--stat", "--null-out",
                        f"https://127.0.0.1:{shared.port}/dns-query")
    assert re.search(rb"\s200\s", done.stdout)


def test_nghttp_upgrade_and_prior_knowledge_in_clear(shared):
    url = f"http://127.0.0.1:{shared.plain_port}/dns-query?dns={doh.b64(doh.question('ng.example').to_wire())}"
    assert re.search(rb"\s200\s", tools.nghttp("--stat", "--null-out", url).stdout)


# --- h2load and dnspython

def test_h2load(shared, tmp_path):
    url = f"https://127.0.0.1:{shared.port}/dns-query?dns={doh.b64(doh.question('load.example', id=0).to_wire())}"
    done = tools.run("h2load", "-n", "5000", "-c", "10", "-m", "50", url)
    assert b"5000 succeeded, 0 failed, 0 errored, 0 timeout" in done.stdout


def test_h2load_http1(shared):
    url = f"https://127.0.0.1:{shared.port}/dns-query?dns={doh.b64(doh.question('load.example', id=0).to_wire())}"
    done = tools.run("h2load", "--h1", "-n", "2000", "-c", "10", url)
    assert b"2000 succeeded, 0 failed, 0 errored, 0 timeout" in done.stdout


# --- browsers, by what they send and what they take

BROWSERS = {
    # Firefox 153: GET, an ECS option that says "not my subnet", and a name on its own for HTTPS, AAAA and A.
    "firefox": ("GET", [("accept", doh.MEDIA), ("accept-encoding", ""), ("cache-control", "no-cache"), ("pragma", "no-cache"),
                        ("te", "trailers"), ("priority", "u=3")],
                [dns.edns.ECSOption("0.0.0.0", 0)]),
    # Chromium 156: POST for a template without {?dns}.
    "chromium": ("POST", [("accept", doh.MEDIA), ("user-agent", "Chrome"), ("accept-language", "*"),
                          ("accept-encoding", "identity"), ("priority", "u=4, i")], []),
    # Chromium with {?dns}.
    "chromium by GET": ("GET", [("accept", doh.MEDIA), ("user-agent", "Chrome"), ("accept-language", "*"),
                                ("accept-encoding", "identity"), ("priority", "u=4, i")], []),
}


def padded(name, type, options):
    """ID 0, RD, EDNS of 4096 bytes without DO, padded to 128."""
    def made(pad):
        return doh.question(name, type, id=0, options=[*options, dns.edns.GenericOption(dns.edns.PADDING, bytes(pad))])
    return made(-len(made(0).to_wire()) % 128)


@pytest.mark.parametrize("version", ["h2", "h1"])
@pytest.mark.parametrize("browser", BROWSERS)
def test_as_browsers_ask(shared, module_upstream, ca, browser, version):
    method, extra, options = BROWSERS[browser]
    name = f"{browser.replace(' ', '-')}.{version}.example"
    if version == "h1":
        extra = [(k, v) for k, v in extra if k not in ("te", "priority")]
    module_upstream.script(name, answer('HTTPS 1 . alpn="h2"'), type="HTTPS")
    with (doh.h2_tls if version == "h2" else doh.h1_tls)(shared.port, ca) as c:
        for type in ("HTTPS", "AAAA", "A"):
            query = padded(name, type, options)
            assert len(query.to_wire()) % 128 == 0
            reply = c.ask(query, method, extra=extra)
            # What Firefox insists on: this status and type, ID 0, RA, class IN, and a body read to its last byte.
            assert reply.headers["content-type"] == doh.MEDIA and "set-cookie" not in reply.headers
            message = reply.dns
            assert message.id == 0 and message.flags & dns.flags.RA and message.question == query.question
            assert type == "AAAA" or message.answer
            assert all(rrset.rdclass == dns.rdataclass.IN for rrset in message.answer)
            assert len(reply.body) % 468 == 0 and reply.max_age >= 0
    assert {s.type for s in module_upstream.queries(name)} == {"HTTPS", "AAAA", "A"}
    assert all(o.otype != dns.edns.OptionType.ECS for s in module_upstream.queries(name) for o in s.options)
