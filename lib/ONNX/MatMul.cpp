//===- MatMul.cpp - matrix products ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// MatMul with NumPy's rules and Gemm, as linalg.matmul where one matrix serves
// all rows and linalg.batch_matmul otherwise.
//
//===----------------------------------------------------------------------===//

#include "OperatorRegistry.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mpq::onnximport;

static LogicalResult checkTypes(NodeImporter &n) {
  if (n.in(0).getElementType() == n.in(1).getElementType() &&
      !n.in(0).getElementType().isInteger(1))
    return success();
  return n.error() << "expected two matrices of equal element type but got "
                   << n.in(0).type << " and " << n.in(1).type;
}

static LogicalResult importMatMul(NodeImporter &n) {
  Tensor &lhs = n.in(0), &rhs = n.in(1);
  if (failed(checkTypes(n)) || failed(n.requireRank(0, 1, 16)) ||
      failed(n.requireRank(1, 1, 16)))
    return failure();
  // A vector is a matrix of one row (left) or column (right), which the result
  // does not have.
  bool dropRow = lhs.getRank() == 1, dropColumn = rhs.getRank() == 1;
  Tensor a = dropRow ? n.reshape(lhs, {1, lhs.getDim(0)}) : lhs;
  Tensor b = dropColumn ? n.reshape(rhs, {rhs.getDim(0), 1}) : rhs;
  ArrayRef<int64_t> aShape = a.getShape(), bShape = b.getShape();
  int64_t rows = aShape[aShape.size() - 2], depth = aShape.back(),
          columns = bShape.back();
  if (depth != bShape[bShape.size() - 2])
    return n.error() << "cannot multiply " << lhs.type << " by " << rhs.type;
  auto batch = n.broadcastShapes({aShape.drop_back(2), bShape.drop_back(2)});
  if (failed(batch))
    return failure();

  Value result;
  if (product(bShape.drop_back(2)) == 1) {
    // One matrix for all rows; only leading dimensions of the left remain.
    int64_t allRows = product(aShape.drop_back());
    Tensor left = n.reshape(a, {allRows, depth});
    Tensor right = n.reshape(b, {depth, columns});
    result = n.matmul(n.materialize(left), n.materialize(right));
  } else {
    int64_t count = product(*batch);
    auto prepare = [&](Tensor &side, int64_t first, int64_t second) {
      SmallVector<int64_t> wide(*batch);
      wide.append({first, second});
      return n.reshape(n.broadcast(side, wide), {count, first, second});
    };
    Value left = prepare(a, rows, depth), right = prepare(b, depth, columns);
    Value init = n.fill({count, rows, columns}, n.zero(a.getElementType()));
    result =
        linalg::BatchMatmulOp::create(n.b, TypeRange{init.getType()},
                                      ValueRange{left, right}, ValueRange{init})
            ->getResult(0);
  }
  SmallVector<int64_t> shape(*batch);
  if (!dropRow)
    shape.push_back(rows);
  if (!dropColumn)
    shape.push_back(columns);
  n.setResult(0, n.reshape(result, shape), lhs.isUnsigned);
  return success();
}

/// alpha * A' * B' + beta * C, A' and B' transposed if asked for.
static LogicalResult importGemm(NodeImporter &n) {
  if (failed(checkTypes(n)) || failed(n.requireRank(0, 2, 2)) ||
      failed(n.requireRank(1, 2, 2)) || failed(n.requireFloat(0)))
    return failure();
  auto orient = [&](unsigned i, StringRef attribute) {
    return n.getInt(attribute, 0) != 0 ? n.transpose(n.in(i), {1, 0}) : n.in(i);
  };
  Tensor a = orient(0, "transA"), b = orient(1, "transB");
  if (a.getDim(1) != b.getDim(0))
    return n.error() << "cannot multiply " << a.type << " by " << b.type;
  double alpha = n.getFloat("alpha", 1), beta = n.getFloat("beta", 1);
  Type type = a.getElementType();
  Value result = n.matmul(n.materialize(a), n.materialize(b));
  bool addsC = n.hasInput(2) && beta != 0;
  if (alpha != 1 || addsC) {
    Tensor sum{cast<RankedTensorType>(result.getType()), false, result,
               std::nullopt, n.node.outputs[0]};
    SmallVector<Tensor *> inputs = {&sum};
    if (addsC) {
      Tensor &c = n.in(2);
      auto shape = n.broadcastShapes({sum.getShape(), c.getShape()});
      if (failed(shape))
        return failure();
      if (ArrayRef<int64_t>(*shape) != sum.getShape() ||
          c.getElementType() != type)
        return n.error() << "expected C to broadcast to " << sum.type
                         << " but got " << c.type;
      inputs.push_back(&c);
    }
    FailureOr<Value> total = n.elementwise(
        inputs, type, [&](ImplicitLocOpBuilder &builder, ValueRange v) {
          auto scale = [&](Value x, double factor) -> Value {
            return factor == 1
                       ? x
                       : Value(arith::MulFOp::create(
                             builder, x, makeFloat(builder, type, factor)));
          };
          Value x = scale(v[0], alpha);
          return addsC ? Value(arith::AddFOp::create(builder, x,
                                                     scale(v[1], beta)))
                       : x;
        });
    if (failed(total))
      return failure();
    result = *total;
  }
  n.setResult(0, result);
  return success();
}

void mpq::onnximport::registerMatMulOperators(OperatorRegistry &r) {
  r.add("MatMul", 1, {importMatMul, 2});
  r.add("Gemm", 7, {importGemm, 2});
}
