"""Running maxima and hysteresis: which earlier sample each output is, compiled."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def running_argmax(x, before, index):
    """`index[r, t]`: where `x[r, t - before … t]` is largest; the later one of equals.

    `before` `(R, T)` or `(R, 1)` never makes the window's start go back. A queue of candidates, largest
    first, each one smaller and later than that before it (Lemire 2006).
    """
    rows, length = x.shape
    moving = before.shape[1] > 1
    for r in range(rows):
        size = min(before[r].max() + 1, length)
        queue = np.empty(size, dtype=np.int64)
        head, count = 0, 0
        for t in range(length):
            start = t - before[r, t if moving else 0]
            while count > 0 and queue[head] < start:
                head = head + 1 if head + 1 < size else 0
                count -= 1
            last = head + count - 1
            last = last - size if last >= size else last
            while count > 0 and x[r, queue[last]] <= x[r, t]:
                count -= 1
                last = last - 1 if last > 0 else size - 1
            last = head + count
            queue[last - size if last >= size else last] = t
            count += 1
            index[r, t] = queue[head]


@njit(cache=True, nogil=True)
def play(low, high, index):
    """Where `w[t] = min(max(w[t-1], low[t]), high[t])`, from 0, has its value from.

    `index` is s for `low[r, s]`, T + s for `high[r, s]` and 2T for the 0 at the start.
    """
    rows, length = low.shape
    for r in range(rows):
        value, source = 0.0, 2 * length
        for t in range(length):
            if value < low[r, t]:
                value, source = low[r, t], t
            if value > high[r, t]:
                value, source = high[r, t], length + t
            index[r, t] = source
