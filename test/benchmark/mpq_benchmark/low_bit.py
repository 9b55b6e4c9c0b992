"""Linear layers whose weights have few bits: activations are float, and an engine may quantize them as it goes.

As ONNX this is ONNX Runtime's MatMulNBits, allowed to compute in INT8 (accuracy_level 4). OpenVINO gets what its own
compressed models hold, the same numbers as u4 with a scale for each block. Weights have to come from memory, as in
a language model that is larger than the caches: workers hold many copies and compute with one after the other.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .layers import Builder, Goal, Graph, Layer

SCALE_BYTES = 4
LAST_LEVEL_CACHE = Path("/sys/devices/system/cpu/cpu0/cache/index3/size")


def last_level_cache() -> int:
    """Its bytes; a machine that does not tell is taken to have 32 MiB."""
    try:
        return int(LAST_LEVEL_CACHE.read_text().strip().removesuffix("K")) << 10
    except (OSError, ValueError):
        return 32 << 20


@dataclass(frozen=True)
class WeightOnlyMatMul(Layer):
    """x[M, K] · W[N, K]ᵀ; each block along K of a row has a scale, zero is in the middle."""

    shape: tuple[int, int, int] = (1, 1, 1)
    bits: int = 4
    block: int = 32
    from_memory = True

    @property
    def precisions(self) -> tuple[str, ...]:
        return (f"int{self.bits}",)

    @property
    def tolerance(self) -> float:
        return 0.02  # activations in 8 bits

    @property
    def macs(self) -> int:
        return int(np.prod(self.shape))

    @property
    def weight_bytes(self) -> int:
        _, k, n = self.shape
        return n * k * self.bits // 8 + n * k // self.block * SCALE_BYTES

    @property
    def copies(self) -> int:
        """So many equal layers have twice the size of the last cache."""
        return -(-2 * last_level_cache() // self.weight_bytes)

    def bytes(self, precision: str) -> int:
        m, k, n = self.shape
        return self.weight_bytes + 4 * m * (k + n)

    def _weights(self) -> tuple[np.ndarray, np.ndarray]:
        """Packed, the lowest bits first, and the scales."""
        _, k, n = self.shape
        rng = np.random.default_rng(self.seed)
        packed = rng.integers(0, 256, (n, k // self.block, self.block * self.bits // 8), np.uint8)
        return packed, (rng.random((n, k // self.block, 1), np.float32) + 0.5) * np.float32(0.01)

    def graph(self, precision: str) -> Graph:
        (m, k, n), (packed, scales) = self.shape, self._weights()
        b = Builder(self.seed + 1, quantized=False)
        x, x_real = b.source("x", (m, k))
        y = b.node("MatMulNBits", x, b.constant(packed), b.constant(scales.reshape(n, -1)), domain="com.microsoft",
                   K=k, N=n, bits=self.bits, block_size=self.block, accuracy_level=4)
        shifts = np.arange(0, 8, self.bits, dtype=np.uint8)
        integers = (packed[..., None] >> shifts & (1 << self.bits) - 1).reshape(n, -1, self.block)
        w_real = ((integers - float(1 << self.bits - 1)) * scales).reshape(n, k)
        return b.finish(y, x_real @ w_real.T, relu=False)

    def write_openvino(self, path: Path) -> None:
        import openvino
        from openvino import opset13 as op

        (m, k, n), (packed, scales) = self.shape, self._weights()
        element = {2: openvino.Type.u2, 4: openvino.Type.u4}[self.bits]
        x = op.parameter([m, k], np.float32, name="x")
        integers = op.constant(openvino.Tensor(packed.reshape(-1), [n, k // self.block, self.block], element))
        centred = op.subtract(op.convert(integers, "f32"), op.constant(np.float32(1 << self.bits - 1)))
        weights = op.reshape(op.multiply(centred, op.constant(scales)), op.constant(np.array([n, k], np.int64)), False)
        model = openvino.Model([op.matmul(x, weights, False, True)], [x])
        openvino.save_model(model, path, compress_to_fp16=False)


GEMV, GEMM = Goal(1.3, 0.85, peer="onnxruntime"), Goal(3, peer="onnxruntime")

LAYERS = (
    WeightOnlyMatMul("w4 1x4096x4096", shape=(1, 4096, 4096), goal=GEMV),
    WeightOnlyMatMul("w4 1x4096x11008", shape=(1, 4096, 11008), goal=GEMV),
    WeightOnlyMatMul("w4 16x4096x4096", shape=(16, 4096, 4096), goal=GEMM),
    WeightOnlyMatMul("w4 128x4096x4096", shape=(128, 4096, 4096), goal=GEMM),
    WeightOnlyMatMul("w2 1x4096x4096", shape=(1, 4096, 4096), bits=2, goal=Goal()),
)
