"""The command line: a verb is a few lines over the module that does its work, imported when it runs."""

from __future__ import annotations

import argparse
import functools
import importlib
import inspect
import io
import json
import os
import sys
import warnings
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reprs.audio.batch import Failure

DONE, SOME_FAILED, UNUSABLE, INTERRUPTED = 0, 1, 2, 130
RECIPE_VERBS = {
    "fit": "train a recipe",
    "validate": "score a training's checkpoint on its validation data",
    "test": "score it on its test data",
    "predict": "run it over data",
}
EVAL_TASKS = ("retrieval", "text_retrieval", "text_eq", "probes", "hear", "quality", "mixing", "mixgen")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; 0 done, 1 some inputs failed and were listed, 2 unusable call."""
    args = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a file name may hold what this terminal's encoding lacks
            stream.reconfigure(errors="backslashreplace")
    # A file's name may hold letters that a plot's font lacks: the picture has a box there.
    warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from")
    try:
        return _run(args)
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return DONE
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except (ValueError, OSError) as error:
        print(f"reprs {args[0]}: {' '.join(str(error).split())}", file=sys.stderr)
        return UNUSABLE


def _run(args: list[str]) -> int:
    if args and args[0] in RECIPE_VERBS:
        return importlib.import_module("reprs.training.cli").main(args)
    if len(args) > 1 and args[0] == "eval" and args[1] in EVAL_TASKS:
        return _eval(args[1], args[2:])
    if args and args[0] == "eq" and any(a == "--apply" or a.startswith("--apply=") for a in args):
        args = ["eq", "", *args[1:]]  # the prompt is in the saved setting; all that is named is files
    parser = _parser()
    call = parser.parse_args(args)
    if call.run is None:
        parser.print_help()
        return UNUSABLE
    return call.run(call)


def _embed(call: argparse.Namespace) -> int:
    from reprs.retrieval import embed_files

    shards = call.shards or call.out.endswith("/") or Path(call.out).is_dir()
    embed_files.check_output(call.out, shards, call.force)
    paths, missing = _find(call.audio)
    encoder = _encoder(call.model, call.device)
    results = embed_files.embed_files(encoder, paths)
    count, failures = embed_files.write_output(call.out, results, call.model, encoder.model_hash, shards)
    return _report(
        f"embedded {count} of {len(paths) + len(missing)} files", missing + failures, count and call.out
    )


def _index_build(call: argparse.Namespace) -> int:
    from reprs.models import hub
    from reprs.retrieval.index import Index, check_output, check_windowing

    check_output(call.out, call.add, call.force)
    index = Index.open(call.out) if call.add else None
    check_windowing(call.window_s, call.hop_s, index)
    paths, missing = _find(call.audio)
    model = call.model or (index.manifest["model"] if index else "effect")
    encoder = _encoder(model, call.device)
    index = index or Index.create(encoder, hub.portable_name(model), call.window_s, call.hop_s)
    added, failures = index.add_files(encoder, paths)
    if added:
        index.write(call.out)
    unchanged = len(paths) - added - len(failures)
    said = f"indexed {added} of {len(paths) + len(missing)} files" + (
        f", {unchanged} unchanged" if unchanged else ""
    )
    return _report(said, missing + failures, (added or unchanged) and call.out)


def _search(call: argparse.Namespace) -> int:
    from reprs.retrieval.index import Index

    index = Index.open(call.index)
    encoder = _encoder(call.model or index.manifest["model"], call.device)
    if call.text is None:
        hits = index.search(encoder, call.audio, call.k)
    elif hasattr(encoder, "embed_text"):
        index.check_model(encoder)
        hits = index.nearest(encoder.embed_text([call.text])[0].cpu().numpy(), call.k)
    else:
        raise ValueError(
            f"the model {index.manifest['model']!r} does not read text: search with --audio FILE"
        )
    if call.json:
        print(json.dumps([asdict(hit) for hit in hits], indent=2))
        return DONE
    for rank, hit in enumerate(hits, 1):
        print(f"{rank:3d}  {hit.score:6.3f}  {hit.start_s:8.2f} s + {hit.duration_s:.2f} s  {hit.path}")
    return DONE


def _quality(call: argparse.Namespace) -> int:
    from reprs.models import hub
    from reprs.retrieval import quality_files

    quality_files.check_output(call.out, call.force)
    paths, failures = _find(call.audio)
    quality_files.check_count(call.out, len(paths))
    model = hub.load(call.model)
    if not hasattr(model, "judge"):
        raise ValueError(f"{call.model!r} judges no quality; the shipped model that does is quality")
    judged: list[quality_files.Judged] = []
    for one in quality_files.judge_files(model, paths):
        if isinstance(one, quality_files.Judged):
            judged.append(one)
            if not call.json:
                print("\n".join(quality_files.lines(one)), flush=True)
        else:
            failures.append(one)
    if call.json:
        print(json.dumps([one.to_json() for one in judged], indent=2, ensure_ascii=False))
    if call.out and judged:
        quality_files.write_output(call.out, judged)
    said = f"judged {len(judged)} of {len(judged) + len(failures)} files"
    return _report(said, failures, None if call.json else judged and call.out)


def _eq(call: argparse.Namespace) -> int:
    from reprs.audio.batch import Failure
    from reprs.console import eq_files

    names, make = _eq_request(call)
    paths, failures = _find(names)
    outs = eq_files.outputs(call.out, paths, call.force)
    count, written = len(paths) + len(failures), None
    for done in eq_files.equalise_files(paths, outs, make):
        if isinstance(done, Failure):
            failures.append(done)
            continue
        written = done.out if call.out == str(done.out) else call.out
        _print_bands(done)
    return _report(f"equalised {count - len(failures)} of {count} files", failures, written)


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
        _print_table(rows)
    else:
        print("  no bands: there is nothing to change")
    match_db = result.match_gain_db
    print(
        f"  preamp {result.preamp_db:.1f} dB; loudness {result.loudness_before_lufs:.1f} → "
        f"{result.loudness_after_lufs:.1f} LUFS: to compare, play OUT {abs(match_db):.1f} dB "
        f"{'louder' if match_db >= 0 else 'softer'}"
    )


def _mix(call: argparse.Namespace) -> int:
    if call.samples is not None or call.start is not None:
        return _several(call)
    from reprs.console import mix_files, wish
    from reprs.console.saved_mix import read_mix
    from reprs.console.session import read_session
    from reprs.console.standard import standard_console

    if (call.seed, call.guidance, call.temperature, call.variation) != (0, 1.0, 1.0, None):
        raise ValueError(
            "--seed, --guidance, --temperature and --variation are of several mixes: add --samples N"
        )
    folder = mix_files.check_folder(call.out, call.force)
    wanted = _wish(call)
    wanted.check(standard_console())
    reference = _reference(call)
    applied = read_mix(call.apply) if call.apply else None
    model = None if applied else wish.controller(wanted.model)
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
    return _report(f"mixed {count} of {count + len(failures)} stems", failures, call.out)


def _several(call: argparse.Namespace) -> int:
    """`mix` with --samples or --start: several mixes to choose from."""
    from reprs.console import several, several_files
    from reprs.console.compared import words
    from reprs.console.session import read_session
    from reprs.console.standard import standard_console

    if call.apply:
        raise ValueError("--apply is one mix: leave out --samples and --start, or go on from it with --start")
    _reference(call)
    name = "mixgen" if call.model == "controller" else call.model
    how = several.Sampling(
        call.samples or several.DEFAULT_SAMPLES,
        call.seed, call.guidance, call.temperature, call.start, call.variation, name,
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
    return _report(
        f"made {len(done)} mixes of {len(session.names)} stems", failures, folder / several_files.PAGE
    )


def _match(call: argparse.Namespace) -> int:
    from reprs.audio.batch import Failure
    from reprs.console import eq_files, match_files
    from reprs.console.standard import single_console

    wanted = _wish(call)
    if not call.apply and not call.reference:
        raise ValueError(
            "name a recording to sound like with --reference, or a setting with --apply OUT.json"
        )
    wanted.check(single_console())
    reference = _reference(call)
    settle = _settler(call, wanted)
    paths, failures = _find(call.audio)
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
    return _report(f"matched {count - len(failures)} of {count} files", failures, written)


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


def _settler(call: argparse.Namespace, wanted: Any) -> Any:
    """Session → setting: a saved one, or what a controller finds."""
    from reprs.console import wish
    from reprs.console.saved_mix import read_mix

    if not call.apply:
        model = wish.controller(wanted.model)
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
    from reprs.console.described import COLUMNS, shared_rows, track_rows

    rows, eq = [("track", *COLUMNS), *track_rows(done.saved)], 1 + COLUMNS.index("EQ")
    _print_table([row[:eq] + row[eq + 1 :] for row in rows])
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


def _eval(task: str, args: list[str]) -> int:
    checkout = Path(__file__).resolve().parent.parent
    if not (checkout / "eval" / f"{task}.py").is_file():
        raise ValueError("the wheel has no evaluation code: clone the reprs repository and run it there")
    if str(checkout) not in sys.path:
        sys.path.insert(0, str(checkout))
    return importlib.import_module(f"eval.{task}").main(args)


def _effects(call: argparse.Namespace) -> int:
    from reprs.effects import registry, unit_of

    if call.name and call.name not in registry:
        raise ValueError(f"no effect {call.name!r}; there are: {', '.join(sorted(registry))}")
    for name in [call.name] if call.name else sorted(registry):
        effect = registry[name]
        text = inspect.getdoc(effect.function) or ""
        print(f"{name}: {text if call.name else text.splitlines()[0]}")
        rows = [("knob", "min", "max", "default", "unit", "scale")]
        for knob, p in effect.params.items():
            rows.append((knob, f"{p.min:g}", f"{p.max:g}", f"{p.default:g}", unit_of(knob) or "-", p.scale))
        _print_table(rows)
        if effect.options:
            print("  options: " + ", ".join(f"{key}={value!r}" for key, value in effect.options.items()))
        if effect.takes_sidechain:
            print("  takes a side-chain")
        print()
    return DONE


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        cells = [f"{cell:>{width}}" for cell, width in zip(others, widths[1:], strict=True)]
        print(f"  {first:<{widths[0]}}  {'  '.join(cells)}")


def _encoder(model: str, device: str) -> Any:
    from reprs.models import hub

    encoder = hub.load_encoder(model)
    try:
        return encoder.to(device)
    except (
        RuntimeError,
        AssertionError,
    ) as error:  # torch has one kind for a wrong name, another for no CUDA
        raise ValueError(f"--device {device} is not to be had here: {str(error).splitlines()[0]}") from None


def _find(audio: list[str]) -> tuple[list[Path], list[Failure]]:
    """The audio files of a call; unusable where there is not one."""
    from reprs.audio.batch import find

    paths, missing = find(audio)
    if not paths:
        raise ValueError("; ".join(failure.reason for failure in missing))
    return paths, missing


def _report(said: str, failures: Sequence[Any], out: Any) -> int:
    """List what failed on stderr, name the output on stdout."""
    print(said + (f", {len(failures)} failed:" if failures else ""), file=sys.stderr)
    for failure in failures:
        print(f"  {failure.reason}", file=sys.stderr)
    if out:
        print(out)
    return SOME_FAILED if failures else DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="reprs",
        description="How audio was produced, as vectors: embed it, search by it, judge it, train it.",
        epilog="reprs VERB --help shows an example.",
    )
    parser.set_defaults(run=None)
    verbs = parser.add_subparsers(metavar="VERB")
    for name, summary in RECIPE_VERBS.items():
        verbs.add_parser(name, help=summary)

    verb = _add(verbs, "embed", _embed, "audio files → vectors", "reprs embed ~/Music take.wav -o music.npz")
    verb.add_argument("audio", nargs="+", metavar="AUDIO_OR_FOLDER")
    _add_out(verb, "OUT.npz, or a folder (ending in /) of shards")
    verb.add_argument("--shards", action="store_true", help="OUT is a folder of shards, for big corpora")
    verb.add_argument("--force", action="store_true", help="replace what is there")
    _add_model(verb, "effect")

    index = verbs.add_parser("index", help="make a folder of audio searchable")
    verb = _add(
        index.add_subparsers(metavar="build", required=True),
        "build",
        _index_build,
        "audio folder → index",
        "reprs index build ~/Music -o music.index; reprs index build ~/New -o music.index --add; "
        "reprs index build ~/Samples -o sounds.index --model timbre",
    )
    verb.add_argument("audio", nargs="+", metavar="AUDIO_FOLDER")
    _add_out(verb, "a folder", metavar="INDEX")
    how = verb.add_mutually_exclusive_group()
    how.add_argument("--add", action="store_true", help="add to INDEX what is new or has changed")
    how.add_argument("--force", action="store_true", help="replace what is there")
    verb.add_argument(
        "--window-s", type=float, metavar="S", help="a vector a window (default: a vector a file)"
    )
    verb.add_argument("--hop-s", type=float, metavar="S", help="from window to window (default: --window-s)")
    _add_model(verb, None)

    example = (
        "reprs search music.index --audio reference.wav -k 5; "
        'reprs search sounds.index --text "a warm round bass" (made with: reprs index build ~/Samples -o '
        "sounds.index --model timbre). To choose among labels instead, in Python: "
        'reprs.load("timbre").classify(audio, sample_rate, ["piano", "guitar", "drums"])'
    )
    verb = _add(verbs, "search", _search, "find what was produced alike, or what words describe", example)
    verb.add_argument("index", metavar="INDEX")
    query = verb.add_mutually_exclusive_group(required=True)
    query.add_argument("--audio", type=_given, metavar="FILE")
    query.add_argument(
        "--text", type=_given, metavar="TEXT", help="words, for an index made with --model timbre"
    )
    verb.add_argument("-k", type=_count, default=10, metavar="K", help="how many (default 10)")
    verb.add_argument("--json", action="store_true", help="print JSON")
    _add_model(verb, None)

    example = "reprs quality take.mp3 ~/Music -o curves.png; the scale is ViSQOL's, 1 to 4.73"
    verb = _add(verbs, "quality", _quality, "how good it sounds, what is wrong, and when", example)
    verb.add_argument("audio", nargs="+", metavar="FILE", help="audio files or folders")
    _add_out(verb, "OUT.json, or OUT.png with the curves", required=False)
    verb.add_argument("--json", action="store_true", help="print JSON")
    verb.add_argument("--force", action="store_true", help="replace what is there")
    _add_model(verb, "quality", device=False)

    example = (
        'reprs eq "warm, a bit less boomy" IN.wav -o OUT.wav; reprs eq --apply OUT.json other.wav -o NEW.wav'
    )
    verb = _add(verbs, "eq", _eq, "equalise as words say, in bands to read and edit", example)
    verb.add_argument("prompt", metavar="PROMPT", help="such as 'brighter but not harsh'; not with --apply")
    verb.add_argument("audio", nargs="+", metavar="IN", help="audio files or folders")
    _add_out(verb, "OUT.wav (with OUT.json, OUT.txt, OUT.png), or a folder")
    verb.add_argument(
        "--amount", type=float, default=1.0, metavar="A", help="0 to 2 times the gains (default 1)"
    )
    verb.add_argument("--engine", choices=("predicted", "optimised"), help="default: predicted")
    verb.add_argument(
        "--lock",
        action="append",
        type=_given,
        metavar="REGION",
        help='leave alone, such as "low end" or 20-200',
    )
    verb.add_argument(
        "--apply", type=_given, metavar="OUT.json", help="the bands of an earlier call, edited or not"
    )
    verb.add_argument("--force", action="store_true", help="replace what is there")
    _add_model(verb, "timbre", device=False)

    example = (
        "reprs match IN.wav --reference REF.wav -o OUT.wav --only eq,compressor; "
        "reprs match --apply OUT.json other.wav -o NEW.wav"
    )
    verb = _add(verbs, "match", _match, "make recordings sound like another, by settings to edit", example)
    verb.add_argument("audio", nargs="+", metavar="IN", help="audio files or folders, mono or stereo")
    _add_out(verb, "OUT.wav (with OUT.json, OUT.txt, OUT.png), or a folder")
    _add_wish(verb, "OUT.json")

    example = (
        "reprs mix stems/ --reference REF.wav -o mixed; reprs mix stems/ --text 'warm and wide' -o mixed; "
        "reprs mix stems/ --apply mixed/mix.json -o again; reprs mix stems/ --samples 5 --seed 7 -o five; "
        "reprs mix stems/ --start five/mix-3.json --variation 0.2 --lock vocals -o near"
    )
    verb = _add(verbs, "mix", _mix, "mix stems like a reference or words, by settings to edit", example)
    verb.add_argument("stems", metavar="STEMS_FOLDER")
    _add_out(verb, "for mix.wav, mix.json, report.html, stems, buses", metavar="FOLDER")
    verb.add_argument("--text", metavar="TEXT", help="how it should sound, in words")
    _add_sampling(verb)
    _add_wish(verb, "mix.json")

    example = "reprs eval retrieval --model effect; reprs eval retrieval --help"
    verb = _add(verbs, "eval", lambda call: _eval(call.task, []), "judge a model", example)
    verb.add_argument("task", choices=EVAL_TASKS, metavar="TASK", help=", ".join(EVAL_TASKS))

    verb = _add(verbs, "effects", _effects, "every knob: range, unit, default", "reprs effects compressor")
    verb.add_argument("name", nargs="?", metavar="NAME")
    return parser


def _add(verbs: Any, name: str, run: Any, summary: str, example: str) -> argparse.ArgumentParser:
    verb = verbs.add_parser(name, help=summary, description=summary, epilog=f"example: {example}")
    verb.set_defaults(run=run)
    return verb


def _add_out(
    verb: argparse.ArgumentParser, what: str, metavar: str | None = None, required: bool = True
) -> None:
    verb.add_argument("-o", "--out", type=_given, required=required, metavar=metavar, help=what)


def _add_wish(verb: argparse.ArgumentParser, saved: str) -> None:
    """The options that `mix` and `match` have in common."""
    verb.add_argument("--reference", type=_given, metavar="FILE", help="a recording to sound like")
    verb.add_argument(
        "--amount", type=float, default=1.0, metavar="A", help="0 to 2 times as much (default 1)"
    )
    verb.add_argument(
        "--only", action="append", type=_given, metavar="PARTS", help="such as eq,compressor,reverb,fader"
    )
    verb.add_argument(
        "--lock",
        action="append",
        type=_given,
        metavar="WHAT",
        help='leave alone: a part, a track, "low end" or 20-200',
    )
    verb.add_argument(
        "--refine",
        type=int,
        default=0,
        metavar="STEPS",
        help="go on by gradients towards the reference, as 200",
    )
    verb.add_argument(
        "--apply", type=_given, metavar=saved, help="the settings of an earlier call, edited or not"
    )
    verb.add_argument("--force", action="store_true", help="replace what is there")
    _add_model(verb, "controller", device=False)


def _add_sampling(verb: argparse.ArgumentParser) -> None:
    """The options of `mix` for several mixes."""
    several = verb.add_argument_group(
        "several mixes", "mix-1.wav, mix-1.json, …, and mixes.html to compare them"
    )
    several.add_argument("--samples", type=_count, metavar="N", help="how many mixes (5 with --start)")
    several.add_argument("--seed", type=int, default=0, help="other mixes for another number (default 0)")
    several.add_argument(
        "--guidance", type=float, default=1.0, metavar="G", help="above 1: more of the style (default 1)"
    )
    several.add_argument(
        "--temperature",
        type=float,
        default=1.0,
        metavar="T",
        help="below 1: more alike and more usual, such as 0.5 (default 1)",
    )
    several.add_argument(
        "--start", type=_given, metavar="MIX.json", help="mixes near this one; --lock keeps its settings"
    )
    several.add_argument("--variation", type=float, metavar="V", help="how near: 0 to 1 (default 0.2)")


def _add_model(verb: argparse.ArgumentParser, default: str | None, device: bool = True) -> None:
    what = default or "the index's, or effect"
    verb.add_argument(
        "--model",
        default=default,
        metavar="NAME_OR_PATH",
        help=f"a shipped name, a path or a hub id (default: {what})",
    )
    if device:
        verb.add_argument("--device", default="cpu", help="where the model runs (default: cpu)")


def _given(text: str) -> str:
    if not text:  # such as a shell's variable that was never set: it would pass for the current folder
        raise argparse.ArgumentTypeError("is empty")
    return text


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
