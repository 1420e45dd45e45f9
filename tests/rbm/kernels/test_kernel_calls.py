"""How kernels may call each other: an AST walk over their files."""

import ast

import pytest

from tests.conftest import ROOT

FILES = sorted((ROOT / "recsvc" / "rbm" / "kernels").glob("*.py"))
DECORATORS = {"kernel", "inline_function", "embed_function"}


def functions_of(source: str) -> dict[str, ast.FunctionDef]:
    """Return the compiled functions of a file by name."""
    found = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
    return {node.name: node for node in found if node.decorator_list}


def options_of(function: ast.FunctionDef) -> dict[str, str]:
    """Return the name of the decorator and its options as source text."""
    (decorator,) = function.decorator_list
    if isinstance(decorator, ast.Name):
        return {"decorator": decorator.id}
    assert isinstance(decorator, ast.Call)
    options = {keyword.arg: ast.unparse(keyword.value) for keyword in decorator.keywords}
    return {"decorator": ast.unparse(decorator.func), **options}


def is_inlined(options: dict[str, str]) -> bool:
    return (
        options["decorator"] in ("inline_function", "embed_function")
        or options.get("inline") == "'always'"
        or options.get("forceinline") == "True"
    )


def faults(sources: list[str]) -> list[str]:
    """Return what the compiled functions of some files must not do."""
    functions = {name: node for text in sources for name, node in functions_of(text).items()}
    options = {name: options_of(node) for name, node in functions.items()}
    found = []
    for name, node in functions.items():
        own = options[name]
        if own["decorator"] not in DECORATORS:
            found.append(f"{name} is compiled by {own['decorator']}")
        if own["decorator"] != "inline_function" and not {"fastmath", "error_model"} <= own.keys():
            found.append(f"{name} does not name its flags")
        for call in (n for n in ast.walk(node) if isinstance(n, ast.Call)):
            callee = ast.unparse(call.func)
            if callee in options and not is_inlined(options[callee]):
                found.append(f"{name} calls {callee}")
            drops_writes = options.get(callee, {}).get("decorator") == "inline_function"
            if "parallel" in own and drops_writes and takes_part_of_tuple(call):
                found.append(f"{name} passes a part of a named tuple to {callee}")
            if "parallel" in own and drops_writes and reaches_tuple(functions[callee], functions):
                found.append(f"{callee} writes to a named tuple in {name}")
        if "parallel" in own and any(writes_to_tuple(n) for n in ast.walk(node)):
            found.append(f"{name} writes to a named tuple")
    return found


def takes_part_of_tuple(call: ast.Call) -> bool:
    return any(isinstance(argument, ast.Attribute) for argument in call.args)


def reaches_tuple(function: ast.FunctionDef, functions: dict[str, ast.FunctionDef]) -> bool:
    """Check whether a function writes to a part of a named tuple, or passes one on."""
    nodes = list(ast.walk(function))
    calls = [n for n in nodes if isinstance(n, ast.Call) and ast.unparse(n.func) in functions]
    return any(writes_to_tuple(n) for n in nodes) or any(takes_part_of_tuple(c) for c in calls)


def writes_to_tuple(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Subscript)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Attribute)
    )


def test_kernels_call_inlined_functions_only():
    sources = [file.read_text() for file in FILES]

    assert sum(len(functions_of(source)) for source in sources) > 50
    assert faults(sources) == []


INNER = "@inline_function\ndef inner(a):\n    a[0] = 1\n"
KERNEL = '@kernel(fastmath=STRICT, error_model="numpy"{more})\ndef {name}(a):\n    {body}\n'


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        (
            KERNEL.format(name="f", body="g(a)", more="")
            + KERNEL.format(name="g", body="pass", more=""),
            "f calls g",
        ),
        ("@njit(cache=True)\ndef f(a):\n    pass\n", "f is compiled by njit"),
        ("@kernel(fastmath=STRICT)\ndef f(a):\n    pass\n", "f does not name its flags"),
        (
            INNER + KERNEL.format(name="f", body="inner(a.part)", more=", parallel=True"),
            "f passes a part of a named tuple to inner",
        ),
        (
            KERNEL.format(name="f", body="a.part[0] = 1", more=", parallel=True"),
            "f writes to a named tuple",
        ),
        (
            "@inline_function\ndef inner(a):\n    a.part[0] = 1\n"
            + KERNEL.format(name="f", body="inner(a)", more=", parallel=True"),
            "inner writes to a named tuple in f",
        ),
    ],
)
def test_faults_finds_each_kind(source, fault):
    assert fault in faults([source])
