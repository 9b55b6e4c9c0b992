"""The report of a compilation as one HTML file.

`quant-compile --report r.json` and `quant-run --profile-json p.json` say what was decided and how long it takes;
this makes a page of it that opens in any browser without a network. Standard library only.

    from mpq import report
    report.write(record, "r.html", profile=times)

Names in a record come from whoever made the model. They reach the page as JSON inside a script element of a data
type, with every character escaped that could end it, and from there as text nodes only; a content security policy
with the hash of the page's own script stops everything else.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import html
import json
import math
import os
import sys
from numbers import Real
from pathlib import Path

if __package__:
    from . import _graph_layout
    from .files import Error, check_place, write_file
    from .suggestion import suggest
else:  # python report.py r.json
    import _graph_layout
    from files import Error, check_place, write_file
    from suggestion import suggest

FORMAT, VERSION = "mpq-report", 1
TIMES_FORMAT, TIMES_VERSION = "mpq-kernel-times", 1

# Characters that could end a script element, open a comment, or end a line in JavaScript.
_ESCAPES = {ord(c): f"\\u{ord(c):04x}" for c in "<>&'\u2028\u2029"}


def merge(record: dict, profile: dict | None = None, accuracy: list | None = None,
          compiled: dict | None = None) -> dict:
    """RECORD with the kernel times of PROFILE and the results of ACCURACY in it; nothing is changed in place.

    COMPILED is the record of a later compilation, if RECORD ended with the quantized model: code and kernels are
    described there.
    ACCURACY is a list of {"name": ..., "value": ..., "reference": ..., "unit": ...}: what the quantized model reaches
    and what the float model does. `reference` and `unit` may be absent.
    """
    _check(record, "record", FORMAT, VERSION)
    merged = dict(record)
    if compiled is not None:
        _check(compiled, "record", FORMAT, VERSION)
        merged.update({key: compiled[key] for key in ("target", "bytes", "macs", "kernels", "variants")
                       if key in compiled})
    if profile is not None:
        _check(profile, "profile", TIMES_FORMAT, TIMES_VERSION)
        expected = [kernel["name"] for kernel in merged.get("kernels", [])]
        got = [kernel["name"] for kernel in profile["kernels"]]
        if expected != got:
            first = next((i for i, names in enumerate(zip(expected, got)) if names[0] != names[1]),
                         min(len(expected), len(got)))
            raise Error(
                f"the profile is of another compilation: expected {len(expected)} kernels but got {len(got)}, which "
                f"differ from number {first} on; run quant-run --profile-json on the artifact of this record")
        merged["profile"] = profile
    if accuracy is not None:
        merged["accuracy"] = check_accuracy(accuracy)
    return merged


def kernel_times(kernels: list, milliseconds: list, floors: list | None = None, threads: int = 1, runs: int = 1) -> dict:
    """What quant-run --profile-json writes, of times measured in another way.

    KERNELS are those of the record (or only their names), MILLISECONDS what each takes in a run and FLOORS what it
    takes at least, all in the order of execution.
    """
    entries = []
    for index, kernel in enumerate(kernels):
        entry = dict(kernel) if isinstance(kernel, dict) else {"name": kernel}
        entry.update(milliseconds=milliseconds[index], calls=runs)
        if floors is not None:
            entry["floor_milliseconds"] = floors[index]
            if milliseconds[index] > 0:
                entry["share_of_peak"] = floors[index] / milliseconds[index]
        entries.append(entry)
    return {"format": TIMES_FORMAT, "version": TIMES_VERSION, "threads": threads, "runs": runs,
            "milliseconds": sum(milliseconds), "kernels": entries}


def _check(document: dict, what: str, expected: str, version: int) -> None:
    got = (document.get("format"), document.get("version")) if isinstance(document, dict) else type(document).__name__
    if got != (expected, version):
        raise Error(f"expected a {what} of format {expected!r}, version {version}, but got {got!r}")


def write(record: dict, path: str | os.PathLike, profile: dict | None = None, accuracy: list | None = None,
          compiled: dict | None = None) -> None:
    """Writes the page to PATH, and the merged record as JSON beside it (the same name, .json)."""
    path = check_output(path)
    merged = merge(record, profile, accuracy, compiled)
    page = render(merged)
    write_file(path.with_suffix(".json"), (json.dumps(merged, indent=1) + "\n").encode())
    write_file(path, page.encode())


def check_output(path: str | os.PathLike) -> Path:
    """The path, if a page can go there and its record beside it; what is no record is never replaced by one."""
    if not isinstance(path, (str, os.PathLike)):
        raise Error(f"expected the name of an HTML file but got {path!r}")
    path = Path(path)
    check_place(path, ".html", ": its record gets the same name with .json")
    beside = path.with_suffix(".json")
    if beside.exists():
        try:
            found = json.loads(beside.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            found = None
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            raise Error(f"the record of '{path}' goes to '{beside}', which holds something else: choose another name")
    return path


def check_accuracy(accuracy: list[dict]) -> list[dict]:
    """The list, if it says what `merge` expects."""
    known = ("name", "value", "reference", "unit")
    if not isinstance(accuracy, (list, tuple)):
        raise Error(f"expected accuracy as [{{'name': ..., 'value': ..., 'reference': ...}}] but got {accuracy!r}")
    for entry in accuracy:
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str) or "value" not in entry:
            raise Error(f"expected an accuracy to be a dictionary with a 'name' and a number 'value' but got {entry!r}")
        for key, value in entry.items():
            if key not in known:
                raise Error(f"unknown key {key!r} of the accuracy '{entry['name']}': known are {', '.join(known)}"
                            f"{suggest(key, known)}")
            expected = "text" if key in ("name", "unit") else "a finite number"
            fits = isinstance(value, str) if expected == "text" else isinstance(value, Real) and math.isfinite(value)
            if not fits and (value is not None or key in ("name", "value")):
                raise Error(f"expected '{key}' of the accuracy '{entry['name']}' to be {expected} but got {value!r}")
    return [{key: float(value) if isinstance(value, Real) else value for key, value in entry.items()}
            for entry in accuracy]


def render(record: dict) -> str:
    """The page of a merged record."""
    _check(record, "record", FORMAT, VERSION)
    folder = Path(__file__).parent
    template = (folder / "report.html").read_text(encoding="utf-8")
    style = (folder / "report.css").read_text(encoding="utf-8")
    script = (folder / "report.js").read_text(encoding="utf-8")
    parts = {
        "TITLE": html.escape(f"{record.get('model') or 'model'}: quantization report"),
        "POLICY": f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; script-src '{_hash(script)}'",
        "STYLE": style,
        "SCRIPT": script,
        "SUBTITLE": _render_subtitle(record),
        "TILES": "\n".join(_render_tile(*tile) for tile in headlines(record)),
        "RECORD": embed({"record": record, "graph": lay_out_graph(record)}),
    }
    # Once over the template: what is inserted is never searched for markers.
    pieces = template.split("@@")
    for index in range(1, len(pieces), 2):
        pieces[index] = parts[pieces[index]]
    return "".join(pieces)


def embed(data) -> str:
    """JSON that is safe inside <script type="application/json">."""
    return json.dumps(data, separators=(",", ":"), ensure_ascii=True).translate(_ESCAPES)


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


# Headlines


def headlines(record: dict) -> list[tuple[str, str, str]]:
    """(what, number, explanation) of the few facts that everybody asks for first."""
    tiles = []
    macs = record.get("macs") or {}
    if macs.get("integer") is not None:
        total = macs["integer"] + macs["float"]
        share = 100 * macs["integer"] / total if total else 0
        tiles.append(("Integer arithmetic", f"{share:.1f} %", f"of {si(total)} multiply-accumulates"))
    size = record.get("bytes") or {}
    if size.get("weights") is not None:
        parts = [f"{bytes_text(size[key])} {key}" for key in ("weights", "code", "constants") if size.get(key)]
        total = sum(size.get(key) or 0 for key in ("weights", "code", "constants"))
        tiles.append(("Size", bytes_text(total), ", ".join(parts)))
    if size.get("workspace") is not None:
        tiles.append(("Workspace", bytes_text(size["workspace"]), "memory of one run, beside inputs and outputs"))
    profile = record.get("profile")
    if profile:
        threads = profile["threads"]
        text = f"{threads} thread{'' if threads == 1 else 's'}, mean of {profile['runs']} runs"
        floor = sum(kernel.get("floor_milliseconds", 0) for kernel in profile["kernels"])
        if floor and profile["milliseconds"]:
            text += f"; the floor is {milliseconds_text(floor)}, {100 * floor / profile['milliseconds']:.0f} % of it"
        tiles.append(("Time", milliseconds_text(profile["milliseconds"]), text))
    for entry in record.get("accuracy") or []:
        unit = f" {entry['unit']}" if entry.get("unit") else ""
        text = f"float: {entry['reference']:g}{unit}" if entry.get("reference") is not None else ""
        tiles.append((entry["name"], f"{entry['value']:.4g}{unit}", text))
    errors = {value["id"]: value["error"] for value in record.get("values", []) if value.get("error")}
    outputs = [errors[i]["sqnr_db"] for i in record.get("outputs", []) if i in errors]
    outputs = [db for db in outputs if db is not None]
    if outputs:
        samples = (record.get("samples") or {}).get("errors")
        tiles.append(("SQNR at the output", f"{min(outputs):.1f} dB", f"signal to quantization noise, {samples} samples"))
    return tiles


def _render_tile(what: str, number: str, text: str) -> str:
    return (f'<div class="tile"><dt>{html.escape(what)}</dt><dd class="number">{html.escape(number)}</dd>'
            f'<dd class="text">{html.escape(text)}</dd></div>')


def _render_subtitle(record: dict) -> str:
    target = record.get("target") or {}
    machines = [variant["name"] for variant in record.get("variants", [])]
    parts = [("from", record.get("source")), ("precision", record.get("precision")),
             ("for", ", ".join(machines) or target.get("cpu")), ("", target.get("triple"))]
    return " · ".join(f"{label} <b>{html.escape(str(value))}</b>".strip() for label, value in parts if value)


def si(number: float) -> str:
    for limit, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= limit:
            return f"{number / limit:.3g} {letter}"
    return f"{number:.3g}"


def bytes_text(number: float) -> str:
    for limit, unit in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if number >= limit:
            return f"{number / limit:.3g} {unit}" if number < 1000 * limit else f"{number / limit:.0f} {unit}"
    return f"{number:.0f} bytes"


def milliseconds_text(number: float) -> str:
    if not math.isfinite(number):
        return "unknown"
    return f"{number:.3g} ms" if number >= 0.1 else f"{number * 1000:.3g} µs"


# Graph


PRODUCTS = {"conv": "Conv", "depthwise": "Depthwise", "matmul": "MatMul", "attention": "Attention"}


def label_of(operation: dict) -> str:
    """A product's kind, which folding cannot hide; else the operator of the source model."""
    kind = operation.get("op") or "?"
    return PRODUCTS.get(kind) or (operation.get("node") or "").split(":", 1)[0] or kind


def lay_out_graph(record: dict) -> dict:
    """Boxes and labels of the inputs and then of the operations, and edges as SVG paths."""
    operations = record.get("operations", [])
    inputs = record.get("inputs", [])
    producer = {name: index for index, name in enumerate(inputs)}
    sources: list[list[int]] = [[] for _ in inputs]
    labels = list(inputs) + [label_of(operation) for operation in operations]
    widths = [_box_width(name) for name in inputs]
    for index, operation in enumerate(operations):
        sources.append([producer[name] for name in operation["operands"] if name in producer])
        for name in operation["results"]:
            producer[name] = len(inputs) + index
        # What only moves elements is a dot.
        widths.append(12 if operation.get("precision") is None else _box_width(labels[len(inputs) + index]))
    layout = _graph_layout.lay_out(sources, widths)
    return {"width": layout.width, "height": layout.height, "labels": labels, "boxes": [[round(n, 1) for n in b] for b in layout.boxes],
            "edges": [[node, path] for node, path in layout.edges]}


def _box_width(label: str) -> float:
    return max(30, min(112, 12 + 5.8 * len(label)))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Makes an HTML page of the record of a compilation.")
    parser.add_argument("record", help="JSON of quant-compile --report")
    parser.add_argument("--profile", help="JSON of quant-run --profile-json")
    parser.add_argument("-o", "--output", required=True, help="HTML file; the merged record goes beside it")
    options = parser.parse_args(arguments)
    try:
        documents = [json.loads(Path(file).read_text(encoding="utf-8")) if file else None
                     for file in (options.record, options.profile)]
        write(documents[0], options.output, profile=documents[1])
    except OSError as error:
        sys.exit(f"mpq.report: error: cannot read '{error.filename}': {error.strerror}")
    except (Error, ValueError) as error:
        sys.exit(f"mpq.report: error: {error}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
