"""Modules and tensors of torch, where it is installed (it is not in requirements.txt: it takes gigabytes)."""

import numpy as np
import pytest

import mpq
from mpq_testing.casts import bfloat16_model

torch = pytest.importorskip("torch")


class TwoInputs(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.drop, self.linear = torch.nn.Conv2d(3, 8, 3), torch.nn.Dropout(), torch.nn.Linear(8, 4)

    def forward(self, image, offset):
        return self.linear(self.drop(torch.relu(self.conv(image)).mean((2, 3)))), offset + 1


def feed(seed):
    """Not in forward's order: names find the parameters."""
    image = np.random.default_rng(seed).standard_normal((1, 3, 12, 12), np.float32)
    return {"offset": np.array([1, 2], np.float32), "image": image}


def test_module():
    torch.manual_seed(0)
    module = TwoInputs()
    module.conv.eval()
    program = mpq.compile(mpq.quantize(module, [feed(seed) for seed in range(8)]))
    assert program.summary["integer_macs"] > 0
    assert module.training and module.drop.training and not module.conv.training  # as they were
    assert [info.name for info in program.inputs] == ["image", "offset"]
    results = list(program(feed(100)).values())
    module.eval()
    with torch.no_grad():
        expected = module(torch.as_tensor(feed(100)["image"]), torch.as_tensor(feed(100)["offset"]))
    for result, reference in zip(results, expected):
        error = np.linalg.norm(result - reference.numpy())
        assert error < 0.05 * np.linalg.norm(reference.numpy())

    tensors = {name: torch.as_tensor(array) for name, array in feed(100).items()}
    assert all(np.array_equal(a, b) for a, b in zip(program(tensors).values(), results))


def test_what_cannot_be_exported():
    class Singular(torch.nn.Module):
        def forward(self, x):
            return torch.linalg.svd(x)[0]

    with pytest.raises(mpq.Error, match="torch.onnx cannot export Singular: .*linalg_svd"):
        mpq.quantize(Singular(), [{"x": np.ones((3, 3), np.float32)}])
    with pytest.raises(mpq.Error, match="torch.onnx cannot export TwoInputs: .*conv2d"):
        mpq.quantize(TwoInputs(), [{"image": np.ones((3, 3), np.float32), "offset": np.ones(2, np.float32)}])
    with pytest.raises(mpq.Error, match="expected samples with a torch.nn.Module"):
        mpq.compile(TwoInputs())


def test_bfloat16():
    program = mpq.compile(bfloat16_model())
    x = torch.arange(6).reshape(2, 3).to(torch.bfloat16)
    y = torch.zeros(2, 3, dtype=torch.bfloat16)
    assert program({"x": x}, out={"y": y})["y"] is y
    assert torch.equal(y, x + x)
    assert torch.equal(torch.as_tensor(program({"x": x})["y"].astype(np.float32)), (x + x).float())
    strided = x.T.contiguous().T
    assert torch.equal(program({"x": strided}, out={"y": y})["y"], x + x)
    with pytest.raises(mpq.Error, match=r"writable dense bfloat16\[2, 3\] for output 'y'"):
        program({"x": x}, out={"y": torch.zeros(3, 2, dtype=torch.bfloat16).T})
    with pytest.raises(mpq.Error, match="on the CPU"):
        program({"x": torch.ones(2, 3, device="meta")})
