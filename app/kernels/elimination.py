"""Small symmetric systems, as Newton's steps over networks of conductances have them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from app.kernels.jit import kernel

Float64 = npt.NDArray[np.float64]


@kernel("")
def factor_solve(n: int, ground_i: int, h_inplace: Float64, b_inplace: Float64) -> None:
    """Solves h x = b by L D L^T on the lower triangle; `ground_i` counts as fixed, zeros are skipped."""
    for k in range(n):
        if k == ground_i or h_inplace[k, k] <= 0.0:
            h_inplace[k, k] = 1.0
            b_inplace[k] = 0.0
            for i in range(k + 1, n):
                h_inplace[i, k] = 0.0
            for j in range(k):
                h_inplace[k, j] = 0.0
            continue
        d = h_inplace[k, k]
        for i in range(k + 1, n):
            if h_inplace[i, k] == 0.0 or i == ground_i:
                continue
            f = h_inplace[i, k] / d
            for j in range(k + 1, i + 1):
                h_inplace[i, j] -= f * h_inplace[j, k]
            b_inplace[i] -= f * b_inplace[k]
    for k in range(n - 1, -1, -1):
        total = b_inplace[k] / h_inplace[k, k]
        if k == ground_i:
            total = 0.0
        else:
            for i in range(k + 1, n):
                if i != ground_i:
                    total -= h_inplace[i, k] / h_inplace[k, k] * b_inplace[i]
        b_inplace[k] = total
