"""The public manifest: what it names, and what importing it must not pull in."""

import subprocess
import sys

import pytest

import reprs

HEAVY = {
    "lightning", "pytorch_lightning", "faiss", "torchaudio", "torchvision", "open_clip", "transformers",
    "matplotlib", "pedalboard", "symusic", "gradio", "fastapi", "uvicorn", "sklearn", "tensorboard",
}  # fmt: skip


def imported_by(code):
    program = f"import sys; {code}; print(*sorted({{m.split('.')[0] for m in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_every_public_name_resolves():
    assert set(reprs.__all__) == {"__version__", "console", "effects", "hear", "load", "text_eq"}
    assert set(reprs.__all__) <= set(dir(reprs))
    assert callable(reprs.load) and callable(reprs.text_eq) and reprs.__version__.count(".") >= 1
    assert "gain" in reprs.effects.registry
    assert all(callable(getattr(reprs.console, name)) for name in reprs.console.__all__)
    assert callable(reprs.hear.load_model)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = reprs.nothing


def test_importing_reprs_costs_nothing():
    assert not imported_by("import reprs; reprs.__version__") & (HEAVY | {"torch", "numpy"})


def test_using_the_manifest_pulls_in_no_training_search_or_web_library():
    assert (
        not imported_by(
            "import reprs; reprs.load; reprs.text_eq; reprs.effects.registry; reprs.console.Console"
        )
        & HEAVY
    )
