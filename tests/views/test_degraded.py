"""Degraded cuts: kept once, aligned with the clean clip, and the order that faults imply."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from reprs.audio import files
from reprs.corpora.item import Item
from reprs.training.ladders import Seen, joined, order
from reprs.views import degraded
from reprs.views.degradations import seen_kinds, training_kinds
from reprs.views.degraded import CLIP_S, SAMPLE_RATE, Cut, Fault, kept_cut, read
from reprs.views.ladders import training_cuts
from reprs.views.visqol import CEILING, visqol


@pytest.fixture(scope="module")
def items(tmp_path_factory) -> list[Item]:
    folder = tmp_path_factory.mktemp("music")
    generator = torch.Generator().manual_seed(0)
    for i in range(3):
        files.write(
            folder / f"{i}.wav", 0.1 * torch.randn(2, 7 * SAMPLE_RATE, generator=generator), SAMPLE_RATE
        )
    return [Item(folder / f"{i}.wav", f"piece {i}", "made") for i in range(3)]


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("REPRS_CACHE", str(tmp_path / "cache"))


def cut(items, *renders) -> Cut:
    return Cut(str(items[0].path), "piece 0", (0.5,), renders, 1, items[0].path.stat().st_size)


def test_a_cut_is_rendered_once_and_its_clips_are_aligned(items, monkeypatch):
    wanted = cut(items, (Fault("clipping", 0.5),), (Fault("noise", 0.2),))
    path = kept_cut(wanted, False)
    monkeypatch.setattr(degraded, "render", None)  # a second rendering would fail
    done = read(wanted, kept_cut(wanted, False))
    assert path.exists() and done.clips.shape == (3, 2, round(CLIP_S * SAMPLE_RATE))
    clean, clipped, noisy = (done.audio(i)[0] / done.audio(i)[0].std() for i in range(3))
    # 72 - 42 · 0.2 = 63.6 dB of noise; what is stored in 16 bit adds about -90.
    error_db = 20 * np.log10(np.std(noisy * (noisy @ clean) / (noisy @ noisy) - clean))
    assert error_db == pytest.approx(-63.6, abs=0.5)
    assert np.corrcoef(clean, clipped)[0, 1] > 0.95
    assert done.scores[0] == np.float32(4.732) and np.isnan(done.scores[1:]).all()


def test_a_key_depends_on_faults_and_seed_but_not_on_the_folder(items):
    one = cut(items, (Fault("noise", 0.2),))
    moved = Cut("/elsewhere/a.wav", one.content, one.starts_s, one.renders, one.seed, one.size_bytes)
    other = cut(items, (Fault("noise", 0.3),))
    assert one.key(True) == moved.key(True) != other.key(True) and one.key(True) != one.key(False)
    assert replace(one, before=(Fault("hum", 0.1),)).key(True) != one.key(True)


def test_the_first_training_cuts_are_the_same_whatever_their_number(items):
    assert training_cuts(items, 2, 0) == training_cuts(items, 9, 0)[:2]
    assert {c.content for c in training_cuts(items, 3, 0)} == {"piece 0", "piece 1", "piece 2"}
    for made in training_cuts(items, 9, 0):
        kinds = [[fault.kind for fault in faults] for faults in made.renders]
        assert [len(k) for k in kinds] == [1, 1, 1, 1, 1, 1, 2, 3] and set(kinds[7]) <= set(training_kinds())
        assert made.renders[0][0].strength < made.renders[1][0].strength
    made = [fault.kind for cut in training_cuts(items, 200, 0) for fault in cut.renders[7]]
    # Ten seen kinds, twice as likely as thirteen broader ones.
    assert np.mean([kind in seen_kinds() for kind in made]) == pytest.approx(20 / 33, abs=0.06)


def test_another_original_is_in_the_clean_clip_too(items):
    wanted = replace(cut(items, (Fault("noise", 0.0),)), before=(Fault("band_limit", 1.0),))
    done = degraded.render(wanted, False)
    for i in range(2):
        spectrum = np.abs(np.fft.rfft(done.audio(i)[0]))
        assert spectrum[len(spectrum) // 2 :].mean() < 0.05 * spectrum[: len(spectrum) // 20].mean()


def test_a_silent_piece_is_named(tmp_path):
    path = tmp_path / "nothing.wav"
    files.write(path, torch.zeros(2, 6 * SAMPLE_RATE), SAMPLE_RATE)
    with pytest.raises(files.AudioError, match=r"nothing\.wav: no place loud enough"):
        degraded.render(Cut(str(path), "nothing", (0.1,), (), 0), False)


def test_order_knows_what_has_less_of_every_fault_and_nothing_else():
    a, b, hum = Fault("noise", 0.2), Fault("noise", 0.6), Fault("hum", 0.5)
    renders = [(), (a,), (b,), (hum,), (b, hum)]
    assert set(order(renders)) == {(0, 1), (0, 2), (0, 3), (0, 4), (1, 2), (1, 4), (2, 4), (3, 4)}


def test_a_batch_counts_its_clips_through(items):
    cuts = [cut(items, (Fault("hum", 0.1),), (Fault("hum", 0.9),)), cut(items, (Fault("mp3", 0.5),))]
    clips = [1 + len(c.renders) for c in cuts]
    rows = [Seen(c, {"heard": torch.zeros(n, 4, 5)}, torch.ones(n)) for c, n in zip(cuts, clips, strict=True)]
    batch = joined(rows)
    assert batch.views["heard"].shape == (5, 4, 5) and batch.cuts.tolist() == [0, 0, 0, 1, 1]
    assert batch.pairs.tolist() == [[0, 1], [0, 2], [1, 2], [3, 4]]
    hum, mp3 = (training_kinds().index(k) for k in ("hum", "mp3"))
    assert batch.strengths[:, hum].tolist() == pytest.approx([0, 0.1, 0.9, 0, 0])
    assert batch.strengths[:, mp3].tolist() == pytest.approx([0, 0, 0, 0, 0.5])


def test_the_teacher_knows_its_ceiling_and_hears_a_low_pass(items):
    pytest.importorskip("visqol")
    done = degraded.render(cut(items, (Fault("band_limit", 1.0),)), False)
    assert visqol(done.audio(0), done.audio(0), SAMPLE_RATE) == pytest.approx(CEILING, abs=2e-3)
    assert 1 <= visqol(done.audio(0), done.audio(1), SAMPLE_RATE, realign=False) < 3


def test_threads_ask_the_teacher_one_after_the_other(monkeypatch):
    """Its package ends the process where two threads are inside at once."""
    inside, most = [], []

    class Teacher:
        def measure_from_arrays(self, *pair):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.01)
            inside.pop()
            return SimpleNamespace(moslqo=3.0)

    monkeypatch.setattr("reprs.views.visqol._teacher", Teacher)
    x = np.random.default_rng(0).standard_normal((2, SAMPLE_RATE)).astype(np.float32)
    with ThreadPoolExecutor(4) as pool:
        scores = list(pool.map(lambda _: visqol(x, x, SAMPLE_RATE), range(8)))
    assert scores == [3.0] * 8 and max(most) == 1
