# SPDX-License-Identifier: GPL-3.0-or-later
"""An outlet's mirror: a page over HTTPS at one address, which can be changed, cut off and brought back."""
import http.server
import ssl
import threading

from .ports import free_port


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def finish_request(self, request, client_address):
        """The handshake is the connection's own thread's."""
        try:
            request.settimeout(30)
            super().finish_request(self.tls.wrap_socket(request, server_side=True), client_address)
        except OSError:
            pass
        finally:
            request.close()

    def handle_error(self, request, client_address):
        pass


class Mirror:
    """Serves `page` with `status` at https://ADDRESS:PORT/; `asked` has (SNI's Host, path) of each request."""

    def __init__(self, address, pair, page="<h1>news</h1>", status=200):
        self.address, self.page, self.status, self.asked = address, page, status, []
        self.port = free_port(address)
        self.server = None
        self.start(pair)

    def start(self, pair):
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                outer.asked.append((self.headers["Host"], self.path))
                body = outer.page.encode()
                self.send_response(outer.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = _Server((self.address, self.port), Handler)
        self.server.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server.tls.load_cert_chain(pair.chain, pair.key)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
        self.server = None
