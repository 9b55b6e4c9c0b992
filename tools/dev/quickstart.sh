#!/usr/bin/env bash
# From nothing to a quantized network: installs, builds, quantizes the PP-OCRv4 text recognizer, compiles it
# in FP32 and INT8, runs both on rendered lines of text, and prints size, speed and accuracy beside ONNX Runtime.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"

run() {
  printf '\n$ %s\n' "$*"
  "$@"
}

"$MPQ_ROOT/tools/dev/install.sh"
"$MPQ_ROOT/tools/dev/build.sh" --quiet

out=$MPQ_BUILD_DIR/quickstart
shape=x=1x3x48x320
benchmark=$MPQ_ROOT/test/benchmark/recognizer.py
mkdir -p "$out"

step "drawing 100 lines of text for calibration"
model=$(python "$benchmark" --draw "$out/lines")

step "quantizing and compiling"
run quant-compile "$model" --shape $shape --precision f32 -o "$out/rec-f32.so"
run quant-compile "$model" --shape $shape --calibrate "$out/lines" -o "$out/rec.profile.json"
run quant-compile "$model" --shape $shape --profile "$out/rec.profile.json" \
  --fit-data "$out/lines" --precision int8 -o "$out/rec-int8.so"

step "running"
run quant-run "$out/rec-int8.so" --input "x=$out/lines/x/0000.npy" --output-dir "$out/outputs" --threads 1

step "reading 300 lines that calibration has not seen"
python "$benchmark" --f32 "$out/rec-f32.so" --int8 "$out/rec-int8.so"
