"""Shows results: tables on the terminal, JSON, and plots."""

import importlib.metadata
import json
import platform
import subprocess
from datetime import datetime, timezone
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mpq_testing import tools
from mpq_testing.paths import ROOT

from . import cases
from .measure import Group, Row
from .turns import times_faster
from .peaks import Peaks

PACKAGES = ("onnxruntime", "openvino", "nncf", "onnx", "numpy")
FLAGS = ("avx2", "avx_vnni", "avx512f", "avx512_vnni", "amx_int8")


def console() -> Console:
    """Wide enough for the tables: a narrow terminal breaks lines, but no column is cut."""
    return Console(width=max(Console().width, 190))


def number(value: float | None, digits: int = 3, factor: float = 1) -> str:
    return "–" if value is None else f"{value * factor:.{digits}f}"


def percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"


def mark(met: bool | None) -> Text:
    return Text({True: "yes", False: "no", None: "–"}[met], {True: "green", False: "red", None: "dim"}[met])


def peaks_table(peaks: dict[int, Peaks]) -> Table:
    first = next(iter(peaks.values()))
    table = Table(title=f"Peaks measured for {first.target.split()[1]}", box=box.SIMPLE)
    table.add_column("threads", justify="right")
    table.add_column("INT8 GMAC/s", justify="right")
    table.add_column("FP32 GMAC/s", justify="right")
    for size in first.read:
        table.add_column(f"{size >> 10} KiB" if size < 1 << 20 else f"{size >> 20} MiB", justify="right")
    for threads, peak in peaks.items():
        table.add_row(str(threads), number(peak.integer_macs, 1, 1e-9), number(peak.float_macs, 1, 1e-9),
                      *(f"{rate * 1e-9:.1f} GB/s" for rate in peak.read.values()))
    return table


def ordered(rows: list[Row], by: str) -> list[Row]:
    """The furthest behind first; what was not measured before all."""
    keys = {"case": lambda row: 0, "ratio": lambda row: row.ratio or 0, "bound": lambda row: row.share_of_bound or 0}
    return sorted(rows, key=keys[by])


def rows_table(rows: list[Row], title: str) -> Table:
    table = Table(title=title, box=box.SIMPLE, caption="best peer: of any precision for INT8, in FP32 for FP32")
    for name, justify in (("case", "left"), ("threads", "right"), ("precision", "left"), ("ms", "right"),
                          ("best ms", "right"), ("spread", "right"), ("GMAC/s", "right"), ("of bound", "right"),
                          ("bound", "left"), ("best peer", "left"), ("its ms", "right"), ("ratio", "right"),
                          ("goal", "left"), ("met", "left")):
        table.add_column(name, justify=justify, no_wrap=True)
    for row in rows:
        rate = number(row.rate, 1, 1e-9) if row.macs else "–"
        table.add_row(row.case, str(row.threads), row.precision, number(row.seconds, 4, 1e3),
                      number(row.best_seconds, 4, 1e3), percent(row.spread), rate, percent(row.share_of_bound),
                      row.bound_by, row.best_peer or "–", number(row.best_peer_seconds, 4, 1e3),
                      number(row.ratio, 2), row.goal, mark(row.goal_met))
    return table


def contenders_table(groups: list[Group], clock: str) -> Table:
    """Medians of everybody, in milliseconds."""
    table = Table(title=f"ms of every contender, {clock} clock: median (best)", box=box.SIMPLE)
    table.add_column("case", no_wrap=True)
    table.add_column("threads", justify="right")
    names = list(dict.fromkeys(outcome.contender.name for group in groups for outcome in group.outcomes))
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    for group in groups:
        cells = {o.contender.name: str(o.timing.by(clock)) if o.timing else Text("fails", "red")
                 for o in group.outcomes}
        table.add_row(group.case, str(group.threads), *(cells.get(name, "") for name in names))
    return table


def ratio_of_live(made: dict) -> str:
    """The workspace over the least that it could have."""
    return f"{made['workspace_bytes'] / made['live_bytes']:.3f}" if made["live_bytes"] else "–"


def files_table(groups: list[Group]) -> Table:
    """What the compiler made and what it took."""
    table = Table(title="compiled models", box=box.SIMPLE)
    for name, justify in (("case", "left"), ("precision", "left"), ("file MiB", "right"), ("weights MiB", "right"),
                          ("workspace MiB", "right"), ("over live bytes", "right"), ("in integers", "right"),
                          ("compiled in s", "right"), ("compiler's MiB", "right")):
        table.add_column(name, justify=justify)
    seen = set()
    for group in groups:
        for outcome in group.outcomes:
            key = (group.case, outcome.contender.precision)
            if not outcome.compilation or key in seen:
                continue
            seen.add(key)
            made = outcome.compilation
            table.add_row(*key, number(outcome.file_bytes, 1, 2**-20), number(made["weights_bytes"], 1, 2**-20),
                          number(made["workspace_bytes"], 1, 2**-20), ratio_of_live(made),
                          percent(made["integer_share"]), number(made["seconds"], 1),
                          number(made["compiler_bytes"], 0, 2**-20))
    return table


def kernels_table(group: Group) -> Table:
    """Where our time goes."""
    table = Table(title=f"kernels of {group.case}, {group.threads} thread(s)", box=box.SIMPLE)
    for name, justify in (("precision", "left"), ("kernel", "left"), ("ms", "right"), ("of its floor", "right"),
                          ("bound", "left")):
        table.add_column(name, justify=justify, no_wrap=True)
    for outcome in group.outcomes:
        for kernel in sorted(outcome.kernels, key=lambda k: -k["milliseconds"]):
            table.add_row(outcome.contender.precision, kernel["name"], number(kernel["milliseconds"], 4),
                          percent(kernel.get("share_of_peak")), kernel.get("bound", "–"))
    return table


def gains(rows: list[Row]) -> list[dict]:
    """What more threads or fewer bits gain, where that has a goal and both rows were measured."""
    measured = {(row.case, row.precision, row.threads): row for row in rows if row.seconds}
    made = []
    for gain in cases.GAINS:
        if gain.of in measured and gain.over in measured:
            of, over = measured[gain.of], measured[gain.over]
            # Thread counts of one case take turns, different cases do not.
            times = times_faster(of.turns, over.turns) if of.case == over.case else over.seconds / of.seconds
            made.append({"what": str(gain), "gain": times, "goal": gain.goal, "met": times >= gain.goal})
    return made


def gains_table(gains: list[dict]) -> Table:
    table = Table(title="gains", box=box.SIMPLE)
    for name in ("what", "gain", "goal", "met"):
        table.add_column(name)
    for gain in gains:
        table.add_row(gain["what"], f"{gain['gain']:.2f}×", f"≥ {gain['goal']:g}×", mark(gain["met"]))
    return table


def errors_of(groups: list[Group]) -> list[str]:
    return [f"{group.case}, {group.threads} thread(s), {outcome.contender.name}: {outcome.error}"
            for group in groups for outcome in group.outcomes if outcome.error]


def line(row: Row) -> str:
    """What is said of a row as soon as it is measured."""
    return (f"{row.case}, {row.threads} thread(s), {row.precision}: {number(row.seconds, 4, 1e3)} ms, "
            f"{percent(row.share_of_bound)} of bound, ratio {number(row.ratio, 2)}")


def show(console: Console, command: str, groups: list[Group], rows: list[Row], clock: str, sort: str,
         kernels: bool) -> None:
    """All tables, and the reasons of those who have no times."""
    tables = [contenders_table(groups, clock), rows_table(ordered(rows, sort), f"{command}: mpq beside the best peer")]
    if reached := gains(rows):
        tables.append(gains_table(reached))
    if command == "models":
        tables.append(files_table(groups))
    if kernels:
        tables += [kernels_table(group) for group in groups]
    for table in tables:
        if table.row_count:
            console.print(table)
    for error in errors_of(groups):
        console.print(f"failed: {error}", markup=False, highlight=False, soft_wrap=True)


def machine() -> dict:
    text = Path("/proc/cpuinfo").read_text()
    fields = dict(line.split(":", 1) for line in text.split("\n\n")[0].splitlines() if ":" in line)
    fields = {key.strip(): value.strip() for key, value in fields.items()}
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = None
    revision = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True, text=True)
    flags = fields.get("flags", "").split()
    return {"cpu": fields.get("model name", ""), "processors": text.count("processor\t"),
            "flags": [flag for flag in FLAGS if flag in flags], "system": platform.platform(),
            "revision": revision.stdout.strip(), "versions": versions,
            # The build need not be of the revision that is checked out.
            "compiler_built": datetime.fromtimestamp(tools.compiler_stamp(), timezone.utc).isoformat("T", "seconds")}


def to_json(options: dict, peaks: dict[int, Peaks], groups: list[Group], rows: list[Row]) -> dict:
    return {
        "format": "mpq-benchmark", "version": 1, "machine": machine(), "options": options,
        "peaks": {str(threads): peak.to_json() for threads, peak in peaks.items()},
        "groups": [{"case": group.case, "kind": group.kind, "threads": group.threads,
                    "peaks": [peaks.to_json() for peaks in group.peaks],
                    "contenders": [outcome.to_json() for outcome in group.outcomes]} for group in groups],
        "rows": [vars(row) for row in rows],
        "gains": gains(rows)}


def write_json(path: Path, content: dict) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(content, indent=1) + "\n")
    partial.rename(path)


def plot(path: Path, groups: list[Group], rows: list[Row], clock: str) -> None:
    """Rates of all contenders as bars, with the bound of INT8 as a line across each case."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    by_case = {(row.case, row.threads): row for row in rows if row.precision != "f32"}
    shown = [group for group in groups if (group.case, group.threads) in by_case]
    names = list(dict.fromkeys(outcome.contender.name for group in shown for outcome in group.outcomes))
    height = 0.8 / max(len(names), 1)
    figure, axes = pyplot.subplots(figsize=(10, 1.5 + 0.75 * len(shown)), layout="constrained")
    for position, group in enumerate(shown):
        row = by_case[group.case, group.threads]
        axes.plot([row.macs / row.bound_seconds * 1e-9] * 2, [position - 0.42, position + 0.42], color="black", lw=1,
                  label="bound of INT8" if position == 0 else None)
        for outcome in group.outcomes:
            index = names.index(outcome.contender.name)
            rate = row.macs / outcome.timing.by(clock).median * 1e-9 if outcome.timing else 0
            axes.barh(position - 0.4 + (index + 0.5) * height, rate, height, color=f"C{index}",
                      label=outcome.contender.name if position == 0 else None)
    axes.set_yticks(range(len(shown)), [f"{group.case} ({group.threads}T)" for group in shown])
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.set_xlabel("GMAC/s (median)")
    figure.legend(loc="outside upper center", ncols=4)
    figure.savefig(path)
    pyplot.close(figure)
