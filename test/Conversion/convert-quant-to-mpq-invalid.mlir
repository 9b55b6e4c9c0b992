// What mpq has no form for is an error at the operation that needs it.
// RUN: quant-opt %s --mpq-convert-quant-to-mpq --split-input-file --verify-diagnostics

func.func @expressed(%x: tensor<4xf64>) -> tensor<4xf64> {
  // expected-error @+1 {{'quant.qcast' op expected the expressed type f32, f16 or bf16 but got 'tensor<4x!quant.uniform<i8:f64, 5.000000e-01>>'}}
  %q = quant.qcast %x : tensor<4xf64> to tensor<4x!quant.uniform<i8:f64, 0.5>>
  %d = quant.dcast %q : tensor<4x!quant.uniform<i8:f64, 0.5>> to tensor<4xf64>
  return %d : tensor<4xf64>
}

// -----

func.func @width(%x: tensor<4xf32>) {
  // expected-error @+1 {{expected a storage type of 2, 4, 8 or 16 bits (or i32 that is only dequantized) but got 'tensor<4x!quant.uniform<i32:f32, 5.000000e-01>>'}}
  %q = quant.qcast %x : tensor<4xf32> to tensor<4x!quant.uniform<i32:f32, 0.5>>
  return
}

// -----

// expected-error @+1 {{'func.func' op expected a ranked tensor but got 'tensor<*x!quant.uniform<i8:f32, 5.000000e-01>>'}}
func.func private @unranked(tensor<*x!quant.uniform<i8:f32, 0.5>>)

// -----

// expected-error @+1 {{expected a type !quant.uniform but got 'tensor<4x!quant.any<i8:f32>>'}}
func.func private @any(tensor<4x!quant.any<i8:f32>>)

// -----

!q = !quant.uniform<i8:f32, 0.5>
func.func @computes(%x: tensor<4x!q>) -> tensor<4x!q> {
  // expected-error @+1 {{'tosa.abs' op expected operations on quantized types only to move values but this one computes: put it between quant.dcast and quant.qcast}}
  %y = tosa.abs %x : (tensor<4x!q>) -> tensor<4x!q>
  return %y : tensor<4x!q>
}
