#!/usr/bin/env python3
"""Times faster-whisper on a sound file: greedy, one temperature, no voice detection.

The peer of `cargo bench -p reelbench-asr --bench whisper -- two_cities`. A Whisper folder in the hub's
layout is converted to CTranslate2's format from its safetensors, so that neither torch nor
transformers is needed:

    python3 -m venv peers && peers/bin/pip install faster-whisper safetensors
    peers/bin/python ci/peers/whisper_faster.py models/whisper-tiny.en media/two_cities.wav --threads 2
"""

import argparse
import json
import pathlib
import shutil
import statistics
import tempfile
import time

import numpy
from ctranslate2.specs import whisper_spec
from faster_whisper import WhisperModel, decode_audio
from safetensors.numpy import load_file

SAMPLE_RATE = 16_000


class Tensors:
    """The tensors below a name."""

    def __init__(self, values, prefix=""):
        self.values, self.prefix = values, prefix

    def below(self, name):
        return Tensors(self.values, f"{self.prefix}{name}.")

    def get(self, name):
        return self.values[self.prefix + name].astype(numpy.float32)

    def joined(self, parts):
        """Weights and biases of linear layers one after another; keys have no bias."""
        weights = [self.get(f"{part}.weight") for part in parts]
        biases = [
            self.get(f"{part}.bias") if f"{self.prefix}{part}.bias" in self.values else numpy.zeros(len(weight), "f4")
            for part, weight in zip(parts, weights)
        ]
        return numpy.concatenate(weights), numpy.concatenate(biases)


def put_linear(spec, tensors, *parts):
    spec.weight, spec.bias = tensors.joined(parts)


def put_norm(spec, tensors):
    spec.gamma, spec.beta = tensors.get("weight"), tensors.get("bias")


def put_stack(spec, tensors):
    """What encoder and decoder have in common."""
    spec.position_encodings.encodings = tensors.get("embed_positions.weight")
    put_norm(spec.layer_norm, tensors.below("layer_norm"))
    for index, layer in enumerate(spec.layer):
        source = tensors.below(f"layers.{index}")
        put_linear(layer.self_attention.linear[0], source.below("self_attn"), "q_proj", "k_proj", "v_proj")
        put_linear(layer.self_attention.linear[1], source, "self_attn.out_proj")
        put_norm(layer.self_attention.layer_norm, source.below("self_attn_layer_norm"))
        put_linear(layer.ffn.linear_0, source, "fc1")
        put_linear(layer.ffn.linear_1, source, "fc2")
        put_norm(layer.ffn.layer_norm, source.below("final_layer_norm"))


def vocabulary(folder, size):
    """Every token in the order of its number; what the tokenizer lacks are timestamps."""
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokens = [None] * size
    for token, number in tokenizer["model"]["vocab"].items():
        tokens[number] = token
    for added in tokenizer["added_tokens"]:
        tokens[added["id"]] = added["content"]
    first = size - 1501
    return [token or f"<|{(number - first) * 0.02:.2f}|>" for number, token in enumerate(tokens)]


def convert(folder, out):
    """Writes the model of `folder` to `out` as faster-whisper reads it."""
    config = json.loads((folder / "config.json").read_text())
    rules = json.loads((folder / "generation_config.json").read_text())
    tensors = Tensors(load_file(folder / "model.safetensors")).below("model")
    spec = whisper_spec.WhisperSpec(
        config["encoder_layers"],
        config["encoder_attention_heads"],
        config["decoder_layers"],
        config["decoder_attention_heads"],
    )
    encoder, decoder = tensors.below("encoder"), tensors.below("decoder")
    for name in ["conv1", "conv2"]:
        conv = getattr(spec.encoder, name)
        conv.weight, conv.bias = encoder.get(f"{name}.weight"), encoder.get(f"{name}.bias")
    put_stack(spec.encoder, encoder)
    put_stack(spec.decoder, decoder)
    for index, layer in enumerate(spec.decoder.layer):
        source = decoder.below(f"layers.{index}")
        put_linear(layer.attention.linear[0], source, "encoder_attn.q_proj")
        put_linear(layer.attention.linear[1], source.below("encoder_attn"), "k_proj", "v_proj")
        put_linear(layer.attention.linear[2], source, "encoder_attn.out_proj")
        put_norm(layer.attention.layer_norm, source.below("encoder_attn_layer_norm"))
    spec.decoder.embeddings.weight = decoder.get("embed_tokens.weight")
    spec.decoder.projection.weight = spec.decoder.embeddings.weight
    spec.register_vocabulary(vocabulary(folder, config["vocab_size"]))
    spec.config.suppress_ids = rules.get("suppress_tokens") or []
    spec.config.suppress_ids_begin = rules.get("begin_suppress_tokens") or []
    spec.config.lang_ids = sorted(rules.get("lang_to_id", {}).values())
    layers, heads = config["decoder_layers"], config["decoder_attention_heads"]
    spec.config.alignment_heads = [(layer, head) for layer in range(layers // 2, layers) for head in range(heads)]
    spec.validate()
    spec.save(str(out))
    for name in ["tokenizer.json", "preprocessor_config.json"]:
        if (folder / name).exists():
            shutil.copy(folder / name, out / name)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("folder", type=pathlib.Path, help="config.json, generation_config.json, model.safetensors, tokenizer.json")
    parser.add_argument("sound", type=pathlib.Path, help="any file with sound")
    parser.add_argument("--threads", type=int, default=2, help="threads of CTranslate2")
    parser.add_argument("--repeats", type=int, default=5, help="timed transcriptions of each kind")
    parser.add_argument("--types", nargs="+", default=["float32", "int8"], help="types of computation")
    parser.add_argument("--text", action="store_true", help="print what was heard")
    arguments = parser.parse_args()

    samples = decode_audio(str(arguments.sound), sampling_rate=SAMPLE_RATE)
    length = len(samples) / SAMPLE_RATE
    with tempfile.TemporaryDirectory() as scratch:
        out = pathlib.Path(scratch)
        convert(arguments.folder, out)
        for kind in arguments.types:
            model = WhisperModel(str(out), device="cpu", compute_type=kind, cpu_threads=arguments.threads)

            def transcribe():
                segments, _ = model.transcribe(
                    samples,
                    beam_size=1,
                    temperature=0.0,
                    language="en",
                    condition_on_previous_text=False,
                    compression_ratio_threshold=None,
                    log_prob_threshold=None,
                    no_speech_threshold=None,
                )
                return "".join(segment.text for segment in segments).strip()

            text = transcribe()
            times = []
            for _ in range(arguments.repeats):
                start = time.perf_counter()
                transcribe()
                times.append(time.perf_counter() - start)
            best, middle = min(times), statistics.median(times)
            print(
                f"{kind:8} best {best:.3f} s (RTF {best / length:.4f}), median {middle:.3f} s of {len(times)}",
                flush=True,
            )
            if arguments.text:
                print(text)


if __name__ == "__main__":
    main()
