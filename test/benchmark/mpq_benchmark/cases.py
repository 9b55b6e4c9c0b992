"""What is measured: the layers and networks, and what each is to reach.

Layers are of the sizes that networks have: matrix products of encoders, convolutions of ResNet-50, of mobile networks
and of text detectors, and attention. Goals are stated for INT8; FP32 is to come within a tenth of the best peer.
"""

from dataclasses import dataclass

from .layers import SPARSE, BatchMatMul, Conv, Goal, MatMul

LAYERS = (
    MatMul("mm 1024x1024x1024", shape=(1024, 1024, 1024), goal=Goal(share=0.93)),
    MatMul("mm 512x512x512", shape=(512, 512, 512)),
    MatMul("mm 128x768x768 bert qkv", shape=(128, 768, 768)),
    MatMul("mm 128x768x3072 bert ffn", shape=(128, 768, 3072)),
    MatMul("mm 128x3072x768 bert ffn2", shape=(128, 3072, 768)),
    MatMul("mm 1x4096x4096 gemv", shape=(1, 4096, 4096)),
    MatMul("mm 37x200x75 tails", shape=(37, 200, 75)),
    BatchMatMul("mm 12x128x32x128 attention scores", shape=(12, 128, 32, 128)),
    BatchMatMul("mm 12x128x128x32 attention values", shape=(12, 128, 128, 32)),
    Conv("conv 3x3 64x56x56->64", channels=(64, 64), size=(56, 56), kernel=3),
    Conv("conv 1x1 256x56x56->64", channels=(256, 64), size=(56, 56)),
    Conv("conv 1x1 512x7x7->2048", channels=(512, 2048), size=(7, 7)),
    Conv("conv 3x3s2 128x56x56->128", channels=(128, 128), size=(56, 56), kernel=3, stride=(2, 2)),
    Conv("conv 7x7s2 3x224x224->64", channels=(3, 64), size=(224, 224), kernel=7, stride=(2, 2), goal=SPARSE),
    Conv("conv 3x3 512x7x7->512", channels=(512, 512), size=(7, 7), kernel=3),
    Conv("conv 3x3s2 3x640x640->16", channels=(3, 16), size=(640, 640), kernel=3, stride=(2, 2)),
    Conv("conv 3x3 96x160x160->24", channels=(96, 24), size=(160, 160), kernel=3),
    Conv("conv 3x3d2 64x28x28->64", channels=(64, 64), size=(28, 28), kernel=3, dilation=2),
    Conv("conv 3x3g4 128x28x28->128", channels=(128, 128), size=(28, 28), kernel=3, groups=4),
    Conv("deconv 2x2s2 24x160x160->24", channels=(24, 24), size=(160, 160), kernel=2, stride=(2, 2), transposed=True),
    Conv("dwconv 3x3 96x112x112", channels=(96, 96), size=(112, 112), kernel=3, groups=96, goal=SPARSE),
    Conv("dwconv 5x5 240x28x28", channels=(240, 240), size=(28, 28), kernel=5, groups=240, goal=SPARSE),
    Conv("dwconv 3x3s2x1 64x24x160", channels=(64, 64), size=(24, 160), kernel=3, stride=(2, 1), groups=64,
         goal=SPARSE),
)

# Ratios that the networks are to reach in INT8.
NETWORK_GOALS = {"ppocr-det": Goal(1.8), "ppocr-rec": Goal(1.6), "ppocr-cls": Goal(2.0), "minilm": Goal(1.3),
                 "squeezenet": Goal(1.25), "resnet50": Goal(1.05)}



@dataclass(frozen=True)
class Gain:
    """What one of our rows is to gain over another one."""

    of: tuple[str, str, int]  # case, precision, threads
    over: tuple[str, str, int]
    goal: float

    def __str__(self) -> str:
        return " over ".join(f"{case}, {precision}, {threads} thread(s)" for case, precision, threads in
                             (self.of, self.over))


GAINS = (
    *(Gain((case, "int8", 2), (case, "int8", 1), 1.8) for case in ("mm 1024x1024x1024", "ppocr-det", "resnet50")),
    *(Gain(("w2 1x4096x4096", "int2", threads), ("w4 1x4096x4096", "int4", threads), 1.6) for threads in (1, 2)),
)
