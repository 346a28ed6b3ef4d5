#!/usr/bin/env python3
"""Writes what the published implementations make of generated cases: the fixtures of reelbench-quality's tests.

    python3 -m venv peers
    peers/bin/pip install jiwer==4.0.0 transformers==4.46.3 pycocoevalcap==1.2 pycocotools==2.0.11 \
        scikit-learn==1.9.1 motmetrics==1.4.0
    peers/bin/python ci/peers/quality_references.py reports/quality/tests/fixtures

Captions are tokenized by the Stanford tokenizer that pycocoevalcap brings along, which needs Java.
"""

import argparse
import contextlib
import io
import json
import random
from pathlib import Path

WORDS = """
one two three four five six seven eight nine ten eleven twelve thirteen nineteen twenty thirty forty fifty ninety
hundred thousand million billion trillion decillion hundreds thousands millions hundredth thousandth millionth zero oh o
zeroth first second third fourth fifth eighth ninth nineth tenth twelfth twentieth twenties thirtieth ones twos sixes
and point double triple half a minus plus negative positive dollar dollars cent cents pound pounds euro euros per percent
$20 £3.50 €0.07 ¢7 $0.05 $2 50% 100 1,000 2.50 3.0 007 1960s 32nd 1st 1 1s 10:30 3/4 ½ ② ٣ ٣.٥ １２ 1.2.3 -5 +7 a1b2
won't can't let's ain't y'all wanna gonna gotta i'ma imma woulda ma'am mr. mrs st. dr. prof gen. rep. jr sr. esq
he'd been she's been they'd gone it's got he's done don't we're it's i'd you'll isn't we've i'm 'tis rock'n'roll
hmm mm mhm uh um uhm [music] <i> (laughs) (unclosed [odd) naïve café Œuvre straße ĳ ﬁne Łódź þorn ÐÐ ℌ İstanbul ΣΑΣ
hello, world. "quoted" ... — – ‘single’ e.g. U.S. state-of-the-art & @ # * % . $ a.b end.
"""
# What a transcript may also hold: marks, spaces and separators of other scripts.
ODD = ["\u0301", "\u200d", "\u00a0", "\u2028", "\t", "\n", "\x1f", "日本語", "हिन्दी", "한국어", "עִבְרִית", "🎬", "_", "'", "’", "(", ")", "[", ">"]


def transcripts(cases):
    import jiwer
    import rapidfuzz
    from transformers.models.whisper.english_normalizer import BasicTextNormalizer, EnglishTextNormalizer

    draw = random.Random(20241001)
    english = EnglishTextNormalizer({})
    basic = {"keep": BasicTextNormalizer(), "remove": BasicTextNormalizer(remove_diacritics=True)}
    words = WORDS.split()

    def text():
        picked = [draw.choice(words if draw.random() < 0.94 else ODD) for _ in range(draw.randint(0, 14))]
        cased = [word.title() if draw.random() < 0.1 else word for word in picked]
        return "".join(word + draw.choice([" "] * 12 + ["", ", ", ". ", "-"]) for word in cased)

    normalized = []
    fixed = ["", " ", "and a half", "\u200d1 mile", "ten and a half million", "minus", "point", "per cent", "5 per cent"]
    for case in fixed + [text() for _ in range(cases)]:
        kept, removed = basic["keep"](case), basic["remove"](case)
        normalized.append({"text": case, "english": english(case), "basic": kept, "basic_plain": removed})

    spoken = []
    for _ in range(cases // 4):
        reference = [draw.choice("abcdefg") for _ in range(draw.randint(1, 90))]
        hypothesis = [c for c in reference if draw.random() < 0.8]
        for _ in range(draw.randint(0, 20)):
            hypothesis.insert(draw.randint(0, len(hypothesis)), draw.choice("abcdefg"))
        pair = " ".join(reference), " ".join(hypothesis)
        found = [jiwer.process_words(*pair), jiwer.process_characters(*pair)]
        counts = [[o.hits, o.substitutions, o.deletions, o.insertions] for o in found]
        rates = [found[0].wer, found[1].cer]
        spoken.append({"reference": pair[0], "hypothesis": pair[1], "counts": counts, "rates": rates})

    # Longer than is worth storing: both sides draw the same numbers from the same generator.
    long = []
    for seed, letters, length, other in [(1, 4, 700, 650), (2, 40, 1500, 1400), (3, 3, 2000, 1990), (4, 9, 130, 1900)]:
        reference, hypothesis = numbers(seed, letters, length), numbers(seed + 100, letters, other)
        operations = rapidfuzz.distance.Levenshtein.editops(reference, hypothesis)
        counts = [sum(o.tag == tag for o in operations) for tag in ("replace", "delete", "insert")]
        long.append({"seed": seed, "letters": letters, "lengths": [length, other], "counts": counts})
    return {"normalized": normalized, "spoken": spoken, "long": long}


SUBJECTS = """a man|two women|the dog's owner|Mr. Smith|an 8-year-old girl|people|someone who isn't visible|a cyclist|the U.S. team
the players' coach|a "hero"|Dr. Jane Doe|kids|Argentina's No. 10|a black-and-white cat|J.K. Rowling|a T-shirt-wearing boy""".replace("\n", "|").split("|")
ACTIONS = """rides a bicycle|sit at a table and drink coffee|is running down the street|can't open the door|kicks the ball into the goal
won't stop talking|holds a sign that reads "STOP"|looks at the camera (smiling)|stands in front of a red/white barn|plays rock'n'roll
is about to launch - or crash|says 'hello'|cannot see|it's gonna rain|walks 5 miles at 10:30 a.m.|they'll win 3-2|buys fruit for $5.00""".replace("\n", "|").split("|")
PLACES = """on a busy street|in the park|at St. Mary's church|near Washington, D.C.|in 1969|with 20% of the crowd|by the sea; it is sunny
under the bridge, etc.|at www.example.com|in the '90s|[indoors]|at night...|while it rains!|and then what?|--|in a café|for the 1st time
on Main St. in Jan. 2020|in a half-empty stadium|next to an old TV's screen|vs. the All-Stars|with a well-known actor & crew""".replace("\n", "|").split("|")


def captions(cases):
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge
    from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

    draw = random.Random(20150601)

    def caption():
        parts = [draw.choice(SUBJECTS), draw.choice(ACTIONS), draw.choice(PLACES)]
        if draw.random() < 0.3:
            parts += ["and", draw.choice(SUBJECTS), draw.choice(ACTIONS)]
        kept = [part for part in parts if draw.random() < 0.9]
        text = " ".join(kept)
        return (text[:1].upper() + text[1:] if draw.random() < 0.7 else text) + draw.choice(["", ".", ".", ".", "!", "..."])

    def corpus(size):
        raw = {}
        for scene in range(size):
            references = [caption() for _ in range(draw.randint(1, 4))]
            # Some of each candidate is in a reference, else higher orders would all be zero.
            said = draw.choice(references).split(" ")
            cut = draw.randint(0, len(said))
            candidate = " ".join(said[:cut] + caption().split(" ")[: draw.randint(0, 8)])
            raw[scene] = candidate, references
        tokenizer = PTBTokenizer()
        found = tokenizer.tokenize({s: [{"caption": c}] for s, (c, _) in raw.items()})
        wanted = tokenizer.tokenize({s: [{"caption": r} for r in rs] for s, (_, rs) in raw.items()})
        scored = [scorer.compute_score(wanted, found) for scorer in (Bleu(4), Rouge(), Cider())]
        (bleu, bleus), (rouge, rouges), (cider, ciders) = scored
        scenes = [
            {"candidate": candidate, "references": references, "tokens": found[s][0], "reference_tokens": wanted[s],
             "bleu": [order[s] for order in bleus], "rouge_l": float(rouges[s]), "cider": float(ciders[s])}
            for s, (candidate, references) in raw.items()
        ]
        return {"items": scenes, "corpus": {"bleu": bleu, "rouge_l": float(rouge), "cider": float(cider)}}

    return [corpus(size) for size in (2, 5, cases)]


def rect(draw, spread):
    # Quarters of pixels, so that thresholds are met exactly now and then.
    return [draw.randint(0, spread) / 4, draw.randint(0, spread) / 4, draw.randint(4, 120) / 4, draw.randint(4, 120) / 4]


def nudged(draw, box, by):
    return [max(0.25, side + draw.randint(-by, by) / 4) if i > 1 else side + draw.randint(-by, by) / 4 for i, side in enumerate(box)]


def boxes(cases):
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    draw = random.Random(20140501)
    made = []
    for case in range(cases):
        pictures, classes = draw.randint(1, 5), draw.randint(1, 3)
        labelled, detected = [], []
        for picture in range(pictures):
            for _ in range(draw.randint(0, 6)):
                label = {"picture": picture, "class": draw.randint(1, classes), "box": rect(draw, 300), "crowd": draw.random() < 0.1}
                labelled.append(label)
                if draw.random() < 0.15:
                    # A crowd around an object: what is found there is the object's, if it is free.
                    labelled.append({**label, "box": nudged(draw, label["box"], 12), "crowd": True})
                for _ in range(draw.randint(0, 2)):
                    score = draw.choice([draw.random(), draw.randint(1, 5) / 5])
                    detected.append({"picture": picture, "class": label["class"], "box": nudged(draw, label["box"], 12), "score": score})
            for _ in range(draw.choice([0, 1, 3] if case else [150])):
                detected.append({"picture": picture, "class": draw.randint(1, classes), "box": rect(draw, 300), "score": draw.random()})
        draw.shuffle(detected)
        if all(label["crowd"] for label in labelled) or not detected:
            continue
        wanted = COCO()
        wanted.dataset = {
            "info": {}, "images": [{"id": p} for p in range(pictures)], "categories": [{"id": c} for c in range(1, classes + 1)],
            "annotations": [{"id": i + 1, "image_id": l["picture"], "category_id": l["class"], "bbox": l["box"],
                             "area": l["box"][2] * l["box"][3], "iscrowd": int(l["crowd"])} for i, l in enumerate(labelled)],
        }
        wanted.createIndex()
        results = [{"image_id": d["picture"], "category_id": d["class"], "bbox": d["box"], "score": d["score"]} for d in detected]
        judge = COCOeval(wanted, wanted.loadRes(results), "bbox")
        judge.evaluate()
        judge.accumulate()
        precision = judge.eval["precision"][:, :, :, 0, -1]
        scored = {c + 1: [float(precision[:, :, c].mean()), float(precision[0, :, c].mean())]
                  for c in range(classes) if precision[0, 0, c] > -1}
        judge.summarize()
        mean = [float(judge.stats[0]), float(judge.stats[1])]
        made.append({"labelled": labelled, "detected": detected, "mean": mean, "classes": scored})
    return made


def tags(cases):
    import numpy
    from sklearn.metrics import average_precision_score

    draw = random.Random(20170301)
    made = []
    for _ in range(cases):
        windows = draw.randint(1, 40)
        truth = [int(draw.random() < 0.3) for _ in range(windows)]
        scores = [draw.choice([draw.random(), draw.randint(0, 4) / 4]) for _ in range(windows)]
        ap = float(average_precision_score(numpy.array(truth), numpy.array(scores))) if any(truth) else None
        made.append({"truth": truth, "scores": scores, "ap": ap})
    return made


def tracks(cases):
    import motmetrics
    import numpy

    numpy.asfarray = lambda values: numpy.asarray(values, dtype=float)  # motmetrics was written for NumPy 1.
    draw = random.Random(20080101)
    made = []
    for _ in range(cases):
        judge = motmetrics.MOTAccumulator(auto_id=True)
        # Often so near each other that a found box fits several, and only its past tells which it belongs to.
        middle, near = rect(draw, 300), draw.random() < 0.6
        objects = {track: nudged(draw, middle, 8) if near else rect(draw, 300) for track in range(draw.randint(1, 6))}
        numbers_of = {track: track + 10 for track in objects}
        frames = []
        for _ in range(draw.randint(1, 25)):
            objects = {track: nudged(draw, box, 4) for track, box in objects.items()}
            wanted = [[track, box] for track, box in objects.items() if draw.random() < 0.9]
            if draw.random() < 0.15:
                numbers_of[draw.choice(list(objects))] = draw.randint(20, 25)
            if len(objects) > 1 and draw.random() < 0.1:
                one, other = draw.sample(list(objects), 2)
                numbers_of[one], numbers_of[other] = numbers_of[other], numbers_of[one]
            found = {numbers_of[track]: nudged(draw, box, 10) for track, box in wanted if draw.random() < 0.85}
            if draw.random() < 0.2:
                found[draw.randint(30, 33)] = rect(draw, 300)
            found = [[track, box] for track, box in found.items()]
            draw.shuffle(found)
            distances = motmetrics.distances.iou_matrix([box for _, box in wanted], [box for _, box in found], max_iou=0.5)
            judge.update([track for track, _ in wanted], [track for track, _ in found], distances)
            frames.append({"wanted": wanted, "found": found})
        names = ["mota", "idf1", "precision", "recall", "num_switches", "num_misses", "num_false_positives", "idtp"]
        scores = motmetrics.metrics.create().compute(judge, metrics=names, return_dataframe=False)
        # What is undefined there is NaN, or a zero where nothing was wanted.
        if any(frame["wanted"] for frame in frames) and any(frame["found"] for frame in frames):
            made.append({"frames": frames, **{name: float(scores[name]) for name in names}})
    return made


def numbers(seed, below, count):
    """Numerical Recipes' generator, whose upper bits are drawn from."""
    state, drawn = seed, []
    for _ in range(count):
        state = (state * 1664525 + 1013904223) % 2**32
        drawn.append((state >> 16) % below)
    return drawn


FIXTURES = {
    "transcripts": (transcripts, 800),
    "captions": (captions, 150),
    "boxes": (boxes, 30),
    "tags": (tags, 60),
    "tracks": (tracks, 30),
}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where the fixtures are written")
    parser.add_argument("--only", choices=FIXTURES, help="write one fixture")
    parser.add_argument("--times", type=int, default=1, help="this many times as many cases")
    arguments = parser.parse_args()
    for name, (fixture, cases) in FIXTURES.items():
        if arguments.only in (None, name):
            with contextlib.redirect_stdout(io.StringIO()):
                made = fixture(cases * arguments.times)
            file = arguments.folder / f"{name}.json"
            file.write_text(json.dumps(made, ensure_ascii=False, separators=(",", ":"), allow_nan=False) + "\n")


if __name__ == "__main__":
    main()
