"""What docs/new_effect.md promises: one file of under 40 lines, and everything knows the effect."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "new_effect.md"
NAME = "ring_modulator"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A Python process that finds the guide's example in a folder of its own; it returns what it printed."""
    source = re.search(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL).group(1)
    assert len(source.splitlines()) < 40
    folder = tmp_path_factory.mktemp("my_rack")
    (folder / f"{NAME}.py").write_text(source)

    def run(*arguments):
        done = subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=ROOT,
            env={**os.environ, "REPRS_EFFECTS": str(folder), "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-2_000:]
        return done.stdout

    return run


def test_nothing_knows_it_before(run):
    from reprs.effects import registry

    assert NAME not in registry


def test_the_command_line_the_sampler_the_page_and_the_benchmark_know_it(run):
    program = f"""
import reprs.cli, torch
from eval import bench_effects
from reprs.effects import catalogue, registry
from reprs.views.sampler import ChainSampler, Choice

reprs.cli.main(["effects", "{NAME}"])
sampler = ChainSampler([Choice("gain"), Choice("{NAME}", ranges={{"carrier_hz": (50, 100)}})])
print(list(sampler.chain.params), sampler.chain.params["{NAME}.carrier_hz"].max)
print(catalogue.markdown(registry))
print("ns a sample:", bench_effects.time_effect("{NAME}", torch.zeros(1, 2, 1_000)))
"""
    said = run("-c", program)
    assert "Multiply by a sine" in said and re.search(r"carrier_hz +20 +2000 +200 +Hz +log", said)
    assert f"['gain.gain_db', '{NAME}.carrier_hz', '{NAME}.mix'] 100" in said
    assert f"## {NAME}" in said and "| carrier_hz | 20 | 2000 | 200 | Hz | log |" in said
    assert "ns a sample:" in said


def test_the_contract_battery_passes_over_it(run):
    said = run(
        "-m",
        "pytest",
        "tests/contracts/test_effects.py",
        "-k",
        NAME,
        "-o",
        "addopts=",
        "-p",
        "no:cacheprovider",
    )
    assert int(re.search(r"(\d+) passed", said).group(1)) > 15


@pytest.mark.slow
def test_the_whole_benchmark_times_it(run, tmp_path):
    small = ["--seconds", 0.1, "--repeats", 1, "--every-effect", "-o", tmp_path]
    assert NAME in run("-m", "eval.bench_effects", *small)
    assert NAME in json.loads((tmp_path / "bench_effects.json").read_text())["ns_per_sample"]
