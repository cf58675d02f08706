"""The composer, the synthesiser and the corpus made of them."""

import shutil

import numpy as np
import pytest
import soundfile

from reprs.corpora.builtin import BuiltinCorpus
from reprs.corpora.composer import compose
from reprs.corpora.grooves import SCALES, STYLES
from reprs.corpora.synth import render


def test_every_pattern_is_one_bar():
    for style in STYLES.values():
        for patterns in (style.kick, style.snare, style.hat, style.bass, style.chords, style.lead):
            for pattern in patterns:
                assert len(pattern) in (12, 16) and set(pattern) <= set("Xxo.")
        assert set(style.scales) <= set(SCALES)


def test_songs_are_playable_and_varied():
    songs = [compose(seed, 20.0) for seed in range(300)]
    assert {s.style for s in songs} == set(STYLES)
    assert all(60 <= s.tempo <= 160 for s in songs)
    assert len({p.program for s in songs for p in s.parts}) > 50
    assert {len(s.parts) for s in songs} >= {2, 3, 4, 5, 6}
    for song in songs:
        assert len({p.role for p in song.parts}) == len(song.parts)
        for note in (n for p in song.parts for n in p.notes):
            assert 0 <= note.start_s < 20 and 0 < note.length_s < 20
            assert 0 < note.pitch < 128 and 0 < note.velocity < 128


def test_a_seed_is_a_song():
    assert compose(5, 10.0) == compose(5, 10.0) != compose(6, 10.0)


def test_two_renders_are_equal():
    song = compose(7, 6.0)
    first, second = render(song, 6.0, 44_100), render(song, 6.0, 44_100)
    assert list(first) == list(second) and len(first) > 1
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_faders_and_balances_are_where_the_score_says():
    song = compose(7, 6.0)
    stems = render(song, 6.0, 44_100)
    levels = [20 * np.log10(np.sqrt(np.mean(np.square(x, dtype=np.float64)))) for x in stems.values()]
    sides = [0.5 * (min(1, 1 - p.balance) ** 2 + min(1, 1 + p.balance) ** 2) for p in song.parts]
    offsets = [v - p.gain_db - 10 * np.log10(s) for v, p, s in zip(levels, song.parts, sides, strict=True)]
    # One scale for the whole song; the presets' own stereo leaves a little.
    assert max(offsets) - min(offsets) < 1.5


@pytest.fixture
def corpus():
    made = BuiltinCorpus(n_songs=5, seconds=3.0, seed=1)
    made.download()
    return made


def test_the_mix_is_exactly_the_sum_of_the_stems(corpus):
    assert corpus.validate() == []
    songs = {}
    for item in corpus.items():
        sound, rate = soundfile.read(item.path, dtype="int16")
        assert rate == 44_100 and sound.shape == (3 * 44_100, 2)
        songs.setdefault(item.content, {})[
            item.instrument or "mix" if item.path.stem == "mix" else item.path.stem
        ] = sound
    assert len(songs) == 5
    for stems in songs.values():
        mix = stems.pop("mix").astype(np.int32)
        assert np.array_equal(mix, sum(s.astype(np.int32) for s in stems.values()))
        loudest = max(np.abs(mix).max(), *(np.abs(s.astype(np.int32)).max() for s in stems.values()))
        assert 0.94 < loudest / 32_767 < 0.96


def test_items_are_split_by_song_and_a_larger_corpus_continues_a_smaller_one(corpus):
    train, test = (
        {i.content for i in BuiltinCorpus(n_songs=5, seconds=3.0, seed=1, split=s).items()}
        for s in ("train", "test")
    )
    assert len(train) == 4 and len(test) == 1 and not train & test
    before = [i.path for i in corpus.items()]
    times = [p.stat().st_mtime_ns for p in before]
    larger = BuiltinCorpus(n_songs=6, seconds=3.0, seed=1, workers=1)
    larger.download()
    assert [i.path for i in larger.items()][: len(before)] == before
    assert [p.stat().st_mtime_ns for p in before] == times


def test_the_corpus_is_the_same_when_it_is_made_again(corpus):
    first = {i.path: i.path.read_bytes() for i in corpus.items()}
    shutil.rmtree(corpus.folder)
    BuiltinCorpus(n_songs=5, seconds=3.0, seed=1, workers=1).download()
    assert {i.path: i.path.read_bytes() for i in corpus.items()} == first


def test_instruments_are_named(corpus):
    instruments = {i.instrument for i in corpus.items()}
    assert (
        None in instruments and "bass" in instruments and all(i is None or "-" not in i for i in instruments)
    )


def test_wrong_sizes_are_refused():
    with pytest.raises(ValueError, match="at least 1 song"):
        BuiltinCorpus(n_songs=0)
    with pytest.raises(ValueError, match="split"):
        BuiltinCorpus(split="both")
