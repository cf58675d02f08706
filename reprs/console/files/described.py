"""Settings in a few words and numbers, as an engineer would note them down."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from reprs.console.bands import LAYOUT
from reprs.console.knobs import FIRST, all_on
from reprs.console.saved_mix import SavedMix
from reprs.effects import Param, unit_of

COLUMNS = ("fader", "pan", "EQ", "compressor", "saturation", "width", "sends")
OURS = ("highpass", "parametric_eq", "compressor", "distortion", "stereo_width")
HEARD_DB = 0.05  # a band with less gain is not worth a word


def track_rows(saved: SavedMix) -> list[tuple[str, ...]]:
    """For every track its name and what `COLUMNS` say; "-" where nothing is done.

    What is not among them, such as a plugin, is said with the saturation.
    """
    console, knobs, patch = saved.console, saved.knobs, saved.knobs.patch
    rows: list[tuple[str, ...]] = []
    for n, name in enumerate(saved.names):
        values = natural(console.track_params, knobs.tracks[0, n])
        on = switched(console.track_switches, None if knobs.tracks_on is None else knobs.tracks_on[0, n])
        fader = f"{values['fader_db']:+.1f} dB"
        if patch.muted is not None and bool(patch.muted[0, n]):
            fader = "muted"
        eq, compressor, saturation, width = _chain("", values, on)
        others = [_plugin(e, values) for e in console.strip.names if on[e] and e not in OURS]
        saturation = ", ".join([*([saturation] if saturation != "-" else []), *others]) or "-"
        strip = (eq, compressor, saturation, width)
        rows.append((name, fader, _pan(values["pan"]), *strip, _sends(console.buses, values)))
    return rows


def shared_rows(saved: SavedMix) -> list[tuple[str, str]]:
    """Groups, buses and master that are on, with what they do."""
    console, knobs = saved.console, saved.knobs
    values = natural(console.shared_params, knobs.shared[0])
    on = switched(console.shared_switches, None if knobs.shared_on is None else knobs.shared_on[0])
    rows = []
    for bus in console.buses:
        if on[bus]:
            named = {name.split(".", 1)[1]: v for name, v in values.items() if name.startswith(f"{bus}.")}
            rows.append((bus, ", ".join(_plain(name, value) for name, value in named.items())))
    for section in (*console.groups, *(["master"] if console.master else [])):
        inside = {name.removeprefix(f"{section}."): v for name, v in values.items()}
        flags = {name.removeprefix(f"{section}."): flag for name, flag in on.items()}
        said = zip(("EQ", "compressor", "saturation", "width"), _chain("", inside, flags), strict=True)
        parts = [f"{what}: {text}" for what, text in said if text != "-"]
        if flags.get("limiter"):
            parts.append(
                f"limiter: {inside['limiter.ceiling_db']:.1f} dB, {inside['limiter.release_ms']:.0f} ms"
            )
        rows += [(section, "; ".join(parts))] if parts else []
    return rows


def natural(params: Mapping[str, Param], z: Tensor) -> dict[str, float]:
    """Knob → its value in `z` `(P,)`, the middle of it where it moves `(P, frames)`."""
    middle = z if z.ndim == 1 else z.mean(-1)
    return {name: float(p.from_unit(v.double())) for (name, p), v in zip(params.items(), middle, strict=True)}


def switched(names: list[str], on: Tensor | None) -> dict[str, bool]:
    """Switch → whether it is on."""
    return dict(zip(names, (all_on(names) if on is None else on != 0).tolist(), strict=True))


def equaliser_bands(prefix: str, values: Mapping[str, float]) -> list[tuple[str, float, float, float]]:
    """Type, Hz, dB and Q of every band of the equaliser that does something."""
    bands = []
    for band, kind in LAYOUT.items():
        gain_db, hz, q = (values[f"{prefix}parametric_eq.{band}_{k}"] for k in ("gain_db", "hz", "q"))
        bands += [(kind, hz, gain_db, q)] if abs(gain_db) >= HEARD_DB else []
    return bands


def _chain(prefix: str, values: Mapping[str, float], on: Mapping[str, bool]) -> tuple[str, str, str, str]:
    """EQ, compressor, saturation and width."""
    eq = []
    if on.get("highpass"):
        eq.append(f"high-pass {_hz(values['highpass.cutoff_hz'])}")
    if on.get("parametric_eq"):
        eq += [f"{gain:+.1f} dB {_hz(hz)}" for _, hz, gain, _ in equaliser_bands(prefix, values)]
    compressor = saturation = width = "-"
    if on.get("compressor"):
        v = {
            k: values[f"compressor.{k}"]
            for k in ("threshold_db", "ratio", "attack_ms", "release_ms", "makeup_db")
        }
        compressor = (
            f"{v['threshold_db']:.0f} dB {v['ratio']:.1f}:1 {v['attack_ms']:.3g}/{v['release_ms']:.3g} ms"
        )
        compressor += f" {v['makeup_db']:+.1f} dB"
        compressor += ", before the EQ" if on.get(f"compressor{FIRST}") else ""
    if on.get("distortion"):
        saturation = f"{values['distortion.drive_db']:.0f} dB, {100 * values['distortion.mix']:.0f} %"
    if on.get("stereo_width"):
        width = f"{values['stereo_width.width']:.2f}"
    return ", ".join(eq) or "-", compressor, saturation, width


def _plugin(effect: str, values: Mapping[str, float]) -> str:
    """ "squash (threshold -20 dB, ratio 4)"."""
    begins = f"{effect}."
    knobs = [_plain(n.removeprefix(begins), v) for n, v in values.items() if n.startswith(begins)]
    return f"{effect} ({', '.join(knobs)})"


def _sends(buses: Mapping[str, object], values: Mapping[str, float]) -> str:
    levels = {bus: values[f"{bus}.send_db"] for bus in buses}
    return ", ".join(f"{bus} {level:.0f} dB" for bus, level in levels.items() if level > -47.9) or "-"


def _pan(position: float) -> str:
    side = round(100 * position)
    return "C" if side == 0 else f"{abs(side)} {'L' if side < 0 else 'R'}"


def _hz(value: float) -> str:
    return f"{value / 1000:.3g} kHz" if value >= 1000 else f"{value:.3g} Hz"


def _plain(knob: str, value: float) -> str:
    """ "decay_s", 1.3 → "decay 1.3 s"."""
    unit = unit_of(knob)
    name = knob.rsplit("_", 1)[0] if unit else knob
    text = _hz(value) if unit == "Hz" else f"{value:.3g}{' ' + unit if unit else ''}"
    return f"{name.replace('_', ' ')} {text}"
