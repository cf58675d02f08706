"""How fast an encoder embeds on one CPU core, in times real time on 10 s stereo clips.

python -m eval.bench_encoder --model effect
"""

from __future__ import annotations

import argparse
import statistics
import time

SECONDS = 10
# FXencoder (Koo 2022) on such clips and one core of the machine where reprs was developed.
FXENCODER_TIMES_REAL_TIME = 16


def main() -> None:
    """Print the median of repeats, by CPU time."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="effect", metavar="NAME_OR_PATH")
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    import torch

    import reprs

    torch.set_num_threads(1)
    encoder = reprs.load(options.model)
    clip = 0.1 * torch.randn(2, SECONDS * encoder.sample_rate, generator=torch.Generator().manual_seed(0))
    encoder.embed(clip, encoder.sample_rate)
    taken_s = []
    for _ in range(options.repeats):
        start = time.process_time()
        encoder.embed(clip, encoder.sample_rate)
        taken_s.append(time.process_time() - start)
    speed = SECONDS / statistics.median(taken_s)
    print(f"{options.model}: {speed:.0f} times real time on one core", end=", ")
    print(f"{speed / FXENCODER_TIMES_REAL_TIME:.1f} times FXencoder's {FXENCODER_TIMES_REAL_TIME}")


if __name__ == "__main__":
    main()
