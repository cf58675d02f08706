"""What `make run` does around the training, and the page it ends with."""

import json
import re

import numpy as np
import pytest
import torch

from eval import demo, retrieval
from eval.baselines import MfccStatistics, MixingFeatures
from eval.embedding import Embedder
from eval.listening import search_examples
from eval.page import write_page
from eval.plan import Sizes, make_plan


class Planted:
    """An encoder that an index can hold: three bands of a clip's spectrum, unit length."""

    model_hash, embedding_dim = "planted", 3

    def embed(self, audio, sample_rate):
        rows = [torch.fft.rfft(x.mean(dim=0)).abs() for x in audio]
        bands = torch.stack([torch.stack([p.sum() for p in r.split(len(r) // 3 + 1)]) for r in rows])
        return torch.nn.functional.normalize(bands, dim=1)


class PlantedRow:
    name, encoder = "planted", Planted()

    def embed(self, audio, sample_rate):
        return self.encoder.embed(audio, sample_rate)


@pytest.fixture
def embedder(tmp_path, monkeypatch):
    monkeypatch.setenv("REPRS_CACHE", str(tmp_path / "cache"))
    songs = _songs_of_noise(tmp_path)
    sizes = Sizes(groups=1, groups_by_count=1, gallery=12, reference=8, counts=(1,))
    return Embedder(make_plan(songs, sizes, 0, clip_s=0.5))


def _songs_of_noise(folder):
    import soundfile

    from eval.music import find_pieces

    rng = np.random.default_rng(0)
    (folder / "songs").mkdir()
    for i in range(9):
        soundfile.write(folder / "songs" / f"{i}.wav", 0.1 * rng.standard_normal((3 * 44_100, 2)), 44_100)
    return find_pieces(folder / "songs", 2.0)[1]


def test_the_page_holds_table_plots_and_sounds_in_one_file(embedder, tmp_path):
    rows = [PlantedRow(), MfccStatistics(), MixingFeatures()]
    result = retrieval.compare(rows, embedder, "songs <of> noise") | {"minutes": 1.25}
    examples = search_examples([PlantedRow()], embedder, tmp_path, 2)
    write_page(tmp_path / "report.html", result, examples, rows, embedder)
    page = (tmp_path / "report.html").read_text()
    assert "songs &lt;of&gt; noise" in page and "<of>" not in page
    assert page.count("<svg") == 2
    assert page.count("data:audio/mpeg;base64,") == 2 * (2 + 3)
    assert not re.search(r'(src|href)="(?!data:|#)', page)
    assert all(row.name in page for row in rows)


def test_examples_say_which_hit_has_the_chain_of_the_query(embedder, tmp_path):
    for example in search_examples([PlantedRow()], embedder, tmp_path, 3):
        assert example.target.chain == example.query.chain
        hits = example.hits["planted"]
        assert [h.score for h in hits] == sorted((h.score for h in hits), reverse=True)
        assert all(h.right == (h.chain == example.query.chain) for h in hits)


def test_a_second_run_shows_the_first_at_once(tmp_path, monkeypatch, capsys):
    calls = []
    figures = {name: [0.5, 0.4, 0.6] for name in ("20-way", "R@1", "R@10", "MRR")}
    row = figures | {"by kind": {"eq": 0.5}, "seconds": 1.0}
    result = {"music": "m", "sources": {"x": 12}, "plan": "p", "rows": {"planted": row}, "minutes": 2.0}
    result["sizes"] = {"20-way": 20, "gallery": 12, "clips": 60}
    monkeypatch.setattr(demo, "run", lambda out, force: calls.append(force) or result)
    assert demo.main([], tmp_path) == demo.main([], tmp_path) == 0
    assert calls == [False]
    assert "finished earlier" in capsys.readouterr().out
    assert demo.main(["--force"], tmp_path) == 0
    (tmp_path / "demo.safetensors").write_bytes(b"another encoder")
    assert demo.main([], tmp_path) == 0
    assert calls == [False, True, False]
    assert json.loads((tmp_path / "result.json").read_text())["minutes"] == 2.0


def test_a_training_that_leaves_no_encoder_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(demo, "_songs", lambda: ("m", []))
    monkeypatch.setattr(demo.subprocess, "run", lambda *a, **o: demo.subprocess.CompletedProcess(a, 0))
    assert demo.main([], tmp_path) == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith("make run: the training above ended without")


def test_the_overlay_trains_on_the_songs_that_are_not_held_out(monkeypatch):
    asked = []
    monkeypatch.setattr("eval.music.held_out_songs", lambda n, shortest_s: asked.append(n) or ("m", []))
    demo._songs()
    assert asked == [60]
