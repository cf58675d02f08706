"""Knobs, switches and orders as one vector and back, against SciPy's normal distribution."""

import numpy as np
import torch
from scipy.stats import norm

from reprs.models.coordinates import BLUR, MARGIN, Coordinates, normal_score, unit


def test_knobs_come_back_and_so_do_their_ends():
    z = torch.linspace(0, 1, 101, dtype=torch.float64)
    assert torch.allclose(unit(normal_score(z)), z, atol=1e-12)
    assert unit(torch.tensor(9.0)) == 1 and unit(torch.tensor(-9.0)) == 0


def test_the_score_is_scipys():
    z = np.linspace(0, 1, 33)
    expected = norm.ppf(MARGIN + (1 - 2 * MARGIN) * z)
    assert np.allclose(normal_score(torch.from_numpy(z)).numpy(), expected, atol=1e-12)


def test_switches_and_orders_come_back_even_blurred():
    torch.manual_seed(0)
    coordinates = Coordinates(3, 2, 4)
    z, on = torch.rand(50, 5, 3), torch.rand(50, 5, 2) < 0.5
    order = torch.rand(50, 5, 4).argsort(dim=-1)
    u = coordinates.encode(z, on, order)
    assert u.shape[-1] == len(coordinates) == 9
    back, back_on, back_order = coordinates.decode(u)
    assert torch.allclose(back, z, atol=1e-5) and torch.equal(back_on, on) and torch.equal(back_order, order)
    blurred = coordinates.blurred(u)
    assert torch.equal(blurred[..., :3], u[..., :3])
    assert abs(float((blurred - u)[..., 3:5].std()) - BLUR) < 0.03
    assert float((coordinates.decode(blurred)[1] == on).float().mean()) > 0.99


def test_what_is_not_said_is_on_and_in_order():
    _, on, order = Coordinates(1, 2, 3).decode(Coordinates(1, 2, 3).encode(torch.rand(4, 1)))
    assert on.all() and torch.equal(order, torch.arange(3).expand(4, 3))
