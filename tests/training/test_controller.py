"""The recipe `controller` and its training set, on songs made here."""

import numpy as np
import pytest
import soundfile
import torch

from reprs.console.knobs import Knobs
from reprs.console.standard import standard_console
from reprs.corpora.item import in_test
from reprs.corpora.stems import StemsCorpus
from reprs.models.controller import Logits
from reprs.training.controller import ControllerRecipe, prepare
from reprs.training.mix_data import Batches
from reprs.training.mix_set import FIELDS, Mixes, MixSet, ShardMaker
from reprs.training.random_mixes import RandomMixes, Words
from reprs.training.songs import Songs

RATE = 44_100


@pytest.fixture(scope="module")
def items(tmp_path_factory):
    folder = tmp_path_factory.mktemp("songs")
    rng = np.random.default_rng(0)
    for song in range(3):
        (folder / f"song{song}").mkdir()
        for name in ("bass", "drums", "voice"):
            x = 0.1 * rng.standard_normal((4 * RATE, 2))
            soundfile.write(folder / f"song{song}" / f"{name}.wav", x, RATE)
    return StemsCorpus(folder).items()


@pytest.fixture
def mixes(items, monkeypatch, tmp_path):
    monkeypatch.setenv("REPRS_CACHE", str(tmp_path))
    return RandomMixes(standard_console(), Songs(items, 1.0, RATE), foreign_share=0.5)


def test_a_mix_is_the_same_for_the_same_seed(mixes):
    one, again, other = (mixes.draw(2, 2, seed) for seed in ((0, 1), (0, 1), (0, 2)))
    assert torch.equal(one.reference, again.reference) and torch.equal(one.tracks, again.tracks)
    assert not torch.equal(one.reference, other.reference)


def test_the_reference_is_what_the_console_makes_of_the_sources(mixes):
    batch = mixes.draw(3, 2, (0,))
    again = mixes.console(batch.sources, RATE, batch.knobs)
    assert torch.allclose(again, batch.reference, atol=1e-6)
    for row in range(3):
        if bool(batch.foreign[row]):
            levels = [x[row].square().mean((1, 2)).sqrt() for x in (batch.tracks, batch.sources)]
            assert torch.allclose(*levels, rtol=1e-3)


def test_one_track_has_no_master(mixes):
    batch = mixes.draw(8, 1, (0,))
    master = [n.startswith("master.") for n in mixes.console.shared_switches]
    assert not bool(batch.knobs.shared_on[:, torch.tensor(master)].any())


def test_captions_speak_of_what_is_on(mixes):
    console = mixes.console
    k = console.neutral(1, 1)
    words = Words(console)
    gain = list(console.track_params).index("parametric_eq.high_shelf_gain_db")
    k.tracks[..., gain] = 0.95
    silent = words(k, np.random.default_rng(0))
    on = k.tracks_on.clone()
    on[..., console.track_switches.index("parametric_eq")] = True
    texts = {words(Knobs(k.tracks, k.shared, on, k.shared_on), np.random.default_rng(i))[0] for i in range(8)}
    assert silent[0] not in texts and len(texts) > 1


def shard(count, seed):
    """A shard of noise with settings of the prior."""
    generator = torch.Generator().manual_seed(seed)
    console = standard_console()
    sizes = (len(console.track_params), len(console.shared_params))
    found = {
        "tokens": torch.randn(count, 6, 400, generator=generator),
        "there": torch.arange(6).expand(count, 6) < torch.randint(1, 5, (count, 1), generator=generator),
        "condition": torch.randn(count, 586, generator=generator),
        "sound": torch.randn(count, 256, generator=generator),
        "words": torch.randn(count, 256, generator=generator),
        "tracks": torch.rand(count, 6, sizes[0], generator=generator),
        "shared": torch.rand(count, sizes[1], generator=generator),
        "tracks_on": torch.rand(count, 6, len(console.track_switches), generator=generator) < 0.5,
        "shared_on": torch.rand(count, len(console.shared_switches), generator=generator) < 0.5,
        "levels_db": torch.full((count, 6), -20.0),
    }
    assert set(FIELDS) < set(found)
    arrays = {name: value.numpy() for name, value in found.items()}
    return arrays | {"captions": np.array(["a"] * count), "contents": np.array(["b"] * count)}


def test_batches_are_trimmed_and_repeatable():
    data = Mixes.joined([shard(20, 0), shard(20, 1)])
    drawn = [next(iter(Batches(data, 8, seed))) for seed in (3, 3, 4)]
    assert torch.equal(drawn[0].tokens, drawn[1].tokens)
    assert drawn[0].tokens.shape != drawn[2].tokens.shape or not torch.equal(drawn[0].tokens, drawn[2].tokens)
    for batch in drawn:
        assert bool(batch.there[:, -1].any()) and batch.knobs.tracks.shape[1] == batch.tokens.shape[1]


def test_the_network_learns_the_settings_of_what_it_hears():
    torch.manual_seed(0)
    data = Mixes.joined([shard(16, 0)])
    recipe = ControllerRecipe(width=32, layers=1, heads=2, dropout=0.0, drop_heard=0.0, drop_timbre=1.0)
    prepare(recipe.controller, data)
    network = recipe.controller.network
    adam = torch.optim.Adam([p for p in network.parameters() if p.requires_grad], lr=3e-3)
    losses = []
    for _ in range(40):
        loss = recipe.total(recipe.terms(network(*recipe.inputs(data, data.condition)), data))
        adam.zero_grad()
        loss.backward()
        adam.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.6 * losses[0]
    assert all(p.grad is None for p in recipe.controller.ears.parameters())


def test_what_is_left_out_is_not_heard():
    data = Mixes.joined([shard(4, 0)])
    recipe = ControllerRecipe(width=32, layers=1, heads=2, listen_to="measures")
    tokens, condition, _ = recipe.inputs(data, data.condition)
    assert not bool(tokens[..., :256].any()) and not bool(condition[..., :256].any())
    assert bool(data.tokens[..., :256].any())
    with pytest.raises(ValueError, match="listen_to"):
        ControllerRecipe(listen_to="nothing")


@pytest.mark.slow
def test_a_shard_is_made_once_and_read_back(items, monkeypatch, tmp_path):
    from reprs.training import mix_set
    from reprs.training.data import Source

    monkeypatch.setenv("REPRS_CACHE", str(tmp_path))
    monkeypatch.setattr(mix_set, "DRAWS", ((1, 2), (2, 2)))
    wanted = MixSet([Source("stems", {"path": str(items[0].path.parents[1])})], shards=1, part_s=1.0)
    wanted.build()
    mixes = wanted.load()
    assert len(mixes) == 4 and mixes.there.sum(1).tolist() == [1, 1, 2, 2]
    monkeypatch.setattr(ShardMaker, "__call__", None)
    wanted.build()


@pytest.fixture
def rendered(items, monkeypatch, tmp_path):
    """What `RenderedLoss` is asked with, as a config says it: 1 s of the songs made here."""
    monkeypatch.setenv("REPRS_CACHE", str(tmp_path))
    corpora = [{"corpus": "stems", "options": {"path": str(items[0].path.parents[1])}}]
    return {"corpora": corpora, "part_s": 1.0, "validation_share": 0.0}


def small_recipe(**how):
    torch.manual_seed(0)
    return ControllerRecipe(width=32, layers=1, heads=2, dropout=0.0, learning_rate=3e-3, **how)


@pytest.mark.parametrize("how", ["exact", "spsa", "finite_differences"])
def test_a_controller_learns_from_what_the_console_makes(rendered, how):
    """The STFT distance falls on a fixed batch, whether or not the compressor tells its gradient."""
    strip = None if how == "exact" else {"compressor": {"gradient": how, "draws": 2}}
    recipe = small_recipe(stft_weight=1.0, rendered=rendered, strip=strip)
    heard, network = recipe.render.draw(2, 1, (0,)), recipe.controller.network
    before = network.state_dict()["of_track.2.weight"].clone()
    adam = torch.optim.Adam([p for p in network.parameters() if p.requires_grad], lr=3e-3)
    losses = []
    for _ in range(12):
        loss, unasked = recipe.render.apart(
            network(heard.tokens, heard.condition, heard.there), heard, True, False
        )
        adam.zero_grad()
        loss.backward()
        adam.step()
        losses.append(float(loss.detach()))
    assert min(losses[-3:]) < 0.9 * losses[0] and float(unasked) == 0
    turned = (network.state_dict()["of_track.2.weight"] - before).abs().amax(1)
    names = list(recipe.controller.console.track_params)
    on = torch.sigmoid(network(heard.tokens, heard.condition, heard.there).tracks_on) >= 0.35
    assert bool(on[..., recipe.controller.console.track_switches.index("compressor")].any())
    assert float(turned[names.index("compressor.threshold_db")]) > 0
    assert all(p.grad is None for p in recipe.controller.ears.parameters())


def test_the_true_setting_is_no_distance_away(rendered):
    """An oracle for the rendered losses: what the knobs of the batch make is its target."""
    recipe = small_recipe(embedding_weight=1.0, rendered=rendered)
    heard = recipe.render.draw(2, 2, (1,))
    k = heard.knobs
    logits = [torch.logit(z.clamp(1e-6, 1 - 1e-6)) for z in (k.tracks, k.shared)]
    switches = [20.0 * (2 * on.float() - 1) for on in (k.tracks_on, k.shared_on)]
    stft, embedding = recipe.render.apart(Logits(*logits, *switches), heard)
    assert float(stft) < 0.01 and float(embedding) < 1e-3
    off = [z - 0.5 for z in logits]
    assert all(float(v) > 1e-3 for v in recipe.render.apart(Logits(*off, *switches), heard))


def test_two_consoles_in_one_recipe_are_refused():
    from types import SimpleNamespace

    from reprs.corpora.item import NothingUsable

    recipe = small_recipe(strip={"compressor": {"gradient": "spsa"}})
    recipe._trainer = SimpleNamespace(datamodule=SimpleNamespace(wanted=MixSet([], strip={"distortion": {}})))
    with pytest.raises(NothingUsable, match="two consoles"):
        recipe.setup("fit")


def test_only_what_is_played_names_the_training_set():
    plain, spsa, plugin = (
        MixSet([], strip=strip).folder()
        for strip in ({}, {"compressor": {"gradient": "spsa"}}, {"compressor": {"effect": "expander"}})
    )
    assert plugin not in (plain, spsa)
    assert MixSet([], strip={"compressor": {"gradient": "none"}}).folder() == spsa


def test_what_validation_hears_is_not_rendered(rendered):
    every, kept = (
        small_recipe(
            stft_weight=1.0, rendered={**rendered, "validation_share": share}
        ).render.mixes.songs.singles
        for share in (0.0, 0.5)
    )
    held_out = {s.content for s in every} - {s.content for s in kept}
    assert held_out == {s.content for s in every if in_test(s.content, 0.5, 0)} and held_out
