"""Models that are not ours behind the interface of a row: HEAR modules, plain functions, CDPAM's encoder."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from eval.rows import file_hash

CDPAM_WEIGHTS = "453c8b6edee1a94f0120236156436ff28fe4d8d884485e4a67695c8e8570bdfe"


class HearModule:
    """Scene embeddings of a module with the HEAR 2021 interface: `MODULE[:WEIGHTS]` (Turian 2022).

    HEAR is mono: the channels are averaged, and resampled to the model's rate.
    """

    def __init__(self, spec: str) -> None:
        module, _, weights = spec.partition(":")
        self.name = f"hear:{spec}"
        sys.path.insert(0, "")  # a module in the working folder, as with python -m
        try:
            self.module = importlib.import_module(module)
        except ImportError as error:
            raise ValueError(f"hear:{spec}: {error}: install the module, or check its name") from None
        finally:
            sys.path.remove("")
        for needed in ("load_model", "get_scene_embeddings"):
            if not hasattr(self.module, needed):
                raise ValueError(f"hear:{spec}: the module has no {needed}, so it is no HEAR module")
        self.model = self.module.load_model(weights) if weights else self.module.load_model()
        parts = [p for p in (self.module.__file__, weights) if p and Path(p).is_file()]
        self.model_hash = f"{spec} {getattr(self.model, 'model_hash', '')} {file_hash(*parts)}"

    @torch.inference_mode()
    def embed(self, audio: Tensor, sample_rate: int) -> Tensor:
        mono = resampled(audio.mean(dim=1), sample_rate, int(self.model.sample_rate))
        return as_embeddings(self.module.get_scene_embeddings(mono, self.model), len(audio), self.name)


class Callable:
    """A function of somebody's file: `FILE:FUNCTION`, called with `(audio (B, C, T) tensor, sample_rate)`."""

    def __init__(self, spec: str) -> None:
        file, _, function = spec.rpartition(":")
        if not file or not Path(file).is_file():
            raise ValueError(f"py:{spec}: say py:FILE:FUNCTION, where FILE is a Python file")
        self.name, self.model_hash = f"{Path(file).stem}:{function}", f"{function} {file_hash(file)}"
        self.function = getattr(_module_of(Path(file)), function, None)
        if not callable(self.function):
            raise ValueError(f"py:{spec}: {file} has no function {function}")

    @torch.inference_mode()
    def embed(self, audio: Tensor, sample_rate: int) -> Tensor:
        return as_embeddings(self.function(audio, sample_rate), len(audio), self.name)  # type: ignore[misc]


class CdpamEncoder:
    """The acoustic half of CDPAM's encoder (Manocha 2021): mono at 22.05 kHz in its 16-bit scale.

    Needs the package `cdpam`, which carries the weights, with librosa and resampy beside it. Slow: some
    seconds a clip on a CPU.
    """

    name = "CDPAM encoder"
    sample_rate = 22_050

    def __init__(self) -> None:
        try:
            package = importlib.import_module("cdpam.models")
        except ImportError as error:
            raise ValueError(
                f"{self.name} is left out ({error}): pip install --no-deps cdpam, and librosa resampy"
            ) from None
        weights = Path(str(package.__file__)).parent / "CDPAM_trained" / "scratchJNDdefault_best_model.pth"
        self.model = package.FINnet(
            dev=torch.device("cpu"), encoder_layers=16, encoder_filters=64, ndim=[16, 6],
            classif_dp=0.05, classif_BN=0, classif_act="no", input_size=512,
        )  # fmt: skip
        self.model_hash = file_hash(weights)
        if self.model_hash != CDPAM_WEIGHTS:
            raise ValueError(f"{self.name} is left out: {weights} is not the file of cdpam 0.0.6")
        # A pickle too old for torch's restricted loader; its hash says that it is the published one.
        state = torch.load(weights, map_location="cpu", weights_only=False)["state"]
        self.model.load_state_dict(state)
        self.model.eval()

    @torch.inference_mode()
    def embed(self, audio: Tensor, sample_rate: int) -> Tensor:
        mono = resampled(audio.mean(dim=1), sample_rate, self.sample_rate)
        parts = [self.model.base_encoder((32_768 * part).round()[:, None])[1] for part in mono.split(2)]
        return torch.nn.functional.normalize(torch.cat(parts), dim=1)


def as_embeddings(value: Any, count: int, name: str) -> Tensor:
    """What a model returned as float32 `(count, D)`; anything else is refused with the model's name."""
    e = value if isinstance(value, Tensor) else torch.from_numpy(np.asarray(value))
    if e.ndim != 2 or len(e) != count:
        raise ValueError(f"{name}: {count} clips gave {tuple(e.shape)}; embeddings are ({count}, D)")
    if not bool(torch.isfinite(e).all()):
        raise ValueError(f"{name}: an embedding is NaN or infinite")
    return e.float().cpu()


def resampled(x: Tensor, sample_rate: int, wanted: int) -> Tensor:
    """`(B, T)` at another rate (soxr)."""
    if sample_rate == wanted:
        return x
    import soxr

    # soxr takes (frames, channels): the clips of a batch are its channels.
    y = soxr.resample(x.T.contiguous().cpu().numpy(), sample_rate, wanted)
    return torch.from_numpy(np.ascontiguousarray(y.T))


def _module_of(file: Path) -> ModuleType:
    """The file as a module; what stops it from loading is said in one line."""
    spec = importlib.util.spec_from_file_location(f"reprs_eval_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise ValueError(f"{file} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ValueError(f"{file} does not load: {type(error).__name__}: {error}") from None
    return module
