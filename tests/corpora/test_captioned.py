"""A CSV of captions and WebDataset shards, good rows and bad."""

import io
import json
import tarfile

import numpy as np
import pytest
import soundfile

from reprs.audio import files
from reprs.corpora.captioned import CaptionedCorpus
from reprs.corpora.registry import registry
from reprs.corpora.shards import ShardsCorpus
from reprs.views.captions import instrument_captions
from tests.corpora.sounds import noise, save, save_bad


@pytest.fixture
def table(tmp_path):
    """A CSV with four good rows of three files, and six bad ones."""
    save(tmp_path / "a.wav", noise())
    save(tmp_path / "deep" / "b.flac", noise(seed=1))
    save(tmp_path / "c.ogg", noise(seed=2))
    save_bad(tmp_path / "bad")
    rows = [
        ("a.wav", "a warm pad"),
        ("deep/b.flac", '"quoted", with a comma'),
        (str(tmp_path / "c.ogg"), "ünïcödé"),
        ("a.wav", "warm synth"),
        ("gone.wav", "never there"),
        ("a.wav", "   "),
        ("", "no path"),
        ("bad/text.wav", "not audio"),
        ("bad/empty.wav", "empty"),
    ]
    import csv

    path = tmp_path / "captions.csv"
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["mood", "Path", "Text"])
        writer.writerows([("x", *row) for row in rows])
        file.write("too,short\r\n")
    return path


def test_good_rows_are_items_and_bad_rows_are_named_once(table, capsys):
    corpus = CaptionedCorpus(table)
    corpus.download()
    items = corpus.items()
    assert [i.text for i in items] == ["a warm pad", '"quoted", with a comma', "ünïcödé", "warm synth"]
    assert [files.info(i.path).frames for i in items] == [44_100] * 4
    assert items[0].content == items[3].content != items[1].content
    assert {i.source for i in items} == {"captions"}
    named = capsys.readouterr().err.splitlines()
    assert len(named) == 6 == len(corpus.validate())
    for line, word in zip(
        named, ("gone.wav", "no text", "no path", "text.wav", "empty", "no text"), strict=True
    ):
        assert "captions.csv: line" in line and word in line
    assert "line 6:" in named[0]  # the header is line 1
    assert instrument_captions(items[0], np.random.default_rng(0)) == "a warm pad"


def test_tables_that_cannot_be_used_say_why(tmp_path):
    (tmp_path / "columns.csv").write_text("file,caption\na.wav,b\n")
    (tmp_path / "latin.csv").write_bytes("path,text\na.wav,grün\n".encode("latin-1"))
    (tmp_path / "none.csv").write_text("path,text\ngone.wav,words\n")
    for name, reason in (
        ("columns", "path and text"),
        ("latin", "UTF-8"),
        ("none", "not one row"),
        ("gone", "no such"),
    ):
        with pytest.raises(ValueError, match=reason) as error:
            CaptionedCorpus(tmp_path / f"{name}.csv").download()
        assert "\n" not in str(error.value)


def encoded(seed, suffix):
    data = io.BytesIO()
    soundfile.write(data, noise(0.5, seed=seed), 44_100, format=suffix.upper())
    return data.getvalue()


def shard(path, members):
    with tarfile.open(path, "w") as archive:
        for name, data in members:
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return path


@pytest.fixture
def shards(tmp_path):
    """Two shards: three good samples with four captions; five bad samples."""
    shard(
        tmp_path / "music-000.tar",
        [
            ("one.flac", encoded(1, "flac")),
            ("one.txt", b"a bright bell\n"),
            ("sub/two.wav", encoded(2, "wav")),
            ("sub/two.json", json.dumps({"text": ["deep kick", "808"], "bpm": 90}).encode()),
            ("silent.txt", b"no audio"),
            ("mute.flac", encoded(3, "flac")),
            ("broken.ogg", b"not music"),
            ("broken.txt", b"broken"),
        ],
    )
    shard(
        tmp_path / "music-001.tar",
        [
            ("one.ogg", encoded(4, "ogg")),
            ("one.json", json.dumps({"caption": "soft pad"}).encode()),
            ("odd.wav", encoded(5, "wav")),
            ("odd.json", b"{not json"),
            ("blank.wav", encoded(6, "wav")),
            ("blank.txt", b"  "),
        ],
    )
    return tmp_path


def test_shards_give_every_caption_and_name_what_is_bad(shards, capsys):
    corpus = ShardsCorpus(str(shards / "music-{000..001}.tar"))
    corpus.download()
    items = corpus.items()
    assert [i.text for i in items] == ["a bright bell", "deep kick", "808", "soft pad"]
    assert [i.content for i in items] == [
        "music-000/one",
        "music-000/sub/two",
        "music-000/sub/two",
        "music-001/one",
    ]
    error = capsys.readouterr().err
    for key, reason in (
        ("silent", "no audio"),
        ("mute", "no caption"),
        ("broken", "its ogg"),
        ("odd", "caption"),
    ):
        assert sum(f"sample {key}: " in line and reason in line for line in error.splitlines()) == 1
    assert len(corpus.validate()) == 5
    # The samples are those that went in, to the bit.
    original = soundfile.read(io.BytesIO(encoded(1, "flac")), dtype="int16")[0]
    assert np.array_equal(soundfile.read(items[0].path, dtype="int16")[0], original)


def test_shards_are_unpacked_once_and_again_when_they_change(shards):
    corpus = ShardsCorpus(str(shards / "music-*.tar"))
    corpus.download()
    first = corpus.items()
    written = first[0].path.stat().st_mtime_ns
    corpus.download()
    assert first[0].path.stat().st_mtime_ns == written
    shard(shards / "music-000.tar", [("new.wav", encoded(7, "wav")), ("new.txt", b"other")])
    corpus.download()
    assert [i.text for i in corpus.items()] == ["other", "soft pad"]


def test_missing_and_broken_shards_say_so(tmp_path):
    with pytest.raises(ValueError, match="no such shard"):
        ShardsCorpus(str(tmp_path / "gone-{0..3}.tar")).download()
    (tmp_path / "bad.tar").write_bytes(b"not a tar file" * 100)
    with pytest.raises(ValueError, match=r"bad\.tar"):
        ShardsCorpus(str(tmp_path / "bad.tar")).download()


def test_both_are_in_the_registry(table, shards):
    assert len(registry["captioned"](path=table).items()) == 4
    corpus = registry["shards"](shards=str(shards / "music-001.tar"))
    corpus.download()
    assert [i.text for i in corpus.items()] == ["soft pad"]
