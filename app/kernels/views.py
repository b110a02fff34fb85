"""A flat buffer seen as a table, without a reference to count or a size to check: what slices and reshapes cost."""

from __future__ import annotations

from typing import Any

from numba import types
from numba.core.imputils import impl_ret_borrowed
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

_intrinsic: Any = intrinsic
_populate: Any = populate_array
_borrowed: Any = impl_ret_borrowed


def _cut(typing_context: Any, buffer: Any, begin_i: Any, n_rows: Any, n_columns: Any) -> Any:
    """n_rows x n_columns of a flat buffer from `begin_i` on, over the same memory."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        flat = context.make_array(signature.args[0])(context, builder, arguments[0])
        begin, rows, columns = arguments[1:]
        table = context.make_array(signature.return_type)(context, builder)
        _populate(
            table,
            data=builder.gep(flat.data, [begin]),
            shape=[rows, columns],
            strides=[builder.mul(flat.itemsize, columns), flat.itemsize],
            itemsize=flat.itemsize,
            meminfo=flat.meminfo,
            parent=flat.parent,
        )
        return _borrowed(context, builder, signature.return_type, table._getvalue())

    size = types.int64
    return types.Array(buffer.dtype, 2, "C")(buffer, size, size, size), codegen


cut: Any = _intrinsic(_cut)
