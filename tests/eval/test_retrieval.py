"""The task as a whole, judged by embedders whose figures are known beforehand."""

import json
import zlib

import numpy as np
import pytest
import soundfile
import torch

from eval import retrieval
from eval.baselines import BASELINES
from eval.chains import rms_db
from eval.embedding import Embedder
from eval.music import Piece, find_pieces
from eval.plan import STORED_RMS_DB, Sizes, make_plan, rendered
from tests.corpora.sounds import save_bad

SIZES = Sizes(groups=30, groups_by_count=10, gallery=256, reference=10)
SMALL = Sizes(groups=1, groups_by_count=1, gallery=6, reference=6, counts=(1,))
ACCURACIES = ("20-way", "20-way, 1 effect", "20-way, 3 effects", "20-way, 5 effects")


@pytest.fixture(scope="module")
def plan():
    return make_plan([Piece(f"{i}.wav", f"piece {i}", "x", 0.0, 60.0, 1) for i in range(60)], SIZES, seed=1)


@pytest.fixture(scope="module")
def music(tmp_path_factory):
    """Ten files of coloured noise with a beat, 6 s each; one is mono and one begins with a long silence."""
    folder, rng = tmp_path_factory.mktemp("music"), np.random.default_rng(0)
    for i in range(10):
        beat = np.exp(-(np.arange(6 * 22_050) % (4_000 + 900 * i)) / 6_000)
        noise = np.cumsum(rng.standard_normal((6 * 22_050, 2)), axis=0) * 0.001 + rng.standard_normal(
            (6 * 22_050, 2)
        )
        x = 0.2 * beat[:, None] * noise
        if i == 1:
            x[: 22_050 // 2] = 0
        soundfile.write(folder / f"{i}.wav", x[:, 0] if i == 0 else x, 22_050)
    return folder


def planted(plan, vector):
    """Embeddings `(N, D)` by a function of the content's name and the chain's number."""
    return np.stack([vector(plan.cuts[cut].piece.content, chain) for cut, chain, _ in plan.renders])


def of(label):
    """A random direction that belongs to a label."""
    return np.random.default_rng(zlib.crc32(str(label).encode())).standard_normal(64)


def test_an_oracle_of_chains_is_always_right(plan):
    figures = retrieval.score(plan, planted(plan, lambda content, chain: of(chain)))
    assert all(figures[name] == (1, 1, 1) for name in (*ACCURACIES, "R@1", "R@10", "MRR"))
    assert set(figures["by kind"].values()) == {1.0}


def test_an_oracle_of_content_is_below_chance(plan):
    figures = retrieval.score(plan, planted(plan, lambda content, chain: of(content) + 0.01 * of(chain)))
    assert all(figures[name][0] < 0.01 for name in ACCURACIES)


def test_a_constant_and_a_random_embedding_are_at_chance(plan):
    constant = retrieval.score(plan, np.ones((len(plan.renders), 4)))
    assert constant["20-way"][0] == pytest.approx(1 / 20)
    noise = np.random.default_rng(0).standard_normal((len(plan.renders), 64))
    by_chance = retrieval.score(plan, noise)
    assert by_chance["20-way"][0] == pytest.approx(1 / 20, abs=0.027)  # three standard errors of 600 trials
    assert by_chance["R@1"][0] < 0.02


def test_query_and_target_share_the_chain_and_not_the_piece(plan):
    def cut_and_chain(i):
        return plan.cuts[plan.renders[i][0]].piece.content, plan.renders[i][1]

    for group in [g for groups in plan.groups.values() for g in groups]:
        own = {cut_and_chain(i)[0] for i in group["queries"]}
        assert len(own) == 1 and len(group["queries"]) == 20
        for q, t in zip(group["queries"], group["targets"], strict=True):
            assert cut_and_chain(q)[1] == cut_and_chain(t)[1]
            assert cut_and_chain(t)[0] not in own
    for q, t in zip(plan.gallery["queries"], plan.gallery["targets"], strict=True):
        assert cut_and_chain(q)[1] == cut_and_chain(t)[1] and cut_and_chain(q)[0] != cut_and_chain(t)[0]


def test_pieces_for_z_scores_are_never_tested(plan):
    apart = {plan.cuts[plan.renders[i][0]].piece.content for i in plan.reference}
    tested = {plan.cuts[cut].piece.content for cut, _, _ in plan.renders[len(plan.reference) :]}
    assert apart and not apart & tested


def test_a_plan_is_its_seed(plan):
    pieces = [Piece(f"{i}.wav", f"piece {i}", "x", 0.0, 60.0, 1) for i in range(60)]
    assert make_plan(pieces, SIZES, seed=1).key() == plan.key() != make_plan(pieces, SIZES, seed=2).key()


def test_rendered_clips_have_one_level_and_are_kept(music, tmp_path):
    _, pieces = find_pieces(music, 2.5)
    small = make_plan(pieces, SMALL, seed=0, clip_s=1.0)
    clips = rendered(small, tmp_path)
    assert clips.shape == (len(small.renders), 2, 44_100) and clips.dtype == np.int16
    assert [rms_db(c / 32_767) for c in clips] == pytest.approx([STORED_RMS_DB] * len(clips), abs=0.05)
    again = rendered(make_plan(pieces, SMALL, seed=0, clip_s=1.0), tmp_path / "elsewhere")
    assert np.array_equal(clips, again)
    file = next(tmp_path.glob("retrieval-*/clips.npy"))
    written = file.stat().st_mtime_ns
    rendered(small, tmp_path)
    assert file.stat().st_mtime_ns == written


def test_a_row_is_embedded_again_only_when_it_has_changed(music, tmp_path):
    class Scale:
        name, calls, factor = "scale", 0, 1.0

        def embed(self, audio, sample_rate):
            self.calls += 1
            return audio.abs().mean(dim=2) * self.factor

    _, pieces = find_pieces(music, 2.5)
    small = make_plan(pieces, SMALL, seed=0, clip_s=1.0)
    embedder, row = Embedder(small, tmp_path), Scale()
    first, calls = embedder(row), row.calls
    assert np.array_equal(embedder(row), first) and row.calls == calls + 1  # the probe
    row.factor = 2.0
    assert np.allclose(embedder(row), 2 * first)


@pytest.mark.parametrize("row", BASELINES, ids=lambda row: row.name)
def test_baselines_are_finite_and_do_not_depend_on_the_batch(row):
    x = 0.05 * torch.randn(3, 2, 44_100, generator=torch.Generator().manual_seed(0))
    x[2, 1] = x[2, 0]
    together = row.embed(x, 44_100)
    assert together.isfinite().all()
    assert torch.allclose(together[1:2], row.embed(x[1:2], 44_100), atol=1e-3, rtol=1e-4)


def test_from_the_command_line_to_json_and_plot(music, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("REPRS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(Sizes, "quick", classmethod(lambda cls: SMALL))
    monkeypatch.setattr("eval.rows.make_rows", lambda names, untrained: [])
    call = ["--quick", "--music", str(music), "--clip-s", "1", "-o", str(tmp_path / "out")]
    assert retrieval.main(call) == 0
    result = json.loads((tmp_path / "out" / "retrieval.json").read_text())
    assert result["command"].endswith("--clip-s 1 -o " + str(tmp_path / "out"))
    assert list(result["rows"]) == [row.name for row in BASELINES]
    assert len(result["rows"]["MFCC statistics"]["R@1"]) == 3
    assert (tmp_path / "out" / "retrieval.png").stat().st_size > 1_000
    assert "MFCC statistics" in capsys.readouterr().out


def test_bad_files_of_a_folder_are_named_and_the_others_judged_on(music, tmp_path, capsys):
    bad = save_bad(tmp_path)
    for path in music.iterdir():
        (tmp_path / path.name).symlink_to(path)
    name, pieces = find_pieces(tmp_path, 4.5)
    assert name == f"folder {tmp_path.name}" and len(pieces) == 10
    said = capsys.readouterr().err.splitlines()
    assert len(said) == len(bad) and all(line.startswith("left out: ") for line in said)
    assert all(sum(file in line and reason in line for line in said) == 1 for file, reason in bad.items())


def test_an_unusable_call_ends_with_one_line(tmp_path, monkeypatch, capsys):
    assert retrieval.main(["--model", str(tmp_path / "nothing.safetensors")]) == 2
    monkeypatch.setattr("eval.rows.make_rows", lambda names, untrained: [])
    assert retrieval.main(["--music", str(tmp_path / "nowhere")]) == 2
    (tmp_path / "few").mkdir()
    soundfile.write(tmp_path / "few" / "short.wav", np.full((44_100, 2), 0.1), 44_100)
    assert retrieval.main(["--music", str(tmp_path / "few")]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert "0 pieces longer than 4.5 s are too few" in lines[2]
    assert len(lines) == 3 and all(line.startswith("reprs eval retrieval: ") for line in lines)
