#!/usr/bin/env bash
# Configures and builds everything: library, tools, plug-in, tests. Arguments go to ninja.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"

if [ ! -f "$MPQ_BUILD_DIR/build.ninja" ]; then
  step "configuring $MPQ_BUILD_DIR"
  mkdir -p "$MPQ_BUILD_DIR"
  cmake -S "$MPQ_ROOT" -B "$MPQ_BUILD_DIR" -G Ninja -DCMAKE_BUILD_TYPE=Release \
    -DPython3_EXECUTABLE="$MPQ_VENV/bin/python" > "$MPQ_BUILD_DIR/configure.log" 2>&1 ||
    { cat "$MPQ_BUILD_DIR/configure.log"; exit 1; }
fi
step "building"
ninja -C "$MPQ_BUILD_DIR" -j "$MPQ_JOBS" "$@"
