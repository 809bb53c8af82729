"""What tests of segments share."""

import pandas as pd
import pytest

from tests.segments import recovery


@pytest.fixture(scope="session")
def online_retail_rfm() -> pd.DataFrame:
    """Recency, frequency and revenue of Online Retail's customers, straight from the file."""
    rfm = recovery.online_retail_rfm()
    if rfm is None:
        pytest.skip("REGULARS_RAW does not lead to online-retail/online_retail.csv.gz")
    return rfm
