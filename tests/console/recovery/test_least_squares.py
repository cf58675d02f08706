"""Least squares in a box against SciPy's trust region, and on valleys whose floor is known."""

import numpy as np
import pytest
import torch
from scipy import optimize

from reprs.console.recovery.least_squares import descend


def rosenbrock(z):
    """Least at (0.75, 0.75), in a bent valley: x = y = 1 of the usual one."""
    x, y = (4 * z - 2).unbind(1)
    return torch.stack([10 * (y - x**2), 1 - x], dim=1)


def found_by(residuals, start, **options):
    z = torch.tensor(start)
    return descend(residuals, z, z, torch.full_like(z, 1e3), options.pop("steps", 60), **options)


def found_by_scipy(residuals, start):
    def one(z):
        return residuals(torch.tensor(z)[None])[0].numpy()

    return optimize.least_squares(one, np.array(start), bounds=(0, 1), xtol=1e-12, ftol=1e-12)


def test_the_floor_of_a_bent_valley_is_found():
    found = found_by(rosenbrock, [0.2, 0.75])
    assert found.z.tolist() == pytest.approx([0.75, 0.75], abs=1e-3)
    assert found.loss < 1e-6


@pytest.mark.parametrize("seed", range(5))
def test_a_linear_problem_in_the_box_has_the_answer_of_scipy(seed):
    rng = np.random.default_rng(seed)
    matrix, wanted = rng.normal(size=(20, 5)), 3 * rng.normal(size=20)
    a, b = (torch.from_numpy(each.astype(np.float32)) for each in (matrix, wanted))
    found = found_by(lambda z: z @ a.T - b, [0.5] * 5)
    expected = optimize.lsq_linear(matrix, wanted, bounds=(0, 1))
    assert found.loss == pytest.approx(2 * expected.cost, rel=1e-3)
    assert found.z.tolist() == pytest.approx(expected.x.tolist(), abs=5e-3)


def test_a_least_square_at_the_side_of_the_box_is_that_of_scipy():
    def beyond(z):
        """The slope alone would lead to (1.2, 0.1); at the side the second knob makes up for the first."""
        x, y = z.unbind(1)
        return torch.stack([x + y - 1.3, x - 1.2, y - 0.1], dim=1)

    found, expected = found_by(beyond, [0.5, 0.5]), found_by_scipy(beyond, [0.5, 0.5])
    assert found.z.tolist() == pytest.approx(expected.x.tolist(), abs=1e-3)
    assert found.z[0] == 1


def test_where_residuals_cannot_tell_the_prior_does():
    def total(z):
        return z.sum(1, keepdim=True) - 1.1

    middle, deviation = torch.tensor([0.5, 0.5]), torch.tensor([0.01, 1.0])
    found = descend(total, torch.tensor([0.3, 0.2]), middle, deviation, 30)
    assert float(found.z.sum()) == pytest.approx(1.1, abs=1e-3)
    # The second step goes from near the sum: what is left to move is moved by the knob that may.
    free = descend(total, torch.tensor([0.3, 0.2]), middle, deviation.flip(0), 30)
    assert found.z[1] > free.z[1]


def test_every_step_is_told_and_none_leads_upwards():
    losses = []
    found_by(rosenbrock, [0.1, 0.9], steps=7, on_step=losses.append)
    assert len(losses) <= 7 and losses == sorted(losses, reverse=True)
