"""Every recipe: its name joins config, module and checkpoint; its config builds what it names."""

import json
from pathlib import Path

import pytest
import yaml

from reprs.models.ears import ears
from reprs.training.proxy import plugin_of
from reprs.views.sampler import ChainSampler, Choice

ROOT = Path(__file__).parents[2]
CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))


def test_there_are_configs():
    assert CONFIGS


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.stem)
def test_the_recipe_name_is_the_join_key(path):
    assert (ROOT / "reprs" / "training" / f"{path.stem}.py").is_file()
    assert (ROOT / "checkpoints" / f"{path.stem}.safetensors").is_file()
    card = (ROOT / "checkpoints" / f"{path.stem}.md").read_text()
    assert f"configs/{path.stem}.yaml" in card


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.stem)
def test_the_header_shows_the_command(path):
    assert f"reprs fit -c configs/{path.stem}.yaml" in path.read_text().split("\n\n")[0]


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.stem)
def test_the_chains_of_a_config_can_be_drawn(path):
    arguments = yaml.safe_load(path.read_text())["model"]["init_args"]
    if path.stem == "proxy":
        assert plugin_of(arguments["plugin"], arguments["ranges"]).params
        return
    if "ears" in arguments:  # recipes of the console: their knobs are its own
        assert (ROOT / "checkpoints" / f"{arguments['ears']}.safetensors").is_file()
        return
    if "effects" not in arguments:
        assert set(arguments["hearing"]) <= set(ears)
        return
    sampler = ChainSampler([Choice(**choice) for choice in arguments["effects"]])
    assert len(sampler.chain) > 0


@pytest.mark.parametrize("path", sorted((ROOT / "checkpoints").glob("*.json")), ids=lambda p: p.stem)
def test_checkpoints_are_small_and_described(path):
    description = json.loads(path.read_text())
    weights = path.with_suffix(".safetensors")
    assert weights.stat().st_size <= 16 * 2**20
    assert description["recipe"] == path.stem and description["metadata"]
