"""Many cells at once: p-values adjusted for the number of them."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def adjusted(p: ArrayLike, size: ArrayLike, method: Literal["holm", "bh"] = "holm") -> Floats:
    """P-values adjusted by Holm (1979), or "bh": by Benjamini and Hochberg (1995), over the last axis.

    Args:
        p: shape (…, cells), none missing.
        size: how many cells the family has, shape (…); those that `p` lacks have p = 1.
        method: for any false claim at all, or for the share of false ones.

    >>> adjusted([0.01, 0.04, 0.03], 3).round(3).tolist()
    [0.03, 0.06, 0.06]
    >>> adjusted([[0.01, 0.04, 0.03]] * 2, [3, 4], "bh").round(3).tolist()
    [[0.03, 0.04, 0.04], [0.04, 0.053, 0.053]]
    """
    given = np.asarray(p, dtype=float)
    order = np.argsort(given, axis=-1)
    rank, m = np.arange(1, given.shape[-1] + 1), np.asarray(size)[..., None]
    inorder = np.take_along_axis(given, order, axis=-1)
    if method == "holm":
        raised = np.maximum.accumulate(inorder * np.maximum(m - rank + 1, 0), axis=-1)
    else:
        raised = np.minimum.accumulate((inorder * m / rank)[..., ::-1], axis=-1)[..., ::-1]
    result = np.empty_like(given)
    np.put_along_axis(result, order, np.minimum(raised, 1.0), axis=-1)
    return result
