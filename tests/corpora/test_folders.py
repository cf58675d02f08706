"""Folders of audio, folders of stems, and what validate() says about bad files."""

from dataclasses import replace

import numpy as np
import pytest

from reprs.audio.files import AudioError
from reprs.corpora.folder import FolderCorpus
from reprs.corpora.item import Item, in_test, problem_of, problems_of
from reprs.corpora.registry import registry
from reprs.corpora.stems import StemsCorpus
from tests.corpora.sounds import noise, save, save_bad, save_odd_but_good


def test_every_bad_file_is_named_once_and_no_good_one(tmp_path):
    save_odd_but_good(tmp_path / "a")
    reasons = save_bad(tmp_path / "a")
    problems = FolderCorpus(tmp_path / "a").validate()
    assert sorted(p.path.name for p in problems) == sorted(reasons)
    for problem in problems:
        assert reasons[problem.path.name] in problem.reason
        assert str(problem).count(str(problem.path)) == 1 and "\n" not in str(problem)


def test_several_items_of_one_bad_file_are_one_problem(tmp_path):
    path = save(tmp_path / "a.wav", np.zeros((44_100, 1), np.float32))
    items = [Item(path, "a", "a", start_s=s, duration_s=0.4) for s in (0.0, 0.5)]
    assert len(problems_of(items)) == 1


def test_a_long_file_is_silent_only_if_all_of_it_is(tmp_path):
    x = np.zeros((30 * 8_000, 1), np.float32)
    x[6 * 8_000 : 6 * 8_000 + 400] = 0.1
    item = Item(save(tmp_path / "a.wav", x, 8_000), "a", "a")
    assert problem_of(item) is None
    assert "silent" in problem_of(replace(item, start_s=7.0)).reason


def test_the_length_of_a_part_counts(tmp_path):
    item = Item(save(tmp_path / "a.wav", noise(2.0)), "a", "a", start_s=1.95)
    assert "too short" in problem_of(item).reason
    assert "too short" in problem_of(replace(item, start_s=0.0), shortest_s=3.0).reason
    assert problem_of(replace(item, start_s=0.0, duration_s=0.5)) is None


def test_a_folder_lists_its_files_as_pieces(tmp_path):
    save_odd_but_good(tmp_path / "music" / "deep")
    corpus = registry["folder"](tmp_path / "music")
    corpus.download()
    items = corpus.items()
    assert [i.path.name for i in items] == ["eight.wav", "fast.wav", "mono.wav", "slow.wav", "song.flac"]
    assert items[0].content == "music/deep/eight.wav" and items[0].source == "music"
    assert len({i.content for i in items}) == 5


def test_folders_without_audio_say_so(tmp_path):
    for corpus in (FolderCorpus(tmp_path / "no"), StemsCorpus(tmp_path / "no")):
        with pytest.raises(AudioError, match="no such file or folder"):
            corpus.download()
    (tmp_path / "empty").mkdir()
    with pytest.raises(AudioError, match="no audio files"):
        FolderCorpus(tmp_path / "empty").download()
    save(tmp_path / "flat" / "a.wav", noise(0.2))
    with pytest.raises(AudioError, match="one folder a song"):
        StemsCorpus(tmp_path / "flat").download()


def test_stems_share_their_song_and_carry_their_instrument(tmp_path):
    for name in ("one/Lead_Guitar.wav", "one/bass.wav", "one/mix.wav", "two/takes/voice.wav"):
        save(tmp_path / "songs" / name, noise(0.2))
    items = StemsCorpus(tmp_path / "songs").items()
    assert [(i.content, i.instrument) for i in items] == [
        ("songs/one", "lead guitar"),
        ("songs/one", "bass"),
        ("songs/one", None),
        ("songs/two", "voice"),
    ]


def test_the_split_depends_on_the_name_alone():
    names = [f"piece {i}" for i in range(4_000)]
    held_out = [n for n in names if in_test(n, 0.2)]
    assert 0.17 < len(held_out) / len(names) < 0.23
    assert [n for n in reversed(names) if in_test(n, 0.2)] == held_out[::-1]
    assert held_out != [n for n in names if in_test(n, 0.2, seed=1)]
    assert not any(in_test(n, 0.0) for n in names) and all(in_test(n, 1.0) for n in names)
