# SPDX-License-Identifier: GPL-3.0-or-later
"""Libraries to be preloaded into a daemon under test."""
import contextlib
import pathlib
import subprocess
import tempfile


@contextlib.contextmanager
def preloadable(name):
    """Compiles NAME.c beside this file; the library is there until the end."""
    with tempfile.TemporaryDirectory(prefix=f"polynya-{name}-") as folder:
        out = pathlib.Path(folder) / f"{name}.so"
        source = pathlib.Path(__file__).with_name(f"{name}.c")
        subprocess.run(["gcc", "-D_GNU_SOURCE", "-shared", "-fPIC", "-O1", "-o", out, source, "-ldl"], check=True)
        yield out
