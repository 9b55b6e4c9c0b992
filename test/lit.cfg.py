"""lit configuration: FileCheck tests of the dialect, every pass and every tool."""
import os

import lit.formats

config.name = "MPQ"
config.test_format = lit.formats.ShTest(False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs", "install", "python", "unit", "benchmark"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.mpq_obj_root, "test")

path = [os.path.join(config.mpq_obj_root, "bin"), config.llvm_tools_dir, os.environ.get("PATH", "")]
config.environment["PATH"] = os.pathsep.join(path)
config.environment["FILECHECK_OPTS"] = "--enable-var-scope"
config.substitutions.append(("%python", config.python))
config.substitutions.append(("%mpq_src_root", config.mpq_src_root))
config.substitutions.append(("%mpq_lib", os.path.join(config.mpq_obj_root, "lib")))
config.substitutions.append(("%llvm_tools", config.llvm_tools_dir))
