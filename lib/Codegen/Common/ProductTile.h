//===- ProductTile.h - one register tile of a product ------*- C++ -*-===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What tiles of matrix products and convolutions share: accumulators in vectors
// or matrices, loops that carry them, and the elementwise consumer at the end.
//
//===----------------------------------------------------------------------===//

#ifndef MPQ_LIB_CODEGEN_COMMON_PRODUCTTILE_H
#define MPQ_LIB_CODEGEN_COMMON_PRODUCTTILE_H

#include "mpq/Dialect/MPQDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace mpq {

/// Emits one product tile. Subclasses say how the reduction walks.
class TileEmitter {
public:
  TileEmitter(mlir::RewriterBase &rewriter, mlir::Operation *op,
              mlir::Value weights, mlir::Value bias, mlir::Value init,
              int64_t lanes, int64_t group, int64_t matrixRows)
      : b(rewriter), op(op), loc(op->getLoc()), weights(weights), bias(bias),
        init(init), lanes(lanes), group(group), matrixRows(matrixRows) {
    auto type = llvm::cast<mlir::RankedTensorType>(init.getType());
    columns = type.getShape().back();
    vectors = llvm::divideCeilSigned(columns, lanes);
    integer = type.getElementType().isInteger(32);
    accType = mlir::VectorType::get({lanes}, type.getElementType());
    packType = mlir::VectorType::get(
        {lanes * group},
        llvm::cast<mlir::RankedTensorType>(weights.getType()).getElementType());
    for (int64_t row = 0, e = type.getNumElements() / columns; row < e; ++row) {
      llvm::SmallVector<int64_t> place;
      int64_t rest = row;
      for (int64_t extent : llvm::reverse(type.getShape().drop_back())) {
        place.push_back(rest % extent);
        rest /= extent;
      }
      rows.push_back({place.rbegin(), place.rend()});
    }
  }
  virtual ~TileEmitter() = default;

  mlir::LogicalResult emit();

protected:
  using Values = llvm::SmallVector<mlir::Value>;

  /// Emits the reduction on the accumulators (row-major rows x vectors).
  virtual Values reduce(Values accumulators) = 0;
  /// The same on matrices of `matrixRows` rows (blocks of rows x vectors).
  virtual Values reduceMatrices(Values accumulators) = 0;

  mlir::Value index(int64_t value) {
    return mlir::arith::ConstantIndexOp::create(b, loc, value);
  }
  mlir::Value add(mlir::Value x, mlir::Value y) {
    return mlir::arith::AddIOp::create(b, loc, x, y);
  }
  /// The same for accumulators.
  mlir::Value addSums(mlir::Value x, mlir::Value y) {
    if (integer)
      return add(x, y);
    return mlir::arith::AddFOp::create(b, loc, x, y);
  }
  mlir::Value scaled(mlir::Value x, int64_t factor) {
    return factor == 1 ? x
                       : mlir::arith::MulIOp::create(b, loc, x, index(factor));
  }
  mlir::Value zero(mlir::Type type) {
    return mlir::arith::ConstantOp::create(b, loc, b.getZeroAttr(type));
  }
  mlir::Value read(mlir::VectorType type, mlir::Value source,
                   mlir::ValueRange at, bool inBounds) {
    mlir::Type element =
        llvm::cast<mlir::RankedTensorType>(source.getType()).getElementType();
    return mlir::vector::TransferReadOp::create(
        b, loc, type, source, at, std::optional<mlir::Value>(zero(element)),
        llvm::SmallVector<bool>(type.getRank(), inBounds));
  }
  bool isWhole(int64_t vector) const { return (vector + 1) * lanes <= columns; }

  /// Packed weights of one group for every vector; floats as f32.
  Values readWeights(mlir::Value groupIndex) {
    Values panel;
    for (int64_t v = 0; v < vectors; ++v) {
      mlir::Value weights = readWeights(groupIndex, v, packType);
      if (!integer && packType != accType)
        weights = widen(weights);
      panel.push_back(weights);
    }
    return panel;
  }
  /// Floats of 16 bits as f32; those of bf16 are its upper half.
  mlir::Value widen(mlir::Value narrow) {
    if (!packType.getElementType().isBF16())
      return mlir::arith::ExtFOp::create(b, loc, accType, narrow);
    auto words = mlir::VectorType::get({lanes}, b.getI32Type());
    mlir::Value bits = mlir::arith::BitcastOp::create(
        b, loc, mlir::VectorType::get({lanes}, b.getI16Type()), narrow);
    bits = mlir::arith::ExtUIOp::create(b, loc, words, bits);
    mlir::Value half = mlir::arith::ConstantOp::create(
        b, loc, mlir::DenseElementsAttr::get(words, b.getI32IntegerAttr(16)));
    bits = mlir::arith::ShLIOp::create(b, loc, bits, half);
    return mlir::arith::BitcastOp::create(b, loc, accType, bits);
  }
  /// Those of one vector and of the groups that `type` holds.
  mlir::Value readWeights(mlir::Value groupIndex, int64_t vector,
                          mlir::VectorType type) {
    Values at{index(vector), groupIndex, index(0)};
    if (llvm::cast<mlir::RankedTensorType>(weights.getType()).getRank() == 4)
      at.insert(at.begin(), index(0));
    return read(type, weights, at, true);
  }

  /// One step of the matrix unit: asks `readLeft` for the rows of each block,
  /// given its first row. Weights are read right before the first product that
  /// takes them, so that few tile registers are in use at a time.
  Values multiplyMatrices(
      mlir::Value groupIndex, Values sums, int64_t step,
      llvm::function_ref<mlir::Value(llvm::ArrayRef<int64_t>)> readLeft) {
    auto type = mlir::VectorType::get({step / group, lanes * group},
                                      packType.getElementType());
    Values panel;
    for (size_t block = 0; block * matrixRows < rows.size(); ++block) {
      mlir::Value left = readLeft(rows[block * matrixRows]);
      for (int64_t v = 0; v < vectors; ++v) {
        if (block == 0)
          panel.push_back(readWeights(groupIndex, v, type));
        mlir::Value &sum = sums[block * vectors + v];
        sum = DotTileOp::create(b, loc, sum.getType(), sum, left, panel[v]);
      }
    }
    return sums;
  }
  mlir::VectorType getMatrixLeftType(int64_t step) {
    return mlir::VectorType::get({matrixRows, step}, packType.getElementType());
  }

  /// One element (or group of four bytes) of the left side in every lane.
  /// `whole`: all bytes of the group lie inside the row.
  mlir::Value broadcastLeft(mlir::Value source, mlir::ValueRange at,
                            bool whole) {
    if (!integer)
      return mlir::vector::BroadcastOp::create(
          b, loc, accType, mlir::tensor::ExtractOp::create(b, loc, source, at));
    mlir::Value bytes =
        read(mlir::VectorType::get({4}, b.getI8Type()), source, at, whole);
    mlir::Value word = mlir::vector::BitCastOp::create(
        b, loc, mlir::VectorType::get({1}, b.getI32Type()), bytes);
    word = mlir::vector::ExtractOp::create(b, loc, word, 0);
    return mlir::vector::BitCastOp::create(
        b, loc, packType,
        mlir::vector::BroadcastOp::create(b, loc, accType, word));
  }

  mlir::Value multiplyAdd(mlir::Value accumulator, mlir::Value left,
                          mlir::Value right) {
    if (integer)
      return Dot4Op::create(b, loc, accType, accumulator, left, right,
                            b.getUnitAttr(), mlir::UnitAttr());
    return mlir::math::FmaOp::create(b, loc, left, right, accumulator);
  }

  /// Loops over `extents` with the accumulators as iteration arguments.
  Values
  loop(llvm::ArrayRef<int64_t> extents, Values accumulators,
       llvm::function_ref<Values(llvm::ArrayRef<mlir::Value>, Values)> body) {
    Values ivs;
    llvm::SmallVector<mlir::scf::ForOp> nest;
    for (int64_t extent : extents) {
      if (extent == 1) {
        ivs.push_back(index(0));
        continue;
      }
      auto loop = mlir::scf::ForOp::create(b, loc, index(0), index(extent),
                                           index(1), accumulators);
      b.setInsertionPointToStart(loop.getBody());
      accumulators.assign(loop.getRegionIterArgs().begin(),
                          loop.getRegionIterArgs().end());
      ivs.push_back(loop.getInductionVar());
      nest.push_back(loop);
    }
    accumulators = body(ivs, accumulators);
    for (mlir::scf::ForOp loop : llvm::reverse(nest)) {
      mlir::scf::YieldOp::create(b, loc, accumulators);
      b.setInsertionPointAfter(loop);
      accumulators.assign(loop.getResults().begin(), loop.getResults().end());
    }
    return accumulators;
  }

  mlir::RewriterBase &b;
  mlir::Operation *op;
  mlir::Location loc;
  mlir::Value weights, bias, init;
  int64_t lanes, group, columns, vectors;
  /// Rows of a matrix accumulator; 0: vectors only.
  int64_t matrixRows;
  bool integer;
  mlir::VectorType accType, packType;
  /// Position of each row in the tile, without the column.
  llvm::SmallVector<llvm::SmallVector<int64_t>> rows;

private:
  mlir::Value accumulateInMatrices();
  Values accumulateInVectors();
  Values readBias();
  mlir::FailureOr<mlir::Value> writeMatrices(mlir::linalg::GenericOp epilogue,
                                             mlir::Value sums);
  mlir::FailureOr<mlir::Value> writeVectors(mlir::linalg::GenericOp epilogue,
                                            const Values &accumulators);
  mlir::FailureOr<mlir::Value>
  writeRow(mlir::linalg::GenericOp epilogue, llvm::ArrayRef<mlir::Value> place,
           llvm::ArrayRef<mlir::Value> accumulators, mlir::Value out);
  /// A bias of its own for each of the batch has a leading dimension.
  Values biasPosition(int64_t vector) {
    Values at{index(vector * lanes)};
    if (bias &&
        llvm::cast<mlir::RankedTensorType>(bias.getType()).getRank() == 2)
      at.insert(at.begin(), index(0));
    return at;
  }
};

} // namespace mpq

#endif // MPQ_LIB_CODEGEN_COMMON_PRODUCTTILE_H
