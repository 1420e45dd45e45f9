"""Trace a training job through recsvc.service: `python scripts/trace_training.py`.

Follows the job from `training_job.carry_out` along the calls in the source, depth-first and in
source order. A function is entered once. A call is followed if

- its callee is a function, class or method of `recsvc.service` that the source names: directly,
  through an import, through `self`, or through a parameter, a field or a local variable whose
  class the annotations declare; and
- it receives the job: one argument or the receiver is a `Job`, a `TrainingSpec`, or an object with
  a field for one of them, or one of the job's own fields `spec` and `progress_note`.

Callbacks are not followed, because the loop that calls them does not name their classes.
A call of a class enters its module, and its `__init__` or `__post_init__` if it has one.

visits         the distinct modules that such calls enter, the first one included
moves back up  the calls from a module to another one that is already on the current call path

The line "all calls" has the same two numbers without the condition that the job is received.
Exits with status 1 if the job's numbers are above MOST_VISITS and MOST_MOVES_UP.
"""

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "recsvc.service"
START = ("recsvc.service.training.training_job", "carry_out")
JOB_CLASSES = {"Job", "TrainingSpec"}
JOB_FIELDS = {"spec", "progress_note"}
MOST_VISITS, MOST_MOVES_UP = 9, 2

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass
class Module:
    """A module's functions and classes by name, and its imported names."""

    name: str
    functions: dict[str, Function] = field(default_factory=dict)
    classes: dict[str, ast.ClassDef] = field(default_factory=dict)
    imports: dict[str, str] = field(default_factory=dict)  # local name → dotted name


@dataclass(frozen=True)
class Target:
    """A callee: a function, or a method or constructor of a class."""

    module: str
    function: str | None
    class_name: str | None = None


def read_modules() -> dict[str, Module]:
    """Parse all modules of the package."""
    modules = {}
    for path in sorted((ROOT / PACKAGE.replace(".", "/")).rglob("*.py")):
        dotted = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        module = Module(dotted.removesuffix(".__init__"))
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                for name in node.names:
                    module.imports[name.asname or name.name] = f"{node.module}.{name.name}"
        for node in tree.body:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                module.functions[node.name] = node
            elif isinstance(node, ast.ClassDef):
                module.classes[node.name] = node
        modules[module.name] = module
    return modules


def class_fields(node: ast.ClassDef) -> dict[str, ast.expr]:
    """Return the annotated fields of a class."""
    return {
        statement.target.id: statement.annotation
        for statement in node.body
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
    }


def method(node: ast.ClassDef, name: str) -> Function | None:
    """Return a method of a class."""
    for statement in node.body:
        if (
            isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef))
            and statement.name == name
        ):
            return statement
    return None


def names_in(annotation: ast.expr | None) -> list[str]:
    """Return the class names in an annotation."""
    return [] if annotation is None else re.findall(r"\w+", ast.unparse(annotation))


class Tracer:
    """Follows calls and records the modules that they enter."""

    def __init__(self, modules: dict[str, Module], *, follow_all: bool) -> None:
        self.modules = modules
        self.follow_all = follow_all
        self.carriers = self._carriers()
        self.visits: list[str] = []
        self.moves_up: list[tuple[str, str]] = []
        self._entered: set[Target] = set()

    def _carriers(self) -> set[str]:
        """Return the classes that have the job: as themselves or in a field."""
        carriers = set(JOB_CLASSES)
        while True:
            found = {
                name
                for module in self.modules.values()
                for name, node in module.classes.items()
                if any(carriers & set(names_in(one)) for one in class_fields(node).values())
            }
            if found <= carriers:
                return carriers
            carriers |= found

    def enter(self, target: Target, path: tuple[str, ...]) -> None:
        """Enter a callee from the modules on the call path."""
        if path and target.module != path[-1] and target.module in path:
            self.moves_up.append((path[-1], target.module))
        if target.module not in self.visits:
            self.visits.append(target.module)
        if target in self._entered:
            return
        self._entered.add(target)
        module = self.modules[target.module]
        own_class = module.classes[target.class_name] if target.class_name else None
        function = method(own_class, target.function) if own_class and target.function else None
        if target.class_name is None and target.function:
            function = module.functions[target.function]
        if function is None:
            return
        scope = Scope(self, module, own_class, function)
        if not path or target.module != path[-1]:
            path = (*path, target.module)
        for called in scope.calls():
            self.enter(called, path)


class Scope:
    """The names of a function: their classes, and what its calls resolve to."""

    def __init__(
        self, tracer: Tracer, module: Module, own_class: ast.ClassDef | None, function: Function
    ) -> None:
        self.tracer, self.module, self.own_class = tracer, module, own_class
        self.function = function
        self.types: dict[str, str] = {}
        for argument in (*function.args.args, *function.args.kwonlyargs):
            for name in names_in(argument.annotation):
                if self._find_class(name) or name in JOB_CLASSES:
                    self.types[argument.arg] = name
        if own_class is not None:
            self.types |= dict.fromkeys(("self", "cls"), own_class.name)

    def calls(self) -> Iterator[Target]:
        """Yield the followed calls in source order; learn the classes of local variables."""
        for node in in_source_order(self.function):
            if isinstance(node, ast.Assign):
                for name in (one.id for one in node.targets if isinstance(one, ast.Name)):
                    if found := self._type(node.value):
                        self.types[name] = found
            elif isinstance(node, ast.Call):
                target = self._resolve(node.func)
                if target is not None and (self.tracer.follow_all or self._receives_job(node)):
                    yield target

    def _find_class(self, name: str) -> tuple[Module, ast.ClassDef] | None:
        """Return the class that a name stands for in this module."""
        dotted = self.module.imports.get(name, f"{self.module.name}.{name}")
        for module in self.tracer.modules.values():
            node = module.classes.get(name)
            if node is not None and dotted == f"{module.name}.{name}":
                return module, node
        for module in self.tracer.modules.values():  # the class of another class's field
            if name in module.classes and name not in self.module.imports:
                return module, module.classes[name]
        return None

    def _type(self, node: ast.expr) -> str | None:
        """Return the class of an expression, if annotations declare it."""
        if isinstance(node, ast.Name):
            return self.types.get(node.id)
        if isinstance(node, ast.Attribute) and (owner := self._type(node.value)):
            found = self._find_class(owner)
            names = names_in(class_fields(found[1]).get(node.attr)) if found else []
            return next((n for n in names if self._find_class(n) or n in JOB_CLASSES), None)
        if isinstance(node, ast.Call) and (target := self._resolve(node.func)):
            return self._result_type(target)
        return None

    def _result_type(self, target: Target) -> str | None:
        module = self.tracer.modules[target.module]
        if target.class_name is None:
            returns = module.functions[target.function or ""].returns
        else:
            called = method(module.classes[target.class_name], target.function or "")
            if called is None:
                return target.class_name
            returns = called.returns
        names = names_in(returns)
        return next((n for n in names if self._find_class(n) or n in JOB_CLASSES), None)

    def _resolve(self, callee: ast.expr) -> Target | None:
        """Return the function or method that is called, None if it is not in the package."""
        if isinstance(callee, ast.Name):
            return self._named(self.module.imports.get(callee.id), callee.id)
        if not isinstance(callee, ast.Attribute):
            return None
        if isinstance(callee.value, ast.Name) and callee.value.id in self.module.imports:
            imported = self.module.imports[callee.value.id]
            if imported in self.tracer.modules:
                return self._named(f"{imported}.{callee.attr}", callee.attr)
        owner = self._type(callee.value)
        if owner is None and isinstance(callee.value, ast.Name):
            owner = callee.value.id  # a class method
        found = self._find_class(owner) if owner else None
        if found is None or method(found[1], callee.attr) is None:
            return None
        return Target(found[0].name, callee.attr, found[1].name)

    def _named(self, dotted: str | None, name: str) -> Target | None:
        module_name, _, _ = (dotted or f"{self.module.name}.{name}").rpartition(".")
        module = self.tracer.modules.get(module_name)
        if module is None:
            return None
        if name in module.classes:
            node = module.classes[name]
            made = next((n for n in ("__init__", "__post_init__") if method(node, n)), None)
            return Target(module_name, made, name)
        return Target(module_name, name) if name in module.functions else None

    def _receives_job(self, call: ast.Call) -> bool:
        """Return whether an argument or the receiver is the job or an object that has it."""
        arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
        if isinstance(call.func, ast.Attribute):
            arguments.append(call.func.value)
        return any(self._is_job(argument) for argument in arguments)

    def _is_job(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Attribute) and node.attr in JOB_FIELDS:
            return self._type(node.value) in JOB_CLASSES or self._type(node) in JOB_CLASSES
        return self._type(node) in self.tracer.carriers


def in_source_order(function: Function) -> Iterator[ast.AST]:
    """Yield a function's calls and assignments; arguments come before the call that uses them."""

    def walk(node: ast.AST) -> Iterator[ast.AST]:
        for child in ast.iter_child_nodes(node):
            yield from walk(child)
        if isinstance(node, (ast.Call, ast.Assign)):
            yield node

    for statement in function.body:
        yield from walk(statement)


def trace(*, follow_all: bool) -> Tracer:
    """Trace a training job, or all calls, from its entry function."""
    tracer = Tracer(read_modules(), follow_all=follow_all)
    tracer.enter(Target(*START), ())
    return tracer


def main() -> int:
    """Print the visits and the two numbers; return the exit status."""
    job, everything = trace(follow_all=False), trace(follow_all=True)
    for number, module in enumerate(job.visits, start=1):
        sys.stdout.write(f"{number:3} {module}\n")
    for source, target in job.moves_up:
        sys.stdout.write(f"  up {source} -> {target}\n")
    sys.stdout.write(f"visits: {len(job.visits)}, moves back up: {len(job.moves_up)}\n")
    sys.stdout.write(
        f"all calls: {len(everything.visits)} visits, {len(everything.moves_up)} moves back up\n"
    )
    is_above = len(job.visits) > MOST_VISITS or len(job.moves_up) > MOST_MOVES_UP
    return int(is_above)


if __name__ == "__main__":
    sys.exit(main())
