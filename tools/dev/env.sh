# Settings that the scripts of this folder share. Sourced, never run.
#
#   MPQ_BUILD_DIR  build tree (default: build/ of the checkout)
#   MPQ_VENV       Python virtual environment (default: venv/ of the build tree)
#   MPQ_JOBS       parallel compilations (default: number of cores)

MPQ_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
MPQ_BUILD_DIR=${MPQ_BUILD_DIR:-$MPQ_ROOT/build}
MPQ_VENV=${MPQ_VENV:-$MPQ_BUILD_DIR/venv}
MPQ_JOBS=${MPQ_JOBS:-$(env -u OMP_NUM_THREADS nproc)}
export MPQ_ROOT MPQ_BUILD_DIR MPQ_VENV MPQ_JOBS

# The compiler that builds mpq; LLVM's headers are happiest with their own clang.
export CC=${CC:-clang-22} CXX=${CXX:-clang++-22}
export PATH="$MPQ_VENV/bin:$MPQ_BUILD_DIR/bin:$PATH"
# A kernel's speed is measured on one thread: the numeric libraries of the tests must not take the rest.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}

step() { printf '\n== %s\n' "$*"; }
