// Rules (O*) of observe and (U*) of unit.
// RUN: quant-opt %s --split-input-file -verify-diagnostics

func.func @o1(%x: tensor<4xf32>) {
  // expected-error @below {{'mpq.observe' op requires a non-empty id}}
  mpq.observe %x as "" : tensor<4xf32>
  return
}

// -----

func.func @o2(%x: tensor<?xf32>) {
  // expected-error @below {{'mpq.observe' op requires a static shape but got 'tensor<?xf32>'}}
  mpq.observe %x as "x" : tensor<?xf32>
  return
}

// -----

func.func @u1(%x: tensor<4xf32>) -> tensor<5xf32> {
  // expected-error @below {{'mpq.unit' op requires block arguments of the operands' types}}
  %r = "mpq.unit"(%x) <{kind = "k"}> ({
  ^bb0(%a: tensor<5xf32>):
    "mpq.yield"(%a) : (tensor<5xf32>) -> ()
  }) : (tensor<4xf32>) -> tensor<5xf32>
  return %r : tensor<5xf32>
}

// -----

func.func @u2(%x: tensor<4xf32>) -> tensor<5xf32> {
  // expected-error @below {{'mpq.unit' op expected the yield to have the types of the results but got 'tensor<4xf32>'}}
  %r = mpq.unit "k" (%a = %x : tensor<4xf32>) -> tensor<5xf32> {
    mpq.yield %a : tensor<4xf32>
  }
  return %r : tensor<5xf32>
}

// -----

func.func @u3(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{'mpq.unit' op requires a non-empty kind}}
  %r = mpq.unit "" (%a = %x : tensor<4xf32>) -> tensor<4xf32> {
    mpq.yield %a : tensor<4xf32>
  }
  return %r : tensor<4xf32>
}
