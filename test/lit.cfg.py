"""lit configuration: FileCheck tests of the dialect, every pass and every tool."""
import os

import lit.formats

config.name = "MPQ"
config.test_format = lit.formats.ShTest(False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs", "install", "python", "unit", "benchmark"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.mpq_obj_root, "test")

# The targets whose code this machine can run.
cpu_flags = set()
if os.path.exists("/proc/cpuinfo"):
    with open("/proc/cpuinfo") as cpuinfo:
        cpu_flags = set(cpuinfo.read().split())
for target, flag in (("avx2", "avx2"), ("avxvnni", "avx_vnni"), ("avx512vnni", "avx512_vnni"), ("amx", "amx_int8")):
    if flag in cpu_flags:
        config.available_features.add(f"x86-{target}")

path = [os.path.join(config.mpq_obj_root, "bin"), config.llvm_tools_dir, os.environ.get("PATH", "")]
config.environment["PATH"] = os.pathsep.join(path)
config.environment["FILECHECK_OPTS"] = "--enable-var-scope"
config.substitutions.append(("%python", config.python))
config.substitutions.append(("%mpq_src_root", config.mpq_src_root))
config.substitutions.append(("%mpq_lib", os.path.join(config.mpq_obj_root, "lib")))
config.substitutions.append(("%llvm_tools", config.llvm_tools_dir))
