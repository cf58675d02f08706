"""Debian packages, with stand-ins for apt-get and dpkg-deb."""

import io
import stat
import tarfile
import zipfile

import pytest
import soundfile

from reprs.corpora import debian
from reprs.corpora.debian_packages import PACKAGES, Package
from tests.corpora.sounds import noise


def sound(seconds):
    data = io.BytesIO()
    soundfile.write(data, noise(seconds, rate=8_000, channels=1), 8_000, format="FLAC")
    return data.getvalue()


def package(path, contents):
    with tarfile.open(path, "w") as archive:
        for name, data in contents.items():
            entry = tarfile.TarInfo(f"./{name}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """A package `tunes` with music, a jingle, a zip of music, pictures; and the programs that fetch it."""
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as pk3:
        pk3.writestr("music/inside.flac", sound(30))
        pk3.writestr("../outside.flac", sound(25))
        pk3.writestr("texture.png", b"picture")
    contents = {
        "usr/share/tunes/music/long.flac": sound(22),
        "usr/share/tunes/music/jingle.flac": sound(2),
        "usr/share/tunes/speech.flac": sound(21),
        "usr/share/tunes/music/broken.ogg": b"not music",
        "usr/share/tunes/data.pk3": inner.getvalue(),
        "usr/share/tunes/picture.png": b"picture",
        "usr/share/doc/tunes/copyright": b"License: CC0",
    }
    package(tmp_path / "tunes_1.0_all.deb", contents)
    programs = tmp_path / "bin"
    programs.mkdir()
    scripts = {
        "apt-get": f"""
            for name; do :; done
            [ -f {tmp_path}/${{name}}_1.0_all.deb ] && exec cp {tmp_path}/${{name}}_1.0_all.deb .
            echo "E: Unable to locate package $name" >&2; exit 100""",
        "dpkg-deb": 'cat "$2"',
    }
    for name, text in scripts.items():
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o755 | stat.S_IEXEC)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    table = {
        "tunes": Package("music", "train", "CC0", "*/music/*"),
        "missing": Package("music", "test", "MIT"),
        "band": Package("stems", "test", "MIT"),
    }
    monkeypatch.setattr(debian, "PACKAGES", table)
    return programs


def test_music_is_fetched_listed_and_kept(archive, cache, capsys):
    corpus = debian.DebianCorpus(["tunes"])
    assert corpus.items() == []
    corpus.download()
    items = corpus.items()
    assert [i.content for i in items] == [
        "tunes/data.pk3/music/inside.flac",
        "tunes/usr/share/tunes/music/long.flac",
    ]
    assert items[0].source == "tunes" and items[0].instrument is None and items[0].licence.startswith("CC0 (")
    assert (debian.package_folder("tunes") / "copyright").read_text() == "License: CC0"
    assert (
        not list(cache.rglob("*.png"))
        and not list(cache.rglob("*.deb"))
        and not (cache / "outside.flac").exists()
    )
    assert "broken.ogg" in capsys.readouterr().err
    assert corpus.validate() == []
    (archive / "apt-get").unlink()
    corpus.download()
    assert corpus.items() == items


def test_lengths_can_be_chosen(archive):
    debian.fetch(["tunes"])
    assert len(debian.DebianCorpus(["tunes"], shortest_s=1).items()) == 3
    assert len(debian.DebianCorpus(["tunes"], shortest_s=1, longest_s=25).items()) == 2


def test_stems_share_their_folder(archive, tmp_path):
    names = ("one/guitar.flac", "one/song.flac", "two/guitar.flac")
    package(tmp_path / "band_1.0_all.deb", {f"usr/share/band/{n}": sound(21) for n in names})
    debian.fetch(["band"])
    assert [(i.content, i.instrument) for i in debian.DebianCorpus(["band"]).items()] == [
        ("band/usr/share/band/one", "guitar"),
        ("band/usr/share/band/one", "song"),
        ("band/usr/share/band/two", "guitar"),
    ]


def test_what_cannot_be_fetched_is_one_line_that_says_what_to_do(archive, capsys, monkeypatch, cache):
    assert debian.main(["--packages", "missing"]) == 1
    error = capsys.readouterr().err
    assert "missing: E: Unable to locate package missing: run `apt-get update`" in error
    assert debian.main(["--packages", "never-heard-of"]) == 1
    assert "no such package in the table" in capsys.readouterr().err
    monkeypatch.setenv("PATH", "/nowhere")
    assert debian.main(["--packages", "tunes"]) == 1
    assert "needs Debian or Ubuntu" in capsys.readouterr().err
    assert not list((cache / "debian").iterdir())


def test_the_report_counts_music(archive, capsys):
    assert debian.main(["--packages", "tunes"]) == 0
    row = capsys.readouterr().out.splitlines()[-1].split()
    assert row == ["tunes", "train", "music", "5", "2", "0.9", "CC0"]


def test_roles_and_kinds_choose_packages():
    train = debian.DebianCorpus(role="train").packages
    test = debian.DebianCorpus(role="test").packages
    assert train and test and not set(train) & set(test)
    assert all(PACKAGES[name].kind == "music" for name in train + test)
    assert {"nexuiz-music", "planetblupi-music-ogg", "colobot-common-sounds", "extremetuxracer-data"} <= set(
        test
    )
    assert debian.DebianCorpus(kinds=("stems",)).packages == [
        "fretsonfire-songs-muldjord",
        "fretsonfire-songs-sectoid",
    ]
    assert PACKAGES["fluid-soundfont-gm"].role == PACKAGES["musescore-general-soundfont-lossless"].role
