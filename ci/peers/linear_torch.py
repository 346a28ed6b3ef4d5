#!/usr/bin/env python3
"""Times torch's linear layers in float32 and bfloat16 at the shape of a small language model.

The peer of `cargo bench -p reelbench-nn --bench linear`. Needs torch:

    python3 -m venv peers && peers/bin/pip install torch
    peers/bin/python ci/peers/linear_torch.py --threads 2
"""

import argparse
import time

import torch

INPUTS, OUTPUTS = 1024, 5632
ROWS = [1, 5, 8, 64, 3000]


def best_seconds(work, at_least):
    """The shortest of the calls of `work` that `at_least` seconds have room for, after one that does not count."""
    work()
    best, until = float("inf"), time.perf_counter() + at_least
    while time.perf_counter() < until:
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=2, help="threads of torch")
    parser.add_argument("--seconds", type=float, default=1.0, help="time for each shape and type")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    for dtype in [torch.float32, torch.bfloat16]:
        layer = torch.nn.Linear(INPUTS, OUTPUTS, bias=False, dtype=dtype)
        for rows in ROWS:
            x = torch.randn(rows, INPUTS, dtype=dtype)
            with torch.inference_mode():
                seconds = best_seconds(lambda: layer(x), arguments.seconds)
            rate = 2e-9 * rows * INPUTS * OUTPUTS / seconds
            print(f"{dtype!s:15} {rows:5} rows {seconds * 1e6:10.1f} us {rate:8.1f} GFLOP/s", flush=True)


if __name__ == "__main__":
    main()
