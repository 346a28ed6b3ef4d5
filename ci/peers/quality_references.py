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


def numbers(seed, below, count):
    """Numerical Recipes' generator, whose upper bits are drawn from."""
    state, drawn = seed, []
    for _ in range(count):
        state = (state * 1664525 + 1013904223) % 2**32
        drawn.append((state >> 16) % below)
    return drawn


FIXTURES = {"transcripts": (transcripts, 800)}


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
