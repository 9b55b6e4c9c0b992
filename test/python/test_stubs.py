"""The type stubs of the extension say what it has."""

import ast

from mpq import _core
from mpq_testing.paths import BUILD


def names(body):
    """{name: names inside, of a class} of what a stub declares."""
    return {node.name: names(node.body) if isinstance(node, ast.ClassDef) else None for node in body
            if isinstance(node, (ast.ClassDef, ast.FunctionDef))}


def public(thing):
    return {name for name in vars(thing) if not name.startswith("_")}


def test_stubs_are_complete_and_typed():
    tree = ast.parse((BUILD / "python" / "mpq" / "_core.pyi").read_text())
    declared = names(tree.body)
    assert declared.keys() == public(_core)
    for name, inside in declared.items():
        if inside:
            assert set(inside) - {"__init__"} == public(getattr(_core, name)), name
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            arguments = [argument for argument in node.args.args if argument.arg != "self"]
            assert node.returns and all(argument.annotation for argument in arguments), node.name
            assert "ndarray" not in ast.unparse(node), node.name  # NumPy is not what tells types here
