#!/usr/bin/env python3
"""Times transformers' Audio Spectrogram Transformer of base size (random weights) on one clip of 10.24 s.

The peer of `cargo bench -p reelbench-ast --bench ast`. Needs torch and transformers 4.46.3:

    python3 -m venv peers && peers/bin/pip install torch transformers==4.46.3 numpy
    peers/bin/python ci/peers/ast_transformers.py --threads 2 --repeats 5
"""

import argparse
import statistics
import time

import numpy
import torch
from transformers import ASTConfig, ASTFeatureExtractor, ASTForAudioClassification

CLIP_SECONDS = 10.24
SAMPLE_RATE = 16_000


def seconds(work, repeats):
    """Times of `repeats` calls of `work`, after one that does not count."""
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return times


def report(name, times):
    print(f"{name:10} best {min(times):.3f} s, median {statistics.median(times):.3f} s of {len(times)}", flush=True)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=2, help="threads of torch")
    parser.add_argument("--repeats", type=int, default=5, help="timed calls of each kind")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)

    clip = numpy.random.default_rng(0).uniform(-0.1, 0.1, int(CLIP_SECONDS * SAMPLE_RATE)).astype(numpy.float32)
    extractor = ASTFeatureExtractor()
    model = ASTForAudioClassification(ASTConfig(num_labels=527)).eval()

    def features():
        return extractor(clip, sampling_rate=SAMPLE_RATE, return_tensors="pt").input_values

    report("features", seconds(features, arguments.repeats))
    spectrogram = features()
    with torch.inference_mode():
        report("float32", seconds(lambda: model(spectrogram), arguments.repeats))
        half, narrow = model.to(torch.bfloat16), spectrogram.to(torch.bfloat16)
        report("bfloat16", seconds(lambda: half(narrow), arguments.repeats))


if __name__ == "__main__":
    main()
