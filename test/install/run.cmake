# cmake -DBUILD=build-tree -DSOURCE=source-tree -DWORK=folder -DGENERATOR=Ninja -DCXX=compiler -DC=compiler
#       -DFILECHECK=program -DPYTHON=program -P run.cmake
# Installs the build tree, builds the out-of-tree project, a foreign compiler and a C program against the
# installation only, and runs them.

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(result)
    message(FATAL_ERROR "${ARGN}\nexit code ${result}\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

function(expect text)
  if(NOT output MATCHES "${text}")
    message(FATAL_ERROR "expected '${text}' in\n${output}")
  endif()
endfunction()

# check(FILE PREFIX): the last output has what FILE says after PREFIX.
function(check file prefix)
  file(WRITE ${WORK}/output "${output}")
  run(${FILECHECK} ${file} --check-prefix=${prefix} --input-file=${WORK}/output --enable-var-scope)
endfunction()

file(REMOVE_RECURSE ${WORK})
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/prefix)
run(${CMAKE_COMMAND} -S ${SOURCE}/test/install -B ${WORK}/build -G ${GENERATOR}
  -DCMAKE_PREFIX_PATH=${WORK}/prefix -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_COMPILER=${C} -DCMAKE_CXX_COMPILER=${CXX})
run(${CMAKE_COMMAND} --build ${WORK}/build)

run(${WORK}/build/out-of-tree ${SOURCE}/test/install/product.mlir
  mpq-prepare-pipeline,mpq-quantize-pipeline,mpq-lower-pipeline)
expect("arith.muli")
expect("// [1-9][0-9]* operations of mpq")

set(toy ${SOURCE}/test/install/toy)
run(${WORK}/build/toy-opt ${toy}/network.mlir --mpq-quantize-pipeline)
check(${toy}/network.mlir QUANTIZED)
run(${WORK}/build/toy-opt ${toy}/moves.mlir --toy-simplify)
check(${toy}/moves.mlir CHECK)
# A product that toy did not lower stays in float, and a remark says why.
run(${WORK}/build/toy-opt ${toy}/network.mlir --mpq-quantize-pipeline --mpq-lower-pipeline
  --remarks-filter=mpq-lower)
expect("its own conversion to linalg must come first")
expect("toy.dense")
run(${WORK}/build/toy-opt ${toy}/network.mlir --mpq-quantize-pipeline --toy-simplify --toy-to-linalg
  --mpq-lower-pipeline -o ${WORK}/network.mlir)
file(READ ${WORK}/network.mlir output)
check(${toy}/network.mlir LOWERED)
# The same network in float and in integers, as native code of MPQ.
run(${WORK}/build/toy-opt ${toy}/network.mlir --toy-to-linalg -o ${WORK}/float.mlir)
run(${WORK}/prefix/bin/quant-compile ${WORK}/network.mlir --from codegen -o ${WORK}/integers.so)
run(${WORK}/prefix/bin/quant-compile ${WORK}/float.mlir --precision f32 -o ${WORK}/float.so)
run(${PYTHON} ${toy}/compare.py ${WORK}/prefix/bin/quant-run ${WORK})

run(${WORK}/prefix/bin/quant-compile ${SOURCE}/test/Target/Inputs/scale.mlir --from emit -o ${WORK}/scale.so)
run(${C} -std=c11 -I${WORK}/prefix/include -I${WORK} ${SOURCE}/test/Runtime/c-client.c ${WORK}/scale.so
  -Wl,-rpath,${WORK} -o ${WORK}/client)
run(${WORK}/client)
expect("done")
