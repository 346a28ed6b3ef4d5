#!/usr/bin/env python3
"""Writes a GGUF file with random weights of the language model of `dummy:llava-next-mini`, for llama.cpp's llama-bench.

The layers are Q4_K and the head is Q8_0, as `quantization: q4k` keeps them. Needs gguf and llama.cpp:

    python3 -m venv peers && peers/bin/pip install gguf numpy
    peers/bin/python ci/peers/llama_gguf.py mini-q4k.gguf
    llama-bench -m mini-q4k.gguf -t 2 -p 0 -n 64 -d 3270

whose `tg64 @ d3270` is to be read beside the tokens per second after the first of

    bench probe caption --family llava-next --weights dummy:llava-next-mini --frames a.png,b.png \\
        --question "Describe what happens in this scene." --max-new-tokens 64 --quantization q4k
"""

import argparse

import numpy
from gguf import GGMLQuantizationType, GGUFWriter

HIDDEN, INNER, LAYERS, HEADS, KV_HEADS, VOCABULARY = 1024, 2816, 16, 16, 4, 32064
RANDOM = numpy.random.default_rng(0)


def q4_k(rows, columns):
    """Blocks of 256: two half-precision scales, 12 bytes of 6-bit scales, 128 bytes of 4-bit values."""
    blocks = RANDOM.integers(0, 256, (rows, columns // 256, 144), dtype=numpy.uint8)
    blocks[..., :4] = numpy.frombuffer(numpy.array([1e-4, 8e-4], numpy.float16).tobytes(), numpy.uint8)
    return blocks.reshape(rows, -1)


def q8_0(rows, columns):
    """Blocks of 32: a half-precision scale, 32 signed bytes."""
    blocks = RANDOM.integers(0, 256, (rows, columns // 32, 34), dtype=numpy.uint8)
    blocks[..., :2] = numpy.frombuffer(numpy.array([3e-4], numpy.float16).tobytes(), numpy.uint8)
    return blocks.reshape(rows, -1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("file", help="file to write")
    writer = GGUFWriter(parser.parse_args().file, "llama")
    writer.add_context_length(32768)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(HIDDEN // HEADS)
    writer.add_rope_freq_base(1e6)
    writer.add_vocab_size(VOCABULARY)
    writer.add_tokenizer_model("none")

    def add(name, make, kind, rows, columns=HIDDEN):
        writer.add_tensor(name, make(rows, columns), raw_dtype=kind)

    kv = HIDDEN // HEADS * KV_HEADS
    add("token_embd.weight", q4_k, GGMLQuantizationType.Q4_K, VOCABULARY)
    add("output.weight", q8_0, GGMLQuantizationType.Q8_0, VOCABULARY)
    writer.add_tensor("output_norm.weight", numpy.ones(HIDDEN, numpy.float32))
    for layer in range(LAYERS):
        writer.add_tensor(f"blk.{layer}.attn_norm.weight", numpy.ones(HIDDEN, numpy.float32))
        writer.add_tensor(f"blk.{layer}.ffn_norm.weight", numpy.ones(HIDDEN, numpy.float32))
        sizes = {"attn_q": HIDDEN, "attn_k": kv, "attn_v": kv, "attn_output": HIDDEN, "ffn_gate": INNER, "ffn_up": INNER}
        for name, rows in sizes.items():
            add(f"blk.{layer}.{name}.weight", q4_k, GGMLQuantizationType.Q4_K, rows)
        add(f"blk.{layer}.ffn_down.weight", q4_k, GGMLQuantizationType.Q4_K, HIDDEN, INNER)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
