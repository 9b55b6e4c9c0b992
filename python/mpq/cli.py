"""The command line `mpq`: what the package does, for shells. Options come from the compiler's own table."""

from __future__ import annotations

import io
import json
import os
import resource
import sys
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import Any

try:
    import click
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.table import Table
except ImportError as error:  # the package itself needs NumPy only
    sys.exit(f"mpq: error: the command line needs {error.name}: pip install 'mpq[cli]'")

import numpy as np

import mpq
from mpq import evaluation, report as pages
from mpq.arguments import ROUNDINGS
from mpq.files import check_place, write_file
from mpq.samples import SampleFolder, read_array
from mpq.simulation import in_integers
from mpq.suggestion import suggest

console = Console(stderr=True)
LOSS = "A Python file with loss(outputs, references), lists of {name: array}."


def memory() -> str:
    """The largest memory this process had so far."""
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB"


class Reporter:
    """Progress for people: phases as they end, a bar while samples run."""

    def __init__(self, quiet: bool):
        self.quiet, self.bar, self.task = quiet, None, None

    def __call__(self, phase: str, seconds: float, done: int, total: int) -> None:
        if self.quiet:
            return
        if seconds < 0:
            self.advance(phase, done, total)
            return
        self.close()
        console.print(f"[dim]{phase:<10}[/] {seconds:8.2f} s   {memory()}")

    def advance(self, what: str, done: int, total: int) -> None:
        if self.quiet:
            return
        if self.bar is None:
            self.bar = Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
                                TimeElapsedColumn(), TimeRemainingColumn(), TextColumn("{task.fields[memory]}"),
                                console=console, transient=True)
            self.bar.start()
            self.task = self.bar.add_task(what, total=total or None, memory="")
        self.bar.update(self.task, description=what, completed=done, total=total or None, memory=memory())

    def close(self) -> None:
        if self.bar:
            self.bar.stop()
        self.bar = self.task = None


class Shape(click.ParamType):
    name = "input=1x3x48x320"

    def convert(self, value, param, ctx):
        if isinstance(value, tuple):
            return value
        name, _, extents = value.rpartition("=")
        try:
            return name, [] if extents == "scalar" else [int(extent) for extent in extents.split("x")]
        except ValueError:
            self.fail(f"expected a shape like input=1x3x224x224 but got '{value}'", param, ctx)


def as_shapes(pairs) -> dict[str, list[int]] | None:
    """What --shape said, once for each input."""
    shapes: dict[str, list[int]] = {}
    for name, extents in pairs:
        if name in shapes:
            raise mpq.Error(f"expected one --shape for input '{name}' but got two")
        shapes[name] = extents
    return shapes or None


class Share(click.ParamType):
    name = "15%"

    def convert(self, value, param, ctx):
        if isinstance(value, float):
            return value
        try:
            share = float(value[:-1]) / 100 if value.endswith("%") else float(value)
        except ValueError:
            share = -1.0
        if not 0 < share < 1:
            self.fail(f"expected a share like 15% or 0.15 but got '{value}'", param, ctx)
        return share


class Choice(click.Choice):
    """Says which of the choices was probably meant."""

    def convert(self, value, param, ctx):
        if value not in self.choices:
            nearest = suggest(value, self.choices)
            self.fail(f"expected one of {', '.join(self.choices)} but got '{value}'{nearest}", param, ctx)
        return value


class Choices(Choice):
    """One or several of the choices, separated by commas."""

    def get_metavar(self, *arguments, **named):
        return f"{super().get_metavar(*arguments, **named)},..."

    def convert(self, value, param, ctx):
        return ",".join(super(Choices, self).convert(part, param, ctx) for part in value.split(","))


def compile_options(*names: str):
    """Adds options of the compiler's table to a command."""
    table = {option["name"]: option for option in mpq.options()}

    def decorate(command):
        for name in reversed(names):
            option = table[name]
            settings: dict[str, Any] = {"help": option["description"], "default": option["default"] or None,
                                        "show_default": True}
            if option["kind"] in ("choice", "choices"):
                settings["type"] = {"choice": Choice, "choices": Choices}[option["kind"]](option["choices"])
            elif option["kind"] == "shapes":
                settings |= {"type": Shape(), "multiple": True}
            elif option["kind"] in ("file", "folder"):
                settings["type"] = click.Path()
            command = click.option(f"--{name}", **settings)(command)
        return command

    return decorate


def common(command):
    command = click.option("--json", "as_json", is_flag=True, help="Results as JSON on standard output.")(command)
    return click.option("--quiet", is_flag=True, help="No progress.")(command)


@contextmanager
def reporting(quiet: bool):
    reporter = Reporter(quiet)
    try:
        yield reporter
    finally:
        reporter.close()


def show(values: dict[str, Any], as_json: bool, title: str) -> None:
    """The closing table, or the same as JSON."""
    if as_json:
        click.echo(json.dumps(values, indent=1))
        return
    table = Table(title=title, show_header=False, title_justify="left")
    for key, value in values.items():
        table.add_row(key.replace("_", " "), f"{value:,}" if isinstance(value, int) else str(value))
    console.print(table)


def with_shares(summary: dict[str, int]) -> dict[str, Any]:
    values: dict[str, Any] = dict(summary)
    total = summary.get("integer_macs", 0) + summary.get("float_macs", 0)
    if total:
        values["integer_share"] = f"{100 * summary['integer_macs'] / total:.1f}%"
    return values


def float_part(record: dict[str, Any]) -> dict[str, Any]:
    products = [operation for operation in record["operations"] if operation["macs"]]
    floats = [product for product in products if not in_integers(product)]
    share = sum(product["macs"] for product in floats) / max(sum(product["macs"] for product in products), 1)
    return {"float_products": f"{len(floats)} of {len(products)}", "float_share": f"{100 * share:.1f}%"}


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(mpq.__version__)
def cli():
    """Quantize networks and compile them to native code."""


@cli.command()
@click.argument("model", type=click.Path())
@click.option("--data", type=click.Path(), help="Samples to calibrate with: folder/<input>/*.npy or folder/*.npz.")
@click.option("-o", "--output", type=click.Path(), required=True, help="The quantized model (.mlirbc).")
@click.option("--save-profile", type=click.Path(), help="Also write the profile of the samples.")
@click.option("--onnx", type=click.Path(), help="Also write the model as ONNX in QDQ form.")
@click.option("--library", type=click.Path(), help="Also compile it to a shared library, for --target.")
@click.option("--save-recipe", type=click.Path(), help="Also write the recipe, with the rules that --max-float and --max-int16 add.")
@click.option("--max-float", type=Share(),
              help="At most this share of the multiply-accumulates stays in float: what gains most for --data.")
@click.option("--max-int16", type=Share(),
              help="At most this share gets activations in 16 bits: what gains most for --data.")
@click.option("--loss", type=click.Path(), help=LOSS)
@click.option("--correct-bias/--no-correct-bias", default=None,
              help="Whether biases make up for the mean errors of rounding (default: with --data).")
@compile_options("precision", "recipe", "method", "mask", "target", "shape", "name", "profile")
@common
def quantize(model, data, output, save_profile, save_recipe, onnx, library, loss, shape, quiet, as_json, **options):
    """Calibrate and quantize MODEL."""
    check_place(output, ".mlirbc", ": --onnx writes ONNX, and --library and mpq compile make shared libraries")
    for path, suffix in ((save_profile, ""), (save_recipe, ""), (onnx, ".onnx"), (library, ".so")):
        if path:
            check_place(path, suffix)
    if save_profile and not data and not options["profile"]:
        raise mpq.Error("--save-profile has no effect without --data: there is no profile")
    if save_recipe and not options["recipe"] and not options["max_float"] and not options["max_int16"]:
        raise mpq.Error("--save-recipe has no effect without --max-float, --max-int16 or --recipe: there is no recipe")
    if loss:
        options["loss"] = evaluation.read_function(loss, "loss", "outputs, references")
    with reporting(quiet) as progress:
        samples = SampleFolder(data) if data else None
        if samples and not quiet:
            total, inner = len(samples), progress
            progress = lambda phase, seconds, done, _: inner(phase, seconds, done, total)  # noqa: E731
        quantized = mpq.quantize(model, samples, shape=as_shapes(shape), progress=progress,
                                 **({"precision": "int8"} | {k: v for k, v in options.items() if v is not None}))
    quantized.save(output)
    if save_profile:
        quantized.profile.save(save_profile)
    if save_recipe:
        write_file(save_recipe, json.dumps(quantized.recipe, indent=1).encode())
    if onnx:
        quantized.to_onnx(onnx)
    if library:
        with reporting(quiet) as progress:
            mpq.compile_to(quantized, library, progress=progress,
                           **({"target": options["target"]} if options["target"] else {}))
    results: dict[str, Any] = {"output": output, "bytes": len(quantized.data)}
    if options["max_float"]:
        results |= float_part(quantized.record)
    show(results, as_json, "quantized")


@cli.command(name="compile")
@click.argument("model", type=click.Path())
@click.option("-o", "--output", type=click.Path(), required=True, help="The shared library, or what --emit says.")
@compile_options("fit-data", "emit", "from", "mask", "method", "name", "precision", "profile", "recipe", "report", "report-data",
                 "shape", "target", "to", "tune")
@common
def compile_command(model, output, shape, quiet, as_json, **options):
    """Compile MODEL (.onnx, .mlir, .mlirbc) to a shared library with a C header, or to an earlier form."""
    library = options["emit"] in (None, "so") and options["to"] in (None, "emit")
    check_place(output, ".so" if library else "")
    options["from_"] = options.pop("from")
    with reporting(quiet) as progress:
        summary = mpq.compile_to(model, output, progress=progress, shape=as_shapes(shape), **options)
    show({"output": output} | with_shares(summary), as_json, "compiled")


def read_inputs(texts, names: list[str]) -> dict[str, np.ndarray]:
    """The arrays of NAME=FILE; a name may have '=' in it, and so may a file."""
    feed: dict[str, np.ndarray] = {}
    for text in texts:
        places = [index for index, character in enumerate(text) if character == "="]
        if not places:
            raise mpq.Error(f"expected --input NAME=FILE.npy but got '{text}'")
        place = max((index for index in places if text[:index] in names), default=places[0])
        name = text[:place]
        if name not in names:
            raise mpq.Error(f"the model has no input '{name}': its inputs are {', '.join(map(repr, names))}"
                            f"{suggest(name, names)}")
        if name in feed:
            raise mpq.Error(f"expected one --input for '{name}' but got two")
        feed[name] = read_array(Path(text[place + 1:]))
    return feed


def output_files(names: list[str]) -> dict[str, str]:
    """A file for each output."""
    files: dict[str, str] = {}
    for name in names:
        file = f"{name.replace('/', '_')}.npy"
        if file in files.values():
            other = next(other for other in files if files[other] == file)
            raise mpq.Error(f"outputs '{other}' and '{name}' would both be written to '{file}': leave --output-dir out, "
                            "or run the model from Python, which keeps them apart")
        files[name] = file
    return files


@cli.command(name="merge-profiles")
@click.argument("profiles", type=click.Path(), nargs=-1, required=True)
@click.option("-o", "--output", type=click.Path(), required=True, help="The profile of all samples.")
@common
def merge_profiles(profiles, output, quiet, as_json):
    """Make one of the PROFILES that calibrations of a model with parts of the data wrote."""
    check_place(output)
    mpq.Profile.merge(profiles).save(output)
    show({"output": output, "profiles": len(profiles)}, as_json, "merged")


@cli.command()
@click.argument("artifact", type=click.Path())
@click.option("--input", "inputs", multiple=True, metavar="NAME=FILE.npy", help="The values of one input.")
@click.option("--output-dir", type=click.Path(), help="Where results go, one .npy file each.")
@click.option("--threads", default=1, show_default=True, type=click.IntRange(0, 1024),
              help="Threads; 0: one for each processor.")
@click.option("--benchmark", default=0, type=click.IntRange(min=0), help="Measure this many runs.")
@click.option("--profile-ops", is_flag=True, help="The time of every kernel.")
@common
def run(artifact, inputs, output_dir, threads, benchmark, profile_ops, quiet, as_json):
    """Run the compiled model ARTIFACT on .npy files."""
    program = mpq.load(artifact, threads=threads)
    feed = read_inputs(inputs, [info.name for info in program.inputs])
    files = output_files([info.name for info in program.outputs]) if output_dir else {}
    outputs = program(feed)
    if output_dir:
        try:
            Path(output_dir).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise mpq.Error(f"cannot create output folder '{output_dir}': {error.strerror}") from None
        for name, file in files.items():
            data = io.BytesIO()
            np.save(data, outputs[name])
            write_file(Path(output_dir) / file, data.getvalue())
    results: dict[str, Any] = {name: f"{array.dtype}{list(array.shape)}" for name, array in outputs.items()}
    if benchmark:
        row = evaluation.evaluate([evaluation.Contender.of_program("mpq", program)], [feed], evaluation.cosine,
                                  rounds=benchmark, seconds=0)
        results["median_milliseconds"] = row[0].median_milliseconds
    if profile_ops:
        kernels = program.profile(feed, max(benchmark, 10))["kernels"]
        results["kernels"] = {kernel["name"]: kernel["milliseconds"]
                              for kernel in sorted(kernels, key=lambda kernel: -kernel["milliseconds"])}
    show(results, as_json, program.name)


@cli.command()
@click.argument("model", type=click.Path())
@click.option("--data", type=click.Path(), required=True,
              help="Samples to evaluate with: folder/<input>/*.npy or *.npz.")
@click.option("--quantized", type=click.Path(), help="A quantized model (.mlirbc); or give a --profile.")
@click.option("--metric", default="cosine", show_default=True,
              help=f"{', '.join(evaluation.METRICS)}, or a Python file with metric(outputs, references, inputs).")
@click.option("--peer", type=Choice(["onnxruntime"]), multiple=True, help="Also measure another engine's FP32.")
@click.option("--threads", default=1, show_default=True, type=click.IntRange(0, 1024),
              help="Threads; 0: one for each processor.")
@click.option("--rounds", default=10, show_default=True, type=click.IntRange(min=1),
              help="Turns in which the contenders are timed.")
@compile_options("target", "shape", "profile", "recipe", "method")
@common
def evaluate(model, data, quantized, metric, peer, threads, rounds, shape, profile, recipe, method, target, quiet,
             as_json):
    """Size, latency, memory and accuracy of MODEL in FP32 and quantized."""
    if not quantized and not profile:
        raise mpq.Error("expected a quantized model or a profile: give one with --quantized or --profile")
    if quantized and (profile or recipe or method):
        raise mpq.Error("--profile, --recipe and --method have no effect on a model that --quantized gives")
    chosen = evaluation.get_metric(metric)
    samples = list(SampleFolder(data))
    peers = [evaluation.Contender.of_onnxruntime(model, threads) for _ in peer]
    with reporting(quiet) as progress:
        shapes = as_shapes(shape)
        settings = {"target": target, "threads": threads, "progress": progress}
        reference = mpq.compile(model, shape=shapes, precision="f32", **settings)
        if quantized:
            integer = mpq.compile(quantized, **settings)
        else:
            integer = mpq.compile(model, shape=shapes, profile=profile, recipe=recipe, method=method, **settings)
        contenders = [evaluation.Contender.of_program("mpq f32", reference),
                      evaluation.Contender.of_program("mpq quantized", integer), *peers]
        rows = evaluation.evaluate(contenders, samples, chosen, rounds,
                                   progress=lambda *state: progress.advance(*state))
    if as_json:
        click.echo(json.dumps([row.as_dict() for row in rows], indent=1))
        return
    table = Table(title=f"{Path(model).name}, {len(samples)} samples, {threads or os.cpu_count()} threads")
    for title in ("", "MiB", "workspace MiB", "median ms", metric):
        table.add_column(title, justify="left" if not title else "right")
    for row in rows:
        table.add_row(row.name, *("-" if size is None else f"{size / 2**20:.2f}"
                                  for size in (row.size_bytes, row.workspace_bytes)),
                      f"{row.median_milliseconds:.3f}", f"{row.accuracy:.5g}")
    console.print(table)


@cli.command()
@click.argument("model", type=click.Path())
@click.option("--data", type=click.Path(), required=True,
              help="Samples for errors and times: folder/<input>/*.npy or *.npz.")
@click.option("-o", "--output", type=click.Path(), required=True, help="The HTML page; its record goes beside it.")
@click.option("--threads", default=1, show_default=True, type=click.IntRange(0, 1024),
              help="Threads; 0: one for each processor.")
@compile_options("precision", "recipe", "method", "mask", "target", "shape", "name", "profile")
@common
def report(model, data, output, threads, shape, quiet, as_json, **options):
    """A page of what quantization makes of MODEL: precisions, ranges, errors, times."""
    pages.check_output(output)
    samples = SampleFolder(data)
    chosen = {"precision": "int8"} | {key: value for key, value in options.items() if value is not None}
    with reporting(quiet) as progress:
        quantized = mpq.quantize(model, None if options["profile"] else samples, shape=as_shapes(shape),
                                 progress=progress, **chosen)
        quantized.report(output, samples, threads=threads)
    show({"output": output, "record": str(Path(output).with_suffix(".json"))}, as_json, "report")


@cli.command()
@click.argument("model", type=click.Path())
@click.option("--data", type=click.Path(), required=True,
              help="Samples to calibrate and to judge with: folder/<input>/*.npy or *.npz.")
@click.option("-o", "--output", type=click.Path(file_okay=False), required=True,
              help="Folder for the front (CSV, JSON, plot) and a recipe for each point.")
@click.option("--precisions", default="f32,int8", show_default=True, help="What products may have: f32,int8,int4,int2.")
@click.option("--over", type=Choice(["latency", "bits", "float"]), default="latency", show_default=True,
              help="What is traded for loss.")
@click.option("--points", default=10, show_default=True, type=click.IntRange(min=2), help="Points to look for.")
@click.option("--max-loss", type=float, help="Of every point.")
@click.option("--max-latency", type=float, help="Milliseconds of every point.")
@click.option("--max-bits", type=float, help="Bits of a weight of every point, on average.")
@click.option("--max-bytes", type=int, help="Bytes of the weights of the best point.")
@click.option("--max-float", type=Share(), help="Share of the multiply-accumulates in float of every point.")
@click.option("--loss", type=click.Path(), help=LOSS)
@click.option("--rounding", type=Choice(ROUNDINGS), help="How weights become integers.")
@click.option("--seconds", default=600.0, show_default=True, type=click.FloatRange(min=0, min_open=True),
              help="Ends with what it has after about so long, as Ctrl-C does.")
@click.option("--threads", default=1, show_default=True, type=click.IntRange(0, 1024),
              help="Threads; 0: one for each processor.")
@compile_options("target", "shape", "profile", "mask", "method", "name")
@common
def search(model, data, output, precisions, loss, shape, quiet, as_json, **options):
    """Search which products of MODEL get which precision: least loss for a latency or a size."""
    if loss:
        options["loss"] = evaluation.read_function(loss, "loss", "outputs, references")
    with reporting(quiet) as progress:
        front = mpq.search(model, SampleFolder(data), precisions=precisions.split(","), folder=output,
                           shape=as_shapes(shape), progress=progress,
                           **{key: value for key, value in options.items() if value is not None})
    rows = [{key: value for key, value in vars(point).items() if key != "precisions"} for point in front.points]
    if as_json:
        click.echo(json.dumps({"complete": front.complete, "points": rows}, indent=1))
        return
    table = Table(title=f"{Path(model).name}: {len(rows)} points" + ("" if front.complete else ", incomplete"))
    for title in ("bits", "float", "loss", "predicted", "ms", "predicted", "MiB"):
        table.add_column(title, justify="right")
    for point in front.points:
        values = (point.loss, point.simulated_loss, point.milliseconds, point.predicted_milliseconds,
                  None if point.bytes is None else point.bytes / 2**20)
        table.add_row(f"{point.bits:.2f}", f"{point.float_share:.1%}",
                      *("-" if value is None else f"{value:.4g}" for value in values),
                      style="bold" if point is front.best else None)
    console.print(table)


def analysis_table(analysis: mpq.Analysis, rows: int) -> Table:
    """The tensors in which to act first."""
    table = Table(title="tensors, in which order to act", title_justify="left")
    for title in ("", "tensor", "rounds", "alone", "all but it", "restored so far", "SQNR dB", "clipped", "outliers"):
        table.add_column(title, justify="left" if title in ("tensor", "rounds") else "right")
    for number, tensor in enumerate(analysis.tensors[:rows], 1):
        errors = tensor.errors
        numbers = (tensor.alone, tensor.others, tensor.restored_loss, errors.sqnr_db, errors.clipped_share,
                   getattr(errors, "outlier_share", None))
        table.add_row(str(number), tensor.name, tensor.kind, *("-" if value is None else f"{value:.3g}" for value in numbers),
                      style="bold" if tensor in analysis.responsible else None)
    return table


@cli.command()
@click.argument("model", type=click.Path())
@click.option("--data", type=click.Path(), required=True,
              help="Samples to calibrate with and to measure effects on: folder/<input>/*.npy or *.npz.")
@click.option("--held-out", type=click.Path(), help="Samples that only judge (default: every fourth of --data).")
@click.option("--quantized", type=click.Path(), help="What another tool made of MODEL, in QDQ form (.onnx).")
@click.option("--metric", help=f"{', '.join(evaluation.METRICS)}, or a Python file with metric(outputs, references, inputs).")
@click.option("--judged", default=8, show_default=True, type=click.IntRange(min=1),
              help="Samples that effects of single tensors are measured on.")
@click.option("--restore", default=0.95, show_default=True, type=click.FloatRange(0, 1, min_open=True),
              help="The part of the loss to win back.")
@click.option("--threshold", default=20.0, show_default=True, help="Decibels below which a value counts as another one.")
@click.option("--compare", default="float-mpq,quantized-mpq", show_default=True,
              help="Two of the variants {float,quantized}-{mpq,onnxruntime}, or none.")
@click.option("--rows", default=15, show_default=True, type=click.IntRange(min=1), help="Tensors in the table.")
@click.option("-o", "--output", type=click.Path(file_okay=False), help="Folder for analysis.json, recipe and profile.")
@compile_options("shape", "profile", "recipe", "method")
@common
def analyze(model, data, held_out, output, shape, compare, rows, quiet, as_json, **options):
    """Say which tensors a quantized MODEL loses its accuracy in, and how to win it back."""
    pair = None if compare == "none" else compare.split(",")
    with reporting(quiet) as progress:
        analysis = mpq.analyze(model, SampleFolder(data), held_out=SampleFolder(held_out) if held_out else None,
                               shape=as_shapes(shape), compare=pair, progress=progress,
                               **({"folder": output} if output else {}),
                               **{key: value for key, value in options.items() if value is not None})
    if as_json:
        click.echo(json.dumps(analysis.as_dict(), indent=1))
        return
    console.print(analysis_table(analysis, rows))
    for sentence in analysis.sentences():
        console.print(f"* {sentence}", markup=False, highlight=False)
    if analysis.proposal and output:
        shapes = "".join(f" --shape {name}={'x'.join(map(str, extents)) or 'scalar'}" for name, extents in shape)
        bias = "" if analysis.proposal.correct_bias else " --no-correct-bias"
        console.print(f"* mpq quantize {model} --data {data}{shapes} --recipe {Path(output) / 'recipe.json'}{bias} -o "
                      "quantized.mlirbc", markup=False, highlight=False, soft_wrap=True)


@cli.command()
@click.argument("shell", type=Choice(["bash", "zsh", "fish"]))
def completion(shell):
    """Print what makes SHELL complete mpq's commands: eval "$(mpq completion bash)"."""
    from click.shell_completion import get_completion_class

    click.echo(get_completion_class(shell)(cli, {}, "mpq", "_MPQ_COMPLETE").source())


def main() -> None:
    warnings.showwarning = lambda message, *_: print(f"mpq: warning: {message}", file=sys.stderr)
    try:
        cli(prog_name="mpq", standalone_mode=False)
    except mpq.Error as error:
        sys.exit(f"mpq: error: {error}")
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(error.exit_code)
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        see = f" (see {context.command_path} --help)" if context else ""
        print(f"mpq: error: {' '.join(error.format_message().split()).rstrip('.')}{see}", file=sys.stderr)
        sys.exit(error.exit_code)
    except OSError as error:
        sys.exit(f"mpq: error: {error}")
    except (KeyboardInterrupt, click.Abort):
        sys.exit("mpq: interrupted")


if __name__ == "__main__":
    main()
