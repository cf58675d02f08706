"""`eq`: words, or a saved setting, → bands and the audio through them."""

from __future__ import annotations

import argparse
import functools
from pathlib import Path
from typing import Any

from reprs.cli.answer import find, print_table, report


def eq(call: argparse.Namespace) -> int:
    """Files → equalised files, with their bands."""
    from reprs.audio.batch import Failure
    from reprs.console.files import eq_files

    names, make = _eq_request(call)
    paths, failures = find(names)
    outs = eq_files.outputs(call.out, paths, call.force)
    count, written = len(paths) + len(failures), None
    for done in eq_files.equalise_files(paths, outs, make):
        if isinstance(done, Failure):
            failures.append(done)
            continue
        written = done.out if call.out == str(done.out) else call.out
        _print_bands(done)
    return report(f"equalised {count - len(failures)} of {count} files", failures, written)


def _eq_request(call: argparse.Namespace) -> tuple[list[str], Any]:
    """The files of the call, and what is to be done to each; whatever is wrong with the call is said here."""
    from reprs.console import setting as settings
    from reprs.console import text_eq as eq

    if call.apply is not None:
        if call.engine or call.lock:
            raise ValueError("--apply takes its bands from the file: leave out --engine and --lock")
        setting = settings.read_setting(call.apply)
        eq.check_amount(call.amount)
        setting = setting.scaled(call.amount)
        names = call.audio
        if len(names) > 1 and names[0] == setting.prompt and not Path(names[0]).exists():
            names = names[1:]  # the prompt may be said again
        return names, lambda x, rate: eq.equalise(x, rate, setting)
    engine, lock = call.engine or eq.DEFAULT_ENGINE, call.lock or ()
    eq.check_request(call.prompt, call.amount, engine, lock)
    model = eq.listener(call.model) if engine == "optimised" else None
    return call.audio, functools.partial(
        eq.text_eq, prompt=call.prompt, amount=call.amount, engine=engine, lock=lock, model=model
    )


def _print_bands(done: Any) -> None:
    """One file's bands as a table, and what they do to its level."""
    result = done.result
    print(f"{done.path} → {done.out}")
    ignored = result.setting.details.get("ignored")
    if ignored:
        print(f"  not understood and left out: {', '.join(map(repr, ignored))}")
    confidence = result.setting.details.get("confidence", 1.0)
    if confidence < 1:
        print(f"  read by words that mean nearly the same: confidence {confidence:.2f} of 1")
    rows = [("band", "Hz", "gain dB", "Q", "octaves")]
    for band in result.bands:
        octaves = "-" if band.octaves is None else f"{band.octaves:.2f}"
        name = band.type.replace("_", " ")
        rows.append((name, f"{band.frequency_hz:g}", f"{band.gain_db:+.1f}", f"{band.q:.2f}", octaves))
    if result.bands:
        print_table(rows)
    else:
        print("  no bands: there is nothing to change")
    match_db = result.match_gain_db
    print(
        f"  preamp {result.preamp_db:.1f} dB; loudness {result.loudness_before_lufs:.1f} → "
        f"{result.loudness_after_lufs:.1f} LUFS: to compare, play OUT {abs(match_db):.1f} dB "
        f"{'louder' if match_db >= 0 else 'softer'}"
    )
