"""Loads and stores that keep their order between threads and processes: the one file that speaks LLVM.

Plain element access inside a kernel may be reordered by the compiler; a seqlock may not.
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_item_pointer: Any = cgutils.get_item_pointer
_intrinsic: Any = intrinsic


def _element(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    view = context.make_array(array_type)(context, builder, array)
    return _item_pointer(context, builder, array_type, view, [index], wraparound=False)


def _load_acquire(typing_context: Any, array: Any, index: Any) -> Any:
    """array[index] of a flat int64 array; no later access moves before it."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _element(context, builder, signature.args[0], arguments[0], arguments[1])
        return builder.load_atomic(pointer, ordering="acquire", align=8)

    return types.int64(array, types.int64), codegen


def _store_release(typing_context: Any, array: Any, index: Any, value: Any) -> Any:
    """array[index] = value; no earlier access moves after it."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _element(context, builder, signature.args[0], arguments[0], arguments[1])
        builder.store_atomic(arguments[2], pointer, ordering="release", align=8)
        return context.get_dummy_value()

    return types.void(array, types.int64, types.int64), codegen


def _fence(typing_context: Any) -> Any:
    """No access moves across it in either direction."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.fence("acq_rel")
        return context.get_dummy_value()

    return types.void(), codegen


def _full_fence(typing_context: Any) -> Any:
    """No store waits behind a later load: what a sleeper needs before its last look."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), codegen


load_acquire: Any = _intrinsic(_load_acquire)
store_release: Any = _intrinsic(_store_release)
fence: Any = _intrinsic(_fence)
full_fence: Any = _intrinsic(_full_fence)
