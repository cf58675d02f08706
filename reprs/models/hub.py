"""Checkpoints: `NAME.safetensors` holds the weights, `NAME.json` says what they are.

The JSON names its encoder class by a key of `encoders`; nothing that a file says is ever imported or
unpickled. The model hash covers class, configuration and weights, that is, all that decides an embedding;
an index keeps it to tell whether it was made by the same model.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

FORMAT_VERSION = 1

# Class name → where it lives ("module:attribute"), or the class itself.
encoders: dict[str, Any] = {
    "Controller": "reprs.console.controller:Controller",
    "EffectEncoder": "reprs.models.encoder:EffectEncoder",
    "Generator": "reprs.console.generator:Generator",
    "NeuralProxy": "reprs.models.proxy:NeuralProxy",
    "QualityModel": "reprs.models.quality:QualityModel",
    "Rivals": "reprs.models.rivals:Rivals",
    "TimbreModel": "reprs.models.timbre:TimbreModel",
}


class CheckpointError(ValueError):
    """A checkpoint is missing or cannot be used; the message is one line."""


def save(encoder: nn.Module, path: str | Path, metadata: Mapping[str, Any] | None = None) -> str:
    """Write `path`.safetensors and `path`.json and return the model hash.

    `encoder.config` is what its class is called with on loading; `metadata` is any JSON: recipe, command,
    data, licences.
    """
    from safetensors.torch import save_file

    kind = type(encoder).__name__
    if kind not in encoders:
        raise CheckpointError(
            f"{kind} is not in reprs.models.hub.encoders ({', '.join(encoders)}): add it there"
        )
    stem = _without_suffix(Path(path))
    weights = {name: t.detach().cpu().clone().contiguous() for name, t in encoder.state_dict().items()}
    config = json.loads(json.dumps(encoder.config))
    metadata = dict(metadata or {})
    description = {
        "format": FORMAT_VERSION,
        "recipe": metadata.pop("recipe", stem.name),
        "class": kind,
        "config": config,
        "model_hash": model_hash(kind, config, weights),
        "parameters": sum(p.numel() for p in encoder.parameters()),
        "metadata": metadata,
    }
    stem.parent.mkdir(parents=True, exist_ok=True)
    new = _with_suffix(stem, ".safetensors.new")
    save_file(weights, new)
    os.replace(
        new, _with_suffix(stem, ".safetensors")
    )  # whoever reads meanwhile sees the old file or the new one
    _with_suffix(stem, ".json").write_text(json.dumps(description, indent=2) + "\n")
    return description["model_hash"]


def load(name_or_path: str | Path) -> Any:
    """The encoder of a checkpoint, ready to embed, on the CPU.

    A name in checkpoints/ ("effect"), a path with or without its suffix, or a hub id "owner/name". The
    encoder gets `.model_hash` and `.metadata`. Raises CheckpointError with one line.
    """
    stem = _locate(str(name_or_path))
    description = _read_description(_with_suffix(stem, ".json"))
    weights = _read_weights(_with_suffix(stem, ".safetensors"))
    found = model_hash(description["class"], description["config"], weights)
    if found != description["model_hash"]:
        raise CheckpointError(
            f"{stem}.safetensors and {stem.name}.json do not belong together: fetch both again"
        )
    kind = _encoder_class(description["class"], stem)
    try:
        encoder = kind(**description["config"])
        encoder.load_state_dict(weights)
    except (TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(
            f"{stem} does not fit {kind.__name__} of this reprs: {_one_line(error)}"
        ) from None
    encoder.model_hash = found
    encoder.metadata = {"recipe": description["recipe"], **description["metadata"]}
    return encoder.eval().requires_grad_(False)


def load_encoder(name_or_path: str | Path) -> Any:
    """`load`, for those who need vectors: a model that embeds no audio, such as `proxy`, is refused."""
    model = load(name_or_path)
    if not hasattr(model, "embed"):
        raise CheckpointError(f"{str(name_or_path)!r} embeds no audio; effect and timbre do")
    return model


def available() -> list[str]:
    """Names of the checkpoints that come with this checkout or wheel."""
    return sorted({p.stem for folder in _folders() for p in folder.glob("*.safetensors")})


def portable_name(name_or_path: str) -> str:
    """What finds the same checkpoint from another folder: an absolute path for a local one, else the name."""
    stem = _without_suffix(Path(name_or_path).expanduser())
    return str(stem.resolve()) if _exists(stem) else name_or_path


def model_hash(kind: str, config: Mapping[str, Any], weights: Mapping[str, Tensor]) -> str:
    """SHA-256 over the class name, its configuration and all weights, in hexadecimal."""
    digest = hashlib.sha256(json.dumps([kind, config], sort_keys=True).encode())
    for name in sorted(weights):
        tensor = weights[name].detach().cpu().contiguous()
        digest.update(f"\0{name} {tensor.dtype} {tuple(tensor.shape)}\0".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _locate(name: str) -> Path:
    """Where a checkpoint's two files are, without their suffix."""
    given = Path(name).expanduser()
    if given.suffix in (".ckpt", ".pt", ".pth", ".bin", ".pkl"):
        raise CheckpointError(f"{name}: reprs loads safetensors only; write one with reprs.models.hub.save")
    stem = _without_suffix(given)
    if _exists(stem):
        return stem
    if given.name == name:
        for folder in _folders():
            if _exists(folder / stem.name):
                return folder / stem.name
    if re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", name) and not given.exists() and not given.parent.is_dir():
        return _download(name)
    known = ", ".join(available()) or "none"
    raise CheckpointError(f"no checkpoint {name!r}: give a path to NAME.safetensors or one of: {known}")


def _download(hub_id: str) -> Path:
    """Fetch `name.safetensors` and `name.json` of the repository `owner/name` into the hub's cache."""
    from huggingface_hub import hf_hub_download

    name = hub_id.split("/")[1]
    try:
        files = [hf_hub_download(hub_id, name + suffix) for suffix in (".json", ".safetensors")]
    except Exception as error:  # the hub's client has a dozen kinds: offline, missing, gated, proxy
        raise CheckpointError(
            f"no local checkpoint {hub_id!r}, and the hub did not give it: {_one_line(error)}"
        ) from None
    return _without_suffix(Path(files[0]))


def _folders() -> list[Path]:
    """Where named checkpoints are: inside an installed wheel, or beside the package in a checkout."""
    package = Path(__file__).parent.parent
    return [f for f in (package / "checkpoints", package.parent / "checkpoints") if f.is_dir()]


def _read_description(path: Path) -> dict[str, Any]:
    try:
        description = json.loads(path.read_text())
        if description["format"] > FORMAT_VERSION:
            raise CheckpointError(f"{path} was written by a newer reprs: upgrade reprs to load it")
        return {key: description[key] for key in ("recipe", "class", "config", "model_hash", "metadata")}
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path} is not a checkpoint's description: {_one_line(error)}") from None


def _read_weights(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path} is not a safetensors file: {_one_line(error)}") from None


def _encoder_class(kind: str, stem: Path) -> Any:
    if kind not in encoders:
        raise CheckpointError(
            f"{stem}.json asks for {kind!r}; this reprs knows {', '.join(sorted(encoders))}"
        )
    entry = encoders[kind]
    if isinstance(entry, str):
        module, name = entry.split(":")
        return getattr(importlib.import_module(module), name)
    return entry


def _exists(stem: Path) -> bool:
    return _with_suffix(stem, ".safetensors").is_file() and _with_suffix(stem, ".json").is_file()


def _without_suffix(path: Path) -> Path:
    return path.with_suffix("") if path.suffix in (".safetensors", ".json") else path


def _with_suffix(stem: Path, suffix: str) -> Path:
    return Path(f"{stem}{suffix}")


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
