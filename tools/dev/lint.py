#!/usr/bin/env python3
"""House rules that no compiler checks (docs/CodingGuide.md). Prints one line for each breach; exit 1 if any.

Reads the tracked and the not ignored untracked files of the checkout.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Longest files, in lines. Above it, split by subject.
BUDGETS = {".cpp": 600, ".h": 600, ".c": 600, ".td": 500, ".mlir": 400, ".test": 400, ".py": 600, ".cmake": 150,
           "CMakeLists.txt": 150, ".sh": 150}
CODE = {".cpp", ".h", ".c", ".td"}
LICENSE = "SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception"
# A folder of one machine, or the host of a package registry, has no place in a repository.
FOREIGN = re.compile(r"(?<![\w.$}/~-])/(?:work|home|root|Users|mnt)/|\b(?:pypi\.org|files\.pythonhosted|deb\.debian\.org)\b")

problems: list[str] = []


def report(path: Path, line: int, message: str) -> None:
    problems.append(f"{path.relative_to(ROOT)}:{line}: {message}")


def repository_files() -> list[Path]:
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, capture_output=True, check=True).stdout.decode().split("\0")
    return [path for path in (ROOT / name for name in names if name) if path.is_file()]


def line_of(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1


def check_header(path: Path, text: str) -> None:
    head = "\n".join(text.splitlines()[:8])
    if LICENSE not in head:
        report(path, 1, "expected the license header with its SPDX line")
    first = text.splitlines()[0] if text else ""
    banner = re.match(r"(?://|/\*)===-+ (\S+) - \S", first)
    if not banner or banner.group(1) != path.name:
        report(path, 1, f'expected the first line to name file and purpose ("//===- {path.name} - purpose ---===//")')


def check_size(path: Path, text: str) -> None:
    budget = BUDGETS.get(path.name, BUDGETS.get(path.suffix))
    count = len(text.splitlines())
    if budget and count > budget:
        report(path, budget, f"expected at most {budget} lines but got {count}: split it by subject")


def check_text(path: Path, text: str) -> None:
    if path != Path(__file__).resolve():
        for match in FOREIGN.finditer(text):
            report(path, line_of(text, match.start()), f'"{match.group()}" names one machine or registry')
    for number, line in enumerate(text.splitlines(), 1):
        if line != line.rstrip() and path.suffix != ".md":
            report(path, number, "trailing whitespace")
    if text and not text.endswith("\n"):
        report(path, text.count("\n") + 1, "expected a line break at the end of the file")


def check_library(path: Path, text: str) -> None:
    """Rules of lib/ and include/."""
    for match in re.finditer(r"\bcl::(?:opt|list)\b", text):
        report(path, line_of(text, match.start()), "command line options belong to tools: pass an options struct")
    if path.suffix == ".h" and path.is_relative_to(ROOT / "include"):
        for match in re.finditer(r'#include "(?:\.\./)*lib/', text):
            report(path, line_of(text, match.start()), "public headers include nothing from lib/")
    if path.is_relative_to(ROOT / "include" / "mpq-runtime"):
        for match in re.finditer(r'#include [<"](?:mlir|llvm|mpq)/', text):
            report(path, line_of(text, match.start()), "the runtime knows neither MLIR nor the compiler")


def definition_body(text: str, start: int) -> str:
    """The braces' content of the TableGen definition that begins at start; code blocks may hold braces."""
    opening = text.index("{", start)
    depth, position = 0, opening
    while position < len(text):
        if text.startswith("[{", position):
            position = text.index("}]", position) + 2
            continue
        depth += {"{": 1, "}": -1}.get(text[position], 0)
        position += 1
        if depth == 0:
            return text[opening:position]
    return text[opening:]


def check_tablegen(path: Path, text: str, tests: str) -> None:
    plain = re.sub(r"//[^\n]*", lambda m: " " * len(m.group()), text)
    for match in re.finditer(r"^def (\w+) : (\w*_Op|Pass|InterfacePass)<\s*\"([^\"]+)\"", plain, re.MULTILINE):
        name, kind, mnemonic = match.groups()
        line, body = line_of(text, match.start()), definition_body(plain, match.start())
        for field in ("summary", "description"):
            if not re.search(rf"let {field} =", body):
                report(path, line, f"expected {name} to have a {field}")
        if kind.endswith("_Op"):
            operation = f"{kind.removesuffix('_Op').lower()}.{mnemonic}"
            if not re.search(re.escape(operation) + r"\b", tests):
                report(path, line, f"no test names the operation {operation}")
            continue
        if not mnemonic.startswith("mpq-"):
            report(path, line, f'expected the flag of {name} to begin with "mpq-" but got "{mnemonic}"')
        if not re.search(r"(?<!\w)(?<!\w-)" + re.escape(mnemonic) + r"(?![\w-])", tests):
            report(path, line, f"no test names the pass {mnemonic}")
        if "let constructor" in body:
            report(path, line, f"{name}: use the generated create function")


def check_registered(path: Path, registered: str) -> None:
    if path.name not in registered.split():
        report(path, 1, "expected test/python/CMakeLists.txt to name this test: nothing runs it")


def main() -> int:
    files = repository_files()
    texts = {}
    for path in files:
        try:
            texts[path] = path.read_text()
        except UnicodeDecodeError:
            continue  # binary inputs of tests
    registered = texts[ROOT / "test/python/CMakeLists.txt"].replace(")", " ")
    tests = "\n".join(text for path, text in texts.items() if path.is_relative_to(ROOT / "test"))
    for path, text in texts.items():
        if "third_party" in path.parts:
            continue
        check_size(path, text)
        check_text(path, text)
        if path.suffix in CODE and "Inputs" not in path.parts:
            check_header(path, text)
        if path.is_relative_to(ROOT / "lib") or path.is_relative_to(ROOT / "include"):
            check_library(path, text)
        if path.parent == ROOT / "test/python" and path.match("test_*.py"):
            check_registered(path, registered)
        if path.suffix == ".td":
            check_tablegen(path, text, tests)
    for problem in sorted(problems):
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
