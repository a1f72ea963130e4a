# SPDX-License-Identifier: GPL-3.0-or-later
"""Real TLS servers that play an outlet's mirrors, good or bad in every way a probe must notice.

As a program (`python3 mirror.py ADDRESS PORT CHAIN KEY BODY`) it is one such server for tests that need a process of
its own: in another network namespace, or to be killed."""
import contextlib
import pathlib
import socket
import ssl
import sys
import threading

if __name__ != "__main__":
    from .ports import free_port

MARKER = "the outlet's own words"


class Mirror:
    """Serves at address:port (every address of the machine with "0.0.0.0"). What it does to the next connection is in
    `pair`, `status`, `body` and `mode`: "good", "silent" (accepts and says nothing), "reset", "garbage" (no TLS), "late"
    (a handshake, then nothing), or a function from the number of the request to one of these."""

    def __init__(self, address, pair, port=None, body=MARKER, status=200):
        self.address, self.port = address, port or free_port(address)
        self.pair, self.body, self.status, self.mode = pair, body, status, "good"
        self.requests = []      # (SNI, Host, path) of each that was read
        self.connections = 0
        self.open = 0
        self.lock = threading.Lock()
        self.hold = None        # an Event to wait for before answering
        self.listener = None
        self.start()

    def start(self):
        self.stopping = False
        self.listener = socket.create_server((self.address, self.port), backlog=128)
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def stop(self):
        """Connections are refused from here on."""
        self.stopping = True
        listener, self.listener = self.listener, None
        if listener:
            # Wakes accept: closing alone does not.
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def _accept(self, listener):
        while not self.stopping:
            try:
                conn, _ = listener.accept()
            except OSError:
                return
            with self.lock:
                self.connections += 1
                number = self.connections
            threading.Thread(target=self._serve, args=(conn, number), daemon=True).start()

    def _serve(self, conn, number):
        mode = self.mode(number) if callable(self.mode) else self.mode
        with self.lock:
            self.open += 1
        try:
            with conn:
                conn.settimeout(30)
                self._answer(conn, mode)
        except (OSError, ValueError):
            pass
        finally:
            with self.lock:
                self.open -= 1

    def _answer(self, conn, mode):
        if mode == "reset":
            conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            return
        if mode == "garbage":
            conn.recv(1)
            conn.sendall(b"HTTP/1.1 400 this is not TLS\r\n\r\n")
            return
        if mode == "silent":
            while conn.recv(4096):
                pass
            return
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(self.pair.chain, self.pair.key)
        names = []
        tls.sni_callback = lambda sock, name, context: names.append(name)
        with tls.wrap_socket(conn, server_side=True) as secure:
            self._http(secure, names, mode)

    def _http(self, secure, names, mode):
        head = b""
        while b"\r\n\r\n" not in head and len(head) < 65536:
            more = secure.recv(4096)
            if not more:
                return
            head += more
        first, *fields = head.decode("latin-1").split("\r\n")
        host = next((f.split(":", 1)[1].strip() for f in fields if f.lower().startswith("host:")), None)
        self.requests.append((names[0] if names else None, host, first.split(" ")[1]))
        if mode == "late":
            while secure.recv(4096):
                pass
            return
        if self.hold:
            self.hold.wait(30)
        body = self.body.encode()
        secure.sendall(f"HTTP/1.1 {self.status} OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
                       .encode() + body)


if __name__ == "__main__":
    class _Files:
        chain, key = pathlib.Path(sys.argv[3]), pathlib.Path(sys.argv[4])

    Mirror(sys.argv[1], _Files, int(sys.argv[2]), sys.argv[5])
    print("event=ready", file=sys.stderr, flush=True)
    threading.Event().wait()
