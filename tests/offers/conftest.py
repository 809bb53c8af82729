"""What the tests of offers share."""

import gc
from collections.abc import Iterator

import pandas as pd
import pytest

from regulars import Shop
from regulars.offers import Analysis, analyse, base_of, read_experiments


@pytest.fixture(scope="module", autouse=True)
def without_garbage_collection() -> Iterator[None]:
    """statsmodels' multipletests, the oracle, collects garbage at every call: a third of a second in a long session."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gc, "collect", lambda *_: 0)
        yield


@pytest.fixture(scope="package")
def base(demo: Shop) -> pd.DataFrame:
    """Who takes part in the demo's experiment, and what they did."""
    return base_of(demo, read_experiments("demo")[0])


@pytest.fixture(scope="package")
def result(demo: Shop, base: pd.DataFrame) -> Analysis:
    """What the demo's experiment found."""
    return analyse(base, read_experiments("demo")[0], demo.config.margin_rate)
