"""What callers may pass: the one place that checks names and kinds of arguments.

An argument means the same in every function that has it, so KINDS goes by name. What an argument holds is checked
where it is read: models in compiler.py, arrays in program.py.
"""

from __future__ import annotations

import functools
import inspect
import os
import reprlib
from keyword import iskeyword
from numbers import Integral
from typing import Any, Callable, Mapping, NamedTuple, Sequence, TypeVar

from . import _core
from .suggestion import suggest

Function = TypeVar("Function", bound=Callable)


class Kind(NamedTuple):
    """What an argument may be: in words, as a test, and the valid names if there are a few, of it or of its parts."""

    expected: str
    accepts: Callable[[Any], bool]
    names: Sequence[str] = ()
    parts: Callable[[Any], Sequence[Any]] = lambda value: [value]


class _Description(reprlib.Repr):
    """Builtin values as they are written, shortened; of others what they are."""

    def repr_instance(self, value: Any, level: int) -> str:
        if value is None or isinstance(value, (bool, float, bytes)):
            return super().repr_instance(value, level)
        return f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__


describe = _Description().repr


def is_path(value: Any) -> bool:
    text = os.fspath(value) if isinstance(value, os.PathLike) else value
    return isinstance(text, str) and text != "" and "\0" not in text


def is_number(value: Any, least: int) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and least <= value < 2**31


def _is_shape(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(name, str) and isinstance(extents, Sequence) and not isinstance(extents, (str, bytes))
        and all(is_number(extent, 1) for extent in extents) for name, extents in value.items())


def _is_samples(value: Any) -> bool:
    one = isinstance(value, (str, bytes, Mapping)) or hasattr(value, "__array__") or hasattr(value, "__dlpack__")
    return not one and (hasattr(value, "__iter__") or hasattr(value, "__getitem__"))


def _is_positive(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0


def _one_of(option: Mapping[str, Any]) -> Kind:
    names = option["choices"]
    return Kind(f"one of {', '.join(names)}",
                lambda value: value is None or isinstance(value, str) and value in names, names)


def _split(value: Any) -> Sequence[Any]:
    return value.split(",") if isinstance(value, str) else value if isinstance(value, (list, tuple)) else [value]


def _some_of(option: Mapping[str, Any]) -> Kind:
    names = option["choices"]
    return Kind(f"a list of some, or one of {', '.join(names)}",
                lambda value: value is None or bool(value) and all(isinstance(name, str) and name in names
                                                                   for name in _split(value)), names, _split)


ROUNDINGS = ("nearest", "gptq", "adaround")
_PATH = Kind("a path (text or os.PathLike)", is_path)
KINDS: dict[str, Kind] = {
    "path": _PATH,
    "trace": _PATH,
    "resume": _PATH,
    "folder": _PATH,
    "report": _PATH,
    "tune": _PATH,
    "fit_data": Kind("a folder of samples or samples, {input name: array} each,",
                      lambda value: is_path(value) or _is_samples(value)),
    "correct_bias": Kind("True or False", lambda value: isinstance(value, bool)),
    "report_data": Kind("a folder of samples or samples, {input name: array} each,",
                        lambda value: is_path(value) or _is_samples(value)),
    "threads": Kind("a whole number, or 0 for one for each processor,", lambda value: is_number(value, 0)),
    "runs": Kind("a whole number from 1 on", lambda value: is_number(value, 1)),
    "shape": Kind("{input name: [whole numbers from 1 on]}", _is_shape),
    "recipe": Kind("the path of a file or a dictionary of rules",
                   lambda value: is_path(value) or isinstance(value, Mapping)),
    "name": Kind("text", lambda value: isinstance(value, str)),
    "mask": Kind("the name of an input", lambda value: isinstance(value, str) and value != ""),
    "progress": Kind("a function of (phase, seconds, samples done, samples in all)", callable),
    "data": Kind("an iterable of samples, {input name: array} each (mpq.samples.SampleFolder reads a folder),",
                 _is_samples),
    "profiles": Kind("profiles or paths of profiles",
                     lambda value: not isinstance(value, (str, bytes)) and hasattr(value, "__iter__")),
    "precisions": Kind("a list of precisions", lambda value: isinstance(value, (list, tuple))),
    "over": Kind("\"latency\", \"bits\" or \"float\"", lambda value: value in ("latency", "bits", "float")),
    "points": Kind("a whole number from 2 on", lambda value: is_number(value, 2)),
    "loss": Kind("a function of outputs and references, lists of {name: array},", callable),
    "rounding": Kind("one of nearest, gptq, adaround", lambda value: value in ROUNDINGS, ROUNDINGS),
    "seconds": Kind("a number of seconds", _is_positive),
    "held_out": Kind("an iterable of samples, {input name: array} each,", _is_samples),
    "metric": Kind("the name of a metric, a Python file or a function of (outputs, references, inputs)",
                   lambda value: isinstance(value, str) or callable(value)),
    "judged": Kind("a whole number from 1 on", lambda value: is_number(value, 1)),
    "restore": Kind("a part from 0 to 1", lambda value: _is_positive(value) and value <= 1),
    "threshold": Kind("a number of decibels", lambda value: isinstance(value, (int, float)) and not isinstance(value, bool)),
    "compare": Kind("two names of variants", lambda value: value is None or isinstance(value, (list, tuple)) and len(value) == 2),
    "measured": Kind("True or False", lambda value: isinstance(value, bool)),
    **{f"max_{limit}": Kind("a number above 0", _is_positive) for limit in ("loss", "latency", "bits", "bytes")},
    **{f"max_{kept}": Kind("a share above 0 and below 1 (0.15: 15%)", lambda value: _is_positive(value) and value < 1)
       for kept in ("float", "int16")},
    "samples": Kind("an iterable of samples, {input name: array} each,", _is_samples),
    "feed": Kind("inputs as {name: array}", lambda value: isinstance(value, Mapping)),
    "out": Kind("outputs as {name: array}", lambda value: isinstance(value, Mapping)),
}
KINDS["core"] = Kind("what mpq.compile and mpq.load make programs of", lambda value: not is_path(value))
KINDS["library"] = KINDS["core"]
KINDS["bytecode"] = Kind("what mpq.quantize makes models of", lambda value: isinstance(value, bytes))
KINDS.update((option["name"] + "_" * iskeyword(option["name"]), _one_of(option))
             for option in _core.options() if option["kind"] == "choice")
KINDS.update((option["name"], _some_of(option)) for option in _core.options() if option["kind"] == "choices")


def _refuse(place: str, parameters: Mapping[str, inspect.Parameter], ordered: list[str], positional: tuple,
            named: Mapping[str, Any]) -> str:
    """Why these arguments are no call of a function with these parameters, of which `ordered` need no name."""
    names = [name for name in parameters if name != "self"]
    for name in named:
        if name not in names:
            nearest = suggest(name, names) or f": its arguments are {', '.join(map(repr, names)) or 'none'}"
            return f"{place} has no argument '{name}'{nearest}"
    if len(positional) > len(ordered):
        taken = ", ".join(repr(name) for name in ordered if name != "self") or "none"
        rest = ", ".join(f"{name}=..." for name in names if name not in ordered and name not in named)
        return (f"{place} takes {taken} without a name but got {describe(positional[len(ordered)])} too"
                f"{': name what it is, ' + rest if rest else ''}")
    for name in ordered[:len(positional)]:
        if name in named:
            first = positional[ordered.index(name)]
            return f"{place} got '{name}' twice: {describe(first)} and {describe(named[name])}"
    missing = next(name for name in ordered[len(positional):]
                   if name not in named and parameters[name].default is inspect.Parameter.empty)
    return f"{place} needs '{missing}'" + (f": {KINDS[missing].expected}".rstrip(",") if missing in KINDS else "")


def checked(function: Function) -> Function:
    """The function, with mpq.Error for wrong names and kinds of arguments."""
    parameters = inspect.signature(function).parameters
    ordered = [name for name in parameters if parameters[name].kind == inspect.Parameter.POSITIONAL_OR_KEYWORD]
    needed = {name for name in parameters if parameters[name].default is inspect.Parameter.empty}
    place = "mpq." + function.__qualname__.replace(".__call__", "").replace(".__init__", "")

    @functools.wraps(function)
    def call(*positional: Any, **named: Any) -> Any:
        given = dict(zip(ordered, positional)) | named
        if (len(given) < len(positional) + len(named) or not needed <= given.keys()
                or not given.keys() <= parameters.keys()):
            raise _core.Error(_refuse(place, parameters, ordered, positional, named))
        for name, value in given.items():
            kind = KINDS.get(name)
            if kind and value is not parameters[name].default and not kind.accepts(value):
                wrong = next((part for part in kind.parts(value)
                              if not (isinstance(part, str) and part in kind.names)), value)
                raise _core.Error(f"{place}: expected '{name}' to be {kind.expected} but got {describe(wrong)}"
                                  f"{suggest(wrong, kind.names)}")
        return function(*positional, **named)

    return call  # type: ignore[return-value]


@checked
def options() -> list[dict[str, Any]]:
    """The compiler's options: name, kind, description, default and choices of each."""
    return _core.options()
