"""Makes torchvision and torchaudio importable beside a torch they were not built for.

Their Linux wheels are compiled against a CUDA torch. Beside a CPU-only torch `import torchaudio` and
`import torchvision` fail, and because both are installed, whatever probes for them (lightning,
torchmetrics, transformers, open_clip) fails too. `prepare()` tries the real imports first and, only
where one fails, gives the package the little that its Python part asks of the compiled part: two
operator schemas for torchvision, an "extension is not there" answer for torchaudio. Everything in pure
torch then works (mel, MFCC, resampling, open_clip's towers and losses); image operators such as NMS,
torchaudio's compiled filters and its forced aligner raise when they are called.

Call it before the first import of lightning, torchmetrics, torchaudio, torchvision or open_clip.
"""

from __future__ import annotations

import functools
import importlib
import sys
import types
from collections.abc import Callable
from typing import NoReturn

import torch

NMS_SIGNATURE = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"

_schemas: list[torch.library.Library] = []  # a Library undefines its operators when it is collected


@functools.cache
def prepare() -> None:
    """Import torchvision and torchaudio; cure what cannot load its compiled part; free the second time."""
    _import_or_cure("torchvision", _define_torchvision_schemas)
    _import_or_cure("torchaudio", _stub_torchaudio_extension)


def _import_or_cure(package: str, cure: Callable[[], None]) -> None:
    try:
        importlib.import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
    except (ImportError, OSError, RuntimeError):
        _forget(package)
        cure()
        importlib.import_module(package)


def _forget(package: str) -> None:
    """Drop the submodules that a failed import leaves behind, so that the next one starts clean."""
    for name in [n for n in sys.modules if n == package or n.startswith(package + ".")]:
        del sys.modules[name]


def _define_torchvision_schemas() -> None:
    """Declare the operators for which torchvision registers shape functions at import."""
    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(name + NMS_SIGNATURE)
    _schemas.append(library)


def _stub_torchaudio_extension() -> None:
    """Answer "no compiled part" where torchaudio would load it."""
    stub = types.ModuleType("torchaudio._extension")
    stub.__dict__.update(
        _IS_TORCHAUDIO_EXT_AVAILABLE=False,
        _IS_ALIGN_AVAILABLE=False,
        _check_cuda_version=lambda: None,
        fail_if_no_align=_refuse_alignment,
    )
    sys.modules["torchaudio._extension"] = stub


def _refuse_alignment(function):
    @functools.wraps(function)
    def refuse(*args, **kwargs) -> NoReturn:
        raise RuntimeError(
            f"{function.__name__} needs torchaudio's compiled part, which does not fit this torch"
        )

    return refuse
