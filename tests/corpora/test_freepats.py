"""Gravis UltraSound patches built from the format's description, and the corpus of freepats."""

import struct

import numpy as np
import pytest
import soundfile

from reprs.corpora import debian
from reprs.corpora.freepats import FreepatsCorpus
from reprs.corpora.gus_patches import play_patch, read_patch

RATE = 32_000
SIXTEEN, UNSIGNED, LOOP, BOTH_WAYS = 1, 2, 4, 8


def sample(x, modes, loop=(0, 0), low=8, high=8_372, root=440.0):
    """One sample: header of 96 bytes and data; frequencies in Hz."""
    bits = 16 if modes & SIXTEEN else 8
    y = np.round(x * (2 ** (bits - 1) - 1)).astype(int) + (2 ** (bits - 1) if modes & UNSIGNED else 0)
    kind = {(16, 0): "<i2", (16, 2): "<u2", (8, 0): "i1", (8, 2): "u1"}[bits, modes & UNSIGNED]
    data = y.astype(kind).tobytes()
    starts = [p * bits // 8 for p in loop]
    head = struct.pack(
        "<7sBIIIHIII", b"sound", 0, len(data), *starts, RATE, *(round(f * 1000) for f in (low, high, root))
    )
    return head.ljust(55, b"\0") + bytes([modes]) + bytes(40) + data


def patch(*samples):
    head = b"GF1PATCH110\0ID#000002\0".ljust(82, b"\0") + bytes([1]) + bytes(46)
    instrument = bytes(63)
    layer = bytes(6) + bytes([len(samples)]) + bytes(40)
    return head + instrument + layer + b"".join(samples)


def sine(hz, seconds, level=0.5):
    return level * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)


def loudest_hz(x, rate=44_100):
    return np.argmax(np.abs(np.fft.rfft(x * np.hanning(len(x))))) * rate / len(x)


@pytest.mark.parametrize("modes", [SIXTEEN, SIXTEEN | UNSIGNED, 0, UNSIGNED])
def test_every_sample_format_is_read(tmp_path, modes):
    x = sine(440, 0.1)
    (tmp_path / "a.pat").write_bytes(patch(sample(x, modes, root=440), sample(x / 2, modes, root=880)))
    first, second = read_patch(tmp_path / "a.pat")
    step = 1 / (32_767 if modes & SIXTEEN else 127)
    assert np.abs(first.x - x).max() < 2 * step and np.abs(second.x - x / 2).max() < 2 * step
    assert (first.sample_rate, first.root_hz, second.root_hz, first.loop) == (RATE, 440, 880, None)


def test_keys_are_played_at_their_pitch_and_loops_go_on(tmp_path):
    # 400 Hz at 32 kHz: 80 samples a period, so that loops of whole periods are seamless.
    looped = sample(sine(400, 0.1), SIXTEEN | LOOP, (800, 1_600), root=400)
    (tmp_path / "a.pat").write_bytes(patch(looped))
    samples = read_patch(tmp_path / "a.pat")
    for key in (57, 69, 74):
        sound = play_patch(samples, key, 1.0, 44_100)
        hz = 440 * 2 ** ((key - 69) / 12)
        assert loudest_hz(sound[:44_100]) == pytest.approx(hz, abs=2)
        t = np.arange(44_100) / 44_100
        assert np.abs(sound[:44_100] - 0.5 * np.sin(2 * np.pi * hz * t)).max() < 0.03
    assert len(sound) == round(1.25 * 44_100) and abs(sound[-1]) < 1e-3


def test_loops_both_ways_turn_round(tmp_path):
    ramp = np.linspace(0, 0.8, 100)
    (tmp_path / "a.pat").write_bytes(patch(sample(ramp, SIXTEEN | LOOP | BOTH_WAYS, (20, 80), root=440)))
    sound = play_patch(read_patch(tmp_path / "a.pat"), 69, 0.05, RATE)
    slow, place, way = [], 0, 1
    for _ in range(600):
        slow.append(ramp[place])
        way = -1 if place == 80 else 1 if place == 20 and len(slow) > 30 else way
        place += way
    assert sound[:600] == pytest.approx(np.array(slow), abs=1e-3)


def test_the_sample_of_the_key_is_chosen_and_what_has_ended_is_silent(tmp_path):
    low = sample(sine(110, 0.2), SIXTEEN, low=20, high=200, root=110)
    high = sample(sine(1_000, 0.2), SIXTEEN, low=200, high=2_000, root=880)
    (tmp_path / "a.pat").write_bytes(patch(low, high))
    samples = read_patch(tmp_path / "a.pat")
    assert loudest_hz(play_patch(samples, 45, 0.15, 44_100)[:8_000]) == pytest.approx(110, abs=4)
    assert loudest_hz(play_patch(samples, 81, 0.15, 44_100)[:8_000]) == pytest.approx(1_000, abs=4)
    assert np.abs(play_patch(samples, 81, 1.0, 44_100)[9_000:]).max() == 0


def test_files_that_are_no_patches_say_so(tmp_path):
    good = patch(sample(sine(440, 0.1), SIXTEEN))
    for name, data in {"text": b"no patch", "cut": good[:-10], "header": good[:260], "none": patch()}.items():
        (tmp_path / f"{name}.pat").write_bytes(data)
        with pytest.raises(ValueError, match=rf"{name}\.pat"):
            read_patch(tmp_path / f"{name}.pat")


def test_freepats_are_rendered_with_their_names(cache):
    folder = debian.package_folder("freepats")
    tones, drums = folder / "usr/share/midi/freepats/Tone_000", folder / "usr/share/midi/freepats/Drum_000"
    tones.mkdir(parents=True), drums.mkdir()
    looped = patch(sample(sine(400, 0.1), SIXTEEN | LOOP, (800, 1_600), root=400))
    (tones / "004_Electric_Piano_1_Rhodes.pat").write_bytes(looped)
    (drums / "042_Hi-Hat_Closed.pat").write_bytes(patch(sample(sine(5_000, 0.02), SIXTEEN, root=3_000)))
    (folder / "complete").touch()
    corpus = FreepatsCorpus()
    corpus.download()
    drum, *notes = corpus.items()
    assert (drum.label, drum.program, drum.family) == (
        "hi-hat closed",
        "closed hi-hat",
        "Drums",
    )
    x, rate = soundfile.read(drum.path, always_2d=True)
    # At its own pitch, to the nearest key, and long enough for a model.
    assert loudest_hz(x[:800, 0], rate) == pytest.approx(5_000, rel=0.03) and len(x) >= 0.1 * rate
    assert len(notes) == 4 and {n.label for n in notes} == {"electric piano 1 rhodes"}
    assert {(n.family, n.program, n.playing) for n in notes} == {("Piano", "electric piano 1", "note")}
    for note in notes:
        x, rate = soundfile.read(note.path, always_2d=True)
        hz = 440 * 2 ** ((note.pitch - 69) / 12)
        assert loudest_hz(x[: rate // 2, 0], rate) == pytest.approx(hz, rel=0.01, abs=3)
    assert corpus.validate() == [] and len({i.content for i in corpus.items()}) == 2
