"""What the tests of the verbs share: a controller that was never trained, and a shell."""

import pytest
import torch

from reprs.cli import main
from reprs.console.controller import Controller
from reprs.models import hub


@pytest.fixture(scope="session")
def untrained(tmp_path_factory):
    """The path of a small controller with random weights."""
    path = tmp_path_factory.mktemp("controller") / "untrained"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        ears = {"embedding_dim": 256, "width": 4, "hidden": 16}
        hub.save(Controller(ears=ears, width=16, layers=1, heads=2), path)
    return path


@pytest.fixture()
def shell(capsys):
    """`shell("mix", …)` → exit code, stdout, stderr."""

    def run(*args):
        try:
            code = main([str(a) for a in args])
        except SystemExit as stop:
            code = stop.code
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return code, out, err

    return run
