"""What is to be kept in mind: only what is so of this shop, in the words of the notebook that read the data."""

import json
from pathlib import Path

from regulars.month import Month
from regulars.review.caveats import caveats
from tests.conftest import open_at

MONTH = Month(2017, 12)


def said(key: str, **values: object) -> dict[str, object]:
    return {"key": key, "sentence": f"Of {key}.", "headline": False, "values": values}


def test_only_what_is_so_of_the_shop_is_said(tmp_path: Path) -> None:
    shop = open_at(tmp_path)
    assert caveats(shop, MONTH) == []
    path = shop.findings(MONTH, "01-ingest")
    path.parent.mkdir(parents=True)
    quiet = [
        said("lines", refused=0),
        said("guests", guests=0),
        said("returns"),
        said("orders", refused=3),
        said("consent", rule="is not required by this configuration"),
    ]
    path.write_text(json.dumps({"findings": quiet}))
    assert caveats(shop, MONTH) == []
    loud = [
        said("lines", refused=2),
        said("guests", guests=5),
        said("flags", unknown=1),
        said("consent", rule="is required"),
        said("identities", before=9),
    ]
    path.write_text(json.dumps({"findings": loud}))
    assert caveats(shop, MONTH) == [
        f"Of {key}." for key in ("lines", "guests", "flags", "consent", "identities")
    ]
