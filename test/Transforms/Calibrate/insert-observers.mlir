// What is observed, under which id, and that stripping takes it all away.
// RUN: quant-opt %s --pass-pipeline='builtin.module(func.func(mpq-insert-observers))' | FileCheck %s
// RUN: quant-opt %s --pass-pipeline='builtin.module(func.func(mpq-insert-observers),mpq-strip-observers)' | FileCheck %s --check-prefix=STRIP
// STRIP-NOT: mpq.observe

// CHECK-LABEL: @model
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<2x4xf32> {mpq.name = "x"}, %[[I:[a-z0-9]+]]: tensor<2xi64>
func.func @model(%x: tensor<2x4xf32> {mpq.name = "x"}, %i: tensor<2xi64> {mpq.name = "i"}) -> tensor<2x8xf32> {
  // CHECK: mpq.observe %[[X]] as "x" : tensor<2x4xf32>
  // CHECK-NOT: mpq.observe %[[I]]
  // Constants, fills and what is made of them alone are the same in every run.
  // CHECK-NOT: mpq.observe
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<0.5> : tensor<4x8xf32> loc("w")
  %b = arith.constant dense<0.25> : tensor<8xf32>
  %empty = tensor.empty() : tensor<2x8xf32>
  %fill = linalg.fill ins(%zero : f32) outs(%empty : tensor<2x8xf32>) -> tensor<2x8xf32>
  %bias = linalg.broadcast ins(%b : tensor<8xf32>) outs(%empty : tensor<2x8xf32>) dimensions = [0]
  // The product shares its name with the transposes behind it, and keeps it.
  // CHECK: %[[MM:.*]] = linalg.matmul
  // CHECK-NEXT: mpq.observe %[[MM]] as "fc" : tensor<2x8xf32>
  %mm = linalg.matmul ins(%x, %w : tensor<2x4xf32>, tensor<4x8xf32>) outs(%bias : tensor<2x8xf32>) -> tensor<2x8xf32> loc("fc"("MatMul:0"))
  // Reshapes, transposes and padding have the range of their operand.
  // CHECK-NOT: mpq.observe
  %te = tensor.empty() : tensor<8x2xf32>
  %t = linalg.transpose ins(%mm : tensor<2x8xf32>) outs(%te : tensor<8x2xf32>) permutation = [1, 0] loc("fc")
  %flat = tensor.collapse_shape %t [[0, 1]] : tensor<8x2xf32> into tensor<16xf32> loc("fc")
  %p = tensor.pad %flat low[1] high[1] {
  ^bb0(%k: index):
    tensor.yield %zero : f32
  } : tensor<16xf32> to tensor<18xf32>
  // Two computations with one name: the last has it.
  // CHECK: %[[N:.*]] = arith.negf
  // CHECK-NEXT: mpq.observe %[[N]] as "twice#1"
  %n = arith.negf %mm : tensor<2x8xf32> loc("twice")
  // CHECK: %[[A:.*]] = arith.addf
  // CHECK-NEXT: mpq.observe %[[A]] as "twice"
  %a = arith.addf %n, %fill : tensor<2x8xf32> loc("twice")
  // A unit is one operation; nothing inside is observed.
  // CHECK: %[[U:.*]] = mpq.unit
  // CHECK-NEXT: math.exp
  // CHECK-NEXT: mpq.yield
  // CHECK: mpq.observe %[[U]] as "unit"
  %u = mpq.unit "exp" (%v = %a : tensor<2x8xf32>) -> tensor<2x8xf32> {
    %e = math.exp %v : tensor<2x8xf32>
    mpq.yield %e : tensor<2x8xf32>
  } loc("unit")
  // CHECK: %[[C:.*]] = tensor.concat
  // CHECK-NEXT: mpq.observe %[[C]] as "fused"
  %c = tensor.concat dim(0) %u, %u : (tensor<2x8xf32>, tensor<2x8xf32>) -> tensor<4x8xf32> loc(fused["file":1:2, "fused"])
  // CHECK-NOT: mpq.observe
  %r = tensor.extract_slice %c[0, 0] [2, 8] [1, 1] : tensor<4x8xf32> to tensor<2x8xf32>
  return %r : tensor<2x8xf32>
}

// Nameless values are numbered among their likes; a suffix never takes a name
// that some other value has.
// CHECK-LABEL: @nameless
func.func @nameless(%x: tensor<4xf32>, %y: tensor<4xf32> {mpq.name = "math.exp#1"}) -> tensor<4xf32> {
  // CHECK: mpq.observe %{{.*}} as "arg0"
  // CHECK: mpq.observe %{{.*}} as "math.exp#1"
  // CHECK: mpq.observe %{{.*}} as "math.exp" :
  %a = math.exp %x : tensor<4xf32> loc(unknown)
  // CHECK: mpq.observe %{{.*}} as "math.exp#2" :
  %b = math.exp %a : tensor<4xf32> loc(unknown)
  // CHECK: mpq.observe %{{.*}} as "math.exp#3" :
  %c = math.exp %b : tensor<4xf32> loc(unknown)
  return %c : tensor<4xf32>
}

// A body that reads a value from outside depends on it.
// CHECK-LABEL: @captured
func.func @captured(%x: tensor<4xf32> {mpq.name = "x"}, %k: tensor<2xindex>) -> tensor<2xf32> {
  %e = tensor.empty() : tensor<2xf32>
  // CHECK: %[[G:.*]] = linalg.generic
  %g = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
      ins(%k : tensor<2xindex>) outs(%e : tensor<2xf32>) {
  ^bb0(%at: index, %out: f32):
    %v = tensor.extract %x[%at] : tensor<4xf32>
    linalg.yield %v : f32
  } -> tensor<2xf32> loc("gather")
  // CHECK: mpq.observe %[[G]] as "gather"
  return %g : tensor<2xf32>
}

// Also if nothing but the body does, as in a padding that mirrors.
// CHECK-LABEL: @only_captured
func.func @only_captured(%x: tensor<4xf32> {mpq.name = "x"}) -> tensor<2xf32> {
  %e = tensor.empty() : tensor<2xf32>
  // CHECK: %[[G:.*]] = linalg.generic
  %g = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} outs(%e : tensor<2xf32>) {
  ^bb0(%out: f32):
    %at = linalg.index 0 : index
    %v = tensor.extract %x[%at] : tensor<4xf32>
    linalg.yield %v : f32
  } -> tensor<2xf32> loc("gather")
  // CHECK: mpq.observe %[[G]] as "gather
  return %g : tensor<2xf32>
}
