# SPDX-License-Identifier: GPL-3.0-or-later
"""Other people's DNS servers, each on a free loopback port and in a folder of its own."""
import pathlib

from .doh import question
from .ports import free_port
from .process import Program, wait_until
from .tools import direct


class Server:
    """Subclasses say how it is started: text() is its config, argv() its command."""

    def __init__(self, folder, *args, port=None, **how):
        self.dir = pathlib.Path(folder)
        self.dir.mkdir(parents=True, exist_ok=True)
        self.host, self.port = "127.0.0.1", port or free_port()
        self.config = self.dir / "config"
        self.config.write_text(self.text(*args, **how))
        self.program = Program(self.argv(), self.dir / "log", cwd=self.dir)

    def await_true(self, told, what):
        """Waits until told(), which may fail while the server is not there yet."""
        def now():
            assert self.program.running(), "\n".join(self.program.lines[-20:])
            try:
                return told()
            except (OSError, EOFError):
                return False
        try:
            wait_until(now, what)
        except AssertionError:
            self.stop()
            raise AssertionError(f"{what}:\n" + "\n".join(self.program.lines[-30:])) from None

    def ask(self, name, type, tcp=True, **how):
        """Over TCP, that a server is not there yet is known at once."""
        return direct(self.host, self.port, question(name, type, **how), tcp=tcp)

    def stop(self):
        if self.program.running():
            self.program.stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
