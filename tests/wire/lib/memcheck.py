# SPDX-License-Identifier: GPL-3.0-or-later
"""What Valgrind found in the programs that this pytest process has started (make memcheck)."""
import os
import pathlib


class Findings:
    """Valgrind's files: one a process, empty if all was well. They stay in the build folder, to be read later."""

    def __init__(self, build):
        self.folder = pathlib.Path(build) / "found" / os.environ.get("PYTEST_XDIST_WORKER", "main")
        self.folder.mkdir(parents=True, exist_ok=True)
        os.environ["MEMCHECK_FOUND"] = str(self.folder)
        self.read = {}   # name: bytes told already, or there before
        self.fresh()

    def fresh(self):
        """What was written since the last call."""
        told = []
        for file in self.folder.iterdir():
            size, read = file.stat().st_size, self.read.get(file.name, 0)
            if size < read:   # another process with the same pid
                read = 0
            if size > read:
                told.append(file.read_bytes()[read:].decode("utf-8", "replace"))
            self.read[file.name] = size
        return "\n".join(told)

    def none(self):
        found = self.fresh()
        assert not found, "Valgrind:\n" + found
