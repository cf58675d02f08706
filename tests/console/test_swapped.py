"""Strips with other effects in them: black boxes whose gradient is estimated, plugins, files of one's own."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from reprs.console.controller import Controller, names_of
from reprs.console.knobs import Knobs
from reprs.console.saved_mix import SavedMix, read_mix
from reprs.console.standard import single_console, standard_console
from reprs.effects import registry
from reprs.effects.black_box import BlackBox, named, register
from reprs.models import hub
from reprs.objectives.stft import multi_resolution_stft
from tests.console.test_mix_command import RATE, read, write
from tests.effects.signals import error_db, music

ROOT = Path(__file__).parents[2]
PLUGIN = {"compressor": {"effect": "pedalboard.Compressor", "gradient": "spsa", "draws": 2}}


def driven(console, rows=2):
    """A setting with everything on and the compressor at work."""
    k = console.neutral(rows, 1)
    k.tracks_on[..., : len(console.strip.names)] = True
    generator = torch.Generator().manual_seed(3)
    k.tracks[..., : len(console.strip)] = 0.3 + 0.4 * torch.rand(
        rows, 1, len(console.strip), generator=generator
    )
    return k


def gradient(console, x, knobs, target):
    """Of the STFT distance in the knobs of the strip's compressor."""
    z = knobs.tracks.clone().requires_grad_()
    y = console(x, RATE, Knobs(z, knobs.shared, knobs.tracks_on, knobs.shared_on))
    (g,) = torch.autograd.grad(multi_resolution_stft(y, target).sum(), z)
    columns = [i for i, n in enumerate(console.track_params) if n.startswith("compressor.")]
    return g[..., columns].flatten()


@pytest.mark.parametrize(
    ("how", "least"),
    [({"gradient": "finite_differences", "step": 1e-3}, 0.97), ({"gradient": "spsa", "draws": 32}, 0.7)],
)
def test_the_estimate_points_where_the_exact_gradient_points(how, least):
    """Our own compressor as an opaque box, inside the strip, behind the loss and in front of a drive."""
    torch.manual_seed(0)
    ours, closed = single_console(), single_console({"compressor": how})
    x, knobs = music(2, 2, 16_000).float()[:, None], driven(single_console())
    target = ours(x, RATE, Knobs(knobs.tracks.flip(2), knobs.shared, knobs.tracks_on, knobs.shared_on))
    assert torch.equal(ours(x, RATE, knobs), closed(x, RATE, knobs))
    exact, estimate = (gradient(console, x, knobs, target) for console in (ours, closed))
    assert float(torch.cosine_similarity(exact, estimate, dim=0)) > least


def test_a_plugin_in_the_strip_plays_what_the_plugin_plays():
    pedalboard = pytest.importorskip("pedalboard")
    console = single_console(PLUGIN)
    assert "pedalboard_compressor.threshold_db" in console.track_params
    assert not any(name.startswith("compressor.") for name in console.track_params)
    x, k = music(1, 2, 8_000).float()[:, None], console.neutral(1, 1)
    k.tracks_on[..., console.track_switches.index("pedalboard_compressor")] = True
    names = list(console.track_params)
    for knob, value in (("threshold_db", -30.0), ("ratio", 6.0)):
        name = f"pedalboard_compressor.{knob}"
        k.tracks[..., names.index(name)] = console.track_params[name].to_unit(torch.tensor(value))
    plugin = pedalboard.Compressor(threshold_db=-30, ratio=6, attack_ms=1, release_ms=100)
    plugin.process(np.zeros((2, 4_410), dtype=np.float32), RATE)
    wanted = plugin.process(x[0, 0].numpy(), RATE, reset=True)
    assert error_db(console(x, RATE, k)[0], torch.from_numpy(wanted)) < -80


@pytest.mark.parametrize(
    ("strip", "said"),
    [
        ({"flanger": {}}, "no 'flanger' to replace"),
        ({"compressor": {"effect": "no_such_thing"}}, "REPRS_EFFECTS"),
        ({"compressor": {"effect": "pedalboard.os"}}, "neither a plugin's file nor"),
        ({"compressor": {"effect": "pedalboard./tmp/Tape.vst3"}}, "no effect is called"),
        ({"compressor": {"gradient": "guess"}}, "gradient is one of"),
        ({"compressor": {"gradient": "full_hybrid"}}, "needs `proxy`"),
        ({"compressor": {"generator": 1}}, "no option 'generator'"),
        ({"compressor": {"ranges": {"knee": [0, 1]}}}, "has no knob"),
        ({"compressor": {"effect": "stereo_width"}}, "two effects that are called"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(strip, said):
    with pytest.raises(ValueError, match=re.escape(said)) as caught:
        standard_console(strip=strip)
    assert "\n" not in str(caught.value)


def test_a_files_name_is_never_a_path(tmp_path):
    """A checkpoint or a saved mix may come from anywhere; it names effects and opens no file."""
    there = tmp_path / "Tape.vst3"
    there.write_text("no plugin")
    for name in (str(there), f"pedalboard.{there}"):
        with pytest.raises(ValueError, match="no effect is called"):
            named(name)


def test_names_are_given_once():
    with pytest.raises(ValueError, match="two effects are called 'compressor'"):
        register(registry["compressor"])


@pytest.fixture(scope="module")
def plugged(tmp_path_factory):
    """An untrained controller whose strips have a plugin, as a checkpoint."""
    pytest.importorskip("pedalboard")
    torch.manual_seed(0)
    shipped = hub.load("controller")
    sizes = {name: shipped.config[name] for name in ("width", "layers", "heads")}
    new = Controller(shipped.config["ears"], width=sizes["width"], layers=3, heads=4, strip=PLUGIN)
    new.ears.load_state_dict(shipped.ears.state_dict())
    new.read.load_state_dict(shipped.read.state_dict())
    new.start_like(shipped)
    path = tmp_path_factory.mktemp("runs") / "plugged"
    hub.save(new, path)
    return path


def test_a_controller_takes_over_what_has_the_same_name(plugged):
    shipped, new = hub.load("controller"), hub.load(plugged)
    ours, theirs = names_of(new.console)["tracks"], names_of(shipped.console)["tracks"]
    one, other = (m.network.get_buffer("mean_tracks") for m in (new, shipped))
    for knob in ("parametric_eq.peak1_hz", "fader_db"):
        assert one[ours.index(knob)] == other[theirs.index(knob)]
    assert isinstance(new.console.strip.effects[2], BlackBox)
    assert new.strip == PLUGIN and "compressor.ratio" not in ours


def test_match_and_mix_use_the_plugin_and_write_it_down(shell, tmp_path, plugged):
    song, reference = write(tmp_path / "stems" / "song.wav"), write(tmp_path / "reference.wav", 1.0, seed=9)
    wish = ("--reference", reference, "--model", plugged)
    out = tmp_path / "OUT.wav"
    code, _, _ = shell("match", song, *wish, "--lock", "fader", "--refine", 2, "-o", out)
    assert code == 0
    saved = read_mix(out.with_suffix(".json"))
    assert saved.strip == {"compressor": {"effect": "pedalboard.Compressor"}}
    x = torch.tensor(read(song)[0]).float()[None, None]
    expected = saved.console(x, RATE, saved.knobs)[0] * 10 ** (saved.output_db / 20)
    assert np.abs(read(out)[0] - expected.numpy()).max() < 1e-6
    folder = tmp_path / "mixed"
    assert shell("mix", tmp_path / "stems", *wish, "--only", "pedalboard_compressor", "-o", folder)[0] == 0
    again = tmp_path / "again"
    assert shell("mix", tmp_path / "stems", "--apply", folder / "mix.json", "-o", again)[0] == 0
    assert np.array_equal(read(folder / "mix.wav")[0], read(again / "mix.wav")[0])


def test_a_report_names_the_plugin_and_its_knobs():
    pytest.importorskip("pedalboard")
    from reprs.console.files.described import COLUMNS, track_rows

    console = single_console(PLUGIN)
    k = console.neutral(1, 1)
    k.tracks_on[..., console.track_switches.index("pedalboard_compressor")] = True
    row = track_rows(SavedMix("single", ("song",), k, RATE, strip=PLUGIN))[0]
    assert "pedalboard_compressor (attack 1 ms, ratio 1" in row[1 + COLUMNS.index("saturation")]


def test_the_file_of_the_guide_puts_a_plugin_into_strips(tmp_path):
    """docs/black_boxes.md: one file in a folder of REPRS_EFFECTS, and a recipe may name it."""
    pytest.importorskip("pedalboard")
    guide = (ROOT / "docs" / "black_boxes.md").read_text()
    (source,) = [code for code in re.findall(r"```python\n(.*?)```", guide, re.DOTALL) if "register(" in code]
    (tmp_path / "squash.py").write_text(source)
    program = """
import torch
from reprs.console import standard_console
console = standard_console(strip={"compressor": {"effect": "squash", "gradient": "spsa"}})
k = console.neutral(1, 2)
k.tracks_on[:] = True
k.tracks[:] = 0.5
z = k.tracks.requires_grad_()
console(0.3 * torch.randn(1, 2, 2, 4000), 44_100, k).square().sum().backward()
print([n for n, g in zip(console.track_params, z.grad[0, 0]) if n.startswith("squash.") and g != 0])
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "REPRS_EFFECTS": str(tmp_path), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    assert "squash.threshold_db" in done.stdout
