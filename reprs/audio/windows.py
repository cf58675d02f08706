"""Where windows of one length lie in a recording that is longer."""

from __future__ import annotations


def covering(total: int, window: int) -> list[int]:
    """Where as few windows as cover `total` samples begin, evenly: the last ends with them.

    In whole numbers of Python: single precision places windows beyond the end after 2^24 samples.
    """
    count = -(-total // window)
    return [round(i * (total - window) / max(1, count - 1)) for i in range(count)]
