"""The consoles that ship: one for mixes, one for single recordings.

Ranges are narrower than the effects allow, so that a setting drawn at random is one that somebody might use,
and every bell of the equaliser has a region of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

from reprs.console.console import Console
from reprs.console.swapped import Swaps, swapped
from reprs.effects import Chain, Effect, registry

# The place of the compressor, or of what is there instead, which a track may have before its equaliser.
MOVABLE = 2


def standard_console(groups: Sequence[str] = (), strip: Swaps | None = None) -> Console:
    """Strips, reverb and delay buses and a master for mixes; an EQ and a compressor for each group.

    `strip` says which effects of the tracks' strips are others (`reprs.console.swapped`).
    """
    master = Chain([_equaliser(), _compressor(), registry["stereo_width"], _limiter()])
    of_groups = {name: Chain([_equaliser(), _compressor()]) for name in groups}
    of_tracks = _strip(strip)
    return Console(of_tracks, _buses(), master, of_groups, movable=of_tracks.names[MOVABLE])


def single_console(strip: Swaps | None = None) -> Console:
    """The strip and the buses of `standard_console` for one recording, without a master."""
    of_tracks = _strip(strip)
    return Console(of_tracks, _buses(), movable=of_tracks.names[MOVABLE])


def _strip(swaps: Swaps | None) -> Chain:
    highpass = registry["highpass"].narrow(cutoff_hz=(20, 500)).fix(q=0.7071)
    effects = [highpass, _equaliser(), _compressor(), _saturation(), registry["stereo_width"]]
    return Chain(swapped(effects, swaps or {}))


def _buses() -> dict[str, Chain]:
    return {
        "reverb": Chain([registry["reverb"].fix(mix=1)]),
        "delay": Chain([registry["delay"].narrow(feedback=(0, 0.8)).fix(mix=1)]),
    }


def _equaliser() -> Effect:
    regions_hz = {
        "low_shelf_hz": (30, 300),
        "peak1_hz": (60, 600),
        "peak2_hz": (200, 2_000),
        "peak3_hz": (600, 6_000),
        "peak4_hz": (2_000, 12_000),
        "high_shelf_hz": (2_500, 14_000),
    }
    bells = [f"peak{n}" for n in range(1, 5)]
    gains_db = {f"{band}_gain_db": (-15, 15) for band in ("low_shelf", *bells, "high_shelf")}
    qs = {f"{bell}_q": (0.3, 4) for bell in bells} | {f"{side}_shelf_q": (0.3, 1) for side in ("low", "high")}
    return registry["parametric_eq"].narrow(**regions_hz, **gains_db, **qs)


def _compressor() -> Effect:
    return registry["compressor"].narrow(
        ratio=(1, 10), attack_ms=(0.5, 100), release_ms=(20, 1_000), knee_db=(0, 18), makeup_db=(0, 18)
    )


def _saturation() -> Effect:
    return registry["distortion"].narrow(drive_db=(0, 24), output_db=(-24, 0))


def _limiter() -> Effect:
    return (
        registry["limiter"].with_options(lookahead_ms=1.5).narrow(ceiling_db=(-20, 0), release_ms=(10, 1_000))
    )
