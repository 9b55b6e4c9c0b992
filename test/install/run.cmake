# cmake -DBUILD=build-tree -DSOURCE=source-tree -DWORK=folder -DGENERATOR=Ninja -DCXX=compiler -DC=compiler
#       -P run.cmake
# Installs the build tree, builds the out-of-tree project and a C program against the installation only,
# and runs both.

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

file(REMOVE_RECURSE ${WORK})
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/prefix)
run(${CMAKE_COMMAND} -S ${SOURCE}/test/install -B ${WORK}/build -G ${GENERATOR}
  -DCMAKE_PREFIX_PATH=${WORK}/prefix -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_COMPILER=${C} -DCMAKE_CXX_COMPILER=${CXX})
run(${CMAKE_COMMAND} --build ${WORK}/build)

run(${WORK}/build/out-of-tree ${SOURCE}/test/install/product.mlir
  mpq-prepare-pipeline,mpq-quantize-pipeline,mpq-lower-pipeline)
expect("arith.muli")
expect("// [1-9][0-9]* operations of mpq")

run(${WORK}/prefix/bin/quant-compile ${SOURCE}/test/Target/Inputs/scale.mlir --from emit -o ${WORK}/scale.so)
run(${C} -std=c11 -I${WORK}/prefix/include -I${WORK} ${SOURCE}/test/Runtime/c-client.c ${WORK}/scale.so
  -Wl,-rpath,${WORK} -o ${WORK}/client)
run(${WORK}/client)
expect("done")
