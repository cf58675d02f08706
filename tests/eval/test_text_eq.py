"""The figures of the text-EQ table against NumPy, SciPy and scikit-learn."""

import csv

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from eval import text_eq, word_report
from eval.wishes import wishes
from eval.word_curves import Word, pearson, read_words
from eval.word_rows import RIDGE, EmbeddingRidge, MeanCurve, pink_noise, unrelated_row, unseen_row

HZ = np.geomspace(20, 20_000, 40)


@pytest.fixture
def curves(tmp_path):
    """Four listeners of "bright" who agree, four of "odd" who do not, one of "warm"."""
    rng = np.random.default_rng(0)
    tilt = np.log2(HZ) - np.log2(HZ).mean()
    rows = [("bright", 0.9, tilt + 0.3 * rng.normal(size=40)) for _ in range(4)]
    rows += [("odd", 0.1, rng.normal(size=40)) for _ in range(4)]
    rows += [("warm", 0.5, -tilt)]
    path = tmp_path / "words.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["word", "rating_consistency", *(f"{round(hz)}_hz" for hz in HZ)])
        writer.writerows([word, consistency, *gains] for word, consistency, gains in rows)
    return path


def test_curves_are_read_as_they_are_written(curves):
    words, hz = read_words(curves)
    assert [(w.text, len(w.curves)) for w in words] == [("bright", 4), ("odd", 4), ("warm", 1)]
    np.testing.assert_array_equal(hz, np.round(HZ))
    assert words[2].consistency.tolist() == [0.5]


def test_r_and_the_ceiling_are_those_of_numpy(curves):
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 40))
    assert pearson(a, b) == pytest.approx(np.corrcoef(a, b)[0, 1])
    assert pearson(a, np.ones(40)) == 0
    word = read_words(curves)[0][0]
    slow = [
        np.corrcoef(word.curves[i], np.mean([word.curves[j] for j in range(4) if j != i], axis=0))[0, 1]
        for i in range(4)
    ]
    assert word.ceiling == pytest.approx(np.mean(slow))


def test_sets_hold_the_words_they_name(curves):
    sets = text_eq.word_sets(read_words(curves)[0], 4)
    assert [w.text for w in sets["agreed"]] == ["bright"]
    assert [w.text for w in sets["frequent"]] == ["bright", "odd"]
    assert [w.text for w in sets["all words"]] == ["bright", "warm"]  # nobody was consistent about "odd"


def test_a_row_is_the_mean_of_r_over_words(curves):
    words, hz = read_words(curves)
    sets = text_eq.word_sets(words, 4)
    tilt = np.log2(hz)

    def refuses_odd(word, frequencies_hz):
        return None if word == "odd" else tilt

    result = text_eq.compare({"row": refuses_odd}, sets, hz)
    r = np.corrcoef(tilt, words[0].mean)[0, 1]
    assert result["rows"]["row"]["frequent"][0] == pytest.approx(r / 2)  # a refused word counts as flat
    assert result["rows"]["row"]["refused"] == 1
    assert result["rows"]["row"]["all words"][0] == pytest.approx((r - 1) / 2, abs=1e-4)
    assert result["words"]["bright"]["row"] == pytest.approx(r)


def test_the_ridge_leaves_the_word_out_and_is_that_of_scikit_learn():
    rng = np.random.default_rng(2)
    words = [
        Word(t, rng.normal(size=(n, 6)), np.ones(n)) for t, n in (("warm", 3), ("cold", 1), ("happy", 2))
    ]
    row = EmbeddingRidge(words)
    for i, word in enumerate(words):
        kept = [j for j in range(3) if j != i]
        weights = row.weights[kept] / row.weights[kept].sum()
        centred = row.e[kept] - weights @ row.e[kept]
        alpha = RIDGE * (weights @ centred**2).sum() / row.e.shape[1]
        model = Ridge(alpha=alpha).fit(row.e[kept], row.curves[kept], sample_weight=weights)
        np.testing.assert_allclose(row(word.text, HZ), model.predict(row.e[[i]])[0], atol=1e-8)
    others = np.mean([words[0].mean, words[2].mean], axis=0)
    np.testing.assert_allclose(MeanCurve(words)("cold", HZ), others)


def test_a_word_struck_out_is_read_by_others_only():
    from reprs.console.meaning import target_curve

    known = target_curve("brightness", HZ).response_db
    assert not np.array_equal(unseen_row("brightness", HZ), known)
    without_synonyms = unrelated_row("calm", HZ)
    assert without_synonyms is None or pearson(without_synonyms, target_curve("calm", HZ).response_db) < 0.999


def test_wishes_see_what_does_not_add_up():
    def deaf(prompt, frequencies_hz):
        return np.log2(frequencies_hz)

    def hears(prompt, frequencies_hz):
        amount = {"much": 1.6, "slightly": 0.5, "less": -1.0}.get(prompt.split()[0], 1.0)
        return amount * np.log2(frequencies_hz)

    bad, good = (wishes(row, ["warm", "dark"], HZ, paraphrases=False) for row in (deaf, hears))
    for figure in ("much spans 1.5 x slightly", "less against more, r <= -.6"):
        assert (bad[figure], good[figure]) == (0.0, 1.0)
    assert bad["exceptions"] == ["dark", "warm"] and good["exceptions"] == []


def test_pink_noise_has_equal_power_in_every_octave():
    audio, rate = pink_noise(seconds=4.0)
    power = np.abs(np.fft.rfft(audio[0].double().numpy())) ** 2
    hz = np.fft.rfftfreq(audio.shape[-1], 1 / rate)
    octaves = [10 * np.log10(power[(hz >= f) & (hz < 2 * f)].sum()) for f in 60 * 2.0 ** np.arange(8)]
    assert np.ptp(octaves) < 1.5
    assert float(audio.abs().max()) == pytest.approx(0.5)


def test_the_report_prints_and_saves(curves, tmp_path, capsys):
    words, hz = read_words(curves)
    rows = {"text_eq, predicted": lambda word, f: np.log2(f), "flat": lambda word, f: 0 * f}
    result = text_eq.compare(rows, text_eq.word_sets(words, 4), hz)
    result |= {"curves": "words.csv", "audio": ["pink noise"]}
    result["wishes"] = {"target curve": wishes(rows["flat"], ["warm"], hz)}
    word_report.print_tables(result)
    assert "bright" in capsys.readouterr().out
    json_path, png_path = word_report.save(result, tmp_path / "out", "text_eq")
    assert '"agreed"' in json_path.read_text() and "NaN" not in json_path.read_text()
    assert png_path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("text", "message"),
    [("a,b\n1,2\n", "needs a column 'word'"), ("word,20_hz\nwarm,loud\n", "line 2: a gain is not a number")],
)
def test_unusable_curves_are_named(tmp_path, capsys, text, message):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    assert text_eq.main(["--curves", str(path), "--quick"]) == 2
    assert message in capsys.readouterr().err
