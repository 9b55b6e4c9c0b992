// Every way a profile can be wrong is one error.
// RUN: not quant-opt %s --mpq-apply-profile 2>&1 | FileCheck %s --check-prefix=NOFILE
// NOFILE: error: mpq-apply-profile: expected the option 'profile' to be the path of a profile but it is empty

// RUN: not quant-opt %s --mpq-apply-profile=profile=%t.missing 2>&1 | FileCheck %s --check-prefix=MISSING
// MISSING: error: cannot read profile '{{.*}}.missing': No such file

// RUN: head -c 300 %S/Inputs/profile.json > %t.cut
// RUN: not quant-opt %s --mpq-apply-profile=profile=%t.cut 2>&1 | FileCheck %s --check-prefix=TRUNCATED
// TRUNCATED: error: profile '{{.*}}.cut' is not complete JSON

// RUN: sed -e 's/"version": 1/"version": 7/' %S/Inputs/profile.json > %t.new
// RUN: not quant-opt %s --mpq-apply-profile=profile=%t.new 2>&1 | FileCheck %s --check-prefix=VERSION
// VERSION: error: profile '{{.*}}.new': expected format version 1 but got 7

// RUN: sed -e 's/"min":-3.0/"min":-300.0/' %S/Inputs/profile.json > %t.bad
// RUN: not quant-opt %s --mpq-apply-profile=profile=%t.bad 2>&1 | FileCheck %s --check-prefix=BAD
// BAD: error: profile '{{.*}}.bad': value 'x': inconsistent histogram: expected bin exponent

// RUN: not quant-opt %s --mpq-apply-profile="profile=%S/Inputs/profile.json percentile=101" 2>&1 | FileCheck %s --check-prefix=PERCENTILE
// PERCENTILE: error: mpq-apply-profile: expected the option 'percentile' to be above 50 and at most 100 but got 1.010000e+02

// RUN: not quant-opt %s --mpq-apply-profile="profile=%S/Inputs/profile.json method=median" 2>&1 | FileCheck %s --check-prefix=METHOD
// METHOD: Cannot find option named 'median'

// RUN: not quant-opt %s --mpq-apply-profile=profile=%S/Inputs/profile.json 2>&1 | FileCheck %s --check-prefix=NOTHING
// NOTHING: error: profile '{{.*}}profile.json' knows none of this model's values: its first is 'fc', calibrate this model

func.func @model(%y: tensor<4xf32> {mpq.name = "y"}) -> tensor<4xf32> {
  return %y : tensor<4xf32>
}
