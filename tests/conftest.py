"""One thread for the whole suite, and a shell.

On small tensors a team of threads costs more than it gives, most of all on a machine that has other work:
measured under load, the command-line tests took 93 s with two threads and 14 s with one.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before the first import of torch, numba or faiss

import pytest


@pytest.fixture()
def shell(capsys):
    """`shell("VERB", …)` → exit code, stdout, stderr."""
    from reprs.cli import main

    def run(*args):
        try:
            code = main([str(a) for a in args])
        except SystemExit as stop:
            code = stop.code
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return code, out, err

    return run
