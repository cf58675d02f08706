"""The recipe `timbre` on a tiny captioned folder: trains, exports, resumes; its draws by hand."""

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from reprs.audio import files
from reprs.cli import main
from reprs.corpora.item import Item
from reprs.corpora.named import NamedItem
from reprs.models import hub
from reprs.training.memory import Memory, lots_of
from reprs.training.pairs import CaptionedDataset, captioned
from reprs.training.schedule import optimise, rate_at
from reprs.training.timbre import recall

CONFIG = Path(__file__).parents[2] / "configs" / "timbre.yaml"
RATE = 44_100
SEGMENT = round(0.5 * RATE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Eight tones of 0.3 to 1 s, and a CSV that says what each is."""
    path = tmp_path_factory.mktemp("captioned")
    rows = ["path,text"]
    for i in range(8):
        time_s = torch.arange(round((0.3 + 0.1 * i) * RATE)) / RATE
        files.write(path / f"{i}.wav", 0.5 * torch.sin(2 * torch.pi * 110 * (i + 1) * time_s)[None], RATE)
        rows.append(f"{i}.wav,tone number {i}")
    (path / "captions.csv").write_text("\n".join(rows) + "\n")
    return path


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REPRS_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def named(folder: Path) -> list[Item]:
    return [
        NamedItem(folder / f"{i}.wav", f"tones/{i // 2}", "tones", text=f"tone number {i}", family="Brass")
        for i in range(8)
    ]


def fit(run: Path, folder: Path, steps: int, *more: str) -> int:
    named = json.dumps([{"corpus": "captioned", "options": {"path": str(folder / "captions.csv")}}])
    music = json.dumps([{"corpus": "folder", "options": {"path": str(folder)}}])
    options = {
        "data.named": named,
        "data.music": music,
        "data.named_weights": "{}",
        "data.pairs": "4",
        "data.segments": "1",
        "data.segment_s": "0.25",
        "data.music_segment_s": "0.3",
        "data.validation_pairs": "4",
        "data.validation_segments": "2",
        "data.validation_share": "0.4",
        "data.workers": "0",
        "model.preroll_s": "0.05",
        "model.width": "8",
        "model.hidden": "32",
        "model.embedding_dim": "16",
        "model.chains_per_segment": "2",
        "model.replayed_named": "2",
        "model.replayed_segments": "1",
        "model.start_from": "null",
        "trainer.accelerator": "cpu",
        "trainer.max_steps": str(steps),
        "trainer.val_check_interval": "1",
        "trainer.log_every_n_steps": "1",
        "trainer.enable_progress_bar": "false",
        "trainer.enable_model_summary": "false",
        "trainer.default_root_dir": str(run),
    }
    arguments = [f"--{name}={value}" for name, value in options.items()]
    loggers = [{"class_path": "pytorch_lightning.loggers.CSVLogger", "init_args": {"save_dir": str(run)}}]
    callbacks = [
        {
            "class_path": "pytorch_lightning.callbacks.ModelCheckpoint",
            "init_args": {"dirpath": str(run / "checkpoints"), "save_last": True},
        },
        {"class_path": "reprs.training.export.ExportEncoder", "init_args": {"path": str(run / "timbre")}},
    ]
    arguments += [f"--trainer.logger={json.dumps(loggers)}", f"--trainer.callbacks={json.dumps(callbacks)}"]
    return main(["fit", "-c", str(CONFIG), *arguments, *more])


def losses(run: Path) -> list[float]:
    path = max(run.rglob("metrics.csv"), key=lambda p: p.stat().st_mtime)
    return [float(row["train/loss"]) for row in csv.DictReader(path.open()) if row["train/loss"]]


@pytest.fixture(scope="module")
def trained(folder, tmp_path_factory) -> Path:
    run = tmp_path_factory.mktemp("run")
    assert fit(run, folder, 2) == 0
    return run


def test_it_exports_a_model_of_both_towers(trained):
    model = hub.load(trained / "timbre.safetensors")
    assert model.embed_text(["tone number 3"]).shape == model.embed(torch.randn(2, RATE), RATE).shape
    curve = model.metadata["curve"]
    assert [point["step"] for point in curve] == [1, 2] and model.metadata["recipe"] == "timbre"
    for name in ("val/R@1", "val/R@10", "val/produced R@1", "val/produced R@10"):
        assert 0 <= curve[-1][name] <= 1


def test_it_goes_on_where_it_stopped_and_starts_from_weights(trained, folder, tmp_path):
    assert fit(trained, folder, 3, "--ckpt_path", "last") == 0
    assert [p["step"] for p in hub.load(trained / "timbre").metadata["curve"]] == [1, 2, 3]
    assert fit(tmp_path, folder, 1, f"--model.start_from={trained / 'timbre'}") == 0
    assert math.isfinite(losses(tmp_path)[0])


@pytest.mark.slow
@pytest.mark.parametrize("option", ["--model.sigmoid=true", "--model.fine_tune=true"])
def test_options_of_the_model_train(folder, tmp_path, option):
    assert fit(tmp_path, folder, 1, option) == 0
    model = hub.load(tmp_path / "timbre")
    assert ("bias" in model.state_dict()) == ("sigmoid" in option)
    assert any(k.startswith("tower.") for k in model.state_dict()) == ("fine_tune" in option)


def test_a_draw_is_the_same_wherever_it_is_asked_for(folder):
    one, two = CaptionedDataset(named(folder), 0.5), CaptionedDataset(named(folder), 0.5)
    for i in (5, 0, 7):
        assert torch.equal(one[i][0], two[i][0]) and one[i][1:] == two[i][1:]
    before = [one[i][1] for i in range(20)]
    one.set_epoch(3)
    assert [one[i][1] for i in range(20)] != before


def test_a_segment_is_a_part_of_its_recording(folder):
    """Every segment is found in the file that its text names: cut, followed by silence, or twice."""
    items = named(folder)
    recordings = {item.text: files.read(item.path)[0].numpy()[0] for item in items}
    ways = set()
    dataset = CaptionedDataset(items, 0.5)
    for i in range(40):
        x, text, family = dataset[i]
        assert x.shape == (2, SEGMENT) and torch.equal(x[0], x[1]) and family == "Brass"
        x, whole = x[0].numpy(), recordings[text]
        if len(whole) >= SEGMENT:
            starts = range(len(whole) - SEGMENT + 1)
            nearest = min(starts, key=lambda s: np.abs(whole[s : s + 50] - x[:50]).max())
            ways.add("beginning" if nearest == 0 else "middle")
            assert np.abs(np.array(whole[nearest : nearest + 50]) - x[:50]).max() < 2e-3
        else:
            assert np.abs(x[: len(whole)] - whole).max() < 1e-4
            silent, again = np.zeros(SEGMENT - len(whole)), whole[: SEGMENT - len(whole)]
            rest = x[len(whole) :]
            ways.add("silence" if np.abs(rest).max() == 0 else "again")
            assert min(np.abs(rest - silent).max(), np.abs(rest - again).max()) < 1e-4
    assert ways == {"beginning", "middle", "silence", "again"}


def test_pieces_are_drawn_by_weight_and_root_of_size(folder):
    items = named(folder)
    items = [NamedItem(i.path, "big" if n < 4 else "small", "s", text="t") for n, i in enumerate(items[:5])]
    dataset = CaptionedDataset(items, 0.1)
    rng = np.random.default_rng(0)
    share = np.mean([len(dataset._piece(i, rng)) == 4 for i in range(4_000)])
    assert share == pytest.approx(2 / 3, abs=0.03)


def test_validation_hears_each_piece_once(folder):
    dataset = CaptionedDataset(named(folder), 0.5, length=100, each_once=True)
    assert len(dataset) == 4
    batch = captioned([dataset[i] for i in range(4)])
    assert {int(text[-1]) // 2 for text in batch.texts} == {0, 1, 2, 3}


def test_files_that_cannot_be_read_are_passed_over(folder, tmp_path):
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"no audio")
    good = named(folder)[0]
    dataset = CaptionedDataset([NamedItem(broken, "a", "s", text="never"), good], 0.5)
    assert {dataset[i][1] for i in range(10)} == {"tone number 0"}
    with pytest.raises(RuntimeError, match="validate"):
        CaptionedDataset([NamedItem(broken, "a", "s", text="never")], 0.5)[0]
    with pytest.raises(ValueError, match="no captioned"):
        CaptionedDataset([], 0.5)


def test_recall_counts_texts_that_find_one_of_their_recordings():
    text, audio = torch.eye(4), torch.eye(4)[[0, 2, 1, 3]]
    assert recall(audio, text, ["a", "b", "c", "d"], 1) == pytest.approx(2 / 4)
    assert recall(audio, text, ["a", "b", "b", "d"], 1) == 1
    assert recall(audio, text, ["a", "b", "c", "d"], 4) == 1


def test_a_memory_gives_back_what_it_was_given():
    views = (torch.arange(12.0).view(6, 2), torch.arange(6.0))
    lots = lots_of(views, list("abcdef"), 2)
    assert [lot.texts for lot in lots] == [["a", "b"], ["c", "d"], ["e", "f"]]
    memory = Memory(2)
    memory.add(lots)
    drawn = memory.draw(5, torch.Generator().manual_seed(0))
    assert sorted(lot.texts[0] for lot in drawn) == ["c", "e"]
    for lot in drawn:
        first = "abcdef".index(lot.texts[0])
        assert all(torch.equal(v, w[first : first + 2]) for v, w in zip(lot.views, views, strict=True))


def test_the_rate_rises_and_falls_along_half_a_cosine():
    assert [rate_at(s, 4, 104) for s in range(4)] == [0.25, 0.5, 0.75, 1.0]
    for step in (4, 30, 54, 104, 200):
        done = min(1, (step - 4) / 100)
        assert rate_at(step, 4, 104) == pytest.approx(0.01 + 0.99 * np.cos(np.pi * done / 2) ** 2)


def test_only_matrices_decay_and_frozen_weights_are_left_out():
    frozen = torch.nn.Linear(2, 2).requires_grad_(False)
    scale = torch.nn.Parameter(torch.zeros(()))
    groups = [(torch.nn.Linear(3, 2), 1e-3), (frozen, 1.0), (scale, 1e-4)]
    parts = optimise(groups, 0.1, 10, 100)["optimizer"].param_groups
    assert [(p["weight_decay"], p["initial_lr"], len(p["params"])) for p in parts] == [
        (0.1, 1e-3, 1),
        (0.0, 1e-3, 1),
        (0.0, 1e-4, 1),
    ]
