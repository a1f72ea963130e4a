# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTPS servers of a list's folder, honest or not, and a proxy to reach them through."""
import hashlib
import http.server
import pathlib
import select
import socket
import ssl
import threading

from .ports import free_port


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port, handler, tls):
        self.tls = tls
        super().__init__(("127.0.0.1", port), handler)

    def finish_request(self, request, client_address):
        """The handshake is the connection's own thread's."""
        try:
            request.settimeout(30)
            if self.tls:
                request = self.tls.wrap_socket(request, server_side=True)
            super().finish_request(request, client_address)
        except OSError:
            pass
        finally:
            request.close()

    def handle_error(self, request, client_address):
        pass


class FeedServer:
    """Serves folder at https://localhost:PORT/list/. `tamper[name]` is called with the request's handler instead of
    sending the file; `asked` has (name, status) of each request in order."""

    def __init__(self, folder, pair):
        self.folder, self.pair = pathlib.Path(folder), pair
        self.tamper, self.asked = {}, []
        self.stopping = threading.Event()
        self.port = free_port()
        self.server = None
        self.start()

    @property
    def url(self):
        return f"https://localhost:{self.port}/list/"

    def start(self):
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(self.pair.chain, self.pair.key)
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                if outer.stopping.is_set():
                    self.close_connection = True
                else:
                    outer.serve(self)

            def log_message(self, *_):
                pass

        self.stopping.clear()
        self.server = _Server(self.port, Handler, tls)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        """Also for connections that are kept: their next request gets no answer."""
        self.stopping.set()
        if self.server:
            self.server.shutdown()
            self.server.server_close()
        self.server = None

    def serve(self, handler):
        name = handler.path.rsplit("/", 1)[1]
        path = self.folder / name
        if name in self.tamper:
            self.tamper[name](handler)
        elif not path.is_file():
            self.reply(handler, 404, b"")
        else:
            body = path.read_bytes()
            etag = '"' + hashlib.sha256(body).hexdigest()[:16] + '"'
            same = handler.headers.get("If-None-Match") == etag
            self.reply(handler, 304 if same else 200, b"" if same else body, etag)

    def reply(self, handler, status, body, etag=None):
        self.note(handler, status)
        handler.send_response(status)
        if etag:
            handler.send_header("ETag", etag)
        if status != 304:
            handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def note(self, handler, status):
        self.asked.append((handler.path.rsplit("/", 1)[1], status))

    def statuses(self, name):
        return [status for what, status in self.asked if what == name]

    # --- ways to be a bad server

    def body(self, data):
        return lambda handler: self.reply(handler, 200, data)

    def status(self, number):
        return lambda handler: self.reply(handler, number, b"no")

    def redirect(self, url):
        def send(handler):
            self.note(handler, 302)
            handler.send_response(302)
            handler.send_header("Location", url)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
        return send

    def _begin(self, handler, length=None):
        self.note(handler, 200)
        handler.close_connection = True
        handler.send_response(200)
        if length:
            handler.send_header("Content-Length", str(length))
        handler.end_headers()

    def endless(self, handler):
        self._begin(handler)
        while not self.stopping.is_set():
            handler.wfile.write(b" " * 65536)

    def slow(self, handler):
        """A byte now and then, so that only a limit on the whole time helps."""
        self._begin(handler, 1000)
        while not self.stopping.wait(0.05):
            handler.wfile.write(b" ")

    def cut(self, handler):
        self._begin(handler, 1000)
        handler.wfile.write(b"{")


class Proxy:
    """An HTTP proxy that only knows CONNECT; `asked` has what it was asked to connect to."""

    def __init__(self):
        self.asked = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_CONNECT(self):
                outer.asked.append(self.path)
                host, port = self.path.rsplit(":", 1)
                self.close_connection = True
                with socket.create_connection((host, int(port))) as far:
                    self.send_response(200)
                    self.end_headers()
                    outer.relay(self.connection, far)

            def log_message(self, *_):
                pass

        self.port = free_port()
        self.server = _Server(self.port, Handler, None)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @staticmethod
    def relay(one, other):
        while True:
            for source in select.select([one, other], [], [])[0]:
                data = source.recv(65536)
                if not data:
                    return
                (other if source is one else one).sendall(data)

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
