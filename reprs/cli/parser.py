"""What every verb takes: its arguments, their defaults and their help."""

from __future__ import annotations

import argparse
from typing import Any

from reprs.cli import effects, equaliser, judging, mixing, vectors
from reprs.cli.judging import EVAL_TASKS

RECIPE_VERBS = {
    "fit": "train a recipe",
    "validate": "score a training's checkpoint on its validation data",
    "test": "score it on its test data",
    "predict": "run it over data",
}


def make_parser() -> argparse.ArgumentParser:
    """The parser of all verbs; what it parses has `.run`, the verb, or None where none is named."""
    parser = argparse.ArgumentParser(
        prog="reprs",
        description="How audio was produced, as vectors: embed it, search by it, judge it, train it.",
        epilog="reprs VERB --help shows an example.",
    )
    parser.set_defaults(run=None)
    verbs = parser.add_subparsers(metavar="VERB")
    for name, summary in RECIPE_VERBS.items():
        verbs.add_parser(name, help=summary)
    for add in (_embed, _index, _search, _quality, _eq, _match, _mix, _eval, _effects):
        add(verbs)
    return parser


def _embed(verbs: Any) -> None:
    verb = _add(
        verbs, "embed", vectors.embed, "audio files → vectors", "reprs embed ~/Music take.wav -o music.npz"
    )
    verb.add_argument("audio", nargs="+", metavar="AUDIO_OR_FOLDER")
    _add_out(verb, "OUT.npz, or a folder (ending in /) of shards")
    verb.add_argument("--shards", action="store_true", help="OUT is a folder of shards, for big corpora")
    verb.add_argument("--force", action="store_true", help="replace what is there")
    _add_model(verb, "effect")


def _index(verbs: Any) -> None:
    index = verbs.add_parser("index", help="make a folder of audio searchable")
    verb = _add(
        index.add_subparsers(metavar="build", required=True),
        "build",
        vectors.index_build,
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


def _search(verbs: Any) -> None:
    example = (
        "reprs search music.index --audio reference.wav -k 5; "
        'reprs search sounds.index --text "a warm round bass" (made with: reprs index build ~/Samples -o '
        "sounds.index --model timbre). To choose among labels instead, in Python: "
        'reprs.load("timbre").classify(audio, sample_rate, ["piano", "guitar", "drums"])'
    )
    verb = _add(
        verbs, "search", vectors.search, "find what was produced alike, or what words describe", example
    )
    verb.add_argument("index", metavar="INDEX")
    query = verb.add_mutually_exclusive_group(required=True)
    query.add_argument("--audio", type=_given, metavar="FILE")
    query.add_argument(
        "--text", type=_given, metavar="TEXT", help="words, for an index made with --model timbre"
    )
    verb.add_argument("-k", type=_count, default=10, metavar="K", help="how many (default 10)")
    verb.add_argument("--json", action="store_true", help="print JSON")
    _add_model(verb, None)


def _quality(verbs: Any) -> None:
    example = "reprs quality take.mp3 ~/Music -o curves.png; the scale is ViSQOL's, 1 to 4.73"
    verb = _add(verbs, "quality", vectors.quality, "how good it sounds, what is wrong, and when", example)
    verb.add_argument("audio", nargs="+", metavar="FILE", help="audio files or folders")
    _add_out(verb, "OUT.json, or OUT.png with the curves", required=False)
    verb.add_argument("--json", action="store_true", help="print JSON")
    verb.add_argument("--force", action="store_true", help="replace what is there")
    _add_model(verb, "quality", device=False)


def _eq(verbs: Any) -> None:
    example = (
        'reprs eq "warm, a bit less boomy" IN.wav -o OUT.wav; reprs eq --apply OUT.json other.wav -o NEW.wav'
    )
    verb = _add(verbs, "eq", equaliser.eq, "equalise as words say, in bands to read and edit", example)
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


def _match(verbs: Any) -> None:
    example = (
        "reprs match IN.wav --reference REF.wav -o OUT.wav --only eq,compressor; "
        "reprs match --apply OUT.json other.wav -o NEW.wav"
    )
    verb = _add(
        verbs, "match", mixing.match, "make recordings sound like another, by settings to edit", example
    )
    verb.add_argument("audio", nargs="+", metavar="IN", help="audio files or folders, mono or stereo")
    _add_out(verb, "OUT.wav (with OUT.json, OUT.txt, OUT.png), or a folder")
    _add_wish(verb, "OUT.json")


def _mix(verbs: Any) -> None:
    example = (
        "reprs mix stems/ --reference REF.wav -o mixed; reprs mix stems/ --text 'warm and wide' -o mixed; "
        "reprs mix stems/ --apply mixed/mix.json -o again; reprs mix stems/ --samples 5 --seed 7 -o five; "
        "reprs mix stems/ --start five/mix-3.json --variation 0.2 --lock vocals -o near"
    )
    verb = _add(verbs, "mix", mixing.mix, "mix stems like a reference or words, by settings to edit", example)
    verb.add_argument("stems", metavar="STEMS_FOLDER")
    _add_out(verb, "for mix.wav, mix.json, report.html, stems, buses", metavar="FOLDER")
    verb.add_argument("--text", metavar="TEXT", help="how it should sound, in words")
    _add_sampling(verb)
    _add_wish(verb, "mix.json")


def _eval(verbs: Any) -> None:
    example = "reprs eval retrieval --model effect; reprs eval retrieval --help"
    verb = _add(verbs, "eval", lambda call: judging.judge(call.task, []), "judge a model", example)
    verb.add_argument("task", choices=EVAL_TASKS, metavar="TASK", help=", ".join(EVAL_TASKS))


def _effects(verbs: Any) -> None:
    verb = _add(
        verbs, "effects", effects.effects, "every knob: range, unit, default", "reprs effects compressor"
    )
    verb.add_argument("name", nargs="?", metavar="NAME")


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
    several.add_argument(
        "--samples",
        type=_count,
        metavar="N",
        help="how many mixes, first the most usual one (5 with --start)",
    )
    several.add_argument(
        "--seed",
        type=int,
        default=0,
        help="other mixes for another number, but for the most usual one (default 0)",
    )
    several.add_argument(
        "--guidance", type=float, default=1.0, metavar="G", help="above 1: more of the style (default 1)"
    )
    several.add_argument(
        "--temperature",
        type=float,
        metavar="T",
        help="1: as different as what is valid; below: more alike and more usual (default 0.95)",
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
