"""Soundfonts built from the specification, read and played; names of presets and samples."""

import numpy as np
import pytest
import soundfile

from reprs.corpora import debian, soundfonts
from reprs.corpora.composer import Note
from reprs.corpora.debian_packages import PACKAGES
from reprs.corpora.drumkits import sample_names
from reprs.corpora.families_by_word import family_by_words
from reprs.corpora.general_midi import DRUM_KEYS, FAMILIES, PROGRAMS, family_of
from reprs.corpora.named import DRUMS
from reprs.corpora.preset_names import words_of
from reprs.corpora.presets import presets, renumbered
from reprs.corpora.sample_packs import SamplePackCorpus
from reprs.corpora.soundfonts import SOUNDFONTS, Soundfont, SoundfontCorpus
from reprs.corpora.synth import play, soundfont
from tests.corpora.sounds import noise, save
from tests.corpora.tiny_soundfont import RATE, write_soundfont

TINY = [
    ("Rhodes EP", 0, 4, 450.0),
    ("Silence", 0, 5, 0.0),
    ("Ac.Gtr", 0, 24, 882.0),
    ("Ukulele", 8, 24, 630.0),
    ("Whatever", 127, 3, 1_050.0),
    ("TR-808", 128, 25, 1_470.0),
]


def loudest_hz(x):
    spectrum = np.abs(np.fft.rfft(x.mean(axis=1) * np.hanning(len(x))))
    return np.argmax(spectrum) * RATE / len(x)


@pytest.fixture
def tiny(monkeypatch, cache):
    """A package with one small soundfont, fetched already."""
    folder = debian.package_folder("tiny-soundfont")
    write_soundfont(folder / "usr/share/sounds/sf2/tiny.sf2", TINY)
    (folder / "copyright").write_text("License: MIT")
    (folder / "complete").touch()
    monkeypatch.setitem(SOUNDFONTS, "tiny-soundfont", Soundfont(("tiny.sf2",), "tiny", foreign_banks=(127,)))
    monkeypatch.setitem(PACKAGES, "tiny-soundfont", PACKAGES["timgm6mb-soundfont"])
    return SoundfontCorpus(["tiny-soundfont"])


def test_presets_are_read_as_they_were_written(tmp_path):
    path = write_soundfont(tmp_path / "a.sf2", TINY[::-1])
    assert [(p.name, p.bank, p.program) for p in presets(path)] == [row[:3] for row in TINY]
    full = write_soundfont(tmp_path / "b.sf2", [("Name of 20 letters!!", 3, 7, 450.0)])
    assert presets(full)[0].name == "Name of 20 letters!!"


def test_the_soundfont_of_pretty_midi_has_the_general_midi_presets():
    found = presets(soundfont())
    assert len(found) == 136
    assert [p.program for p in found if p.bank == 0] == list(range(128))
    assert found[56].name == "SoloTrumpet"


def test_files_that_are_no_soundfonts_say_so(tmp_path):
    good = write_soundfont(tmp_path / "a.sf2", TINY).read_bytes()
    start = good.index(b"phdr")
    for name, data in (
        ("text", b"not a soundfont at all"),
        ("empty", b""),
        ("cut", good[: start + 50]),
        ("short", good[:start] + b"phdr" + (37).to_bytes(4, "little") + good[start + 8 :]),
        ("wave", b"RIFF" + good[4:8] + b"WAVE" + good[12:]),
    ):
        (tmp_path / f"{name}.sf2").write_bytes(data)
        with pytest.raises(ValueError, match=f"{name}.sf2"):
            presets(tmp_path / f"{name}.sf2")


def test_renumbered_presets_are_heard_where_they_were_put(tmp_path):
    path = write_soundfont(tmp_path / "a.sf2", TINY)
    ukulele = next(p for p in presets(path) if p.name == "Ukulele")
    guitar = next(p for p in presets(path) if p.name == "Ac.Gtr")
    renumbered(path, tmp_path / "b.sf2", {ukulele: (0, 24), guitar: (8, 24)})
    notes = [Note(0, 1, 69, 100)]
    assert loudest_hz(play(notes, 24, False, RATE, path)) == pytest.approx(882, abs=2)
    assert loudest_hz(play(notes, 24, False, RATE, tmp_path / "b.sf2")) == pytest.approx(630, abs=2)


def test_every_preset_is_rendered_once_with_its_own_sound(tiny, capsys):
    tiny.download()
    items = tiny.items()
    assert tiny.validate() == []
    hz = {name: hz for name, _, _, hz in TINY}
    # An octave up doubles the frequency: each note tells which sample it came from.
    for item in items:
        if item.playing == "note":
            x, rate = soundfile.read(item.path, always_2d=True)
            name = next(n for n in hz if words_of(n) == item.label)
            expected = hz[name] * 2 ** ((item.pitch - 69) / 12)
            assert loudest_hz(x[: rate // 2]) == pytest.approx(expected, rel=0.01, abs=3)
    named = {(i.label, i.family, i.program) for i in items if i.family != DRUMS}
    assert named == {
        ("rhodes electric piano", "Piano", "electric piano 1"),
        ("acoustic guitar", "Guitar", "nylon guitar"),
        ("ukulele", "Guitar", "nylon guitar"),
        ("whatever", None, None),
    }
    drums = [i for i in items if i.family == DRUMS]
    assert {i.label for i in drums if i.playing == "hit"} == set(DRUM_KEYS.values())
    assert all("tr 808 kit" in i.tags for i in drums)
    assert len({i.content for i in items}) == 5
    assert {i.source for i in items} == {"tiny-soundfont"} and all("copyright" in i.licence for i in items)
    for item in items:
        about = soundfile.info(item.path)
        assert 0.05 < about.duration <= 5 and about.samplerate == RATE
        assert np.abs(soundfile.read(item.path)[0]).max() == pytest.approx(0.7, abs=1e-3)


def test_a_second_render_is_the_same_to_the_bit_and_the_first_is_kept(tiny, cache):
    tiny.download()
    first = {i.path.relative_to(cache): i.path.read_bytes() for i in tiny.items()}
    stamps = [i.path.stat().st_mtime_ns for i in tiny.items()]
    tiny.download()
    assert [i.path.stat().st_mtime_ns for i in tiny.items()] == stamps
    tiny._list("tiny-soundfont").unlink()
    tiny.download()
    assert {i.path.relative_to(cache): i.path.read_bytes() for i in tiny.items()} == first
    assert not list((cache / "soundfonts").glob(".playing-*"))


def test_soundfonts_of_one_origin_are_on_one_side_of_the_split():
    sides = {about.origin: {PACKAGES[p].role for p, a in SOUNDFONTS.items() if a.origin == about.origin}
             for about in SOUNDFONTS.values()}  # fmt: skip
    assert all(len(roles) == 1 for roles in sides.values())
    train, test = SoundfontCorpus(role="train").packages, SoundfontCorpus(role="test").packages
    assert "fluid-soundfont-gm" in train and "timgm6mb-soundfont" in test
    assert set(train) | set(test) == set(SOUNDFONTS)
    assert not set(SamplePackCorpus(role="train").packages) & set(SamplePackCorpus(role="test").packages)
    with pytest.raises(ValueError, match="no soundfont in nowhere"):
        SoundfontCorpus(["nowhere"])


def test_general_midi_is_complete():
    assert len(FAMILIES) == 16 and len(PROGRAMS) == len(set(PROGRAMS)) == 128
    assert (PROGRAMS[0], PROGRAMS[40], PROGRAMS[73], PROGRAMS[127]) == (
        "acoustic grand piano",
        "violin",
        "flute",
        "gunshot",
    )
    assert (family_of(0), family_of(40), family_of(73), family_of(127)) == (
        "Piano",
        "Strings",
        "Pipe",
        "Sound Effects",
    )
    assert sorted(DRUM_KEYS) == list(range(35, 82)) and DRUM_KEYS[38] == "acoustic snare"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Ac.Gtr-Nyl 2", "acoustic guitar nylon"),
        ("DrawbarOrgan", "drawbar organ"),
        ("SopSax (TB) v2.3", "soprano saxophone"),
        ("E.Piano 1", "electric piano"),
        ("TR-808", "tr 808"),
        ("Slow Str", "slow strings"),
        ("808_Kick_Long", "808 kick long"),
        ("Bass & Lead", "bass and lead"),
        ("Synth Brass 2 MT", "synth brass"),
        ("HatClosed-Softest", "hi-hat closed softest"),
        ("Hi-Hat_Open", "hi-hat open"),
        ("Tom_Hi", "tom high"),
    ],
)
def test_names_are_written_out(name, words):
    assert words_of(name) == words


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("bass drum", "Drums"),
        ("bass guitar", "Bass"),
        ("electric piano", "Piano"),
        ("closed hi-hat", "Drums"),
        ("guitar fret noise", "Sound Effects"),
        ("synth bass", "Bass"),
        ("string ensemble strings", "Ensemble"),
        ("something else", None),
    ],
)
def test_families_are_told_by_words(name, family):
    assert family_by_words(name) == family


KIT = """<?xml version="1.0"?>
<drumkit_info xmlns="http://www.hydrogen-music.org/drumkit"><name>Nice Kit</name><instrumentList>
 <instrument><name>Snare Rimshot</name><instrumentComponent>
  <layer><filename>a_01.flac</filename></layer><layer><filename>a_02.flac</filename></layer>
 </instrumentComponent></instrument>
 <instrument><name>Closed HH</name><layer><filename>sub/hh.flac</filename></layer></instrument>
 <instrument><name>Nothing</name></instrument>
</instrumentList></drumkit_info>"""


def test_a_kit_names_its_samples(tmp_path):
    (tmp_path / "drumkit.xml").write_text(KIT)
    names = {"a_01.flac": "Snare Rimshot", "a_02.flac": "Snare Rimshot", "hh.flac": "Closed HH"}
    assert sample_names(tmp_path / "drumkit.xml") == names
    (tmp_path / "drumkit.xml").write_text(KIT.replace(' xmlns="http://www.hydrogen-music.org/drumkit"', ""))
    assert sample_names(tmp_path / "drumkit.xml") == names
    for bad in ("<drumkit_info><instr", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'):
        (tmp_path / "drumkit.xml").write_text(bad)
        with pytest.raises(ValueError, match=r"drumkit\.xml"):
            sample_names(tmp_path / "drumkit.xml")


def fetched(package, files):
    folder = debian.package_folder(package)
    for i, name in enumerate(files):
        save(folder / name, noise(0.3, seed=i))
    (folder / "copyright").write_text("License")
    debian._list(folder)
    (folder / "complete").touch()
    return folder


def test_samples_are_named_by_kit_folder_and_file():
    kits = "usr/share/hydrogen/data/drumkits"
    folder = fetched("hydrogen-drumkits", [f"{kits}/Nice Kit 1.0/{n}.flac" for n in ("a_01", "a_02", "hh")])
    (folder / kits / "Nice Kit 1.0" / "drumkit.xml").write_text(KIT)
    lmms = "usr/share/lmms/samples"
    fetched(
        "lmms-common",
        [f"{lmms}/{n}.flac" for n in ("basses/bass_hard01", "bassloops/acid01", "waveforms/saw")],
    )
    fetched("sonic-pi-samples", [f"usr/share/sonic-pi/samples/{n}.flac" for n in ("bd_boom", "loop_tabla")])
    strums = [f"{kits}/belofilms_GuitarStrums/{n}.flac" for n in ("Gsharp minor7b5_UP_01", "Amajor_02")]
    fetched("hydrogen-drumkits-effects", strums)
    items = {i.path.stem: i for i in SamplePackCorpus().items()}
    told = {stem: (i.label, i.family, i.playing, i.tags) for stem, i in items.items()}
    assert told == {
        "a_01": ("snare rimshot", "Drums", "hit", ("nice kit",)),
        "a_02": ("snare rimshot", "Drums", "hit", ("nice kit",)),
        "hh": ("closed hi-hat", "Drums", "hit", ("nice kit",)),
        "bass_hard01": ("bass", "Bass", "sound", ()),
        "acid01": ("acid", "Bass", "loop", ("bass line",)),
        "bd_boom": ("bass drum boom", "Drums", "hit", ()),
        "loop_tabla": ("tabla", "Drums", "loop", ()),
        "Gsharp minor7b5_UP_01": (
            "G sharp minor seventh flat five acoustic guitar strum upwards",
            "Guitar",
            "chord",
            (),
        ),
        "Amajor_02": ("A major acoustic guitar strum", "Guitar", "chord", ()),
    }
    assert items["a_01"].content == items["a_02"].content != items["hh"].content
    assert {i.source for i in SamplePackCorpus(role="test").items()} == {
        "sonic-pi-samples",
        "hydrogen-drumkits-effects",
    }


def test_the_command_says_what_is_there(tiny, capsys):
    assert soundfonts.main(["--packages", "tiny-soundfont"]) == 0
    assert "tiny-soundfont" in capsys.readouterr().out
    assert soundfonts.main(["--packages", "nowhere"]) == 1
    assert capsys.readouterr().err.count("\n") == 1
