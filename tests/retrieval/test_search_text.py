"""`reprs search INDEX --text`: the ranking is that of the cosines; a model without words is one line."""

import json

import numpy as np
import pytest
import torch

from reprs.audio import files
from reprs.cli import main
from reprs.models import hub
from reprs.models.encoder import EffectEncoder
from reprs.models.timbre import TimbreModel

RATE = 44_100
WORDS = "a bright metallic bell"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Five sounds, indexed by an untrained timbre model and by an effect encoder."""
    path = tmp_path_factory.mktemp("search")
    torch.manual_seed(0)
    model = TimbreModel(embedding_dim=16, width=8, hidden=32)
    model.embed_text(["known"])
    hub.save(model, path / "words")
    hub.save(EffectEncoder(16, 8, 32), path / "mute")
    (path / "audio").mkdir()
    for i in range(5):
        x = 0.1 * torch.randn(2, RATE // 2, generator=torch.Generator().manual_seed(i))
        files.write(path / "audio" / f"{i}.wav", torch.cumsum(x, 1) * 0.1 if i % 2 else x, RATE)
    for name in ("words", "mute"):
        built = ["index", "build", path / "audio", "-o", path / f"{name}.index", "--model", path / name]
        assert main([str(a) for a in built]) == 0
    return path


def run(capsys, *args):
    code = main([str(a) for a in args])
    return code, *capsys.readouterr()


def test_the_ranking_is_that_of_the_cosines(place, capsys):
    code, out, _ = run(capsys, "search", place / "words.index", "--text", WORDS, "-k", 3, "--json")
    hits = json.loads(out)
    model = hub.load(place / "words")
    word = model.embed_text([WORDS])[0].double().numpy()
    paths = sorted((place / "audio").iterdir())
    scores = {str(p): float(model.embed(files.read(p)[0], RATE)[0].double().numpy() @ word) for p in paths}
    best = sorted(scores, key=scores.get, reverse=True)[:3]
    assert code == 0 and [hit["path"] for hit in hits] == best
    assert np.allclose([hit["score"] for hit in hits], [scores[p] for p in best], atol=1e-4)


def test_the_table_names_files_and_another_model_is_refused(place, capsys):
    code, out, _ = run(capsys, "search", place / "words.index", "--text", WORDS)
    assert code == 0 and len(out.splitlines()) == 5
    code, _, err = run(capsys, "search", place / "mute.index", "--text", WORDS, "--model", place / "words")
    assert code == 2 and "another model" in err and len(err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("index", "text", "expected"), [("mute", WORDS, "does not read text"), ("words", " ", "nothing to read")]
)
def test_what_cannot_be_searched_is_one_line(place, capsys, index, text, expected):
    code, _, err = run(capsys, "search", place / f"{index}.index", "--text", text)
    assert code == 2 and expected in err and len(err.strip().splitlines()) == 1


def test_help_shows_how_to_search_by_words_and_to_choose_among_labels(capsys):
    with pytest.raises(SystemExit):
        main(["search", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert "--model timbre" in said and ".classify(" in said
