"""How kernels are compiled: for a type of array when one first comes, without Python's global lock, kept on disk.

A kernel that others call becomes a part of each of them. Machine code of its own, which takes LLVM half of the time, is made
of it only when Python calls it.

The compiled code goes to `__pycache__` beside the source, or, where the package cannot be written to, to the user's
own cache (Numba's rules; NUMBA_CACHE_DIR names another place). Where nothing can be written it is compiled anew in every
process. A kernel is made of functions from several files, so what is on disk counts only for the exact sources of all.

With NUMBA_DISABLE_JIT=1 nothing is compiled: the kernels run as the Python that they are, slow, and open to a debugger.
"""

import hashlib
import inspect
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any

from numba import config, njit, types
from numba.core import cgutils
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.registry import CPUDispatcher
from numba.extending import lower_builtin, type_callable

CONTRACT = {"contract"}  # a · b + c may be rounded once instead of twice
REASSOCIATE = {"contract", "reassoc"}  # sums may be taken in another order, as vectors need it; NaN and ±∞ stay


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


SOURCES = _fingerprint()


class _Part(JITCodeLibrary):
    """Code that is only ever linked into other code: nothing runs it where it is."""

    def _finalize_final_module(self):  # Numba's would make machine code
        self._finalized = True

    @property
    def codegen(self):
        return self

    def set_env(self, name, environment):
        """Nothing: what Numba's would write to is not in memory."""


class _PartCompiler(CompilerBase):
    def define_pipelines(self):
        self.state.library = _Part(self.state.targetctx.codegen(), "part")
        return [DefaultPassBuilder.define_nopython_pipeline(self.state)]


class Kernel(CPUDispatcher):
    """A compiled function: for Python one by itself, kept on disk if there is a place; for other kernels a part of them."""

    def __init__(self, function: Callable, options: dict[str, Any]):
        self._cache: Any
        options = {**options, "no_cfunc_wrapper": True}  # nobody calls it from C
        super().__init__(function, targetoptions={**options, "nopython": True})
        part: Any = {**options, "pipeline_class": _PartCompiler, "no_cpython_wrapper": True}
        self.part = njit(**part)(function)
        try:
            self.enable_caching()
        except RuntimeError:  # nowhere to keep it
            return
        self._cache._cache_file._source_stamp = SOURCES  # Numba's own stamp sees only the file of this one function

    @property
    def _numba_type_(self) -> Any:
        """What the compiler takes it for where another kernel names it."""
        return self.part._numba_type_


KERNELS: list[Any] = []  # all that there are so far


def kernel(function: Callable | None = None, *, fastmath: set[str] | None = None, borrows: bool = False) -> Any:
    """Compile a function for use on arrays, inside other kernels or through `threads.run`.

    With `borrows` it counts no references (see `borrowed`). Such a function makes no array, nor calls one that does: the
    array would never be freed.
    """
    if function is None:
        return lambda f: kernel(f, fastmath=fastmath, borrows=borrows)
    options: dict[str, Any] = {
        "nogil": True,
        "error_model": "numpy",
        "fastmath": fastmath or False,
        "_nrt": not borrows,
    }
    compiled = function if config.DISABLE_JIT else Kernel(function, options)  # type: ignore[attr-defined]
    KERNELS.append(compiled)
    return compiled


def instructions(meaning: Callable, returns: Any = types.void) -> Callable[[Callable], Callable]:
    """In compiled code, a call of the function `meaning` is what the decorated one emits in its place.

    `meaning` says the same in plain Python, and is what runs where nothing is compiled. The decorated function is called
    as emit(context, builder, signature, arguments), Numba's usual four. Arrays and tuples reach it as they are, whole
    numbers as int64, other numbers in the dtype of the first array. `returns` is the type of the result, or makes it of
    those of the arguments.
    """

    def typed(*given):
        number = next((argument.dtype for argument in given if isinstance(argument, types.Array)), None)
        taken = [
            argument
            if isinstance(argument, types.Array | types.Boolean | types.BaseTuple)
            else types.intp
            if isinstance(argument, types.Integer)
            else number
            for argument in given
        ]
        return (returns if isinstance(returns, types.Type) else returns(*taken))(*taken)

    typed.pysig = inspect.signature(meaning)  # type: ignore[attr-defined]
    type_callable(meaning)(lambda context: typed)

    def register(emit: Callable) -> Callable:
        @lower_builtin(meaning, types.VarArg(types.Any))
        def lower(context, builder, signature, arguments):
            value = emit(context, builder, signature, arguments)
            return context.get_dummy_value() if value is None else value

        return emit

    return register


def borrowed(arguments):
    """The same arguments, but nobody counts who holds the arrays among them: somebody else keeps them alive.

    Numba counts in one indivisible step whenever a row is taken from an array and let go again, and several threads that
    do so for one array wait for each other all the time.
    """
    return arguments


@instructions(borrowed, returns=lambda arguments: arguments)
def _(context, builder, signature, arguments):
    (kinds,), (given,) = signature.args, arguments
    for i, kind in enumerate(kinds):
        if isinstance(kind, types.Array):
            array = context.make_array(kind)(context, builder, builder.extract_value(given, i))
            array.meminfo = cgutils.get_null_value(array.meminfo.type)
            given = builder.insert_value(given, array._getvalue(), i)
    return given


_instances: dict[tuple[Any, Any], Any] = {}


def instance(pattern: Any, inner: Any) -> Any:
    """The pattern, a function that calls some `kernel`, compiled for one kernel and cached on disk beside it."""
    made = _instances.get((pattern, inner))
    if made is None:
        plain = getattr(inner, "py_func", inner)  # itself, where nothing is compiled
        code = pattern.__code__.replace(co_filename=plain.__code__.co_filename)
        copy = FunctionType(code, {**pattern.__globals__, "kernel": inner}, pattern.__name__)
        copy.__module__ = plain.__module__
        copy.__qualname__ = plain.__qualname__ + pattern.__name__
        made = _instances[pattern, inner] = kernel(copy)
    return made
