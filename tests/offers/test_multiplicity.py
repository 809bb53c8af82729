"""Adjusted p-values, held against statsmodels."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from regulars.offers.multiplicity import adjusted


@given(st.lists(st.floats(0, 1), min_size=1, max_size=9), st.integers(0, 4))
def test_p_values_are_adjusted_as_statsmodels_does(p: list[float], more: int) -> None:
    for method, theirs in (("holm", "holm"), ("bh", "fdr_bh")):
        found = adjusted(np.array([p, p[::-1]]), [len(p) + more] * 2, method)
        expected = multipletests([*p, *[1.0] * more], method=theirs)[1][: len(p)]
        np.testing.assert_allclose(found[0], expected, rtol=1e-12, atol=1e-300)
        np.testing.assert_allclose(found[1], expected[::-1], rtol=1e-12, atol=1e-300)


def test_of_no_cells_there_is_nothing_to_adjust() -> None:
    assert adjusted([], 0).tolist() == adjusted([], 3, "bh").tolist() == []
