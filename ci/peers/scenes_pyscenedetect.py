#!/usr/bin/env python3
"""Times PySceneDetect's content detector on a film, and OpenCV's decoding alone beside it.

The peer of `cargo run --release -p reelbench-media --example scenes -- FILM`. Needs PySceneDetect 0.7.2:

    python3 -m venv peers && peers/bin/pip install scenedetect==0.7.2 opencv-python-headless
    peers/bin/python ci/peers/scenes_pyscenedetect.py FILM --repeats 5
"""

import argparse
import statistics
import time

import cv2
from scenedetect import ContentDetector, SceneManager, open_video


def detect(film):
    manager = SceneManager()
    manager.add_detector(ContentDetector())
    manager.detect_scenes(open_video(film))
    return len(manager.get_scene_list())


def decode(film):
    capture = cv2.VideoCapture(film)
    frames = 0
    while capture.read()[0]:
        frames += 1
    return frames


def report(name, film, work, repeats):
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        found = work(film)
        times.append(time.perf_counter() - start)
    print(f"{name}: {found}, best {min(times):.2f} s, median {statistics.median(times):.2f} s of {repeats}", flush=True)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("film", help="a film that OpenCV can open")
    parser.add_argument("--repeats", type=int, default=5, help="timed passes of each kind")
    arguments = parser.parse_args()
    report("frames decoded", arguments.film, decode, arguments.repeats)
    report("scenes found", arguments.film, detect, arguments.repeats)


if __name__ == "__main__":
    main()
