#!/usr/bin/env python3
"""Times ONNX Runtime on YOLOv8, as a peer for `cargo bench -p reelbench-yolo`.

Builds the ONNX graph of a YOLOv8 detector from a safetensors file under ultralytics' tensor names (batch
normalization apart or folded in) and runs it on the processor. Needs `pip install onnx onnxruntime numpy`.

    python3 ci/peers/yolo_onnx.py model.safetensors
    python3 ci/peers/yolo_onnx.py model.safetensors --input input.f32 --output raw.f32 --runs 1

The second form writes the raw predictions of one input, to compare: both files hold little-endian float32 without
a header, the input of shape (3, height, width) from 0 to 1, the output of shape (anchors, 4 + classes).
"""

import argparse
import json
import struct
import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

EPSILON = 1e-3
STRIDES = (8, 16, 32)
BINS = 16


def read_safetensors(path):
    """The tensors of a file as float32, by name."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    types = {"F32": np.float32, "F16": np.float16, "F64": np.float64}
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__" or name.endswith("num_batches_tracked"):
            continue
        start, end = entry["data_offsets"]
        values = np.frombuffer(data[8 + length + start : 8 + length + end], types[entry["dtype"]])
        tensors[name] = values.astype(np.float32).reshape(entry["shape"])
    return tensors


class Graph:
    """An ONNX graph under construction; values are known by the names of what computes them."""

    def __init__(self, tensors):
        self.tensors = tensors
        self.nodes = []
        self.constants = []

    def constant(self, values):
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def node(self, kind, inputs, outputs=1, **attributes):
        names = [f"{kind.lower()}_{len(self.nodes)}_{index}" for index in range(outputs)]
        self.nodes.append(helper.make_node(kind, inputs, names, **attributes))
        return names[0] if outputs == 1 else names

    def conv(self, x, weight, bias, stride=1):
        side = weight.shape[2]
        return self.node(
            "Conv",
            [x, self.constant(weight.astype(np.float32)), self.constant(bias.astype(np.float32))],
            kernel_shape=[side, side],
            strides=[stride, stride],
            pads=[side // 2] * 4,
        )

    def layer(self, x, name, stride=1):
        """Convolution, batch normalization folded in, and SiLU."""
        weight = self.tensors[f"{name}.conv.weight"].astype(np.float64)
        if f"{name}.bn.weight" in self.tensors:
            get = lambda part: self.tensors[f"{name}.bn.{part}"].astype(np.float64)
            scale = get("weight") / np.sqrt(get("running_var") + EPSILON)
            weight, bias = weight * scale[:, None, None, None], get("bias") - get("running_mean") * scale
        else:
            bias = self.tensors[f"{name}.conv.bias"]
        x = self.conv(x, weight, bias, stride)
        return self.node("Mul", [x, self.node("Sigmoid", [x])])

    def logits(self, x, name):
        return self.conv(x, self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"])

    def stage(self, x, name, shortcut):
        links = self.node("Split", [self.layer(x, f"{name}.cv1")], outputs=2, axis=1, num_outputs=2)
        index = 0
        while f"{name}.m.{index}.cv1.conv.weight" in self.tensors:
            link = self.layer(self.layer(links[-1], f"{name}.m.{index}.cv1"), f"{name}.m.{index}.cv2")
            links.append(self.node("Add", [links[-1], link]) if shortcut else link)
            index += 1
        return self.layer(self.node("Concat", links, axis=1), f"{name}.cv2")

    def pyramid(self, x, name):
        levels = [self.layer(x, f"{name}.cv1")]
        for _ in range(3):
            levels.append(self.node("MaxPool", [levels[-1]], kernel_shape=[5, 5], pads=[2] * 4, strides=[1, 1]))
        return self.layer(self.node("Concat", levels, axis=1), f"{name}.cv2")

    def enlarge(self, x):
        scales = self.constant(np.array([1, 1, 2, 2], np.float32))
        return self.node(
            "Resize", [x, "", scales], mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"
        )

    def head(self, maps, name, height, width):
        boxes, scores = [], []
        for level, x in enumerate(maps):
            for part, parts in (("cv2", boxes), ("cv3", scores)):
                branch = f"{name}.{part}.{level}"
                y = self.logits(self.layer(self.layer(x, f"{branch}.0"), f"{branch}.1"), f"{branch}.2")
                channels = self.tensors[f"{branch}.2.weight"].shape[0]
                parts.append(self.node("Reshape", [y, self.constant(np.array([1, channels, -1]))]))
        boxes, scores = self.node("Concat", boxes, axis=2), self.node("Concat", scores, axis=2)
        sides = self.node("Reshape", [boxes, self.constant(np.array([1, 4, BINS, -1]))])
        sides = self.node("Transpose", [sides], perm=[0, 2, 1, 3])
        bins = np.arange(BINS, dtype=np.float32).reshape(1, BINS, 1, 1)
        distances = self.conv(self.node("Softmax", [sides], axis=1), bins, np.zeros(1))
        distances = self.node("Reshape", [distances, self.constant(np.array([1, 4, -1]))])
        near, far = self.node("Split", [distances], outputs=2, axis=1, num_outputs=2)
        grids = [
            np.stack(np.meshgrid(np.arange(width // s) + 0.5, np.arange(height // s) + 0.5)).reshape(2, -1)
            for s in STRIDES
        ]
        anchors = self.constant(np.concatenate(grids, 1)[None].astype(np.float32))
        strides = np.concatenate([np.full(grid.shape[1], s) for grid, s in zip(grids, STRIDES)])
        near, far = self.node("Sub", [anchors, near]), self.node("Add", [anchors, far])
        middle = self.node("Mul", [self.node("Add", [near, far]), self.constant(np.float32(0.5))])
        boxes = self.node("Concat", [middle, self.node("Sub", [far, near])], axis=1)
        boxes = self.node("Mul", [boxes, self.constant(strides[None, None].astype(np.float32))])
        return self.node("Concat", [boxes, self.node("Sigmoid", [scores])], axis=1)

    def network(self, x, height, width):
        concat = lambda *parts: self.node("Concat", list(parts), axis=1)
        x = self.layer(self.layer(x, "model.0", 2), "model.1", 2)
        x = self.stage(x, "model.2", True)
        eighth = self.stage(self.layer(x, "model.3", 2), "model.4", True)
        sixteenth = self.stage(self.layer(eighth, "model.5", 2), "model.6", True)
        x = self.stage(self.layer(sixteenth, "model.7", 2), "model.8", True)
        last = self.pyramid(x, "model.9")
        middle = self.stage(concat(self.enlarge(last), sixteenth), "model.12", False)
        large = self.stage(concat(self.enlarge(middle), eighth), "model.15", False)
        medium = self.stage(concat(self.layer(large, "model.16", 2), middle), "model.18", False)
        small = self.stage(concat(self.layer(medium, "model.19", 2), last), "model.21", False)
        return self.head([large, medium, small], "model.22", height, width)


def build(tensors, height, width):
    graph = Graph(tensors)
    result = graph.network("picture", height, width)
    picture = helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 3, height, width])
    channels = 4 + tensors["model.22.cv3.0.2.weight"].shape[0]
    anchors = sum((height // stride) * (width // stride) for stride in STRIDES)
    output = helper.make_tensor_value_info(result, TensorProto.FLOAT, [1, channels, anchors])
    made = helper.make_graph(graph.nodes, "yolov8", [picture], [output], graph.constants)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path, help="safetensors file")
    parser.add_argument("--height", type=int, default=384)
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--input", type=Path, help="float32 values of shape (3, height, width); random if left out")
    parser.add_argument("--output", type=Path, help="where to write the raw predictions")
    arguments = parser.parse_args()

    shape = (1, 3, arguments.height, arguments.width)
    model = build(read_safetensors(arguments.weights), arguments.height, arguments.width)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = arguments.threads
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    if arguments.input:
        picture = np.fromfile(arguments.input, "<f4").reshape(shape)
    else:
        picture = np.random.default_rng(0).random(shape, np.float32)
    times = []
    for _ in range(arguments.runs + 1):
        start = time.perf_counter()
        (raw,) = session.run(None, {"picture": picture})
        times.append(time.perf_counter() - start)
    if arguments.output:
        raw[0].T.astype("<f4").tofile(arguments.output)
    times = sorted(times[1:])
    print(f"onnxruntime {onnxruntime.__version__}, {arguments.threads} threads, {arguments.height}x{arguments.width}: "
          f"best {times[0] * 1e3:.2f} ms, median {times[len(times) // 2] * 1e3:.2f} ms of {len(times)}")


if __name__ == "__main__":
    main()
