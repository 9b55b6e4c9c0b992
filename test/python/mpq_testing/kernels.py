"""Makes the result of every kernel an output of a model, in the text of the IR after `lower`.

Which values kernels end in is read from the formed kernels: their calls carry the location of the operation that
computes the result. An additional user does not change formation, because these values end a kernel without it.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from .tools import run_tool

ELIDED = ("--mlir-print-debuginfo", "--mlir-elide-elementsattrs-if-larger=4",
          "--mlir-elide-resource-strings-if-larger=4")
PREFIX = "kernel."

# The location of an operation's result is the last thing on its last line; aliases are defined at the end of the file.
DEFINITION = re.compile(r"^    (%[\w]+) = ")
LOCATION = re.compile(r" loc\((#loc\d*)\)$")
ALIAS = re.compile(r'^(#loc\d*) = loc\("(.*?)"\(', re.MULTILINE)
TENSOR = re.compile(r"tensor<[^<>]*>")


@dataclass(frozen=True)
class Value:
    ssa: str
    type: str
    place: str  # the name in its location


def extents(tensor: str) -> list[str]:
    """What is equal for a value and for its collapsed or expanded form."""
    *dims, element = tensor[len("tensor<") : -1].split("x")
    return sorted(d for d in dims if d != "1") + [element]


def _values(text: str) -> list[Value]:
    """The results of the first-level operations of the main function, in order."""
    names = dict(ALIAS.findall(text))
    values, ssa = [], None
    for line in text.split("\n"):
        if found := DEFINITION.match(line):
            ssa = found.group(1)
        location = LOCATION.search(line)
        if not ssa or not location or not line.startswith("    ") or (line[4] in " " or line[4] == "^"):
            continue
        types = TENSOR.findall(line)
        if types and location.group(1) in names:
            values.append(Value(ssa, types[-1], names[location.group(1)]))
        ssa = None
    return values


def formed(lowered: Path) -> tuple[int, list[tuple[str, str]]]:
    """How many kernels are called, and (place, type) of each result."""
    text = run_tool("quant-opt", lowered, "--mpq-inline-units", "--mpq-pack-products", "--canonicalize", "--cse",
                    "--mpq-normalize-for-kernels", "--canonicalize", "--cse", "--mpq-form-kernels", *ELIDED)
    names = dict(ALIAS.findall(text))
    calls = re.findall(r"call @kernel_\d+\(.*-> (tensor<[^<>]*>) loc\((#loc\d*)\)$", text, re.MULTILINE)
    return len(calls), [(names[location], tensor) for tensor, location in calls if location in names]


def expose(lowered: Path, path: Path) -> tuple[int, int]:
    """Writes LOWERED (text) with the kernels' results as outputs; returns how many, and how many kernels there are."""
    count, results = formed(lowered)
    text = lowered.read_text()
    by_place = {}
    for value in _values(text):
        by_place.setdefault(value.place, []).append(value)
    chosen = {}
    for place, tensor in results:
        for value in reversed(by_place.get(place, [])):
            if extents(value.type) == extents(tensor):
                chosen[value.ssa] = value
                break
    return_line = re.search(r"^    return (.*?) : (.*?)( loc\(.*\))?$", text, re.MULTILINE)
    returned = return_line.group(1).split(", ")
    values = [value for value in chosen.values() if value.ssa not in returned]
    line = re.search(r"^  func\.func @.*$", text, re.MULTILINE).group(0)
    results_end = line.rindex(")", 0, line.rindex("{"))
    added = "".join(f', {v.type} {{mpq.name = "{PREFIX}{i}"}}' for i, v in enumerate(values))
    new_line = line[:results_end] + added + line[results_end:]
    operands = ", ".join([return_line.group(1), *(v.ssa for v in values)])
    types = ", ".join([return_line.group(2), *(v.type for v in values)])
    text = text.replace(line, new_line, 1).replace(return_line.group(0), f"    return {operands} : {types}", 1)
    path.write_text(text)
    return len(values), count
