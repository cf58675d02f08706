"""HEAR-format tasks, on folders of tones that a pitch meter must solve and a constant cannot."""

import csv
import json
from statistics import NormalDist

import numpy as np
import pytest
import soundfile

from eval import hear, hear_builtin
from eval.hear_head import SCORES, best_head
from eval.hear_task import read_task

RATE = 16_000
TONES_HZ = {"low": 200.0, "mid": 900.0, "high": 3_000.0}
EVALUATION = {"multiclass": ["top1_acc", "something_else"], "multilabel": ["mAP", "d_prime"]}
PITCH_METER = """
import numpy as np
def embed(audio, sample_rate):
    power = np.abs(np.fft.rfft(np.asarray(audio)[:, 0])) ** 2
    hz = np.fft.rfftfreq(audio.shape[2], 1 / sample_rate)
    bands = [(power * ((hz > low) & (hz <= high))).sum(axis=1) for low, high in ((0, 500), (500, 2e3), (2e3, 8e3))]
    return np.log10(np.stack(bands, axis=1) + 1e-3)
def constant(audio, sample_rate):
    return np.ones((len(audio), 3))
def wrong(audio, sample_rate):
    return np.ones((len(audio) + 1, 3))
"""  # noqa: E501


def task_folder(folder, splits, prediction_type="multiclass", embedding_type="scene", count=24):
    """Half-second tones; in a multilabel task a sound has two of the three."""
    rng, t = np.random.default_rng(0), np.arange(RATE // 2) / RATE
    folder.mkdir(parents=True)
    for split in splits:
        (folder / str(RATE) / split).mkdir(parents=True)
        known = {}
        for i in range(count):
            labels = list(rng.permutation(list(TONES_HZ))[: 1 if prediction_type == "multiclass" else 2])
            x = sum(np.sin(2 * np.pi * TONES_HZ[label] * t) for label in labels)
            soundfile.write(
                folder / str(RATE) / split / f"{i}.wav", 0.2 * x + 0.01 * rng.normal(size=len(t)), RATE
            )
            known[f"{i}.wav"] = labels
        (folder / f"{split}.json").write_text(json.dumps(known))
    about = {
        "task_name": f"tones {prediction_type}",
        "embedding_type": embedding_type,
        "prediction_type": prediction_type,
        "split_mode": "trainvaltest" if "train" in splits else "new_split_kfold",
        "evaluation": ["top1_acc", "something_else"]
        if prediction_type == "multiclass"
        else ["mAP", "d_prime"],
    }
    (folder / "task_metadata.json").write_text(json.dumps(about))
    with (folder / "labelvocabulary.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("idx", "label"), *enumerate(TONES_HZ)])
    return folder


@pytest.fixture(autouse=True)
def in_its_own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("REPRS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("eval.hear_head.MOST_EPOCHS", 60)
    monkeypatch.setattr("eval.hear_head.HIDDEN", 32)


@pytest.fixture()
def models(tmp_path):
    (tmp_path / "meter.py").write_text(PITCH_METER)
    return [f"py:{tmp_path / 'meter.py'}:{name}" for name in ("embed", "constant", "wrong")]


def test_a_pitch_meter_solves_a_pitch_task_and_a_constant_does_not(tmp_path, models, capsys):
    task = task_folder(tmp_path / "task", ("train", "valid", "test"))
    call = [str(task), "-o", str(tmp_path / "out"), "--model", *models[:2]]
    assert hear.main(call) == 0
    result = json.loads((tmp_path / "out" / "hear_tones_multiclass.json").read_text())
    meter, constant = result["rows"].values()
    assert meter["top1_acc"] == 1 and constant["top1_acc"] < 0.7
    assert result["sizes"] == {"train": 24, "valid": 24, "test": 24}
    assert "something_else" not in meter and "meter:embed" in capsys.readouterr().out


def test_several_labels_and_folds(tmp_path, models):
    folds = [f"fold0{i}" for i in range(3)]
    task = read_task(task_folder(tmp_path / "task", folds, "multilabel"))
    assert [names[2] for names in task.rounds()] == [["fold00"], ["fold01"], ["fold02"]]
    for learnt, chosen, tested in task.rounds():
        assert sorted(learnt + chosen + tested) == folds
    (row,) = hear.judge(task, [_row(models[0])], seed=0)["rows"].values()
    assert row["mAP"] > 0.99 and row["d_prime"] > 3


def _row(spec):
    from eval.rows import make_row

    return make_row(spec)


def test_embeddings_are_served_from_the_cache_until_the_model_changes(tmp_path, models):
    task, row = (
        read_task(task_folder(tmp_path / "task", ("train", "valid", "test"), count=4)),
        _row(models[0]),
    )
    first, seen, function = hear.embeddings(task, row), [], row.function
    row.function = lambda audio, rate: seen.append(len(audio)) or function(audio, rate)
    again = hear.embeddings(task, row)
    assert sum(seen) == 2 and all(np.array_equal(first[name], again[name]) for name in first)
    row.function = lambda audio, rate: 2 * function(audio, rate)
    assert np.allclose(hear.embeddings(task, row)["test"], 2 * first["test"])


@pytest.mark.parametrize(
    "spoil, reason",
    [
        (lambda f: (f / "task_metadata.json").unlink(), "no HEAR task folder"),
        (lambda f: (f / "labelvocabulary.csv").write_text("a,b\n1,2\n"), "idx and label"),
        (lambda f: (f / str(RATE) / "test" / "0.wav").unlink(), "1 files of test are missing"),
        (lambda f: (f / "valid.json").write_text('{"0.wav": ["hum"]}'), "'hum', not in labelvocabulary"),
    ],
)
def test_a_folder_that_is_no_task_is_refused_in_one_line(tmp_path, models, capsys, spoil, reason):
    task = task_folder(tmp_path / "task", ("train", "valid", "test"), count=2)
    spoil(task)
    assert hear.main([str(task), "--model", models[0]]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and reason in lines[0]


def test_event_tasks_and_models_of_the_wrong_shape_are_refused(tmp_path, models, capsys):
    events = task_folder(tmp_path / "events", ("train", "valid", "test"), embedding_type="event", count=2)
    scenes = task_folder(tmp_path / "scenes", ("train", "valid", "test"), count=2)
    assert hear.main([str(events), "--model", models[0]]) == 2
    assert hear.main([str(scenes), "--model", models[2]]) == 2
    events_said, scenes_said = capsys.readouterr().err.strip().splitlines()
    assert "only scene tasks" in events_said
    assert "meter:wrong: 2 clips gave (3, 3)" in scenes_said


def test_scores_are_their_definitions():
    from sklearn.metrics import average_precision_score, roc_auc_score

    rng = np.random.default_rng(0)
    scores, targets = rng.normal(size=(50, 4)), rng.integers(2, size=(50, 4)).astype(np.float32)
    assert SCORES["mAP"](scores, targets) == pytest.approx(average_precision_score(targets, scores))
    area = roc_auc_score(targets, scores)
    assert SCORES["aucroc"](scores, targets) == pytest.approx(area)
    assert SCORES["d_prime"](scores, targets) == pytest.approx(2**0.5 * NormalDist().inv_cdf(area))
    one_hot = np.eye(24)
    octave_up = np.eye(24)[(np.arange(24) + 12) % 24]
    assert SCORES["top1_acc"](octave_up, one_hot) == 0 and SCORES["chroma_acc"](octave_up, one_hot) == 1


def test_a_hidden_layer_solves_what_a_line_cannot(monkeypatch):
    monkeypatch.setattr("eval.hear_head.LEARNING_RATES", (3.2e-3,))
    monkeypatch.setattr("eval.hear_head.HIDDEN", 64)
    rng = np.random.default_rng(0)
    x = {side: rng.uniform(-1, 1, size=(200, 2)) for side in ("train", "valid", "test")}
    y = {side: np.eye(2, dtype=np.float32)[(v[:, 0] * v[:, 1] > 0).astype(int)] for side, v in x.items()}
    head = best_head(x, y, "multiclass", "top1_acc")
    assert head.settings["hidden layers"] > 0
    assert SCORES["top1_acc"](head.test, y["test"]) > 0.85


@pytest.mark.slow
def test_the_built_in_task_is_a_hear_task(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(hear_builtin, "FEWEST_SONGS", 3)
    assert hear_builtin.main([str(tmp_path / "task"), "--songs", "10"]) == 0
    task = read_task(tmp_path / "task")
    assert "bass" in task.labels and task.prediction_type == "multiclass"
    songs = [{f.name.rsplit("-", 2)[0] for f in split.files} for split in task.splits.values()]
    assert not songs[0] & songs[1] and not songs[0] & songs[2] and not songs[1] & songs[2]
    assert soundfile.info(task.splits["test"].files[0]).samplerate == 48_000
    assert hear_builtin.main([str(tmp_path / "task")]) == 2 and "already" in capsys.readouterr().err
