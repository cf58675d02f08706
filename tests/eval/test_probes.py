"""The probes as a whole, judged by planted models whose figures are known beforehand."""

import json
import zlib
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch

from eval import probes
from eval.chains import DEFAULT_KINDS, PedalboardChain, rms_db
from eval.clips import STORED_RMS_DB
from eval.knobs import audibility_db, knobs
from eval.music import Piece, find_pieces
from eval.probe_embedding import ProbeEmbedder
from eval.probe_plan import Sizes, make_probe_plan, presence
from eval.probe_report import print_tables, save
from eval.probe_tasks import CROSSINGS
from eval.styles import STYLE_TASKS

SMALL = Sizes(pieces=8, train_chains=2, test_chains=2, songs=0)
MUSIC = ("chains", "order", "styles", "mild styles")
RATIOS = (2.0, 4.0, 8.0, 16.0)
NO_LEAK = {"reads level": [0.0, 0.0, 0.0], "reads length": [0.0, 0.0, 0.0]}


def pieces(count, prefix="piece"):
    return [Piece(f"{i}.wav", f"{prefix} {i}", "x", 0.0, 60.0, 1) for i in range(count)]


@pytest.fixture(scope="module")
def plan():
    stems = [(piece, ("bass", "drums")[i % 2]) for i, piece in enumerate(pieces(30, "song"))]
    return make_probe_plan(pieces(60), stems, Sizes(pieces=60, train_chains=4), 1, 3.0)


@pytest.fixture(scope="module")
def embedder(tmp_path_factory):
    """Five seconds of noise with a beat in each of eight pieces, rendered as the task's smallest plan."""
    folder, rng = tmp_path_factory.mktemp("music"), np.random.default_rng(0)
    for i in range(8):
        beat = np.exp(-(np.arange(5 * 22_050) % (4_000 + 900 * i)) / 6_000)
        soundfile.write(
            folder / f"{i}.wav", 0.2 * beat[:, None] * rng.standard_normal((5 * 22_050, 2)), 22_050
        )
    small = make_probe_plan(find_pieces(folder, 2.1)[1], [], SMALL, 0, 0.5)
    return ProbeEmbedder(small, tmp_path_factory.mktemp("cache"))


def planted(plan, vector):
    """Embeddings `(N, D)` by a function of a clip's content, chain and label."""
    contents = plan.contents(range(len(plan.clips)))
    clips = zip(contents, plan.clips, strict=True)
    return np.stack([vector(content, plan.chains[clip.chain], clip.label) for content, clip in clips])


def of(label, size=24):
    """A random direction that belongs to a label."""
    return np.random.default_rng(zlib.crc32(str(label).encode())).standard_normal(size)


def test_an_embedding_of_content_only_is_unmasked(plan):
    figures = probes.score(plan, planted(plan, lambda content, chain, label: of(content)))
    chance = presence(plan, plan.tasks["chains"]["pedalboard test"]).mean()
    assert figures["presence, pedalboard"][0] == pytest.approx(chance, abs=0.04)
    assert figures["order, pedalboard"][0] == pytest.approx(0.5, abs=0.01)
    for task in STYLE_TASKS:
        assert figures[f"{task}, pedalboard"][0] == pytest.approx(0.2, abs=0.01)
    assert figures["content"][0] > 0.95
    assert probes.remarks(figures | NO_LEAK, plan) == ["effects at chance", "encodes content only"]


def test_an_embedding_of_effects_only_is_right_and_says_nothing_of_the_content(plan):
    def vector(content, chain, label):
        on = [kind in chain.kinds for kind in DEFAULT_KINDS]
        threshold_db = knobs(chain).get("compressor.threshold_db", 0.0)
        return np.concatenate([on, [threshold_db], 3 * of(label) * (label not in "01")])

    figures = probes.score(plan, planted(plan, vector))
    for column in CROSSINGS:
        assert figures[f"presence, {column}"][0] == pytest.approx(1)
        assert figures[f"number of effects, {column}"][0] > 0.99
        assert figures[f"knob compressor.threshold_db, {column}"][0] > 0.99
        assert figures[f"order, {column}"][0] == 1
        assert all(figures[f"{task}, {column}"][0] == 1 for task in STYLE_TASKS)
    assert figures["presence, k-NN"][0] > 0.9 and figures["styles, k-NN"][0] == 1
    assert figures["content"][0] < 0.1
    assert probes.remarks(figures | NO_LEAK, plan) == []


def test_no_piece_is_on_both_sides_and_engines_share_settings(plan):
    for task in (*MUSIC, "instruments"):
        sides = plan.tasks[task]
        train, test = (set(plan.contents(sides[f"pedalboard {side}"])) for side in ("train", "test"))
        assert train and test and not train & test
    learnt, tested = (
        {c for task in MUSIC for c in plan.contents(plan.tasks[task][f"pedalboard {side}"])}
        for side in ("train", "test")
    )
    assert not learnt & tested
    for task in MUSIC:
        one, other = (
            [replace(plan.clips[i], engine="") for i in plan.tasks[task][f"{engine} train"]]
            for engine in ("pedalboard", "reprs")
        )
        assert one == other


def test_every_effect_is_on_in_about_half_of_the_clips(plan):
    share = presence(plan, plan.tasks["chains"]["pedalboard train"]).mean(axis=0)
    assert share == pytest.approx([0.5] * len(DEFAULT_KINDS), abs=0.1)


def test_orders_differ_in_nothing_but_the_order(plan):
    clips = plan.tasks["order"]["pedalboard test"]
    for one, other in zip(clips[::2], clips[1::2], strict=True):
        first, second = plan.chain_of(one), plan.chain_of(other)
        assert first.kinds == second.kinds[::-1] and sorted(map(str, first.steps)) == sorted(
            map(str, second.steps)
        )
        assert plan.clips[one].cut == plan.clips[other].cut


def test_a_plan_is_its_seed():
    assert (
        make_probe_plan(pieces(9), [], SMALL, 1, 0.5).key()
        == make_probe_plan(pieces(9), [], SMALL, 1, 0.5).key()
    )
    assert (
        make_probe_plan(pieces(9), [], SMALL, 1, 0.5).key()
        != make_probe_plan(pieces(9), [], SMALL, 2, 0.5).key()
    )
    with pytest.raises(ValueError, match="too few"):
        make_probe_plan(pieces(4), [], SMALL, 1, 0.5)


class Planted:
    """A model that measures one thing of the samples."""

    def __init__(self, name, measure):
        self.name, self.model_hash, self.measure = name, name, measure

    def __str__(self):
        return self.name

    def embed(self, audio, sample_rate):
        return self.measure(audio.double()).float()[:, None]


LOUDNESS = Planted("loudness", lambda x: 20 * x.square().mean(dim=(1, 2)).sqrt().log10())
# As an encoder that fills its input up to a window, and then hears how much of it is silence.
PADDING = Planted("padding", lambda x: torch.full((len(x),), float(x.shape[2] / 22_050)).double())


@pytest.mark.parametrize(
    "cheat, leak", [(LOUDNESS, "level"), (PADDING, "length")], ids=["loudness", "padding"]
)
def test_embeddings_of_loudness_and_of_padding_are_unmasked(embedder, cheat, leak):
    plan = embedder.plan
    clips = [i for side in ("train", "test") for i in plan.tasks["chains"][f"pedalboard {side}"]]
    e = embedder(cheat)
    assert np.ptp(e[clips]) < 1e-3  # clips of one level and one length have nothing for it
    figures = probes.score(plan, e) | probes.sanity(cheat, embedder)
    chance = presence(plan, plan.tasks["chains"]["pedalboard test"]).mean()
    assert figures["presence, pedalboard"][0] == pytest.approx(chance)
    other = {"level": "length", "length": "level"}[leak]
    assert figures[f"reads {leak}"][0] > 0.99 and figures[f"reads {other}"][0] < 0.1
    assert probes.remarks(figures, plan) == ["effects at chance", f"reads the clip's {leak}"]


def test_clips_have_exactly_one_level(embedder):
    assert embedder.clips.shape[1:] == (2, 22_050)
    levels = [rms_db(embedder.audio(i)) for i in range(len(embedder.clips))]
    assert levels == pytest.approx([STORED_RMS_DB] * len(levels), abs=1e-4)


def test_a_result_is_printed_saved_and_served_from_the_cache(embedder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("eval.knobs.TRIED", 1)
    audibility_db(
        embedder.plan,
        embedder.plan.tasks["chains"]["pedalboard test"],
        embedder.folder / "audibility.json",
        1,
    )
    first = probes.compare([PADDING], embedder, "noise")
    monkeypatch.setattr(probes, "score", None)  # a second run computes no figure
    again = probes.compare([PADDING], embedder, "noise")
    for result in (first, again):
        result["rows"]["padding"].pop("seconds")
    assert json.dumps(first) == json.dumps(again)
    first["rows"]["padding"]["seconds"] = 0.0
    print_tables(first)
    assert "padding: reads the clip's length" in capsys.readouterr().out
    written = save(first, tmp_path)
    assert json.loads(written[0].read_text())["rows"]["padding"]["remarks"]
    assert written[1].stat().st_size > 1_000


def test_a_gain_behind_everything_cannot_be_identified(embedder, tmp_path):
    """All clips have one level, so a last compressor's threshold far above the music changes nothing."""
    plan = embedder.plan
    settings = {"threshold_db": 0.0, "attack_ms": 5.0, "release_ms": 100.0}
    clips = plan.tasks["chains"]["pedalboard test"][:4]
    chains = [PedalboardChain(("compressor",), (("Compressor", settings | {"ratio": r}),)) for r in RATIOS]
    known = dict(zip([plan.clips[i].chain for i in clips], chains, strict=True))
    before = list(plan.chains)
    try:
        for i, chain in known.items():
            plan.chains[i] = chain
        found = audibility_db(plan, clips, tmp_path / "a.json")
    finally:
        plan.chains[:] = before
    assert list(found) == ["compressor.ratio"] and found["compressor.ratio"] < -18


def test_knobs_count_octaves_and_leave_what_follows_from_others_out():
    filters = ("HighpassFilter", {"cutoff_frequency_hz": 256.0})
    chain = PedalboardChain(
        ("filter", "compressor", "reverb"),
        (
            filters,
            filters,
            ("Compressor", {"threshold_db": -30.0, "ratio": 4.0}),
            ("Gain", {"gain_db": 7.5}),
            ("Reverb", {"room_size": 0.5, "wet_level": 0.3, "dry_level": 0.7}),
        ),
    )
    assert knobs(chain) == {
        "filter.highpass.cutoff_frequency_hz": 8.0,
        "compressor.threshold_db": -30.0,
        "compressor.ratio": 2.0,
        "reverb.room_size": 0.5,
        "reverb.wet_level": 0.3,
    }


def test_an_unusable_call_ends_with_one_line(tmp_path, capsys):
    assert probes.main(["--model", str(tmp_path / "nothing.safetensors")]) == 2
    assert probes.main(["--model", "py:nowhere.py:embed"]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 2 and all(line.startswith("reprs eval probes: ") for line in lines)
