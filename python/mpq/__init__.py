"""mpq: quantize networks and compile them to native code.

    q = mpq.quantize("model.onnx", data)        # data: an iterable of {input name: array}
    m = mpq.compile(q)                          # or mpq.compile("model.onnx") in FP32
    y = m({"x": x})                             # {output name: array}
    m.save("model.so"); m = mpq.load("model.so")
    q.save("model.mlirbc")

Options have the names, values and defaults of quant-compile's flags (`mpq.options()` lists them). Everything that is
wrong raises `mpq.Error` with one sentence, which names the ONNX node where there is one.
"""

from ._core import Error, version
from .analysis import Analysis, analyze
from .arguments import options
from .compiler import Profile, Quantized, calibrate, compile, quantize
from .emission import compile_to
from .program import Program, TensorInfo, load
from .search import Front, Point, search
from .simulation import Simulation
from .warning import NoEffectWarning

__version__ = version()
__all__ = ["Analysis", "Error", "Front", "NoEffectWarning", "Point", "Profile", "Program", "Quantized", "Simulation",
           "TensorInfo", "analyze", "calibrate", "compile", "compile_to", "load", "options", "quantize", "search"]
