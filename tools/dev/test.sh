#!/usr/bin/env bash
# Everything that must hold before a change lands: formatting, lint, build, all tests.
# Arguments go to ctest (for example: -R lit).
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"

"$MPQ_ROOT/tools/dev/install.sh"

step "checking formatting and house rules"
cd "$MPQ_ROOT"
git ls-files -z --cached --others --exclude-standard '*.cpp' '*.h' '*.c' |
  xargs -0 clang-format-22 --dry-run --Werror
python3 tools/dev/lint.py

"$MPQ_ROOT/tools/dev/build.sh" --quiet
step "building the reference pages"
ninja -C "$MPQ_BUILD_DIR" --quiet mpq-doc

step "testing"
ctest --test-dir "$MPQ_BUILD_DIR" --output-on-failure "$@"
