"""Runs the product's tools, and keeps what they made below the build tree."""

import ctypes
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .artifact import Artifact
from .models import Feed, Model, Shapes
from .paths import BUILD, RECIPES


def tool(name: str) -> str:
    path = BUILD / "bin" / name
    if not path.exists():
        raise RuntimeError(f"{path} is missing: run tools/dev/build.sh")
    return str(path)


def run_tool(name: str, *arguments, timeout: float = 900) -> str:
    """Standard output and error together; a failure shows them."""
    command = [tool(name), *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}\nexit code {done.returncode}\n{done.stdout}")
    return done.stdout


def save_feed(feed: Feed, folder: Path, sample: str) -> None:
    """Writes FOLDER/<input>/<sample>.npy: the layout that --calibrate reads."""
    for name, array in feed.items():
        target = folder / name
        target.mkdir(parents=True, exist_ok=True)
        np.save(target / f"{sample}.npy", array)


def file_name(tensor: str) -> str:
    """The file name that quant-run gives a tensor."""
    return tensor.replace("/", "_")


@dataclass(frozen=True)
class Built:
    """A compiled model and what the compiler said."""

    path: Path
    log: str

    def load(self) -> Artifact:
        return Artifact(self.path)

    @property
    def size(self) -> int:
        return self.path.stat().st_size

    @property
    def summary(self) -> dict:
        """The closing table, and the seconds that the phases took together."""
        return {
            "macs": _number(self.log, r"^\s+multiply-accumulates\s+(\d+)"),
            "integer_share": self.integer_share,
            "weights_bytes": _number(self.log, r"^\s+weights\s+(\d+) bytes"),
            "workspace_bytes": _number(self.log, r"^\s+workspace\s+(\d+) bytes"),
            "live_bytes": _number(self.log, r"^\s+live at one point\s+(\d+) bytes"),
            "compiler_bytes": _number(self.log, r"^\s+peak compiler memory\s+(\d+) bytes"),
            "seconds": sum(float(s) for s in re.findall(r"^mpq: \w+\s+([0-9.]+) s$", self.log, re.MULTILINE)),
        }

    @property
    def integer_share(self) -> float:
        """Share of the multiply-accumulates that are done in integers, from the closing table."""
        match = re.search(r"multiply-accumulates.*?([0-9.]+)% integer", self.log)
        if not match:
            raise RuntimeError(f"no share of integer multiply-accumulates in:\n{self.log}")
        return float(match.group(1)) / 100


def _number(log: str, pattern: str) -> int:
    """The number that PATTERN finds in a closing table."""
    match = re.search(pattern, log, re.MULTILINE)
    if not match:
        raise RuntimeError(f"nothing like {pattern!r} in:\n{log}")
    return int(match.group(1))


def compiler_stamp() -> float:
    """Changes when the compiler does: what an older compiler made is made again."""
    parts = [Path(tool("quant-compile")), *(BUILD / "lib").glob("libMPQ.so*")]
    return max(part.stat().st_mtime for part in parts)


def _is_up_to_date(path: Path, log: Path, arguments) -> bool:
    """Whether neither the compiler nor a file among ARGUMENTS has changed since LOG was written."""
    if not (path.exists() and log.exists()):
        return False
    sources = [argument for argument in arguments if isinstance(argument, Path) and argument.is_file()]
    return log.stat().st_mtime > max([compiler_stamp(), *(source.stat().st_mtime for source in sources)])


def compile_file(source: Path, path: Path, *flags) -> Built:
    """Compiles SOURCE to PATH, unless that was done and nothing has changed."""
    return _make(path, source, *flags)


def may_use_tile_registers() -> bool:
    """Whether Linux lets this process and its children use AMX, on which the target `host` depends."""
    arch_prctl, request_permission, tile_data = 158, 0x1023, 18
    return ctypes.CDLL(None).syscall(arch_prctl, request_permission, tile_data) == 0


def _make(path: Path, *arguments) -> Built:
    path.parent.mkdir(parents=True, exist_ok=True)
    log = path.with_name(path.name + ".log")
    header = " ".join(map(str, arguments)) + f"\ntile registers: {may_use_tile_registers()}\n"
    if not (_is_up_to_date(path, log, arguments) and log.read_text().startswith(header)):
        output = run_tool("quant-compile", *arguments, "-o", path)
        log.write_text(header + output)
    return Built(path, log.read_text())


def _stem(model: Model, shapes: Shapes) -> str:
    extents = "x".join(str(d) for d in next(iter(shapes.values())))
    return f"{model.name}-{extents}"


def artifact_folder() -> Path:
    return BUILD / "artifacts"


def compile_f32(model: Model, shapes: Shapes | None = None, *flags) -> Built:
    shapes = shapes or model.shape
    path = artifact_folder() / f"{_stem(model, shapes)}-f32.so"
    return _make(path, model.path, *model.shape_flags(shapes), "--precision", "f32", *flags)


def _calibration_count(model: Model, count: int | None) -> int:
    return min(count or model.calibration_count, model.calibration_count)


def calibration_data(model: Model, count: int | None = None) -> Path:
    """A folder of calibration samples."""
    count = _calibration_count(model, count)
    folder = BUILD / "calibration" / f"{model.name}-{count}"
    done = folder / "complete"
    if not done.exists():
        for index in range(count):
            save_feed(model.calibration_feed(index), folder / "data", f"{index:04}")
        done.touch()
    return folder / "data"


def calibrate(model: Model, count: int | None = None) -> Path:
    """The profile of the model over its calibration data."""
    profile = artifact_folder() / f"{model.name}-{_calibration_count(model, count)}.profile.json"
    return _make(profile, model.path, *model.shape_flags(), "--calibrate", calibration_data(model, count)).path


def recipe_of(model: Model) -> Path | None:
    path = RECIPES / f"{model.name.removesuffix('-features')}.json"
    return path if path.exists() else None


def int8_flags(model: Model, count: int | None = None) -> list:
    """What quantizes the model: its profile over COUNT samples, these samples to correct biases, and its recipe."""
    recipe = recipe_of(model)
    return ["--precision", "int8", "--profile", calibrate(model, count), "--fit-data", calibration_data(model, count),
            *(["--recipe", recipe] if recipe else [])]


def compile_int8(model: Model, count: int | None = None, *flags) -> Built:
    path = artifact_folder() / f"{_stem(model, model.shape)}-int8.so"
    return _make(path, model.path, *model.shape_flags(), *int8_flags(model, count), *flags)


def export_int8(model: Model) -> Path:
    """The quantized model as QDQ ONNX."""
    path = artifact_folder() / f"{_stem(model, model.shape)}-int8.onnx"
    return _make(path, model.path, *model.shape_flags(), *int8_flags(model), "--emit", "onnx").path


def lower(model: Model, precision: str, target: str, path: Path) -> None:
    """Writes the IR after `lower`, as bytecode."""
    flags = int8_flags(model) if precision == "int8" else ["--precision", precision]
    run_tool("quant-compile", model.path, *model.shape_flags(), *flags, "--target", target, "--quiet", "--to", "lower",
             "--emit", "mlirbc", "-o", path)


def compile_quantized(path: Path, model: Model, *flags) -> Built:
    """A model that is quantized already (QDQ)."""
    return _make(artifact_folder() / f"{path.stem}.so", path, *model.shape_flags(), *flags)


def run_reference(ir: Path, feed: Feed, folder: Path) -> list[np.ndarray]:
    """Interprets a phase's IR with quant-run --reference; outputs in the order of their file names."""
    save_inputs = [f"{name}={path}" for name, path in _saved(feed, folder).items()]
    flags = [flag for value in save_inputs for flag in ("--input", value)]
    outputs = folder / "outputs"
    run_tool("quant-run", "--reference", ir, *flags, "--output-dir", outputs)
    return [np.load(path) for path in sorted(outputs.glob("*.npy"))]


def _saved(feed: Feed, folder: Path) -> dict[str, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    for name, array in feed.items():
        paths[name] = folder / f"{file_name(name)}.npy"
        np.save(paths[name], array)
    return paths
