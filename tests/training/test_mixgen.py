"""The recipe `mixgen`: what is dropped of a style, and a few steps that leave two checkpoints."""

import dataclasses
import itertools

import pytest
import torch

from reprs.console import listening
from reprs.console.knobs import Knobs
from reprs.console.standard import standard_console
from reprs.models import hub
from reprs.training.export import ExportEncoder
from reprs.training.mix_data import Batches
from reprs.training.mix_set import MOST_TRACKS, Mixes
from reprs.training.mixgen import STYLES, ExportRivals, MixgenRecipe, pl, styled


@pytest.fixture(scope="module")
def mixes():
    dice = torch.Generator().manual_seed(0)
    console, count = standard_console(), 40
    there = torch.arange(MOST_TRACKS) < torch.randint(1, MOST_TRACKS + 1, (count, 1), generator=dice)
    condition = torch.randn(count, listening.CONDITION_DIM, generator=dice)
    condition[:, listening.HEARD_FLAG :] = 0
    condition[:, listening.HEARD_FLAG] = 1
    knobs = Knobs(
        torch.rand(count, MOST_TRACKS, len(console.track_params), generator=dice),
        torch.rand(count, len(console.shared_params), generator=dice),
        torch.rand(count, MOST_TRACKS, len(console.track_switches), generator=dice) < 0.5,
        torch.rand(count, len(console.shared_switches), generator=dice) < 0.5,
    )
    tokens = torch.randn(count, MOST_TRACKS, listening.TOKEN_DIM, generator=dice)
    sound, words = torch.randn(2, count, listening.TIMBRE_DIM, generator=dice)
    return Mixes(tokens, there, condition, sound, words, knobs, torch.zeros(count, MOST_TRACKS),
                 [""] * count, [f"song {i}" for i in range(count)])  # fmt: skip


class Data(pl.LightningDataModule):
    def __init__(self, mixes):
        super().__init__()
        self.training = self.validation = mixes

    def train_dataloader(self):
        return torch.utils.data.DataLoader(Batches(self.training, 8, 0), batch_size=None)

    def val_dataloader(self):
        return torch.utils.data.DataLoader([self.validation], batch_size=None)


def test_styles_are_dropped_as_often_as_they_should(mixes):
    dice = torch.Generator().manual_seed(0)
    found = torch.cat([styled(mixes, dice) for _ in range(50)])
    heard = found[:, listening.HEARD_FLAG] == 1
    told = found[:, listening.TIMBRE_FLAG] == 1
    shares = {
        "nothing": ~heard & ~told,
        "reference": heard & ~told,
        "timbre": ~heard & told,
        "both": heard & told,
    }
    for name, share in STYLES.items():
        assert abs(float(shares[name].float().mean()) - share) < 0.04, name
    assert not found[~heard][:, : listening.HEARD_FLAG].any() and not found[~heard & ~told].any()
    worded = (found[told][:, None, listening.CONDITION_TIMBRE] == mixes.words).all(-1).any(1)
    assert abs(float(worded.float().mean()) - 0.5) < 0.05


def test_a_few_steps_leave_the_generator_and_its_rivals(mixes, tmp_path):
    torch.manual_seed(0)
    how = {"width": 16, "layers": 1, "heads": 2, "latent": 4}
    recipe = MixgenRecipe(**how, warmup_steps=1, ema_decay=0.5, centre_after=2)
    callbacks = [ExportEncoder(str(tmp_path / "mixgen")), ExportRivals(str(tmp_path / "rivals"))]
    trainer = pl.Trainer(
        max_steps=4, val_check_interval=2, accelerator="cpu", logger=False, callbacks=callbacks,
        num_sanity_val_steps=0, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, check_val_every_n_epoch=None,
    )  # fmt: skip
    trainer.fit(recipe, Data(mixes))
    loaded, rivals = hub.load(tmp_path / "mixgen"), hub.load(tmp_path / "rivals")
    assert loaded.metadata["recipe"] == "mixgen" and len(loaded.metadata["curve"]) == 2
    assert set(loaded.metadata["curve"][0]) >= {"val/flow", "val/regression", "val/vae"}
    expected = recipe.settings(mixes)[0][mixes.there].mean(0)
    assert torch.allclose(rivals.vae.scale.track_mean, expected, atol=1e-3)
    # From the second step on the flow counts from what the regression said then.
    assert loaded.flow.config["centred"] and torch.equal(
        loaded.flow.centre.scale.track_mean, rivals.regression.scale.track_mean
    )
    assert not torch.allclose(loaded.flow.scale.track_mean, expected, atol=1e-2)
    kept = recipe.averages.module["flow"].network.of_track.weight
    assert torch.allclose(loaded.flow.network.of_track.weight, kept, atol=1e-3)
    tokens, mask = mixes.tokens[:3], mixes.there[:3]
    for model in (rivals.regression, rivals.vae, rivals.prior, loaded.flow):
        noise = torch.randn(3, MOST_TRACKS, model.noise_sizes[0]), torch.randn(3, model.noise_sizes[1])
        u = model.draw(noise, tokens, mixes.condition[:3], mask)
        assert u[0].shape == (3, MOST_TRACKS, 39) and u[1].shape == (3, 43)
        assert bool(torch.isfinite(u[0]).all() & torch.isfinite(u[1]).all())


def test_a_centre_needs_the_regression():
    with pytest.raises(ValueError, match="regression"):
        MixgenRecipe(rivals=False, centre_after=2)


def test_a_share_of_the_batches_is_other_music(mixes):
    others = mixes[torch.arange(8)]
    others = dataclasses.replace(others, contents=["finished"] * 8)
    batches = itertools.islice(iter(Batches(mixes, 8, 3, others, 0.25)), 200)
    found = [batch.contents == ["finished"] * 8 for batch in batches]
    assert abs(sum(found) / 200 - 0.25) < 0.08
    alone = itertools.islice(iter(Batches(mixes, 8, 3)), 20)
    assert not any("finished" in batch.contents for batch in alone)
