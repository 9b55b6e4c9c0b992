"""A process that holds one contender and computes when it is told to.

usage: worker.py '{"engine": "mpq", "path": ..., "feed": FILE.npz, "outputs": FILE.npz, "threads": 1, ...}'

It loads the file, computes once, writes the results to "outputs" and says so; then every line it reads is a request.
Calls go the leanest way that an engine offers to Python: inputs are in place, outputs have memory, nothing is copied.
Nothing of the benchmark is imported here, so that the engine is alone in its process.
"""

import ctypes
import json
import sys
import time

import numpy as np

ALIGNMENT = 64  # of inputs and outputs, in bytes: nobody is slowed down by lines that are split
# Times that one turn reports at most: enough for quantiles.
SAMPLES = 500


def aligned(array: np.ndarray) -> np.ndarray:
    """A copy that begins at a multiple of ALIGNMENT."""
    memory = np.empty(array.nbytes + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    copy = memory[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


class MPQ:
    """The Python package's program, without the checks that its call makes every time."""

    def __init__(self, path, feed, threads):
        import mpq

        self.program = mpq.load(path, threads=threads)
        self.feed = feed
        inputs = [feed[info.name] for info in self.program.inputs]
        self.outputs = [aligned(np.zeros(info.shape, info.dtype)) for info in self.program.outputs]
        run, outputs = self.program._core.run, self.outputs
        self.run = lambda: run(inputs, outputs)

    def results(self):
        return self.outputs

    def profile(self):
        return self.program.profile(self.feed, runs=20)


class ONNXRuntime:
    def __init__(self, path, feed, threads):
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        names = [output.name for output in session.get_outputs()]
        self.outputs = [ort.OrtValue.ortvalue_from_numpy(array) for array in session.run(names, feed)]
        binding = session.io_binding()
        for name, array in feed.items():
            binding.bind_cpu_input(name, array)
        for name, value in zip(names, self.outputs):
            binding.bind_ortvalue_output(name, value)
        self.run = lambda: session.run_with_iobinding(binding)

    def results(self):
        return [value.numpy() for value in self.outputs]


class OpenVINO:
    def __init__(self, path, feed, threads):
        import openvino

        core = openvino.Core()
        model = core.read_model(path)
        model.reshape({name: list(array.shape) for name, array in feed.items()})
        # Float parts in float: the plug-in would take bfloat16 where the processor can.
        settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32",
                    "DYNAMIC_QUANTIZATION_GROUP_SIZE": 32}  # the last: of activations before weights of few bits
        compiled = core.compile_model(model, "CPU", settings)
        self.request = compiled.create_infer_request()
        for name, array in feed.items():
            self.request.set_tensor(name, openvino.Tensor(array, shared_memory=True))
        self.count = len(compiled.outputs)
        self.run = lambda: self.request.infer(share_outputs=True)

    def results(self):
        return [self.request.get_output_tensor(i).data for i in range(self.count)]


ENGINES = {"mpq": MPQ, "onnxruntime": ONNXRuntime, "openvino": OpenVINO}


class _Instruction(ctypes.Structure):
    _fields_ = [("code", ctypes.c_uint16), ("jt", ctypes.c_uint8), ("jf", ctypes.c_uint8), ("k", ctypes.c_uint32)]


class _Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_uint16), ("filter", ctypes.POINTER(_Instruction))]


def renounce_amx() -> None:
    """Makes Linux refuse this process the tile registers: libraries that ask for them get an error, as on a machine
    without AMX, and take AVX-512. (A seccomp filter, as ONNX Runtime has no switch for it.)"""
    arch_prctl, require_feature = 158, 0x1023
    load, equal, give = 0x20, 0x15, 0x06
    allow, refuse = 0x7FFF0000, 0x00050001  # the second: error EPERM
    program = (_Instruction * 6)(
        _Instruction(load, 0, 0, 0), _Instruction(equal, 0, 3, arch_prctl),  # the number of the call
        _Instruction(load, 0, 0, 16), _Instruction(equal, 0, 1, require_feature),  # its first argument
        _Instruction(give, 0, 0, refuse), _Instruction(give, 0, 0, allow))
    libc = ctypes.CDLL(None, use_errno=True)
    no_new_privileges, set_seccomp, filter_mode = 38, 22, 2
    if libc.prctl(no_new_privileges, 1, 0, 0, 0) or libc.prctl(
            set_seccomp, filter_mode, ctypes.byref(_Filter(len(program), program)), 0, 0):
        raise OSError(ctypes.get_errno(), "cannot install the filter that refuses AMX")


def turn(runs, seconds: float) -> dict:
    """Computes for that long, one of `runs` after the other; at least once each."""
    times, now = [], time.perf_counter
    cpu, end = time.process_time(), now() + seconds
    while len(times) < len(runs) or now() < end:
        run = runs[len(times) % len(runs)]
        start = now()
        run()
        times.append(now() - start)
    cpu = time.process_time() - cpu
    times.sort()
    step = max(1, len(times) // SAMPLES)
    return {"best": times[0], "count": len(times), "cpu": cpu / len(times), "times": times[step // 2 :: step]}


def main() -> None:
    spec = json.loads(sys.argv[1])
    if not spec["amx"]:
        renounce_amx()
    with np.load(spec["feed"]) as arrays:
        feed = {name: aligned(array) for name, array in arrays.items()}
    load = ENGINES[spec["engine"]]
    contenders = [load(spec["path"], feed, spec["threads"]) for _ in range(spec["copies"])]
    for contender in contenders:
        contender.run()
    results = {str(i): np.asarray(array) for i, array in enumerate(contenders[0].results())}
    np.savez(spec["outputs"], **results)
    runs = [contender.run for contender in contenders]
    turn(runs, 0)  # the second run of each: caches of the first are filled now
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        answer = contenders[0].profile() if request == "profile" else turn(runs, request)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
