//===- ChannelReaders.cpp - products that read a value by channels ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ChannelReaders.h"

#include "mpq/Analysis/Channels.h"
#include "mpq/Transforms/Assign/Passes.h"

using namespace mlir;
using namespace mpq;

static bool reachesIntegerProduct(Value value) {
  return llvm::any_of(value.getUsers(), [](Operation *user) {
    if (isStaticIntegerProduct(user))
      return true;
    return onlyMovesElements(user) &&
           llvm::any_of(user->getResults(), reachesIntegerProduct);
  });
}

static void collectReaders(Value value, SmallVectorImpl<Operation *> &moves,
                           ChannelReaders &found) {
  for (OpOperand &use : value.getUses()) {
    Operation *user = use.getOwner();
    if (isStaticIntegerProduct(user)) {
      auto product = cast<QuantizableOpInterface>(user);
      std::optional<int64_t> dim;
      if (&product.getActivationOperand() == &use)
        dim = getChannelDimOfWeights(product);
      if (dim)
        found.readers.push_back({product, llvm::to_vector(moves), *dim});
      else
        found.hasUnreachable = true;
    } else if (keepsChannels(user)) {
      moves.push_back(user);
      collectReaders(user->getResult(0), moves, found);
      moves.pop_back();
    } else if (onlyMovesElements(user)) {
      found.hasUnreachable |=
          llvm::any_of(user->getResults(), reachesIntegerProduct);
    }
  }
}

ChannelReaders mpq::findChannelReaders(Value value) {
  ChannelReaders found;
  SmallVector<Operation *> moves;
  collectReaders(value, moves, found);
  return found;
}
