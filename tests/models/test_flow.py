"""The mix generator: what it learns against closed forms, and what must not change its samples."""

import pytest
import torch

from reprs.models.flow import MixGenerator, noise_for, squared_error
from reprs.models.rivals import ConditionalVAE, GaussianPrior, Regression

SIZES = {"tracks": (3, 1), "mix": (2,)}


@pytest.fixture(scope="module")
def generator():
    torch.manual_seed(0)
    model = MixGenerator(5, 4, **SIZES, width=32, layers=2)
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.2)
    return model.eval()


def drawn(model, tokens, condition, keys, seed=7, samples=3, **how):
    mask = torch.ones(samples, tokens.shape[0], dtype=torch.bool)
    noise = noise_for(keys, model.noise_sizes, samples, seed)
    rows = tokens.expand(samples, -1, -1), condition.expand(samples, -1)
    return model.draw(noise, *rows, mask, **{"steps": 4, **how})


def test_the_noise_belongs_to_a_track_and_a_sample():
    a, mix = noise_for([b"x", b"y"], (4, 2), 2, seed=1)
    b, same = noise_for([b"y", b"z", b"x"], (4, 2), 5, seed=1)
    assert torch.equal(a[:, 0], b[:2, 2]) and torch.equal(a[:, 1], b[:2, 0]) and torch.equal(mix, same[:2])
    later, its_mix = noise_for([b"y"], (4, 2), 3, seed=1, first=2)
    assert torch.equal(later[:, 0], b[2:, 0]) and torch.equal(its_mix, same[2:])
    assert not torch.equal(a[0], a[1]) and not torch.equal(mix, noise_for([b"x"], (4, 2), 2, seed=2)[1])
    many = noise_for([bytes([i]) for i in range(100)], (50, 1), 4, seed=3)[0]
    assert abs(float(many.mean())) < 0.03 and abs(float(many.std()) - 1) < 0.03


def test_the_order_of_tracks_changes_nothing(generator):
    tokens, condition, keys = torch.randn(4, 5), torch.randn(4), [b"a", b"b", b"c", b"d"]
    order = [2, 0, 3, 1]
    u, mix = drawn(generator, tokens, condition, keys, guidance=2.0)
    shuffled, same = drawn(generator, tokens[order], condition, [keys[i] for i in order], guidance=2.0)
    assert torch.allclose(u[:, order], shuffled, atol=1e-4) and torch.allclose(mix, same, atol=1e-4)


def test_a_masked_track_changes_nothing(generator):
    tokens, condition = torch.randn(1, 3, 5), torch.randn(1, 4)
    noise = torch.randn(1, 3, 4), torch.randn(1, 2)
    mask = torch.tensor([[True, True, False]])
    u, mix = generator.draw(noise, tokens, condition, mask, steps=4)
    alone, same = generator.draw((noise[0][:, :2], noise[1]), tokens[:, :2], condition, steps=4)
    assert torch.allclose(u[:, :2], alone, atol=1e-4) and torch.allclose(mix, same, atol=1e-4)


def test_variation_stays_near_and_locks_hold(generator):
    tokens, condition, keys = torch.randn(4, 5), torch.randn(4), [b"a", b"b", b"c", b"d"]
    start = torch.randn(3, 4, 4), torch.randn(3, 2)
    far = {}
    for variation in (0.0, 0.1, 1.0):
        u, _ = drawn(generator, tokens, condition, keys, start=start, variation=variation)
        far[variation] = float((u - start[0]).square().mean())
    assert far[0.0] < 1e-10 < far[0.1] < far[1.0]
    lock = torch.zeros(3, 4, 4, dtype=torch.bool), torch.zeros(3, 2, dtype=torch.bool)
    lock[0][:, 1], lock[1][:, 0] = True, True
    u, mix = drawn(generator, tokens, condition, keys, start=start, variation=1.0, lock=lock)
    assert torch.allclose(u[:, 1], start[0][:, 1], atol=1e-6) and torch.allclose(mix[:, 0], start[1][:, 0])
    assert (u[:, 0] - start[0][:, 0]).abs().mean() > 0.1


def test_no_style_is_not_guided(generator):
    tokens, condition, keys = torch.randn(2, 5), torch.zeros(4), [b"a", b"b"]
    plain = drawn(generator, tokens, condition, keys)
    assert torch.equal(plain[0], drawn(generator, tokens, condition, keys, guidance=3.0)[0])
    condition = torch.randn(4)
    plain = drawn(generator, tokens, condition, keys)[0]
    assert (plain - drawn(generator, tokens, condition, keys, guidance=3.0)[0]).abs().max() > 1e-3


def test_masked_tracks_do_not_count_in_the_error():
    found, wanted = (torch.ones(1, 3, 2), torch.zeros(1, 4)), (torch.zeros(1, 3, 2), torch.zeros(1, 4))
    mask = torch.tensor([[True, False, True]])
    assert float(squared_error(found, wanted, mask)) == pytest.approx(4 / 8)


def learned(model, songs, steps):
    """A few steps on `songs() -> (u, tokens, condition, mask)`."""
    torch.manual_seed(1)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(steps):
        u, *heard = songs()
        loss = model.loss(u, *heard).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


def bimodal(count=64):
    """A knob at a score of -1.5 ± 0.2 (30 %) or 1.5 ± 0.2, the same side on both tracks of a song."""
    side = (torch.rand(count, 1, 1) > 0.3).float() * 2 - 1
    tracks, mix = (1.5 * side + 0.2 * torch.randn(count, 2, 1)), torch.randn(count, 1)
    return (tracks, mix), torch.zeros(count, 2, 1), torch.zeros(count, 1), torch.ones(count, 2)


def noise_of(model, count):
    return torch.randn(count, 2, model.noise_sizes[0]), torch.randn(count, model.noise_sizes[1])


def test_two_valid_settings_stay_two_and_regression_falls_between():
    torch.manual_seed(0)
    (tracks, mix), *_ = bimodal(4000)
    mask = torch.ones(4000, 2)
    found = {}
    for kind in (MixGenerator, Regression):
        model = kind(1, 1, (1,), (1,), width=32, layers=2)
        model.scale.measure((tracks, mix), mask)
        model = learned(model, bimodal, 500)
        noise, nothing = noise_of(model, 500), (torch.zeros(500, 2, 1), torch.zeros(500, 1))
        found[kind] = model.draw(noise, *nothing, mask[:500])[0][..., 0]
    flow = found[MixGenerator]
    assert abs(float((flow[:, 0] < 0).float().mean()) - 0.3) < 0.08
    assert float((flow.sign()[:, 0] == flow.sign()[:, 1]).float().mean()) > 0.95
    assert float(((flow.abs() - 1.5).abs() < 0.6).float().mean()) > 0.9
    assert (found[Regression] - 0.6).abs().max() < 0.3  # 0.7 · 1.5 − 0.3 · 1.5, where no song is


def test_the_gaussian_prior_has_the_covariance_of_its_data():
    torch.manual_seed(0)
    mixing = torch.tensor([[1.0, 0.0], [0.8, 0.6]])
    tracks, mix = torch.randn(3000, 2, 2) @ mixing.T + 0.5, 2 * torch.randn(3000, 1)
    prior = GaussianPrior((2,), (1,))
    prior.measure((tracks, mix), torch.ones(3000, 2))
    u, of_mix = prior.draw((torch.randn(5000, 2, 2), torch.randn(5000, 1)), *[torch.zeros(1)] * 2)
    assert torch.allclose(u.flatten(0, 1).T.cov(), mixing @ mixing.T, atol=0.08)
    assert torch.allclose(u.mean((0, 1)), torch.full((2,), 0.5), atol=0.05)
    assert abs(float(of_mix.std()) - 2) < 0.1


def test_the_vae_learns_a_spread():
    torch.manual_seed(0)
    (tracks, mix), *_ = bimodal(4000)
    vae = ConditionalVAE(1, 1, (1,), (1,), latent=4, width=32, layers=1)
    vae.scale.measure((tracks, mix), torch.ones(4000, 2))
    vae = learned(vae, bimodal, 300)
    u = vae.draw(noise_of(vae, 500), torch.zeros(500, 2, 1), torch.zeros(500, 1))[0]
    assert 1.0 < float(u.std()) < 2.0 and abs(float(u.mean()) - 0.6) < 0.4


def centred():
    """A flow that adds nothing of its own to a regression that says 2 · the style's first number."""
    model = MixGenerator(1, 2, (1,), (1,), width=8, layers=1, heads=2, centred=True).eval()
    model.centre.network.of_track.weight.data.zero_()
    model.scale.track_spread.fill_(0.5)
    return model


def test_a_centred_flow_counts_from_the_regression(monkeypatch):
    model, count = centred(), 4000
    monkeypatch.setattr(
        model, "middle", lambda tokens, style, mask: (2 * style[:, None, :1].expand(-1, 2, -1), style[:, :1])
    )
    noise = torch.randn(count, 2, 1), torch.randn(count, 1)
    heard = torch.zeros(count, 2, 1), torch.tensor([[1.5, 1.0]]).expand(count, -1), torch.ones(count, 2)
    u, mix = model.draw(noise, *heard)
    assert abs(float(u.mean()) - 3) < 0.05 and abs(float(u.std()) - 0.5) < 0.05
    assert abs(float(mix.mean()) - 1.5) < 0.05
    start = torch.full((count, 2, 1), 7.0), torch.full((count, 1), -2.0)
    stay = model.draw(noise, *heard, start=start, variation=0.0)
    assert torch.allclose(stay[0], start[0], atol=1e-5) and torch.allclose(stay[1], start[1], atol=1e-5)
    # Guidance leads on from the middle of no style (0) through that of the style (3).
    means = [float(model.draw(noise, *heard, guidance=g)[0].mean()) for g in (0.0, 1.0, 2.0)]
    assert means[0] < 0.5 and means[1] < means[2] and abs(means[2] - 2 * means[1] + means[0]) < 0.05


def test_a_centred_flow_learns_its_spread_from_what_is_left():
    torch.manual_seed(0)
    model, regression = centred(), Regression(1, 2, (1,), (1,), width=8, layers=1, heads=2)
    regression.scale.track_mean.fill_(1.0)
    tracks, mix = 1 + 0.3 * torch.randn(500, 2, 1), torch.randn(500, 1)
    model.start_from(
        regression, (tracks, mix), torch.zeros(500, 2, 1), torch.zeros(500, 2), torch.ones(500, 2)
    )
    assert abs(float(model.scale.track_spread) - 0.3) < 0.02 and abs(float(model.scale.track_mean)) < 0.03
    assert not any(p.requires_grad for p in model.centre.parameters())
