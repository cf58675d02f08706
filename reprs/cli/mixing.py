"""`mix` and `match`: a console is set like a reference, words or a saved setting, and plays."""

from __future__ import annotations

import argparse
import functools
import sys
from pathlib import Path
from typing import Any

from reprs.cli.answer import find, print_table, report


def mix(call: argparse.Namespace) -> int:
    """Stems → one mix; several where the call asks for them."""
    if call.samples is not None or call.start is not None:
        return _several(call)
    from reprs.console import wish
    from reprs.console.files import mix_files
    from reprs.console.saved_mix import read_mix
    from reprs.console.session import read_session
    from reprs.console.standard import standard_console

    if (call.seed, call.guidance, call.temperature, call.variation) != (0, 1.0, None, None):
        raise ValueError(
            "--seed, --guidance, --temperature and --variation are of several mixes: add --samples N"
        )
    folder = mix_files.check_folder(call.out, call.force)
    wanted = _wish(call)
    applied = read_mix(call.apply) if call.apply else None
    model = None if applied else wish.controller(wanted.model)
    wanted.check(standard_console(strip=model.strip if model else None))
    reference = _reference(call)
    session, failures = read_session(call.stems, leave_out=folder)
    notes = [*session.notes, *(failure.reason for failure in failures)]
    if applied:
        saved, more = wish.fitted(applied, session.names, call.amount)
        notes += more
    else:
        saved = wish.settle(wanted, "standard", session, model)
    done = mix_files.write_mix(folder, session, saved, _asked(call, "a mix"), notes, reference)
    for note in notes[: len(session.notes)] + notes[len(session.notes) + len(failures) :]:
        print(f"note: {note}", file=sys.stderr)
    _print_mix(done)
    count = len(session.names)
    return report(f"mixed {count} of {count + len(failures)} stems", failures, call.out)


def _several(call: argparse.Namespace) -> int:
    """`mix` with --samples or --start: several mixes to choose from."""
    from reprs.console import several
    from reprs.console.files import several_files
    from reprs.console.files.compared import words
    from reprs.console.session import read_session
    from reprs.console.standard import standard_console

    if call.apply:
        raise ValueError("--apply is one mix: leave out --samples and --start, or go on from it with --start")
    _reference(call)
    name = "mixgen" if call.model == "controller" else call.model
    temperature = several.TEMPERATURE if call.temperature is None else call.temperature
    how = several.Sampling(
        call.samples or several.DEFAULT_SAMPLES,
        call.seed, call.guidance, temperature, call.start, call.variation, name,
    )  # fmt: skip
    how.check()
    folder = several_files.check_several(call.out, how.samples, call.force)
    wanted = _wish(call)
    wanted.check(standard_console())
    model = several.generator(name)
    session, failures = read_session(call.stems, leave_out=folder)
    mixes, notes = several.settle_several(wanted, how, session, model)
    notes = [*session.notes, *notes]
    said = [*notes, *(failure.reason for failure in failures)]
    done = several_files.write_several(folder, session, mixes, _asked(call, "mixes"), call.stems, said)
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
    for candidate, how_it_differs in zip(done, words(mixes), strict=True):
        print(f"  {candidate.path.name}: {how_it_differs}")
    print(f"  go on from one: {several_files.next_call(call.stems, done[0].path)}")
    return report(
        f"made {len(done)} mixes of {len(session.names)} stems", failures, folder / several_files.PAGE
    )


def match(call: argparse.Namespace) -> int:
    """Recordings → the same ones, made to sound like another."""
    from reprs.audio.batch import Failure
    from reprs.console import wish
    from reprs.console.files import eq_files, match_files
    from reprs.console.standard import single_console

    wanted = _wish(call)
    if not call.apply and not call.reference:
        raise ValueError(
            "name a recording to sound like with --reference, or a setting with --apply OUT.json"
        )
    model = None if call.apply else wish.controller(wanted.model)
    paths, failures = find(call.audio)
    wanted.check(single_console(model.strip if model else None), [path.stem for path in paths])
    reference = _reference(call)
    settle = _settler(call, wanted, model)
    outs = eq_files.outputs(call.out, paths, call.force)
    count, written = len(paths) + len(failures), None
    match = functools.partial(match_files.match_file, settle=settle, reference=reference)
    for done in eq_files.each_file(paths, outs, match):
        if isinstance(done, Failure):
            failures.append(done)
            continue
        written = done.out if call.out == str(done.out) else call.out
        print(f"{done.path} → {done.out}")
        _print_mix(done.result)
    return report(f"matched {count - len(failures)} of {count} files", failures, written)


def _wish(call: argparse.Namespace) -> Any:
    """What the call of `mix` or `match` wants; whatever cannot be together is said here."""
    from reprs.console.wish import Wish

    text, only, lock = getattr(call, "text", None), call.only or (), call.lock or ()
    if call.apply and (call.reference or text or only or lock or call.refine):
        raise ValueError("--apply takes its settings from the file: only --amount goes with it")
    return Wish(call.reference, text, call.amount, only, lock, call.refine, call.model)


def _reference(call: argparse.Namespace) -> Any:
    """The recording to sound like, `(C, T)` and its rate in Hz, or None; unusable where it cannot be one."""
    from reprs.audio import files

    if not call.reference:
        return None
    x, sample_rate = files.read(call.reference)
    if len(x) > 2:
        raise ValueError(f"{call.reference}: has {len(x)} channels; a reference is mono or stereo")
    if not bool(x.any()):
        raise ValueError(f"{call.reference}: is silent; give a reference that can be heard")
    return x, sample_rate


def _settler(call: argparse.Namespace, wanted: Any, model: Any) -> Any:
    """Session → setting: a saved one, or what the controller `model` finds."""
    from reprs.console import wish
    from reprs.console.saved_mix import read_mix

    if not call.apply:
        return lambda session: wish.settle(wanted, "single", session, model)
    saved = read_mix(call.apply)
    if len(saved.names) != 1:
        raise ValueError(f"{call.apply}: is a mix of {len(saved.names)} tracks; apply it with reprs mix")
    return lambda session: wish.fitted(saved, saved.names, call.amount)[0]


def _asked(call: argparse.Namespace, otherwise: str) -> str:
    stems = Path(call.stems).resolve().name
    if call.apply:
        return f"{stems} by {call.apply}"
    wanted = [Path(call.reference).name] if call.reference else []
    wanted += [f"“{call.text}”"] if call.text else []
    return f"{stems}, like {' and '.join(wanted)}" if wanted else f"{stems}, {otherwise}"


def _print_mix(done: Any) -> None:
    """The settings of every track as a table, and what they do to the level."""
    from reprs.console.files.described import COLUMNS, shared_rows, track_rows

    rows, eq = [("track", *COLUMNS), *track_rows(done.saved)], 1 + COLUMNS.index("EQ")
    print_table([row[:eq] + row[eq + 1 :] for row in rows])
    for row in rows[1:]:
        if row[eq] != "-":
            print(f"  EQ of {row[0]}: {row[eq]}")
    for section, setting in shared_rows(done.saved):
        print(f"  {section}: {setting}")
    before, after = done.before, done.after
    print(
        f"  output {done.saved.output_db:+.1f} dB; loudness {before.loudness_lufs:.1f} → "
        f"{after.loudness_lufs:.1f} LUFS, crest {before.crest_db:.1f} → {after.crest_db:.1f} dB"
    )
