"""Every option of the compiler exists once and appears everywhere, with the same name, choices and default.

Each interface is asked what it offers in its own way: nothing here reads the table that some of them are made from. What
an interface leaves out, adds or sets otherwise stands below, with the reason.
"""

import ctypes
import inspect
import os
import re
import subprocess
import sys

import numpy as np
import pytest

import mpq
from mpq_testing import tools
from mpq_testing.paths import BUILD, ROOT

PROFILES = "profiles are what `mpq.calibrate`, `data` and `mpq quantize --save-profile` make"
LIBRARY = "the result is a loaded library"
QUANTIZED = "the result is the model after the phase quantize"
CALIBRATES = "it ends before that phase"
FILES = "what a page or a table shows is made of a library"
RECORD = "the record is kept in the result: Quantized.record and Quantized.report"
FRONT = "the result are recipes, with what they cost and lose"
NO_PASS = "passes are phases themselves, and read modules: the driver does this around them"

SEARCHES = {"fit-data": "the samples it searches with", "calibrate": PROFILES, "resume": PROFILES, "emit": FRONT, "from": FRONT,
            "to": FRONT, "precision": "precisions", "recipe": FRONT, "report": FRONT, "report-data": FRONT,
            "tune": "mpq.compile with a point's recipe"}

ANALYZES = {"fit-data": "the samples it analyzes with", "mask": "all rows are analyzed", "calibrate": PROFILES, "resume": PROFILES, "precision": "int8 is analyzed",
            "name": FILES, "target": "what is simulated is the same on all", "tune": FILES, "report": "the command `mpq report`",
            "report-data": "the command `mpq report`", "emit": FILES, "from": FILES, "to": FILES}

# What an interface leaves out, and why.
LEFT_OUT = {
    "mpq.search": SEARCHES,
    "mpq search": SEARCHES,
    "mpq.analyze": ANALYZES,
    "mpq analyze": ANALYZES,
    "mpq.compile_to": {"calibrate": PROFILES, "resume": PROFILES},
    "mpq.compile": {"fit-data": "mpq.quantize corrects biases", "mask": "mpq.quantize takes samples", "calibrate": PROFILES, "resume": PROFILES, "emit": LIBRARY, "from": LIBRARY, "to": LIBRARY,
                    "report": "mpq.compile_to writes it", "report-data": "mpq.compile_to writes it"},
    "mpq.quantize": {"fit-data": "correct_bias", "tune": QUANTIZED, "calibrate": PROFILES, "resume": PROFILES, "emit": QUANTIZED, "from": QUANTIZED, "to": QUANTIZED,
                     "report": RECORD, "report-data": RECORD},
    "mpq.calibrate": {name: CALIBRATES for name in ("fit-data", "calibrate", "emit", "from", "method", "precision", "profile",
                                                    "recipe", "report", "report-data", "target", "to", "tune")},
    "mpq compile": {"calibrate": PROFILES, "resume": PROFILES},
    "mpq quantize": {"fit-data": "--correct-bias", "tune": QUANTIZED, "calibrate": PROFILES, "resume": PROFILES, "emit": QUANTIZED, "from": QUANTIZED, "to": QUANTIZED,
                     "report": "the command `mpq report`", "report-data": "the command `mpq report`"},
    "mpq evaluate": {"fit-data": "it quantizes with --data", "mask": "mpq quantize decides with samples", "tune": FILES, "calibrate": PROFILES, "resume": PROFILES, "emit": FILES, "from": FILES, "to": FILES, "report": FILES,
                     "report-data": "--data", "name": FILES, "precision": "it compares both"},
    "mpq report": {"fit-data": "it quantizes with --data", "tune": FILES, "calibrate": PROFILES, "resume": PROFILES, "emit": FILES, "from": FILES, "to": FILES, "report": "--output",
                   "report-data": "--data"},
    "mpq run": {name: "it runs a library that is compiled" for name in (
        "fit-data", "calibrate", "emit", "from", "mask", "method", "name", "precision", "profile", "recipe", "report", "report-data",
        "resume", "shape", "target", "to", "tune")},
    "mpq merge-profiles": {name: "it reads profiles only" for name in (
        "fit-data", "calibrate", "emit", "from", "mask", "method", "name", "precision", "profile", "recipe", "report", "report-data",
        "resume", "shape", "target", "to", "tune")},
    "passes": {name: NO_PASS for name in ("fit-data", "calibrate", "emit", "from", "mask", "name", "report-data", "resume", "shape",
                                          "target", "to", "tune")},
}

# What an interface has of its own: not what to compile to, but what to do with it.
OF_SEARCH = {"data", "precisions", "over", "points", "max-loss", "max-latency", "max-bits", "max-bytes", "max-float", "loss",
             "rounding", "seconds", "threads"}
OF_ANALYSIS = {"model", "data", "held-out", "quantized", "metric", "judged", "restore", "threshold", "compare"}
OWN = {
    "mpq.analyze": {"folder", "progress"} | OF_ANALYSIS,
    "mpq analyze": {"output", "quiet", "json", "help", "rows"} | OF_ANALYSIS - {"model"},
    "mpq.search": {"model", "folder", "measured", "progress"} | OF_SEARCH,
    "mpq search": {"output", "quiet", "json", "help"} | OF_SEARCH,
    "quant-compile": {"help", "help-list", "version", "quiet"},
    "mpq.compile_to": {"model", "path", "progress"},
    "mpq.compile": {"model", "threads", "progress"},
    "mpq.quantize": {"model", "data", "correct-bias", "max-float", "max-int16", "loss", "progress"},
    "mpq.calibrate": {"model", "data", "progress"},
    "mpq compile": {"output", "quiet", "json", "help"},
    "mpq quantize": {"output", "quiet", "json", "help", "data", "save-profile", "save-recipe", "onnx", "library",
                     "correct-bias", "max-float", "max-int16", "loss"},
    "mpq evaluate": {"quiet", "json", "help", "data", "quantized", "metric", "peer", "threads", "rounds"},
    "mpq report": {"output", "quiet", "json", "help", "data", "threads"},
    "mpq run": {"quiet", "json", "help", "input", "output-dir", "threads", "benchmark", "profile-ops"},
    "mpq merge-profiles": {"output", "quiet", "json", "help"},
    "passes": {"percentile",  # of recipes
               "times"},  # the driver's --tune
}

# A default that is another, and why.
OTHER_DEFAULT = {
    ("mpq.quantize", "precision"): "int8",  # it is named after it, and always has a profile
    ("passes", "method"): "minmax",  # what the compiler takes, too, if neither it nor the recipe is told
    ("passes", "precision"): "int8",  # who asks for the pass by its name asks for that
}


def table():
    """{name: (default, choices)}: what the C interface lists."""

    class Option(ctypes.Structure):
        _fields_ = [("name", ctypes.c_char_p), ("kind", ctypes.c_char_p), ("description", ctypes.c_char_p),
                    ("default", ctypes.c_char_p), ("choices", ctypes.POINTER(ctypes.c_char_p)),
                    ("num_choices", ctypes.c_uint32)]

    library = ctypes.CDLL(str(BUILD / "lib" / "libMPQ.so"))
    library.mpq_get_option.restype = ctypes.POINTER(Option)
    options = [library.mpq_get_option(index).contents for index in range(library.mpq_num_options())]
    return {option.name.decode(): (option.default.decode(),
                                   tuple(option.choices[i].decode() for i in range(option.num_choices)))
            for option in options}


def output(*command):
    return subprocess.run([*map(str, command)], capture_output=True, text=True, check=True).stdout


def of_quant_compile():
    offered = {}
    for name, text in re.findall(r"^  --([\w-]+)(?==| )(.*(?:\n {10,}=.*)*)", output(tools.tool("quant-compile"), "--help"),
                                 re.MULTILINE):
        default = re.search(r"\(default: ([\w-]+)\)", text)
        offered[name] = (default.group(1) if default else "", tuple(re.findall(r"^ +=([\w-]+)", text, re.MULTILINE)))
    return offered


def of_click(command):
    offered = {}
    listing = output(sys.executable, "-m", "mpq.cli", command, "--help").split("Options:\n")[1]
    for text in re.split(r"^  (?=-)", listing, flags=re.MULTILINE)[1:]:
        text = " ".join(text.split())
        name = re.match(r"(?:-\w, )?--([\w-]+)", text).group(1)
        choices = re.match(r"(?:-\w, )?--[\w-]+ \[([\w|-]+)\]", text)
        default = re.search(r"\[default: ([\w.-]+)[\];]", text)
        offered[name] = (default.group(1) if default else "", tuple(choices.group(1).split("|")) if choices else ())
    return offered


def of_function(function):
    """Names in kebab-case; one that is a keyword of Python has an underscore behind it."""
    return {name.rstrip("_").replace("_", "-"): (parameter.default if isinstance(parameter.default, str) else "", ())
            for name, parameter in inspect.signature(function).parameters.items()}


def of_passes(tmp_path):
    """Options of all passes and pipelines of the product; defaults as their own dumps have them."""
    listing = output(tools.tool("quant-opt"), "--help")
    empty = tmp_path / "empty.mlir"
    empty.write_text("module {}\n")
    offered = {}
    for owner, text in re.findall(r"^ {6}--(mpq-[\w-]+) .*\n((?:(?! {6}--).*\n)*)", listing, re.MULTILINE):
        names = re.findall(r"^ {8}--([\w-]+)=", text, re.MULTILINE)

        def dump(flag):
            """What passes are told; one may refuse to run without its option, after that."""
            return subprocess.run([tools.tool("quant-opt"), empty, flag, "--dump-pass-pipeline"], capture_output=True,
                                  text=True).stderr

        dumped, with_profile = dump(f"--{owner}"), dump(f"--{owner}=profile=p") if "profile" in names else ""
        for name in names:
            values = set(re.findall(rf"[{{ ]{name}=([^ }}]*)", dumped))
            if not values and name != "profile":  # a pipeline without a pass that has nothing to do
                values = set(re.findall(rf"[{{ ]{name}=([^ }}]*)", with_profile))
            if not values:
                assert f"{name}=some-value" in dump(f"--{owner}={name}=some-value"), (owner, name)
                values = {""}
            assert len(values) == 1, f"{owner} has different defaults of {name}: {values}"
            default = (values.pop(), ())
            assert offered.setdefault(name, default) == default or name in OWN["passes"], (owner, name)
    return offered


INTERFACES = {
    "quant-compile": lambda _: of_quant_compile(),
    "mpq.compile_to": lambda _: of_function(mpq.compile_to),
    "mpq.compile": lambda _: of_function(mpq.compile),
    "mpq.quantize": lambda _: of_function(mpq.quantize),
    "mpq.calibrate": lambda _: of_function(mpq.calibrate),
    "mpq compile": lambda _: of_click("compile"),
    "mpq quantize": lambda _: of_click("quantize"),
    "mpq evaluate": lambda _: of_click("evaluate"),
    "mpq report": lambda _: of_click("report"),
    "mpq.search": lambda _: of_function(mpq.search),
    "mpq search": lambda _: of_click("search"),
    "mpq.analyze": lambda _: of_function(mpq.analyze),
    "mpq analyze": lambda _: of_click("analyze"),
    "mpq run": lambda _: of_click("run"),
    "mpq merge-profiles": lambda _: of_click("merge-profiles"),
    "passes": of_passes,
}


@pytest.mark.parametrize("interface", INTERFACES)
def test_names_and_defaults(interface, tmp_path):
    offered = INTERFACES[interface](tmp_path)
    own, left_out = OWN.get(interface, set()), LEFT_OUT.get(interface, {})
    assert own <= offered.keys(), "an option that is listed as its own is gone"
    common = {name: default for name, (default, _) in offered.items() if name not in own}
    expected = {name: OTHER_DEFAULT.get((interface, name), default) for name, (default, _) in table().items()
                if name not in left_out}
    assert common == expected
    assert left_out.keys() <= table().keys(), "no option of the compiler is left out"


@pytest.mark.parametrize("interface", ["quant-compile", "mpq compile", "mpq quantize", "mpq report"])
def test_choices(interface, tmp_path):
    expected = {name: choices for name, (_, choices) in table().items() if choices}
    assert {"emit", "from", "method", "precision", "target", "to"} == expected.keys()
    for name, (_, choices) in INTERFACES[interface](tmp_path).items():
        assert choices == expected.get(name, ()), name


def test_every_command_and_function_is_looked_at():
    listing = output(sys.executable, "-m", "mpq.cli", "--help").split("Commands:\n")[1]
    commands = {f"mpq {name}" for name in re.findall(r"^  ([\w-]+)", listing, re.MULTILINE)} - {"mpq completion"}
    assert commands <= INTERFACES.keys()
    functions = {f"mpq.{name}" for name in mpq.__all__ if inspect.isfunction(getattr(mpq, name))} - {"mpq.load", "mpq.options"}
    assert functions <= INTERFACES.keys()


def test_defaults_are_what_holds(tmp_path):
    """A default that an interface shows is what happens without the option."""
    output(sys.executable, ROOT / "test/CAPI/Inputs/net.py", tmp_path / "net.onnx")
    defaults = [(name, default) for name, (default, _) in table().items() if default]
    assert defaults

    def compiled(*flags):
        return output(tools.tool("quant-compile"), tmp_path / "net.onnx", "--to", "lower", "--emit", "mlir", "--quiet",
                      "-o", "-", *flags)

    for name, default in defaults:
        assert compiled(f"--{name}={default}") == compiled() != "", name


def test_all_of_compile_to(tmp_path):
    """Options reach the compiler: the words of Python become its own."""
    output(sys.executable, ROOT / "test/CAPI/Inputs/net.py", tmp_path / "net.onnx")
    shape = {"x": [1, 3, 12, 12]}
    feeds = [{"x": np.full(shape["x"], value, "f")} for value in (-1, 1, 2)]
    profile = mpq.calibrate(tmp_path / "net.onnx", feeds)
    prepared = tmp_path / "prepared.mlir"
    mpq.compile_to(tmp_path / "net.onnx", prepared, to="prepare", emit="mlir", name="other", shape=shape)
    assert "func.func @other" in prepared.read_text()
    summary = mpq.compile_to(prepared, tmp_path / "lowered.mlir", from_="calibrate", to="lower", emit="mlir",
                             profile=mpq.calibrate(tmp_path / "net.onnx", feeds, name="other"),
                             precision="int8", target="x86-avx2",
                             recipe={"rules": [{"op": "conv", "precision": "f32"}]})
    assert summary["integer_macs"] > 0 and summary["float_macs"] > 0
    mpq.compile_to(tmp_path / "net.onnx", tmp_path / "m.so", profile=profile, report=tmp_path / "r.json",
                   report_data=feeds)
    assert '"sqnr_db"' in (tmp_path / "r.json").read_text()
    assert sorted(os.listdir(tmp_path)) == ["lowered.mlir", "m.h", "m.so", "net.onnx", "prepared.mlir", "r.json"]
