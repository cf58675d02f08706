"""The benchmark of the effects, on short clips."""

import json
import sys

import pytest
import torch

from eval import bench_device, bench_effects, peers
from eval.contestants import OURS, draw_knobs


def test_a_device_is_timed_and_compared_with_the_cpu(tmp_path, monkeypatch, capsys):
    command = ["bench", "--device", "cpu", "--seconds", "0.1", "--repeats", "2", "-o", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", command)
    monkeypatch.setattr(bench_effects, "BATCHES", (2,))
    bench_effects.main()
    result = json.loads((tmp_path / "bench_effects_cpu.json").read_text())
    chain = "eq–compressor–distortion–reverb–gain, forward + backward, batch of 2"
    assert chain in result["rows"] and len(result["rows"]) == 2 * len(bench_effects.TASKS)
    assert all(row["× real time"] > 0 for row in result["rows"].values())
    assert all(row["worst difference to the CPU_db"] < -100 for row in result["rows"].values())
    assert "worst difference to the CPU" in capsys.readouterr().out


def test_the_difference_of_the_worst_clip_counts():
    exact = torch.randn(3, 2, 100)
    y = exact.clone()
    assert bench_device.error_db(y, exact) == bench_device.EQUAL_DB
    y[1] *= 1.01
    assert bench_device.error_db(y, exact) == pytest.approx(-40, abs=0.01)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is one")
def test_no_gpu_is_one_line(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["bench", "--device", "cuda"])
    with pytest.raises(SystemExit, match="sees no CUDA GPU"):
        bench_effects.main()


@pytest.mark.parametrize("name", list(peers.PEERS))
def test_a_peer_renders_and_has_a_gradient_in_every_knob(name):
    try:
        play = peers.PEERS[name](44_100)
    except (ImportError, OSError):
        pytest.skip(f"{name} is not installed")
    x, z = 0.1 * torch.randn(2, 1, 4_000), draw_knobs(2)
    for effect in ("eq", "compressor", "gain"):
        y = peers.renderer(play, OURS, (effect,), x, z, backward=False)()
        assert y.shape == x.shape and y.isfinite().all()
        peers.renderer(play, OURS, (effect,), x, z, backward=True)()


def test_a_slow_contestant_runs_less_often(monkeypatch):
    monkeypatch.setattr(bench_effects, "SLOW_S", 0.0)
    runs = []
    bench_effects.compare({"slow": lambda: runs.append(1)}, repeats=9)
    assert len(runs) == 1 + bench_effects.SLOW_REPEATS
