"""The HEAR 2021 interface (Turian 2022) for every checkpoint: scene and timestamp embeddings of mono audio.

model = reprs.hear.load_model("effect")
scene = reprs.hear.get_scene_embeddings(audio, model)  # (n, samples) at model.sample_rate → (n, D)
frames, ms = reprs.hear.get_timestamp_embeddings(audio, model)  # (n, t, D), (n, t)
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from reprs.models import hub

DEFAULT_MODEL = "effect"
# HEAR asks for 50 ms or less between timestamps; the window is what the embedding needs to hear an effect.
HOP_MS = 50
WINDOW_MS = 1_000
SHORTEST_MS = 100
WINDOWS_AT_ONCE = 64


class HearModel(nn.Module):
    """An encoder of ours with the attributes that HEAR reads."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.sample_rate = int(encoder.sample_rate)  # type: ignore[arg-type]
        self.scene_embedding_size = int(encoder.embedding_dim)  # type: ignore[arg-type]
        self.timestamp_embedding_size = self.scene_embedding_size
        self.model_hash = str(getattr(encoder, "model_hash", ""))

    def forward(self, audio: Tensor) -> Tensor:
        """Mono `(n, samples)` at `sample_rate` → `(n, D)` float32, on the audio's device."""
        short = self.sample_rate * SHORTEST_MS // 1_000 - audio.shape[1]
        padded = F.pad(audio, (0, max(0, short)))[:, None]
        return self.encoder.embed(padded, self.sample_rate).float().to(audio.device)  # type: ignore[operator]


def load_model(model_file_path: str = "") -> HearModel:
    """The checkpoint at a path, of a shipped name or a hub id; the shipped `effect` without one."""
    return HearModel(hub.load_encoder(model_file_path or DEFAULT_MODEL))


def get_scene_embeddings(audio: Tensor, model: HearModel) -> Tensor:
    """One embedding a sound: `(n, samples)` in [−1, 1] at `model.sample_rate` → `(n, D)`.

    Sounds shorter than 0.1 s are filled up with silence.
    """
    return model(_checked(audio, model))


def get_timestamp_embeddings(audio: Tensor, model: HearModel) -> tuple[Tensor, Tensor]:
    """An embedding every 50 ms, of the second around it: `(n, t, D)`, and the times `(n, t)` in ms.

    Windows are centred on their timestamps, the first on 0; beyond the ends of a sound there is silence.
    """
    audio = _checked(audio, model)
    hop, window = (model.sample_rate * ms // 1_000 for ms in (HOP_MS, WINDOW_MS))
    count = audio.shape[1] // hop + 1
    padded = F.pad(audio, (window // 2, window))
    windows = padded.unfold(1, window, hop)[:, :count].flatten(0, 1)
    e = torch.cat([model(part) for part in windows.split(WINDOWS_AT_ONCE)])
    times_ms = torch.arange(count, dtype=torch.float32, device=audio.device) * (
        1_000 * hop / model.sample_rate
    )
    return e.unflatten(0, (len(audio), count)), times_ms.expand(len(audio), -1).clone()


def _checked(audio: Tensor, model: HearModel) -> Tensor:
    if not isinstance(model, HearModel):
        raise ValueError("the model is what reprs.hear.load_model returns")
    if audio.ndim != 2 or audio.numel() == 0:
        raise ValueError(f"HEAR audio is mono, (sounds, samples) and not empty; got {tuple(audio.shape)}")
    return audio.float()
