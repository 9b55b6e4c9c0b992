"""Turns every FOLDER/*.txt in ONNX's text syntax into FOLDER/*.onnx. Nothing is checked: tests want bad models too."""
import sys
from pathlib import Path

import onnx
import onnx.parser

for path in sorted(Path(sys.argv[1]).glob("*.txt")):
    onnx.save(onnx.parser.parse_model(path.read_text()), path.with_suffix(".onnx"))
