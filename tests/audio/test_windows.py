"""Windows that cover a recording."""

import math
from itertools import pairwise

import pytest

from reprs.audio.windows import covering


@pytest.mark.parametrize("total", [400, 1_000, 1_001, 23_270_919, 400_000_001])
def test_windows_cover_a_recording_however_long_it_is(total):
    """Nine minutes have more samples than single precision can count."""
    window = 176_400 if total > 10_000 else 250
    starts = covering(total, window)
    assert starts[0] == 0 and starts[-1] == total - window and len(starts) == math.ceil(total / window)
    assert all(0 < b - a <= window for a, b in pairwise(starts))
