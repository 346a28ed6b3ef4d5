#!/usr/bin/env python3
"""Times transformers' LLaVA-v1.6 of the `-mini` preset's sizes (random weights) on two frames of 597x336.

The peer of captions by `dummy:llava-next-mini`. Needs torch and transformers 4.46.3:

    python3 -m venv peers && peers/bin/pip install torch transformers==4.46.3 numpy pillow
    peers/bin/python ci/peers/llava_next_transformers.py --threads 2 --repeats 3

and beside it, with any two pictures of that size:

    bench probe caption --family llava-next --weights dummy:llava-next-mini --frames a.png,b.png \\
        --question "Describe what happens in this scene." --max-new-tokens 64 [--dtype bf16 | --quantization q4k]
"""

import argparse
import statistics
import time

import torch
from transformers import CLIPVisionConfig, LlavaNextConfig, LlavaNextForConditionalGeneration, MistralConfig

WIDTH, HEIGHT, SIDE, TILES = 597, 336, 336, 3
IMAGE_TOKEN = 32000


def mini():
    """The published vision tower under a small language model: about half a billion parameters."""
    text = MistralConfig(
        hidden_size=1024,
        intermediate_size=2816,
        num_hidden_layers=16,
        num_attention_heads=16,
        num_key_value_heads=4,
        max_position_embeddings=32768,
        rms_norm_eps=1e-5,
        rope_theta=1e6,
        sliding_window=None,
        vocab_size=32064,
    )
    vision = CLIPVisionConfig(
        hidden_size=1024,
        intermediate_size=4096,
        num_hidden_layers=24,
        num_attention_heads=16,
        image_size=336,
        patch_size=14,
        projection_dim=768,
    )
    return LlavaNextForConditionalGeneration(LlavaNextConfig(vision, text, image_token_index=IMAGE_TOKEN)).eval()


def features_of_a_frame():
    """Features of the whole frame, and of the canvas of 1x2 tiles without its padding, a line break after each row."""
    side = SIDE // 14
    kept = int(WIDTH * side / HEIGHT)
    columns = 2 * side - 2 * ((2 * side - kept) // 2)
    return side * side + side * (columns + 1)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=2, help="threads of torch")
    parser.add_argument("--repeats", type=int, default=3, help="timed calls of each kind")
    parser.add_argument("--new-tokens", type=int, default=64, help="tokens to generate")
    parser.add_argument("--dtypes", nargs="+", default=["float32", "bfloat16"], help="torch types")
    parser.add_argument("--num-beams", type=int, default=1, help="beams")
    parser.add_argument("--no-cache", action="store_true", help="compute the whole context for every token")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)

    pixels = torch.randn(2, TILES, 3, SIDE, SIDE)
    sizes = torch.tensor([[HEIGHT, WIDTH]] * 2)
    pictures = [IMAGE_TOKEN] * (2 * features_of_a_frame())
    tokens = torch.tensor([[1] + pictures + list(range(100, 132))])
    model = mini()

    def generate(new_tokens, dtype):
        start = time.perf_counter()
        with torch.inference_mode():
            model.generate(
                input_ids=tokens,
                attention_mask=torch.ones_like(tokens),
                pixel_values=pixels.to(dtype),
                image_sizes=sizes,
                do_sample=False,
                num_beams=arguments.num_beams,
                use_cache=not arguments.no_cache,
                min_new_tokens=new_tokens,
                max_new_tokens=new_tokens,
                pad_token_id=0,
            )
        return time.perf_counter() - start

    print(f"{tokens.shape[1]} prompt tokens, {arguments.new_tokens} new ones, {arguments.num_beams} beams")
    for name in arguments.dtypes:
        dtype = getattr(torch, name)
        model.to(dtype)
        generate(1, dtype)
        first = [generate(1, dtype) for _ in range(arguments.repeats)]
        whole = [generate(arguments.new_tokens, dtype) for _ in range(arguments.repeats)]
        rate = (arguments.new_tokens - 1) / (min(whole) - min(first))
        print(
            f"{name:9} first token: best {min(first):.2f} s, median {statistics.median(first):.2f} s; "
            f"then {rate:.1f} tokens/s",
            flush=True,
        )


if __name__ == "__main__":
    main()
