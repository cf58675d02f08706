"""Where windows lie, and that one file's trouble stays its own."""

import numpy as np
import pytest
import soundfile
import torch

from reprs.audio.batch import Failure
from reprs.retrieval.embed_files import Embedded, embed_files, window_starts


@pytest.mark.parametrize("duration_s", [0.1, 1.0, 9.999, 10.0, 10.0005, 20.0, 25.0, 61.7])
@pytest.mark.parametrize(("window_s", "hop_s"), [(10.0, None), (10.0, 2.5), (3.0, 3.0), (1.0, 0.3)])
def test_windows_cover_a_file_to_a_millisecond_and_stay_inside_it(duration_s, window_s, hop_s):
    starts, length = window_starts(duration_s, window_s, hop_s)
    assert length == min(window_s, duration_s)
    assert starts[0] == 0 and starts[-1] + length <= duration_s + 1e-9
    assert starts[-1] + length == pytest.approx(duration_s, abs=1e-3)
    gaps = np.diff(starts)
    assert (gaps > 1e-3).all() and (gaps <= (hop_s or window_s) + 1e-3 + 1e-9).all()


def test_no_window_means_the_whole_file():
    assert window_starts(12.5) == ([0.0], 12.5)


class Encoder:
    """Gives the mean of each channel, and trips over one recording."""

    def embed(self, audio, sample_rate):
        if any(float(x.max()) > 0.9 for x in audio):
            raise RuntimeError("surprise\nin two lines")
        return torch.stack([x.mean(1) for x in audio])


def test_whatever_a_file_does_the_next_one_is_embedded(tmp_path):
    paths = [tmp_path / f"{i}.wav" for i in range(3)]
    for path, level in zip(paths, (0.5, 0.99, -0.25), strict=True):
        soundfile.write(path, np.full((8000, 2), level), 8000, subtype="FLOAT")
    first, second, third = embed_files(Encoder(), [*paths])
    assert isinstance(first, Embedded) and isinstance(third, Embedded) and isinstance(second, Failure)
    assert np.allclose(first.embeddings, 0.5) and np.allclose(third.embeddings, -0.25)
    assert second.path == paths[1] and "\n" not in second.reason and "surprise in two lines" in second.reason
