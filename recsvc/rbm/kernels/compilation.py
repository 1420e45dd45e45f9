"""How kernels are compiled, so that the same processor always runs the same code.

numba links a copy of a called function into its caller and optimises that copy again. One name then
has several bodies that round differently, and a process runs the one that it loads first. A
process that compiles and a process that reads the cache load them in different orders. Inner
functions are therefore inlined, and the names of all other copies are private to their kernel.

A callee that names no flags takes those of the caller that is compiled first. Every kernel
therefore names `fastmath` and `error_model`.

numba's cache notices a change in a kernel's own file. Kernels contain functions of other files, so
here the cache notices a change in any file of this package. The digest of the files is also a part
of the cache's version. An index of another version is not unpickled, because that would fail where
it refers to a class that no longer exists.
"""

import hashlib
from collections.abc import Callable
from importlib.resources import files
from typing import Any, Literal, TypeVar, cast

from numba import njit
from numba.core.codegen import JITCodeLibrary
from numba.core.registry import cpu_target

F = TypeVar("F", bound=Callable[..., object])

# Sums and products may be reordered into vector lanes; NaN and infinity keep their meaning.
REORDERED = frozenset({"reassoc", "contract", "nsz", "arcp"})
CONTRACTED = frozenset({"contract"})  # a product and a sum may be rounded once
STRICT: frozenset[str] = frozenset()


class PrivateCopies(JITCodeLibrary):
    """The machine code of one kernel, with private names for copies of other functions.

    A parallel kernel consists of two functions, so it would differ without calling any other.
    """

    def _optimize_final_module(self) -> None:
        for function in self._final_module.functions:
            if function.linkage.name == "linkonce_odr" and not function.name.startswith("NRT_"):
                function.linkage = "internal"
        super()._optimize_final_module()  # type: ignore[no-untyped-call]


cpu_target.target_context.codegen()._library_class = PrivateCopies


def _digest_of_package() -> str:
    """Return the SHA-256 of the files of this package."""
    sources = {f.name: f.read_bytes() for f in files(__package__).iterdir() if f.is_file()}
    return hashlib.sha256(repr(sorted(sources.items())).encode()).hexdigest()


DIGEST = _digest_of_package()


def kernel(
    *,
    fastmath: frozenset[str],
    error_model: Literal["numpy", "python"],
    parallel: bool = False,
    inline: Literal["never", "always"] = "never",
    forceinline: bool = False,
) -> Callable[[F], F]:
    """Return the decorator of a function that Python calls, compiled once and cached on disk.

    fastmath     what the compiler may do to floating-point numbers
    error_model  "numpy": a division by zero is infinite; "python": it raises ZeroDivisionError
    inline       "always" if other kernels use the function under their own `fastmath`
    forceinline  True if other kernels use the function and it keeps its `fastmath`
    """

    def compile_function(function: F) -> F:
        dispatcher: Any = njit(
            cache=True, nogil=True, fastmath=set(fastmath), error_model=error_model,
            parallel=parallel, inline=inline, forceinline=forceinline,
        )(function)  # fmt: skip
        cache_file = dispatcher._cache._cache_file
        cache_file._source_stamp = DIGEST
        cache_file._version = f"{cache_file._version} {DIGEST}"
        return cast("F", dispatcher)

    return compile_function


def inline_function(function: F) -> F:
    """Return a function that becomes a part of each kernel that uses it, under their `fastmath`."""
    return cast("F", njit(inline="always")(function))


def embed_function(
    *, fastmath: frozenset[str], error_model: Literal["numpy", "python"]
) -> Callable[[F], F]:
    """Return the decorator of a function that keeps its own flags within each kernel that uses it.

    The machine code is inlined. A parallel kernel needs this where named tuples are written to:
    numba drops such writes from a function that it inlines itself.
    """

    def compile_function(function: F) -> F:
        options = njit(fastmath=set(fastmath), error_model=error_model, forceinline=True)
        return cast("F", options(function))

    return compile_function
