"""Turns every FOLDER/*.txt in ONNX's text syntax into FOLDER/*.onnx; initializers written as {0} become random."""
import sys
from pathlib import Path

import numpy as np
import onnx
import onnx.parser
from export_check import fill_initializers

for path in sorted(Path(sys.argv[1]).glob("*.txt")):
    model = onnx.parser.parse_model(path.read_text())
    fill_initializers(model.graph, np.random.default_rng(1))
    onnx.save(model, path.with_suffix(".onnx"))
