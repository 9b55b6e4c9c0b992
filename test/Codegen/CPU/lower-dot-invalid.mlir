// RUN: quant-opt %s --split-input-file --mpq-lower-dot -verify-diagnostics

// The machine is unknown.
// expected-error @below {{expected an 'mpq.target' attribute on the module: codegen needs to know the machine}}
module {
  func.func @no_target(%acc: vector<8xi32>, %u: vector<32xi8>) -> vector<8xi32> {
    %r = mpq.dot4 %acc, %u unsigned, %u signed : vector<8xi32>, vector<32xi8>
    return %r : vector<8xi32>
  }
}

// -----

// A vector of no length of the machine.
module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "haswell", features = "+avx2">} {
  func.func @lanes(%acc: vector<4xi32>, %u: vector<16xi8>) -> vector<4xi32> {
    // expected-error @below {{'mpq.dot4' op has 4 lanes, which the target has no product for}}
    %r = mpq.dot4 %acc, %u unsigned, %u signed : vector<4xi32>, vector<16xi8>
    return %r : vector<4xi32>
  }
}
