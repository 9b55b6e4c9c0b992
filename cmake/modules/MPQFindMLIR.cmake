# Finds LLVM/MLIR 22 and makes every target link its shared libraries.
#
# Debian's package accepts only its own minor version in find_package and does not say that it
# ships one shared library, so both are handled here.

find_package(MLIR REQUIRED CONFIG HINTS /usr/lib/llvm-22/lib/cmake/mlir)
if(NOT LLVM_VERSION_MAJOR EQUAL 22)
  message(FATAL_ERROR "expected LLVM/MLIR 22 but found ${LLVM_VERSION}: set MLIR_DIR to MLIR 22's CMake folder")
endif()
if(NOT TARGET MLIR)
  message(FATAL_ERROR "expected the shared library libMLIR in ${MLIR_DIR}: install libmlir-22-dev")
endif()
set(MLIR_LINK_MLIR_DYLIB ON)
set(LLVM_LINK_LLVM_DYLIB ON)

set(MLIR_BINARY_DIR ${CMAKE_BINARY_DIR}) # add_mlir_doc writes below it
set(LLVM_RUNTIME_OUTPUT_INTDIR ${CMAKE_BINARY_DIR}/bin)
set(LLVM_LIBRARY_OUTPUT_INTDIR ${CMAKE_BINARY_DIR}/lib)

list(APPEND CMAKE_MODULE_PATH ${MLIR_CMAKE_DIR} ${LLVM_CMAKE_DIR})
include(TableGen)
include(AddLLVM)
include(AddMLIR)
include(HandleLLVMOptions)

# Debian's LLVM is built with NDEBUG, which changes the layout of some of its classes: a build
# without it would disagree with libMLIR. Our own checks use MPQ_ASSERT.
add_compile_definitions(NDEBUG)
# The numeric contract (docs/Numerics.md) rounds after every operation unless it says fma.
add_compile_options(-ffp-contract=off)
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  set(CMAKE_SHARED_LINKER_FLAGS "${CMAKE_SHARED_LINKER_FLAGS} -fuse-ld=lld")
  set(CMAKE_EXE_LINKER_FLAGS "${CMAKE_EXE_LINKER_FLAGS} -fuse-ld=lld")
  set(CMAKE_MODULE_LINKER_FLAGS "${CMAKE_MODULE_LINKER_FLAGS} -fuse-ld=lld")
endif()

find_program(MPQ_CCACHE ccache)
if(MPQ_CCACHE)
  # Without these allowances ccache never hits on a translation unit that uses a precompiled header.
  set(CMAKE_C_COMPILER_LAUNCHER ${MPQ_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${MPQ_CCACHE})
endif()
