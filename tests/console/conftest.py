"""What the tests of the verbs share: a controller that was never trained."""

import pytest
import torch

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
