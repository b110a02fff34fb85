"""The one way a kernel is compiled: one decorator, one cache folder per content of this package, one warm-up.

Numba's disk cache looks at a kernel's own file only, so a caller would keep the old code of a callee that changed in
another file. The cache folder is therefore named by a hash of every file of the package and of the compiler.
"""

from __future__ import annotations

import fcntl
import gc
import hashlib
import importlib
import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

import numba
from llvmlite import binding
from numba import njit, types
from numba.core.codegen import JITCodeLibrary, JITCPUCodegen
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target

P = ParamSpec("P")
R = TypeVar("R")
Progress = Callable[[str, int, int], None]

_njit: Any = njit  # its stub knows fewer of its options than it has

CACHE_VARIABLE: Final = "BESTEX_CACHE_DIR"


class Need(IntEnum):
    """When a service needs a kernel: to be ready; soon after, until when it does without; or when first called."""

    READY = 0
    SOON = 1
    CALL = 2


READY, SOON, CALL = Need.READY, Need.SOON, Need.CALL


@dataclass(frozen=True, slots=True)
class Kernel:
    """A registered kernel: its name, Numba's dispatcher, the one signature it is called with, and when."""

    name: str
    dispatcher: Any
    signature: str
    need: Need = READY


_KERNELS: list[Kernel] = []


def package_hash() -> str:
    """SHA-256 over every source file of the kernels package, the versions of Numba and of Python, and the processor."""
    host = f"{binding.get_host_cpu_name()} {binding.get_host_cpu_features().flatten()}"
    digest = hashlib.sha256(f"{numba.__version__} {platform.python_version()} {host}".encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def cache_dir() -> Path:
    """The folder that holds the compiled kernels of exactly this package: under BESTEX_CACHE_DIR or ~/.cache/bestex."""
    base = os.environ.get(CACHE_VARIABLE)
    root = Path(base) if base else Path.home() / ".cache" / "bestex"
    return root / "kernels" / package_hash()[:32]


_CACHE_DIR: Final = str(cache_dir())


def kernel(
    signature: str, need: Need = READY, *, allocates: bool = False, inlined: bool = False
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Compiles a function on flat arrays, cached on disk; `signature` is Numba's text of the types it is called with.

    An empty signature marks a part that only other kernels call: it is compiled into them and cached with them.
    `allocates`: it makes arrays of its own, which must not leave it. Only then are references counted: an atomic step
    for every slice. Without it Numba refuses to make an array.
    `inlined`: a part that becomes its caller's own code however long it is. An array travels as seven words, so a call
    that is left a call costs more than many a leaf's work; a leaf of a hot loop says it, a kernel's stage does not.
    """
    settings = {"boundscheck": False, "error_model": "numpy", "_nrt": allocates}

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        if not signature:
            part: Callable[P, R] = _as_part(function, settings, {"forceinline": inlined})
            return part
        # Numba picks a cache folder when it decorates, from this setting: ours only for our kernels.
        config: Any = numba.config
        previous, config.CACHE_DIR = config.CACHE_DIR, _CACHE_DIR
        try:
            dispatcher = _njit(cache=True, **settings)(function)
        finally:
            config.CACHE_DIR = previous
        entry = Kernel(function.__name__, dispatcher, signature, need)
        _KERNELS.append(entry)
        compiled: Callable[P, R] = _only_as_declared(entry)
        return compiled

    return decorate


def _only_as_declared(entry: Kernel) -> Any:
    """The dispatcher, whose first call compiles the declared signature, whatever the types it is called with."""
    dispatcher = _compiled_into(JITCodeLibrary, _once_per_type(entry.dispatcher))

    def compile_for(*_args: Any, **_kws: Any) -> Any:
        _make(entry)
        return dispatcher  # compiled and closed now: it takes these arguments or refuses them

    dispatcher._compile_for_args = compile_for
    return dispatcher


def _once_per_type(dispatcher: Any) -> Any:
    """The dispatcher, deaf to literals: Numba would compile a callee once more for a counter that begins at zero."""
    unliteral: Any = types.unliteral
    resolve = dispatcher.get_call_template

    def resolve_types(args: Any, kws: Any) -> Any:
        return resolve(tuple(map(unliteral, args)), {name: unliteral(kind) for name, kind in kws.items()})

    dispatcher.get_call_template = resolve_types
    return dispatcher


class _PartLibrary(JITCodeLibrary):
    """The code of a part: only ever linked into its callers, who optimise it with their own.

    Numba would optimise it and make machine code of it here, and again within each caller between it and the kernel.
    """

    def _optimize_final_module(self) -> None:
        """Left to the callers."""

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()  # type: ignore[no-untyped-call]
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        return 0


def _as_part(function: Callable[..., Any], settings: dict[str, Any], in_callers: dict[str, Any]) -> Any:
    """A dispatcher for kernels alone; whoever calls it from Python calls a whole twin, compiled at the first call."""
    twin = _once_per_type(_njit(**settings)(function))
    part = _once_per_type(_njit(**settings, **in_callers, no_cpython_wrapper=True, no_cfunc_wrapper=True)(function))
    # Without machine code there is nothing that Python's own table of compiled functions could hold.
    part.add_overload = lambda found: part.overloads.update({tuple(found.signature.args): found})
    part._compile_for_args = lambda *_args, **_kws: twin
    part.inspect_asm = twin.inspect_asm
    return _compiled_into(_PartLibrary, part)


def _compiled_into(library: type[JITCodeLibrary], dispatcher: Any) -> Any:
    """The dispatcher, all that it compiles kept in libraries of this kind."""
    compile_here = dispatcher.compile

    def compile_into(signature: Any) -> Any:
        codegen: Any = cpu_target.target_context.codegen()
        with global_compiler_lock:
            kind, set_env = codegen._library_class, codegen.set_env
            codegen._library_class = library
            # A part's environment lies in no memory that could be written.
            is_part = library is _PartLibrary
            codegen.set_env = (lambda *_: None) if is_part else partial(JITCPUCodegen.set_env, codegen)
            try:
                return compile_here(signature)
            finally:
                codegen._library_class, codegen.set_env = kind, set_env

    dispatcher.compile = compile_into
    return dispatcher


def registered() -> tuple[Kernel, ...]:
    """Every kernel whose module has been imported, in order of import."""
    return tuple(_KERNELS)


def is_compiled(*kernels: Callable[..., object]) -> bool:
    """Whether this process can call all of `kernels` without compiling. Raises AttributeError for other functions."""
    return all(function.overloads for function in kernels)  # type: ignore[attr-defined]


def import_all() -> None:
    """Imports every module of the package."""
    package = __name__.rpartition(".")[0]
    for module in sorted(path.stem for path in Path(__file__).parent.glob("*.py")):
        if module != "__init__":
            importlib.import_module(f"{package}.{module}")


def is_cached(need: Need) -> bool:
    """Whether the folder holds every kernel needed at `need` or before: warming will load and not compile."""
    import_all()
    return all(_mark(entry).exists() and _mark(entry).stat().st_size for entry in _KERNELS if entry.need <= need)


def warm(progress: Progress | None = None, *, need: Need = CALL) -> None:
    """Loads or compiles the kernels needed at `need` or before (all of the package) for their signatures, and no other.

    Nothing of them compiles afterwards; a second call finds everything done. Processes that warm one folder at once
    share the work: each compiles what no other is compiling, the largest first, and loads the rest.
    `progress(name, done, total)` is called before each kernel and once at the end.
    """
    import_all()
    _warm([entry for entry in _KERNELS if entry.need <= need], progress)


def warm_imported(progress: Progress | None = None) -> None:
    """Warms the kernels of modules that are imported by now: all that a process with few imports can call."""
    _warm(list(_KERNELS), progress)


def _warm(wanted: list[Kernel], progress: Progress | None) -> None:
    done, total, name = 0, len(wanted), ""
    # What is needed first comes first, and of that the largest: begun last, it alone would keep everybody waiting.
    wanted = sorted(wanted, key=lambda entry: (entry.need, -_size(entry)))
    # What another process holds comes last: by then it is loaded, not compiled.
    for is_waiting in (False, True):
        held = []
        for entry in wanted:
            with _lock(entry, is_waiting=is_waiting) as is_ours:
                if not is_ours:
                    held.append(entry)
                    continue
                name = entry.name
                if progress is not None:
                    progress(name, done, total)
                _make(entry)
                if not _mark(entry).stat().st_size:
                    _mark(entry).write_bytes(b"compiled\n")
                done += 1
        wanted = held
    if progress is not None and total:
        progress(name, total, total)


def _size(entry: Kernel) -> int:
    """How much there is to compile: bytes of Python's code, of the kernel and of every part that it is built of."""
    found, waiting = set(), [entry.dispatcher.py_func]
    while waiting:
        function = waiting.pop()
        if function in found:
            continue
        found.add(function)
        named = (function.__globals__.get(name) for name in function.__code__.co_names)
        waiting += [part.py_func for part in named if hasattr(part, "py_func")]
    return sum(len(function.__code__.co_code) for function in found)


def _make(entry: Kernel) -> None:
    """Loads or compiles a kernel for its signature, and forbids any other."""
    if not entry.dispatcher.signatures:
        with _without_collector():
            entry.dispatcher.compile(entry.signature)
    entry.dispatcher.disable_compile()


@contextmanager
def _without_collector() -> Iterator[None]:
    """Compiling makes many objects that stay; looking for rubbish among them takes a seventh of its time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _mark(entry: Kernel) -> Path:
    """The file that processes lock while they compile a kernel, and that is not empty once it is compiled."""
    return Path(_CACHE_DIR) / f"{entry.dispatcher.py_func.__module__}.{entry.name}.lock"


@contextmanager
def _lock(entry: Kernel, *, is_waiting: bool) -> Iterator[bool]:
    """Whether no other process compiles this kernel within the block; the lock ends with its holder."""
    path = _mark(entry)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if is_waiting else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)
