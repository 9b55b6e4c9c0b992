// Rules (R*), (S*), (P*) of attributes, and discardable attributes of the wrong
// kind.
// RUN: quant-opt %s --split-input-file -verify-diagnostics

// expected-error @below {{expected finite bounds with min <= max but got 1.000000e+00 and 0.000000e+00}}
func.func private @r1(tensor<4xf32> {mpq.range = #mpq.range<1.0, 0.0, calibration>})

// -----

// expected-error @below {{expected tile and grain of one length without negative entries}}
func.func private @s1() attributes {mpq.strategy = #mpq.strategy<tile = [8, 48], grain = [64]>}

// -----

// expected-error @below {{expected tile and grain of one length without negative entries}}
func.func private @s1_negative() attributes {mpq.strategy = #mpq.strategy<tile = [-8], grain = [64]>}

// -----

// expected-error @below {{expected matrix_rows to divide the rows of the tile but got 16}}
func.func private @s2() attributes {mpq.strategy = #mpq.strategy<tile = [24, 32], grain = [0, 0], matrix_rows = 16>}

// -----

func.func @p1(%x: tensor<4x2xf32>, %w: tensor<2x2xf32>, %i: tensor<4x2xf32>) -> tensor<4x2xf32> {
  // expected-error @below {{expected attribute 'mpq.precision' to be integers, or f32 with a reason but got #mpq.precision<f32>}}
  %r = linalg.matmul {mpq.precision = #mpq.precision<f32>} ins(%x, %w : tensor<4x2xf32>, tensor<2x2xf32>) outs(%i : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %r : tensor<4x2xf32>
}

// -----

func.func @ranges(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{expected attribute 'mpq.ranges' to be an array with an #mpq.range (or unit for unknown) for each result but got []}}
  %r = arith.negf %x {mpq.ranges = []} : tensor<4xf32>
  return %r : tensor<4xf32>
}

// -----

// expected-error @below {{expected attribute 'mpq.target' to be an #mpq.target but got "x86"}}
func.func private @target() attributes {mpq.target = "x86"}

// -----

// expected-error @below {{expected attribute 'mpq.kernel' to be a unit attribute but got true}}
func.func private @kernel() attributes {mpq.kernel = true}

// -----

// expected-error @below {{expected attribute 'mpq.range' of argument 0 to be an #mpq.range but got 1.000000e+00 : f32}}
func.func private @range(tensor<4xf32> {mpq.range = 1.0 : f32})

// -----

// expected-error @below {{expected attribute 'mpq.name' of argument 0 to be a string but got unit}}
func.func private @name(tensor<4xf32> {mpq.name})

// -----

// expected-error@+1 {{expected blocks of a multiple of 4 and activations in f32 or int8 but got 6 and f32}}
func.func private @k1() attributes {test.blocks = #mpq.blocks<6, activations = f32>}

// -----

// expected-error @below {{expected attribute 'mpq.stored' to be #mpq.precision<int8> on an operation of one result but got #mpq.precision<f32>}}
func.func private @k2() attributes {mpq.stored = #mpq.precision<f32>}

// -----

// expected-error @below {{expected attribute 'mpq.stream_ahead' to be two i64 on an scf.for, the first of them positive and the second not negative but got}}
func.func private @stream() attributes {mpq.stream_ahead = array<i64: 8, 0>}

// -----

// expected-error @below {{expected as many minima as maxima but got 1 and 2}}
func.func private @c1() attributes {test.channels = #mpq.channel_ranges<[1.0], [1.0, 2.0]>}

// -----

func.func @c1_extent(%x: tensor<4x3xf32>) {
  // expected-error @below {{expected attribute 'mpq.channel_ranges' to be an #mpq.channel_ranges with an entry for each index of the only result's last dimension}}
  %0 = math.absf %x {mpq.channel_ranges = #mpq.channel_ranges<[1.0], [1.0]>} : tensor<4x3xf32>
  return
}

// -----

// expected-error @below {{expected powers of two as factors but got 3}}
func.func private @e1() attributes {test.equalization = #mpq.equalization<[3.0], <0.0, 1.0, calibration>, others = f32>}

// -----

// expected-error @below {{expected others to be f32 or int8 but got int4}}
func.func private @e1_others() attributes {test.equalization = #mpq.equalization<[2.0], <0.0, 1.0, calibration>, others = int4>}

// -----

func.func @e1_extent(%x: tensor<4x3xf32>) {
  // expected-error @below {{expected attribute 'mpq.equalization' to be an #mpq.equalization with a factor for each index of the only result's last dimension}}
  %0 = math.absf %x {mpq.equalization = #mpq.equalization<[2.0], <0.0, 1.0, calibration>, others = f32>} : tensor<4x3xf32>
  return
}

// -----

// expected-error @below {{expected attribute 'mpq.scale_group' to be a string on an operation of one result but got 1 : i64}}
func.func private @group() attributes {mpq.scale_group = 1 : i64}

// -----

// expected-error@+1 {{expected three errors, integers, f32 scales, and zero points like both but got}}
func.func private @w1() attributes {test.weights = #mpq.rounded_weights<<gptq, scales = mse>, errors = [0.1], dense<1> : tensor<2x2xi8>, dense<1.0> : tensor<2xf32>>}

// -----

func.func @w2(%x: tensor<3x4xf32>, %i: tensor<3x1xf32>) -> tensor<3x1xf32> {
  %w = arith.constant dense<1.0> : tensor<4x1xf32>
  // expected-error@+1 {{expected 'mpq.rounded_weights' for weights of type 'tensor<4x1xf32>' but got integers of type 'tensor<1x4xi8>'}}
  %y = linalg.matmul {mpq.rounded_weights = #mpq.rounded_weights<<gptq, scales = mse>, errors = [0.1, 0.1, 0.01], dense<1> : tensor<1x4xi8>, dense<1.0> : tensor<1xf32>>} ins(%x, %w : tensor<3x4xf32>, tensor<4x1xf32>) outs(%i : tensor<3x1xf32>) -> tensor<3x1xf32>
  return %y : tensor<3x1xf32>
}

// -----

// expected-error @below {{expected attribute 'mpq.weight_rounding' to be an #mpq.weight_rounding but got 1}}
func.func private @rounding() attributes {mpq.weight_rounding = 1 : i64}
