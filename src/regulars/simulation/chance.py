"""Where chance comes from: one stream per name, so that a new table takes nothing from another's numbers."""

from __future__ import annotations

import zlib

import numpy as np


def stream(seed: int, name: str) -> np.random.Generator:
    """The generator of a name under a seed: the same name and seed, the same numbers, whatever else is drawn.

    >>> stream(1, "orders").random() == stream(1, "orders").random() != stream(1, "visits").random()
    True
    """
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(zlib.crc32(name.encode()),)))


def spread(rng: np.random.Generator, means: np.ndarray, likeness: float = 18.0) -> np.ndarray:
    """Shares that scatter around their means, as a beta distribution does; a mean of 0 or 1 stays.

    Args:
        rng: where they come from.
        means: between 0 and 1.
        likeness: how alike they are: the two parameters of the beta distribution add up to it.
    """
    inside = np.clip(means, 1e-6, 1 - 1e-6)
    drawn = rng.beta(inside * likeness, (1 - inside) * likeness)
    return np.where((means > 0) & (means < 1), drawn, means)


def pick(rng: np.random.Generator, shares: dict[str, float], size: int) -> np.ndarray:
    """Names drawn by their shares, which add up to 1."""
    return rng.choice(np.array(list(shares), dtype=object), size, p=list(shares.values()))


def inverse(rng: np.random.Generator, cumulative: np.ndarray) -> np.ndarray:
    """For each row of cumulative shares, the place that chance falls on.

    >>> inverse(np.random.default_rng(1), np.array([[0.0, 1.0], [1.0, 1.0]])).tolist()
    [1, 0]
    """
    drawn = rng.random(len(cumulative))[:, None]
    return np.minimum((drawn >= cumulative).sum(axis=1), cumulative.shape[1] - 1)


def places(counts: np.ndarray) -> np.ndarray:
    """The place of each row within its group, for groups of these sizes that stand one after another.

    >>> places(np.array([2, 0, 3])).tolist()
    [0, 1, 0, 1, 2]
    """
    ends = np.cumsum(counts)
    return np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - counts, counts)
