"""Random segments: the same for the same numbers, never silent, and no bad file ends the run."""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from reprs.corpora import pcm_cache
from reprs.corpora.folder import FolderCorpus
from reprs.corpora.item import Item
from reprs.corpora.segments import SegmentDataset
from reprs.corpora.stems import StemsCorpus
from tests.corpora.sounds import noise, save, save_bad, save_odd_but_good


def sines(folder, frequencies_hz, seconds=2.0, rate=44_100):
    t = np.arange(round(seconds * rate)) / rate
    for f in frequencies_hz:
        save(
            folder / f"{f}.wav",
            0.2 * np.stack([np.sin(2 * np.pi * f * t)] * 2, axis=1).astype(np.float32),
            rate,
        )


@pytest.fixture
def items(tmp_path):
    save_odd_but_good(tmp_path / "good")
    return FolderCorpus(tmp_path / "good").items()


@pytest.mark.parametrize("decode_once", [True, False])
def test_odd_files_come_out_alike(items, decode_once):
    dataset = SegmentDataset(items, 0.5, segments_per_epoch=40, decode_once=decode_once)
    seen = set()
    for x, content in (dataset[i] for i in range(40)):
        assert x.shape == (2, 22_050) and x.dtype == torch.float32
        # White noise at 192 kHz leaves 44.1 / 192 of its power, 6.4 dB less, below half the new rate.
        level = 0.1 * (44.1 / 192) ** 0.5 if "fast" in dataset.contents[content] else 0.1
        assert x.square().mean().sqrt().item() == pytest.approx(level, rel=0.03)
        seen.add(dataset.contents[content])
        if dataset.contents[content].endswith("mono.wav"):
            assert torch.equal(x[0], x[1])
    assert len(seen) == 5 and len(dataset) == 40
    assert SegmentDataset(items, 0.5, channels=1, decode_once=decode_once)[0][0].shape == (1, 22_050)
    with pytest.raises(IndexError):
        dataset[40]


@pytest.mark.parametrize("decode_once", [True, False])
def test_segments_depend_on_seed_epoch_and_index_alone(items, decode_once):
    make = {"segment_s": 0.2, "decode_once": decode_once}
    one, two = SegmentDataset(items, **make), SegmentDataset(items, **make)
    backwards = [two[i] for i in reversed(range(6))][::-1]
    assert all(torch.equal(one[i][0], backwards[i][0]) and one[i][1] == backwards[i][1] for i in range(6))
    first = one[3][0]
    one.set_epoch(1)
    assert not torch.equal(one[3][0], first)
    one.set_epoch(0)
    assert torch.equal(one[3][0], first)
    assert not torch.equal(SegmentDataset(items, seed=1, **make)[3][0], first)


def test_worker_processes_draw_the_same_and_hear_of_a_new_epoch(items):
    dataset = SegmentDataset(items, 0.2, segments_per_epoch=8)
    loader = DataLoader(dataset, batch_size=4, num_workers=1, persistent_workers=True)
    for epoch in (0, 1):
        dataset.set_epoch(epoch)
        batches = torch.cat([x for x, _ in loader])
        assert torch.equal(batches, torch.stack([dataset[i][0] for i in range(8)]))


def test_a_segment_is_a_stretch_of_the_file_within_16_bits(tmp_path):
    x = np.linspace(-1, 1, 88_200, dtype=np.float32)[:, None]
    items = [Item(save(tmp_path / "ramp.wav", x), "ramp", "ramp")]
    for decode_once in (True, False):
        dataset = SegmentDataset(items, 0.25, quietest_dbfs=-200, decode_once=decode_once)
        starts = []
        for i in range(50):
            y = dataset[i][0].numpy()[0]
            start = round((y[0] + 1) / 2 * 88_199)
            assert np.abs(y - x[start : start + len(y), 0]).max() < 5e-5
            starts.append(start)
        assert min(starts) < 15_000 and max(starts) > 62_000


def test_what_decodes_above_full_scale_is_scaled_not_clipped(tmp_path):
    x = 2 * np.sin(np.arange(44_100) * 0.01)[:, None].astype(np.float32)
    y = pcm_cache.pcm(Item(save(tmp_path / "a.wav", x), "a", "a"), 44_100)
    assert y.dtype == np.int16 and np.abs(y / 32_767 - x / np.abs(x).max()).max() < 4e-5


def test_the_cache_notices_a_changed_file(tmp_path):
    item = Item(save(tmp_path / "a.wav", noise(0.3)), "a", "a")
    first = pcm_cache.pcm(item, 44_100).copy()
    save(tmp_path / "a.wav", noise(0.4, seed=1))
    assert pcm_cache.pcm(item, 44_100).shape == (17_640, 2) != first.shape


def test_near_silence_is_drawn_again(tmp_path):
    x = noise(20.0, rate=8_000)
    x[: 18 * 8_000] *= 1e-4
    items = [Item(save(tmp_path / "a.wav", x, 8_000), "a", "a")]
    dataset = SegmentDataset(items, 0.5, sample_rate=8_000)
    assert all(dataset[i][0].square().mean().sqrt() > 10 ** (-50 / 20) for i in range(20))


@pytest.mark.parametrize("decode_once", [True, False])
def test_bad_files_are_named_once_and_never_end_the_run(tmp_path, capsys, decode_once):
    save(tmp_path / "a" / "good.wav", noise())
    save_bad(tmp_path / "a")
    corpus = FolderCorpus(tmp_path / "a")
    dataset = SegmentDataset(corpus.items(), 0.3, segments_per_epoch=60, decode_once=decode_once)
    dataset.prepare()
    assert {dataset.contents[dataset[i][1]] for i in range(60)} == {"a/good.wav"}
    said = capsys.readouterr().err
    for name in ("empty.wav", "text.wav", "nan.wav", "short.wav"):
        assert said.count(f"/{name}") == 1


def test_nothing_usable_is_an_error_that_says_what_to_do(tmp_path):
    save_bad(tmp_path / "a")
    with pytest.raises(RuntimeError, match=r"validate\(\)"):
        SegmentDataset(FolderCorpus(tmp_path / "a").items(), 0.3)[0]
    with pytest.raises(ValueError, match="downloaded"):
        SegmentDataset([], 0.3)


def test_weights_multiply_the_chances_of_a_source(tmp_path):
    for source in ("rare", "often", "never"):
        save(tmp_path / source / "a.wav", noise(0.5))
    items = [i for s in ("rare", "often", "never") for i in FolderCorpus(tmp_path / s).items()]
    dataset = SegmentDataset(items, 0.2, weights={"rare": 0.25, "never": 0.0})
    drawn = [dataset.contents[dataset[i][1]].split("/")[0] for i in range(400)]
    assert drawn.count("never") == 0 and 50 < drawn.count("rare") < 110
    with pytest.raises(ValueError, match="no items: nowhere"):
        SegmentDataset(items, 0.2, weights={"nowhere": 1.0})


def test_stem_mixes_are_subsets_of_the_stems_of_one_song(tmp_path):
    frequencies_hz = (200, 1_000, 4_000)
    sines(tmp_path / "songs" / "one", frequencies_hz)
    dataset = SegmentDataset(StemsCorpus(tmp_path / "songs").items(), 0.5, stem_mix_probability=1.0)
    counts, levels_db, balanced = set(), [], 0
    for i in range(60):
        x = dataset[i][0]
        peak = torch.fft.rfft(x * torch.hann_window(x.shape[1])).abs()
        at = peak[:, [round(f * 0.5) for f in frequencies_hz]] / (0.25 * x.shape[1])
        there = at.amax(dim=0) > 1e-3
        counts.add(int(there.sum()))
        if there.sum() == 1:
            levels_db.append(20 * np.log10(at.amax().item() / 0.2))
        balanced += int((at[0] / at[1].clamp_min(1e-9))[there].sub(1).abs().max() > 0.05)
        assert x.abs().max() <= 1.0
    assert counts == {1, 2, 3} and balanced > 40
    assert min(levels_db) > -9.1 and max(levels_db) < 3.1 and max(levels_db) - min(levels_db) > 4
