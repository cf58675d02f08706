"""The wheel, installed into another environment and used outside the checkout."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

import reprs

ROOT = Path(__file__).parent.parent


def run(*command, cwd):
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run([str(c) for c in command], cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The bin folder of a fresh environment with the wheel in it; dependencies are borrowed from this one."""
    folder = tmp_path_factory.mktemp("wheel")
    run(
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        folder / "dist",
        ROOT,
        cwd=folder,
    )
    (wheel,) = (folder / "dist").glob("*.whl")
    environment = folder / "env"
    run(sys.executable, "-m", "venv", environment, cwd=folder)
    python = environment / "bin" / "python"
    run(python, "-m", "pip", "install", "--no-deps", "--no-index", wheel, cwd=folder)
    (site,) = environment.glob("lib/python*/site-packages")
    # A path in a .pth file is searched after the environment's own, and the .pth files there are not read:
    # the checkout's editable install stays out of it.
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return environment / "bin"


@pytest.mark.slow
def test_the_wheel_loads_effect_and_embeds_a_file(installed, tmp_path):
    rng = np.random.default_rng(0)
    x = 0.1 * rng.standard_normal((2 * 44_100, 2)).astype(np.float32)
    soundfile.write(tmp_path / "x.wav", x, 44_100, subtype="FLOAT")

    where = run(installed / "python", "-c", "import reprs; print(reprs.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(installed.parent)
    assert run(installed / "reprs", "embed", "x.wav", "-o", "x.npz", cwd=tmp_path).strip() == "x.npz"

    out = np.load(tmp_path / "x.npz")
    encoder = reprs.load(ROOT / "checkpoints" / "effect")
    expected = encoder.embed(torch.from_numpy(x.T.copy()), 44_100)
    assert str(out["model_hash"]) == encoder.model_hash
    assert np.allclose(out["embeddings"], expected, atol=1e-5)


@pytest.mark.slow
def test_the_wheel_says_where_the_evaluation_is(installed, tmp_path):
    call = [str(installed / "reprs"), "eval", "retrieval"]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.startswith("reprs eval: the wheel has no evaluation code")
    assert len(done.stderr.splitlines()) == 1
