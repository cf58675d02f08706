"""Files of every kind, good and bad."""

import numpy as np
import pytest
import soundfile
import torch

from reprs.audio import files


def noise(channels=2, frames=48_000, seed=0):
    return 0.1 * torch.randn(channels, frames, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("suffix", ["wav", "flac", "aiff", "ogg", "opus", "mp3", "w64", "caf"])
def test_a_part_equals_the_same_samples_of_the_whole_file(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    files.write(path, noise(frames=5 * 48_000), 48_000)
    whole, rate = files.read(path)
    part, _ = files.read(path, start_s=2.3, duration_s=0.5)
    first = round(2.3 * rate)
    assert part.shape == (2, round(0.5 * rate)) and part.dtype == torch.float32
    assert torch.equal(part, whole[:, first : first + part.shape[1]])


@pytest.mark.parametrize(("rate", "channels"), [(8_000, 1), (192_000, 2), (44_100, 8), (11_025, 3)])
def test_any_rate_and_channel_count(tmp_path, rate, channels):
    x = noise(channels, rate // 2)
    files.write(tmp_path / "a.wav", x, rate, subtype="FLOAT")
    about = files.info(tmp_path / "a.wav")
    assert (about.sample_rate, about.channels, about.frames) == (rate, channels, rate // 2)
    assert about.duration_s == pytest.approx(0.5, abs=1e-3)
    y, got = files.read(tmp_path / "a.wav")
    assert got == rate and torch.equal(x, y)


def test_24_bits_survive(tmp_path):
    x = noise()
    files.write(tmp_path / "deep" / "a.flac", x, 44_100)
    assert (files.read(tmp_path / "deep" / "a.flac")[0] - x).abs().max() <= 2**-23


def test_reads_past_the_end_are_shortened_and_starts_past_it_refused(tmp_path):
    files.write(tmp_path / "a.wav", noise(frames=1_000), 1_000)
    assert files.read(tmp_path / "a.wav", 0.9, 5.0)[0].shape == (2, 100)
    for start_s in (1.0, 7.5, -0.1):
        with pytest.raises(files.AudioError, match=r"outside this file of 1\.000 s"):
            files.read(tmp_path / "a.wav", start_s)


def test_very_short_audio_is_read_and_resampled(tmp_path):
    files.write(tmp_path / "a.wav", noise(frames=1), 44_100)
    assert files.read(tmp_path / "a.wav")[0].shape == (2, 1)
    assert files.read(tmp_path / "a.wav", sample_rate=8_000)[0].shape == (2, 1)
    files.write(tmp_path / "b.wav", noise(frames=400), 8_000)
    assert files.read(tmp_path / "b.wav", sample_rate=44_100)[0].shape == (2, 2_205)


def bad_files(folder):
    (folder / "empty.wav").touch()
    (folder / "text.wav").write_text("this is no music\n")
    (folder / "cut.flac").write_bytes(b"fLaC\x00\x00\x00\x22" + bytes(20))
    (folder / "folder.wav").mkdir()
    x = np.zeros((1_000, 2), np.float32)
    x[500, 1] = np.nan
    soundfile.write(folder / "nan.wav", x, 44_100, subtype="FLOAT")
    x[500, 1] = np.inf
    soundfile.write(folder / "inf.wav", x, 44_100, subtype="FLOAT")
    soundfile.write(folder / "nothing.wav", x[:0], 44_100)
    return [
        "empty.wav",
        "text.wav",
        "cut.flac",
        "folder.wav",
        "nan.wav",
        "inf.wav",
        "nothing.wav",
        "missing.wav",
    ]


def test_every_bad_file_is_one_line_that_names_it(tmp_path):
    for name in bad_files(tmp_path):
        with pytest.raises(files.AudioError) as caught:
            files.read(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value) and "\n" not in str(caught.value)


def test_nan_elsewhere_in_the_file_does_not_matter(tmp_path):
    bad_files(tmp_path)
    assert torch.isfinite(files.read(tmp_path / "nan.wav", 0.0, 0.005)[0]).all()


def test_find_expands_folders_and_keeps_named_files(tmp_path):
    for name in ("b/2.flac", "b/1.WAV", "a.mp3", "b/notes.txt", "b/._1.wav", "odd.bin"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = files.find([tmp_path / "b", tmp_path / "odd.bin", tmp_path / "b" / "1.WAV"])
    assert [p.name for p in found] == ["1.WAV", "2.flac", "odd.bin"]
    assert [p.name for p in files.find([tmp_path])] == ["a.mp3", "1.WAV", "2.flac"]


def test_find_says_what_is_missing(tmp_path):
    with pytest.raises(files.AudioError, match="no such file or folder"):
        files.find([tmp_path / "nowhere"])
    with pytest.raises(files.AudioError, match="no audio files here"):
        files.find([tmp_path])


def test_write_refuses_what_is_not_one_recording(tmp_path):
    for x in (torch.zeros(2, 0), torch.zeros(1, 2, 10), torch.zeros(10)):
        with pytest.raises(ValueError, match="channels, samples"):
            files.write(tmp_path / "a.wav", x, 44_100)
    with pytest.raises(files.AudioError, match="cannot be written"):
        files.write(tmp_path / "a.xyz", torch.zeros(1, 10), 44_100)
