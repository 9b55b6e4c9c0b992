#!/usr/bin/env python3
"""Speed of mpq beside ONNX Runtime and OpenVINO: peaks of the machine, single layers, whole networks.

docs/Benchmarks.md says how to read the tables.
"""

import sys
from contextlib import closing
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))

from mpq_benchmark import cases, contenders, low_bit, measure, peaks, report  # noqa: E402
from mpq_benchmark.networks import NetworkCase  # noqa: E402
from mpq_benchmark.turns import Setting  # noqa: E402
from mpq_benchmark.worker import renounce_amx  # noqa: E402
from mpq_testing import models  # noqa: E402


@click.group(help=__doc__)
def main() -> None:
    pass


def common(command):
    """The options that all measurements share."""
    engines = click.Choice(contenders.ENGINES)
    for option in (
            click.option("--threads", multiple=True, type=click.IntRange(1), default=(1, 2), show_default=True),
            click.option("--filter", "filters", multiple=True, metavar="TEXT",
                         help="Only cases whose name contains TEXT; may be given several times."),
            click.option("--engine", "engines", multiple=True, type=engines, default=contenders.ENGINES,
                         help="Who takes part; all if not given."),
            click.option("--precision", "precisions", multiple=True, type=click.Choice(("f32", "int8", "int4", "int2")),
                         help="All that a case has if not given."),
            click.option("--rounds", type=click.IntRange(1), default=40, show_default=True),
            click.option("--seconds", type=click.FloatRange(0), default=0.05, show_default=True, help="Of one turn."),
            click.option("--clock", type=click.Choice(("wall", "cpu")), default="wall", show_default=True,
                         help="What rows compare; cpu: processor time, for a busy machine and one thread."),
            click.option("--amx/--no-amx", default=True, show_default=True,
                         help="Whether contenders may use the tile registers, where the machine has them."),
            click.option("--sort", type=click.Choice(("case", "ratio", "bound")), default="case", show_default=True,
                         help="Which rows come first: in the order of cases, or the furthest behind."),
            click.option("--kernels", is_flag=True, help="Also show the time of each of our kernels."),
            click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write everything to this file."),
            click.option("--plot", "plot_file", type=click.Path(path_type=Path),
                         help="Draw the rates to this file (.svg, .png).")):
        command = option(command)
    return command


@main.command("peaks")
@click.option("--threads", multiple=True, type=click.IntRange(1), default=(1, 2), show_default=True)
@click.option("--repeats", type=click.IntRange(1), default=peaks.REPEATS, show_default=True)
@click.option("--json", "json_file", type=click.Path(path_type=Path))
def peaks_command(threads, repeats, json_file):
    """Measure the peaks of dot product, multiply-add and reads."""
    check_files(json_file)
    measured = {}
    for count in threads:
        with closing(peaks.Yardstick(count)) as yardstick:
            measured[count] = yardstick.best(repeats)
    report.console().print(report.peaks_table(measured))
    if json_file:
        report.write_json(json_file, report.to_json({"command": "peaks"}, measured, [], []))


@main.command()
@common
def layers(**options):
    """Matrix products, convolutions and attention, FP32 and INT8."""
    run("layers", [contenders.LayerCase(layer) for layer in cases.LAYERS], **options)


@main.command("low-bit")
@common
def low_bit_command(**options):
    """Linear layers with weights of 4 and 2 bits, read from memory."""
    run("low-bit", [contenders.LayerCase(layer) for layer in low_bit.LAYERS], **options)


@main.command("models")
@common
def models_command(**options):
    """The six networks, FP32 and INT8."""
    run("models", [NetworkCase(model) for model in models.SIX], **options)


def check_files(*paths: Path | None) -> None:
    """Before anything is measured: what could not be written in the end."""
    for path in filter(None, paths):
        if not path.absolute().parent.is_dir():
            raise click.ClickException(f"cannot write '{path}': there is no folder '{path.parent}'")


def choose(known: list, filters: tuple[str, ...], precisions: tuple[str, ...]) -> list:
    """The cases that the options name, with the precisions that they name."""
    chosen = [case for case in known if not filters or any(text in case.name for text in filters)]
    if not chosen:
        raise click.ClickException(f"no case has {' or '.join(map(repr, filters))} in its name: "
                                   f"expected one of {', '.join(case.name for case in known)}")
    for case in chosen:
        case.precisions = tuple(p for p in case.precisions if not precisions or p in precisions)
    chosen = [case for case in chosen if case.precisions]
    if not chosen:
        raise click.ClickException(f"no chosen case has the precision {' or '.join(precisions)}")
    return chosen


def run(command, known, *, threads, filters, engines, precisions, rounds, seconds, clock, amx, sort, kernels, json_file,
        plot_file):
    """Measures all cases, shows one line of each as it is done, and the tables in the end."""
    chosen = choose(known, filters, precisions)
    check_files(json_file, plot_file)
    if clock == "cpu" and any(count > 1 for count in threads):
        raise click.ClickException("--clock cpu compares one thread: expected --threads 1")
    if not amx:
        renounce_amx()  # for the compiler, too: its target is this machine
    console = report.console()
    yardsticks = {count: peaks.Yardstick(count) for count in threads}
    measured = {count: yardstick.best() for count, yardstick in yardsticks.items()}
    console.print(report.peaks_table(measured))
    options = {"command": command, "rounds": rounds, "seconds": seconds, "clock": clock, "amx": amx,
               "filter": list(filters)}
    groups = []

    def save() -> list:
        """All rows so far, also in the file: a run that is stopped keeps what it has measured."""
        rows = [row for group in groups for row in measure.rows(group, clock)]
        if json_file:
            report.write_json(json_file, report.to_json(options, measured, groups, rows))
        return rows

    settings = [Setting(count, rounds, seconds, amx) for count in threads]
    for case in chosen:
        groups += measure.measure(case, contenders.contenders(case.precisions, engines), settings,
                                  yardsticks)
        for row in save():
            if row.case == case.name:
                click.echo(report.line(row), err=True)
    for yardstick in yardsticks.values():
        yardstick.close()
    rows = save()
    report.show(console, command, groups, rows, clock, sort, kernels)
    if plot_file:
        report.plot(plot_file, groups, rows, clock)


if __name__ == "__main__":
    main()
