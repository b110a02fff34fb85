"""The one way a kernel is compiled: one decorator, one cache folder per content of this package, one warm-up.

Numba's disk cache looks at a kernel's own file only, so a caller would keep the old code of a callee that changed in
another file. The cache folder is therefore named by a hash of every file of the package and of the compiler.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

import numba
from numba import njit, types

P = ParamSpec("P")
R = TypeVar("R")
Progress = Callable[[str, int, int], None]

CACHE_VARIABLE: Final = "BESTEX_CACHE_DIR"


@dataclass(frozen=True, slots=True)
class Kernel:
    """A registered kernel: its name, Numba's dispatcher and the one signature it is called with."""

    name: str
    dispatcher: Any
    signature: str


_KERNELS: list[Kernel] = []


def package_hash() -> str:
    """SHA-256 over every source file of the kernels package, the versions of Numba and of Python."""
    digest = hashlib.sha256(f"{numba.__version__} {platform.python_version()}".encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def cache_dir() -> Path:
    """The folder that holds the compiled kernels of exactly this package: under BESTEX_CACHE_DIR or ~/.cache/bestex."""
    base = os.environ.get(CACHE_VARIABLE)
    root = Path(base) if base else Path.home() / ".cache" / "bestex"
    return root / "kernels" / package_hash()[:32]


_CACHE_DIR: Final = str(cache_dir())


def kernel(signature: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Compiles a function on flat arrays, cached on disk; `signature` is Numba's text of the types it is called with.

    An empty signature marks a part that only other kernels call: it is compiled into them and cached with them.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        if not signature:
            part: Callable[P, R] = _once_per_type(njit(cache=False, boundscheck=False, error_model="numpy")(function))
            return part
        # Numba picks a cache folder when it decorates, from this setting: ours only for our kernels.
        settings: Any = numba.config
        previous, settings.CACHE_DIR = settings.CACHE_DIR, _CACHE_DIR
        try:
            dispatcher = njit(cache=True, boundscheck=False, error_model="numpy")(function)
        finally:
            settings.CACHE_DIR = previous
        _KERNELS.append(Kernel(function.__name__, dispatcher, signature))
        compiled: Callable[P, R] = _once_per_type(dispatcher)
        return compiled

    return decorate


def _once_per_type(dispatcher: Any) -> Any:
    """The dispatcher, deaf to literals: Numba would compile a callee once more for a counter that begins at zero."""
    unliteral: Any = types.unliteral
    resolve = dispatcher.get_call_template

    def resolve_types(args: Any, kws: Any) -> Any:
        return resolve(tuple(map(unliteral, args)), {name: unliteral(kind) for name, kind in kws.items()})

    dispatcher.get_call_template = resolve_types
    return dispatcher


def registered() -> tuple[Kernel, ...]:
    """Every kernel whose module has been imported, in order of import."""
    return tuple(_KERNELS)


def warm(progress: Progress | None = None) -> None:
    """Loads or compiles every kernel of the package for its signature and forbids any other.

    Nothing compiles afterwards; a second call finds everything done. `progress(name, done, total)` is called before
    each kernel and once at the end.
    """
    package = __name__.rpartition(".")[0]
    for module in sorted(path.stem for path in Path(__file__).parent.glob("*.py")):
        if module != "__init__":
            importlib.import_module(f"{package}.{module}")
    warm_imported(progress)


def warm_imported(progress: Progress | None = None) -> None:
    """Warms the kernels of modules that are imported by now: all that a process with few imports can call."""
    total = len(_KERNELS)
    for done, entry in enumerate(_KERNELS):
        if progress is not None:
            progress(entry.name, done, total)
        if not entry.dispatcher.signatures:
            entry.dispatcher.compile(entry.signature)
            entry.dispatcher.disable_compile()
    if progress is not None and _KERNELS:
        progress(_KERNELS[-1].name, total, total)
