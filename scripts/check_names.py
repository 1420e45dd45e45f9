"""Check names and the size of folders: `python scripts/check_names.py`.

Reports functions whose name begins with a participle, constructors named `of`, folders of more
than 14 modules, comparisons with the name of a model kind outside the register, `fmt: skip`
outside the kernels, `**vars(x)`, `**x._asdict()` and `*x` splats that mypy cannot check, and
tests whose name does not begin with a unit.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MOST_MODULES = 14
KINDS = {"user_rbm", "item_rbm", "joint_rbm"}
KIND_REGISTER = "recsvc/rbm/model_kind.py"
# Verbs and nouns that look like participles.
PLAIN_WORDS = {"embed", "exceed", "feed", "need", "proceed", "seed", "shed", "speed"}
IRREGULAR_PARTICIPLES = {
    "begun",
    "bought",
    "brought",
    "built",
    "chosen",
    "dealt",
    "done",
    "drawn",
    "driven",
    "fallen",
    "found",
    "frozen",
    "given",
    "gone",
    "grown",
    "held",
    "hidden",
    "kept",
    "known",
    "laid",
    "led",
    "left",
    "lost",
    "made",
    "meant",
    "met",
    "paid",
    "said",
    "seen",
    "sent",
    "shown",
    "sold",
    "spent",
    "spoilt",
    "stuck",
    "taken",
    "taught",
    "thought",
    "thrown",
    "told",
    "torn",
    "understood",
    "won",
    "written",
}
# Terms of the glossary that begin with a participle: the noun that a pure function returns.
# `unused_data` is an attribute of the decompressors of zlib and zstandard.
TERMS = re.compile(
    r"hidden_(inputs?|probabilit|units?|bias)|expected_ratings?|published_(model|version)|unused_data"
)
# Articles, pronouns, number words, prepositions and conjunctions: `test_a_rating_can_be_forgotten`.
NO_UNIT = re.compile(
    r"test_(an?|the|this|these|that|those|each|every|everything|some|somebody|something|any|anybody"
    r"|all|both|no|nobody|none|nothing|others?|another|few|many|only|its?|they|them|their|his|her"
    r"|what|which|who|whom|whose|whoever|whatever|one|two|three|four|five|six|seven|eight|nine|ten"
    r"|of|in|on|at|by|to|for|from|with|without|within|into|under|over|between|before|after|until"
    r"|when|whenever|where|wherever|while|as|if|how|however|though|because)_"
)


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield the functions and methods of a module."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


def begins_with_participle(name: str) -> bool:
    """Return whether the first word of a function's name is a past participle."""
    bare = name.strip("_")
    if name.startswith("__") or TERMS.match(bare):
        return False
    first = bare.split("_")[0]
    return first in IRREGULAR_PARTICIPLES or (first.endswith("ed") and first not in PLAIN_WORDS)


def name_issues(file: str, tree: ast.Module) -> Iterator[str]:
    """Yield the names of functions that are not verb and object."""
    for function in functions(tree):
        where = f"{file}:{function.lineno}: {function.name}"
        if begins_with_participle(function.name):
            yield f"{where} begins with a participle"
        if function.name == "of" or function.name.startswith("of_"):
            yield f"{where} is a constructor: name it from_…, fit or build"


def unit_issues(file: str, tree: ast.Module) -> Iterator[str]:
    """Yield the names of tests that do not begin with a unit."""
    for function in functions(tree):
        if NO_UNIT.match(function.name):
            yield f"{file}:{function.lineno}: {function.name} names no unit"


def kind_issues(file: str, tree: ast.Module) -> Iterator[str]:
    """Yield comparisons with the name of a model kind."""
    if file == KIND_REGISTER:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            operands = [*ast.walk(node)]
            if any(isinstance(one, ast.Constant) and one.value in KINDS for one in operands):
                yield f"{file}:{node.lineno}: compares a model kind by name"


def splat_issues(file: str, tree: ast.Module) -> Iterator[str]:
    """Yield splats of a mapping that names fields at run time."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            for keyword in node.keywords:
                value = keyword.value
                if keyword.arg is None and isinstance(value, ast.Call):
                    called = ast.unparse(value.func)
                    if called in ("vars", "asdict") or called.endswith("._asdict"):
                        yield f"{file}:{node.lineno}: **{called}() copies unchecked fields"


def format_issues(file: str, source: str) -> Iterator[str]:
    """Yield lines that the formatter is told to leave alone."""
    if file.startswith("recsvc/rbm/kernels/"):
        return
    for number, line in enumerate(source.splitlines(), start=1):
        if re.search(r"# fmt: (skip|off)", line):
            yield f"{file}:{number}: fmt: {line.rsplit('fmt: ')[-1]} outside the kernels"


def folder_issues() -> Iterator[str]:
    """Yield folders with too many modules."""
    for folder in sorted({path.parent for path in ROOT.glob("recsvc/**/*.py")}):
        modules = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
        if len(modules) > MOST_MODULES:
            yield f"{folder.relative_to(ROOT)}: {len(modules)} modules, at most {MOST_MODULES}"


def issues() -> Iterator[str]:
    """Yield everything that is reported."""
    for path in sorted(ROOT.glob("recsvc/**/*.py")):
        file = path.relative_to(ROOT).as_posix()
        tree = ast.parse(path.read_text(encoding="utf-8"))
        yield from name_issues(file, tree)
        yield from kind_issues(file, tree)
        yield from splat_issues(file, tree)
    for path in sorted(ROOT.glob("tests/**/*.py")):
        file = path.relative_to(ROOT).as_posix()
        yield from unit_issues(file, ast.parse(path.read_text(encoding="utf-8")))
    for folder in ("recsvc", "tests", "migrations", "benchmarks", "scripts"):
        for path in sorted(ROOT.glob(f"{folder}/**/*.py")):
            file = path.relative_to(ROOT).as_posix()
            yield from format_issues(file, path.read_text(encoding="utf-8"))
    yield from folder_issues()


if __name__ == "__main__":
    found = list(issues())
    for issue in found:
        sys.stdout.write(f"{issue}\n")
    sys.exit(bool(found))
