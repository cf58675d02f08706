"""The model of an equaliser in a mix, against its impulse responses, SciPy and NumPy."""

import numpy as np
import pytest
import torch
from scipy import optimize

from reprs.console.recovery.by_response import Equaliser, Layout, Model, Pull, Start
from reprs.console.recovery.in_box import in_box
from reprs.console.recovery.reshaped import shaped, wished
from reprs.console.recovery.responses import LIFT_DB, OCTAVES, Bands, grid_hz, lifted, splines
from reprs.console.recovery.search import Search
from reprs.console.standard import single_console

RATE, LENGTH = 44_100, 2**16
CONSOLE = single_console()
EQUALISER = CONSOLE.strip.effects[CONSOLE.strip.names.index("parametric_eq")]
HIGHPASS = CONSOLE.strip.effects[CONSOLE.strip.names.index("highpass")]
KNOBS = len(EQUALISER.params)


def drawn(rows, seed=0):
    return np.random.default_rng(seed).uniform(size=(rows, KNOBS))


def spectrum_db(x):
    return 20 * torch.log10(torch.fft.rfft(x.double(), n=LENGTH).abs())


def test_splines_add_up_to_one_and_each_is_local():
    each = splines(torch.logspace(1.4, 4.2, 300))
    assert torch.allclose(each.sum(0), torch.ones(300).double())
    assert int((each > 0).sum(0).max()) == 4


def test_a_lifted_spline_is_heard_where_it_is_and_nowhere_before():
    impulse = torch.zeros(2, LENGTH // 2)
    impulse[:, 100] = 1
    rows = lifted(impulse, RATE)
    wanted_db = LIFT_DB * splines(torch.fft.rfftfreq(LENGTH, 1 / RATE))
    assert float((spectrum_db(rows[:, 0]) - wanted_db)[:, 60:].abs().max()) < 0.01 * LIFT_DB
    # Of minimal phase: the spline at 1.3 kHz rings behind the impulse, not before it.
    assert float(rows[:, :, :100].abs().max()) < 1e-5
    assert float(rows[:, :, 101:].abs().max()) > 1e-4


def test_bands_respond_as_the_effect_does():
    z = drawn(4)
    impulse = torch.zeros(4, 1, LENGTH, dtype=torch.float64)
    impulse[..., 0] = 1
    heard_db = spectrum_db(EQUALISER(impulse, RATE, torch.from_numpy(z))[:, 0])
    bins = (grid_hz() * LENGTH / RATE).round().long()
    response_db = Bands(EQUALISER, RATE).each_db(z).sum(1)
    high = (grid_hz() > 200).numpy()  # where a bin is narrow against the grid
    assert np.abs(heard_db[:, bins].numpy() - response_db)[:, high].max() < 0.05


def test_a_highpass_before_the_bands_responds_as_the_effect_does():
    z = np.concatenate([[[0.3], [0.8]], drawn(2)], axis=1)
    impulse = torch.zeros(2, 1, LENGTH, dtype=torch.float64)
    impulse[..., 0] = 1
    wet = EQUALISER(HIGHPASS(impulse, RATE, torch.from_numpy(z[:, :1])), RATE, torch.from_numpy(z[:, 1:]))
    bins = (grid_hz() * LENGTH / RATE).round().long()
    high = (grid_hz() > 200).numpy()
    response_db = Bands(EQUALISER, RATE, HIGHPASS).each_db(z).sum(1)
    assert np.abs(spectrum_db(wet[:, 0])[:, bins].numpy() - response_db)[:, high].max() < 0.05


@pytest.mark.parametrize("highpass", [None, HIGHPASS])
def test_slopes_of_bands_are_their_differences(highpass):
    bands, by = Bands(EQUALISER, RATE, highpass), 1e-4
    count = KNOBS + (highpass is not None)
    z = np.random.default_rng(1).uniform(size=(3, count))
    response_db, slopes = bands.slopes(z)
    assert response_db == pytest.approx(bands.each_db(z).sum(1))
    for knob in range(count):
        step = by * np.eye(count)[knob]
        central = (bands.each_db(z + step).sum(1) - bands.each_db(z - step).sum(1)) / (2 * by)
        assert slopes[:, :, knob] == pytest.approx(central, abs=2e-3 * np.abs(central).max() + 1e-4)


def rosenbrock(values):
    """Least at (0.75, 0.75), in a bent valley: x = y = 1 of the usual one."""
    x, y = (4 * values - 2).T
    off = np.stack([10 * (y - x**2), 1 - x], axis=1)
    zero = np.zeros_like(x)
    return off, 4 * np.stack([np.stack([-20 * x, zero + 10], 1), np.stack([zero - 1, zero], 1)], axis=1)


def test_the_floor_of_a_bent_valley_is_found_from_every_side():
    starts = np.array([[0.2, 0.75], [0.9, 0.1], [0.5, 0.5]])
    places, left = in_box(rosenbrock, starts, np.zeros(2), np.ones(2), 60)
    assert places == pytest.approx(np.full((3, 2), 0.75), abs=1e-5)
    assert left.max() < 1e-8


@pytest.mark.parametrize("seed", range(4))
def test_a_linear_problem_in_the_box_has_the_answer_of_scipy(seed):
    rng = np.random.default_rng(seed)
    matrix, wanted = rng.normal(size=(20, 5)), 3 * rng.normal(size=20)

    def heard(values):
        return values @ matrix.T - wanted, np.broadcast_to(matrix, (len(values), *matrix.shape))

    places, left = in_box(heard, np.full((1, 5), 0.5), np.zeros(5), np.ones(5), 200)
    expected = optimize.lsq_linear(matrix, wanted, bounds=(0, 1))
    assert left[0] == pytest.approx(2 * expected.cost, rel=1e-6)
    assert places[0] == pytest.approx(expected.x, abs=1e-4)


def test_starts_end_where_each_would_by_itself():
    rng = np.random.default_rng(0)
    starts, box = rng.uniform(-2, 2, size=(5, 2)), (np.full(2, -3.0), np.full(2, 3.0))

    def heard(values):  # a bent valley (Rosenbrock 1960)
        x, y = values.T
        slopes = np.stack([np.stack([-20 * x, 10 + 0 * x], 1), np.stack([-1 + 0 * x, 0 * x], 1)], 1)
        return np.stack([10 * (y - x**2), 1 - x], 1), slopes

    places, left = in_box(heard, starts, *box, 200)
    alone = [in_box(heard, start[None], *box, 200) for start in starts]
    assert places == pytest.approx(np.ones((5, 2)), abs=1e-4)
    assert np.array_equal(places, np.concatenate([place for place, _ in alone]))
    assert np.array_equal(left, np.concatenate([each for _, each in alone]))


def made_up(answer, seed=0):
    """A model around the middle of a world that is straight in the response and in two other knobs, the first
    of which turns by 0.01 a decibel of level, so that the level is not heard."""
    rng = np.random.default_rng(seed)
    here = np.append(np.full(KNOBS, 0.5), [0.5, 0.5])
    bands = Bands(EQUALISER, RATE)
    by_spline = rng.normal(size=(splines(grid_hz()).shape[0], 200))
    by_level = -by_spline.sum(0) / 0.01
    by_knob = np.stack([by_level, rng.normal(size=200)])
    response_db = bands.each_db(answer[None, :KNOBS])[0].sum(0)
    of_spline = np.linalg.pinv(splines(grid_hz()).numpy().T) @ response_db
    off = -(of_spline @ by_spline + (answer - here)[KNOBS:] @ by_knob)
    up = np.append(np.zeros(KNOBS), [0.01, 0.0])
    layout = Layout([Equaliser(bands, list(range(KNOBS)), up)], [KNOBS, KNOBS + 1], np.ones(KNOBS + 2))
    pull = Pull(here, np.full(KNOBS + 2, 1e-12))
    tensors = (torch.from_numpy(each) for each in (here, off, by_spline[None], by_knob))
    return Model(layout, *tensors, pull, OCTAVES), here


def test_knobs_far_away_are_found_in_one_model():
    answer = np.full(KNOBS + 2, 0.5)
    names = list(EQUALISER.params)
    for name, value in {"peak2_gain_db": 0.8, "peak2_hz": 0.4, "high_shelf_gain_db": 0.3}.items():
        answer[names.index(name)] = value
    answer[KNOBS:] = 0.45, 0.7
    model, here = made_up(answer)
    starts = [
        Start(here + 0.1 * np.append(drawn(1, seed)[0] - 0.5, [0, 0]), [0.0], 1e-9) for seed in range(12)
    ]
    places, left = model.best(starts)
    best = places[left.argmin()]
    bands = Bands(EQUALISER, RATE)
    apart_db = bands.each_db(np.stack([best, answer])[:, :KNOBS]).sum(1)
    assert apart_db[0] == pytest.approx(apart_db[1], abs=0.05)
    assert best[KNOBS:] == pytest.approx(answer[KNOBS:], abs=0.01)


def test_what_is_left_is_what_numpy_leaves():
    model, _ = made_up(np.full(KNOBS + 2, 0.6))
    rows = torch.from_numpy(np.random.default_rng(1).normal(size=(3, 200)))
    matrix = model.slopes.numpy().T
    for row, left in zip(rows.numpy(), model.left(rows, 1e-12).tolist(), strict=True):
        found = np.linalg.lstsq(matrix, row, rcond=None)[0]
        assert left == pytest.approx(np.square(row - matrix @ found).sum(), rel=1e-3)


def test_how_often_a_way_is_gone_is_one_more_unknown_of_numpy():
    model, _ = made_up(np.full(KNOBS + 2, 0.6))
    off, row = torch.from_numpy(np.random.default_rng(1).normal(size=(2, 200)))
    model = model.moved(torch.from_numpy(model.z), off)
    way = (row - model.off).numpy()
    matrix = np.concatenate([model.slopes.numpy().T, way[:, None]], axis=1)
    found = np.linalg.lstsq(matrix, -model.off.numpy(), rcond=None)[0]
    assert model.along(row, 1e-12) == pytest.approx(found[-1], rel=1e-3)


def test_a_model_that_moved_is_the_one_that_is_made_there():
    model, here = made_up(np.full(KNOBS + 2, 0.6))
    there, off = torch.from_numpy(here + 0.1), torch.from_numpy(np.random.default_rng(2).normal(size=200))
    by_knob = model.slopes[model.by_spline.shape[1] :]
    pull = Pull(here, np.full(KNOBS + 2, 1e-12))
    made = Model(model.layout, there, off, model.by_spline, by_knob, pull, OCTAVES)
    moved = model.moved(there, off)
    assert moved.gram == pytest.approx(made.gram, rel=1e-9) and model.gram[-1, -1] != moved.gram[-1, -1]
    starts = [Start(here, [0.0], 1e-3)]
    for ours, theirs in zip(moved.best(starts), made.best(starts), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-6)


def test_where_a_model_leads_is_put_right_by_what_is_heard_there():
    """Residuals that are bent: far from where slopes were taken, one look there is worth a new model."""
    rng = np.random.default_rng(3)
    slopes, bent = (torch.from_numpy(rng.normal(size=(2, 50))) for _ in range(2))
    answer, begun = torch.tensor([0.7, 0.3]), torch.tensor([0.5, 0.5])

    class Bent:
        def residuals(self, z, on):
            away = (z - begun).double()
            at = (answer - begun).double()
            return (away - at) @ slopes + 0.2 * (away.square() - at.square()) @ bent

    off = Bent().residuals(begun[None], [])[0]
    layout, pull = Layout([], [0, 1], np.ones(2)), Pull(np.full(2, 0.5), np.zeros(2))
    model = Model(layout, begun, off, torch.zeros(0, 0, 50).double(), slopes, pull, OCTAVES)
    search = Search(Bent(), 1, None)
    led = torch.from_numpy(model.best([Start(begun.double().numpy(), [], 1e-9)])[0][0]).float()
    right = search.put_right(model, led, [])
    before = float(Bent().residuals(led[None], []).square().sum())
    assert right.loss < 1e-3 * before and right.z == pytest.approx(answer, abs=1e-3)
    assert right.loss == pytest.approx(float(Bent().residuals(right.z[None], []).square().sum()))


def test_a_strip_without_an_equaliser_has_a_model_too():
    rng = np.random.default_rng(0)
    by_knob, answer = rng.normal(size=(2, 50)), np.array([0.7, 0.2])
    off = -(answer - 0.5) @ by_knob
    layout = Layout([], [0, 1], np.ones(2))
    tensors = (torch.from_numpy(each) for each in (np.full(2, 0.5), off, np.zeros((0, 0, 50)), by_knob))
    model = Model(layout, *tensors, Pull(np.full(2, 0.5), np.zeros(2)), OCTAVES)
    places, left = model.best([Start(np.full(2, 0.5), [], 1e-9)])
    assert places[0] == pytest.approx(answer, abs=1e-4) and left[0] < 1e-6


def test_two_equalisers_are_found_in_one_model():
    """A world that is straight in two responses, of which the second has a highpass before its bands."""
    rng, bands = np.random.default_rng(0), [Bands(EQUALISER, RATE), Bands(EQUALISER, RATE, HIGHPASS)]
    here, answer = np.full(2 * KNOBS + 1, 0.5), np.full(2 * KNOBS + 1, 0.5)
    here[KNOBS], answer[KNOBS] = 0.2, 0.5
    answer[[3, KNOBS + 7]] = 0.7, 0.3
    columns = [list(range(KNOBS)), list(range(KNOBS, 2 * KNOBS + 1))]
    by_spline = rng.normal(size=(2, splines(grid_hz()).shape[0], 200))
    off, to_splines = np.zeros(200), np.linalg.pinv(splines(grid_hz()).numpy().T)
    for each, at, slopes in zip(bands, columns, by_spline, strict=True):
        before_db, after_db = each.each_db(np.stack([here, answer])[:, at]).sum(1)
        off -= to_splines @ (after_db - before_db) @ slopes
    still = np.zeros(len(here))
    layout = Layout([Equaliser(b, at, still) for b, at in zip(bands, columns, strict=True)], [], still)
    tensors = (torch.from_numpy(each) for each in (here, off, by_spline, np.zeros((0, 200))))
    model = Model(layout, *tensors, Pull(here, np.full(len(here), 1e-12)), OCTAVES)
    starts = [Start(here + 0.1 * (rng.uniform(size=len(here)) - 0.5), [0.0, 0.0], 1e-9) for _ in range(12)]
    places, left = model.best(starts)
    best = places[left.argmin()]
    for each, at in zip(bands, columns, strict=True):
        apart_db = each.each_db(np.stack([best, answer])[:, at]).sum(1)
        assert apart_db[0] == pytest.approx(apart_db[1], abs=0.1)


def test_gains_are_fitted_to_a_response():
    bands, wanted = Bands(EQUALISER, RATE), drawn(1, 3)
    around = wanted + 0.4 * (drawn(1, 4) - 0.5) * bands.gains
    response_db = bands.each_db(wanted)[0].sum(0)
    found, off_db = bands.fitted(response_db, around)
    assert off_db[0] < 0.3 and found[:, ~bands.gains] == pytest.approx(around[:, ~bands.gains])
    assert off_db[0] == pytest.approx(np.sqrt(np.square(bands.each_db(found)[0].sum(0) - response_db).mean()))


def straight_in_amplitude(answer):
    """A world that is straight in the amplitude of a response, around an equaliser that does nothing."""
    rng, bands = np.random.default_rng(2), Bands(EQUALISER, RATE)
    here = np.full(KNOBS, 0.5)
    by_spline = rng.normal(size=(splines(grid_hz()).shape[0], 200))
    before_db, after_db = bands.each_db(np.stack([here, answer])).sum(1)
    turned = (10 ** ((after_db - before_db) / 20) - 1) * 20 / np.log(10)
    off = -(np.linalg.pinv(splines(grid_hz()).numpy().T) @ turned) @ by_spline
    layout = Layout([Equaliser(bands, list(range(KNOBS)), np.zeros(KNOBS))], [], np.ones(KNOBS))
    tensors = (torch.from_numpy(each) for each in (here, off, by_spline[None], np.zeros((0, 200))))
    pull = Pull(here, np.full(KNOBS, 1e-12))
    return Model(layout, *tensors, pull, OCTAVES, of_waves=True), turned


def test_waves_are_straight_in_amplitudes():
    answer = np.full(KNOBS, 0.5)
    answer[list(EQUALISER.params).index("peak2_gain_db")] = 0.9  # 12 dB: four times the amplitude
    model, _ = straight_in_amplitude(answer)
    places, left = model.best([Start(np.full(KNOBS, 0.5), [0.0], 1e-9)])
    response_db, wanted_db = Bands(EQUALISER, RATE).each_db(np.stack([places[0], answer])).sum(1)
    assert left[0] < 1e-3 and response_db == pytest.approx(wanted_db, abs=0.05)


def test_an_equaliser_does_what_is_wished_of_it_with_whatever_bands():
    answer = np.full(KNOBS, 0.5)
    names = list(EQUALISER.params)
    for name, value in {"peak1_gain_db": 0.75, "peak3_gain_db": 0.2, "peak3_hz": 0.3}.items():
        answer[names.index(name)] = value
    model, wanted = straight_in_amplitude(answer)
    turned, root = wished(model, 0, 1e-9)
    assert splines(grid_hz()).numpy().T @ turned == pytest.approx(wanted, abs=0.05)
    # With nothing else to follow, what it costs is the sum of squares itself.
    assert root.T @ root == pytest.approx(
        (model.by_spline[0] @ model.by_spline[0].T).numpy(), rel=1e-4, abs=0.1
    )
    places, _, left = shaped(model, 0, drawn(30, 5), np.zeros(30), turned, root)
    response_db, wanted_db = Bands(EQUALISER, RATE).each_db(np.stack([places[left.argmin()], answer])).sum(1)
    assert response_db == pytest.approx(wanted_db, abs=0.2)


def test_a_level_that_is_made_up_for_is_not_heard_in_waves():
    model, _ = straight_in_amplitude(np.full(KNOBS, 0.5))
    louder = np.full(KNOBS, 0.5)
    louder[list(EQUALISER.params).index("peak2_gain_db")] = 0.8
    bands = Bands(EQUALISER, RATE)
    response_db = bands.each_db(louder[None])[0].sum(0)
    change, slopes = model.changed(0, louder[None], np.array([9.0]))
    assert change[0] == pytest.approx((10 ** ((response_db - 9) / 20) - 1) * 20 / np.log(10))
    by = 1e-4
    after, _ = model.changed(0, louder[None], np.array([9.0 + by]))
    assert slopes[0, :, -1] == pytest.approx((after - change)[0] / by, rel=1e-3)
    # Bells and shelves that are 6 dB louder everywhere are nothing but a ripple.
    turned, root = wished(model, 0, 1e-9)
    places, levels_db, left = shaped(model, 0, drawn(30, 6), np.full(30, 6.0), turned, root)
    best = np.where(levels_db > 3, left, np.inf).argmin()
    off_db = bands.each_db(places[best : best + 1])[0].sum(0) - levels_db[best]
    assert np.abs(off_db).max() < 0.5
