"""A shop's own segments: read, checked, computed; what is not known makes no member."""

import itertools
from pathlib import Path

import narwhals as nw
import pandas as pd
import pytest
import yaml

from regulars import Shop
from regulars.config import ConfigError, Section, read_config
from regulars.config.shop import Segments
from regulars.features import REGISTER
from regulars.segments import (
    SEGMENT_NAMES,
    SegmentError,
    check_segments,
    overlapping_segments,
    segment_by_rules,
)

LOCALS = """\
segments:
  hybrids:
    - name: loyal locals
      meaning: champions and loyal customers from Germany who need no discount
      minimum_customers: 2
      rule:
        all:
          - segment: {rxf-grid: [champions, loyal, cant lose]}
          - {feature: country, in: [Germany]}
          - not: {feature: discount_share, above: 0.3}
"""


class File(Section):
    segments: Segments


def read(folder: Path, text: str) -> Segments:
    path = folder / "corner.yml"
    path.write_text(text, encoding="utf-8")
    return read_config(path, File).segments


def hybrid(rule: object, name: str = "mine", minimum: int = 1) -> Segments:
    one = {"name": name, "meaning": "as told", "minimum_customers": minimum, "rule": rule}
    return Segments.model_validate({"hybrids": [one]})


def snapshot(**columns: list[object]) -> nw.LazyFrame:
    """Customers with the given columns; of the rest, buyers of one kind with everything else missing."""
    size = len(next(iter(columns.values())))
    table = pd.DataFrame(index=range(size), columns=[one.name for one in REGISTER]).astype(float)
    table = table.assign(recency_days=10, frequency=2, revenue=5.0, gap_mean_days=9.0, tenure_days=50)
    table = table.assign(observed_before_first_days=500, **columns)
    return nw.from_native(table.assign(customer_id=[str(place) for place in range(size)])).lazy()


def members(features: nw.LazyFrame, rule: object) -> list[bool]:
    found = overlapping_segments(features, config=hybrid(rule))
    return found.frame.collect("pandas").to_native()["mine"].tolist()


def test_a_hybrid_is_read_checked_and_computed(tmp_path: Path) -> None:
    config = read(tmp_path, LOCALS)
    check_segments(config)
    features = snapshot(
        recency_days=[1, 2, 3, 90, 91, 92],
        frequency=[9, 8, 7, 1, 2, 3],
        country=["Germany", "Germany", "France", "Germany", "Germany", "Germany"],
        discount_share=[0.1, 0.3, 0.1, 0.1, 0.1, 0.1],
    )
    found = overlapping_segments(features, config=config, tables={"orders", "customers"})
    assert found.frame.collect("pandas").to_native()["loyal_locals"].tolist() == [True, True, *[False] * 4]
    row = found.table.set_index("segment").loc["loyal locals"]
    assert (row["rulebook"], row["customers"], row["status"]) == ("hybrid", 2, "")
    assert (row["features"], row["needs"]) == ("country, discount_share, recency_days", "customers, orders")


def test_a_hybrid_can_use_what_is_expected_of_a_customer() -> None:
    features = snapshot(value_revenue=[9.0, 1.0, None], value_probability_alive=[0.2, 0.2, 0.2])
    rule = {
        "all": [
            {"feature": "value_revenue", "above": 5},
            {"feature": "value_probability_alive", "below": 0.5},
        ]
    }
    assert members(features, rule) == [True, False, False]


def test_too_small_a_hybrid_is_said_and_not_given(tmp_path: Path) -> None:
    config = read(tmp_path, LOCALS.replace("minimum_customers: 2", "minimum_customers: 1000"))
    features = snapshot(country=["Germany"] * 3, discount_share=[0.1] * 3)
    found = overlapping_segments(features, config=config)
    assert "loyal_locals" not in found.frame.collect_schema().names()
    row = found.table.set_index("segment").loc["loyal locals"]
    assert row["status"] == f"too small: {row['customers']} customers, fewer than 1,000"


def test_a_hybrid_is_not_available_where_what_it_is_made_of_is_not() -> None:
    features = snapshot(country=["Norway"] * 3)
    rules = {
        "not available: needs events": {"segment": {"behavioural": ["cart abandoner"]}},
        "not available: needs customers": {"feature": "country", "is": "Norway"},
        "not available: needs segments.behavioural.local": {"segment": {"behavioural": ["local"]}},
        "not available: No customer has ordered on two different days": {"segment": {"four-core": ["new"]}},
    }
    once = features.with_columns(gap_mean_days=nw.lit(None, dtype=nw.Float64))
    for said, rule in rules.items():
        table = overlapping_segments(once, config=hybrid(rule), tables={"orders"}).table
        assert table.iloc[-1]["status"].startswith(said)


COMPARISONS = [
    ({"above": 2}, [False, False, True]),
    ({"at_least": 2}, [False, True, True]),
    ({"below": 2}, [True, False, False]),
    ({"at_most": 2}, [True, True, False]),
    ({"in": [1, 3]}, [True, False, True]),
    ({"is": 2}, [False, True, False]),
    ({"above": 1, "at_most": 2}, [False, True, False]),
]


@pytest.mark.parametrize(("comparison", "expected"), COMPARISONS)
def test_each_comparison_and_its_opposite_leave_out_what_is_missing(
    comparison: dict[str, object], expected: list[bool]
) -> None:
    features = snapshot(views_90d=[1.0, 2.0, 3.0, None])
    rule = {"feature": "views_90d", **comparison}
    assert members(features, rule) == [*expected, False]
    assert members(features, {"not": rule}) == [*(not one for one in expected), False]
    assert members(features, {"not": {"not": rule}}) == [*expected, False]


def test_all_any_and_not_are_those_of_three_valued_logic() -> None:
    values = [1.0, 0.0, None]
    pairs = list(itertools.product(values, values))
    features = snapshot(views_90d=[one for one, _ in pairs], carts_90d=[two for _, two in pairs])
    parts = [{"feature": "views_90d", "is": 1}, {"feature": "carts_90d", "is": 1}]

    def known(combine: str, one: float | None, two: float | None) -> bool | None:
        whole = 0.0 if combine == "all" else 1.0
        if whole in (one, two):
            return bool(whole)
        return None if None in (one, two) else not whole

    for combine in ("all", "any"):
        truth = [known(combine, *pair) for pair in pairs]
        assert members(features, {combine: parts}) == [one is True for one in truth]
        assert members(features, {"not": {combine: parts}}) == [one is False for one in truth]


def test_names_and_flags_are_compared_too() -> None:
    features = snapshot(country=["Germany", "France", None], has_consent=[True, False, None])
    assert members(features, {"feature": "country", "in": ["France", "Italy"]}) == [False, True, False]
    assert members(features, {"feature": "has_consent", "is": False}) == [False, True, False]
    either = {"any": [{"feature": "has_consent", "is": True}, {"feature": "country", "is": "France"}]}
    assert members(features, either) == [True, True, False]


WRONG_NAMES = [
    (
        {"feature": "discount_shar", "above": 0.3},
        "there is no feature 'discount_shar': did you mean 'discount_share'?",
    ),
    ({"segment": {"rfx-grid": ["loyal"]}}, "there is no rulebook 'rfx-grid': did you mean 'rxf-grid'?"),
    (
        {"segment": {"rxf-grid": ["champion"]}},
        "rxf-grid has no segment 'champion': did you mean 'champions'?",
    ),
    ({"segment": {"four-core": ["zzz"]}}, "four-core has no segment 'zzz': there are new, returning"),
    ({"feature": "country", "above": 3}, "'country' is a name, which 'above' cannot compare: use in or is"),
    ({"feature": "country", "in": [49]}, "'country' is a name, but it is compared with 49"),
    ({"feature": "frequency", "in": ["many"]}, "'frequency' is a number, but it is compared with 'many'"),
    ({"feature": "frequency", "is": True}, "'frequency' is a number, but it is compared with True"),
    (
        {"feature": "has_profile", "is": "yes"},
        "'has_profile' is a flag, true or false, but it is compared with 'yes'",
    ),
]


@pytest.mark.parametrize(("rule", "said"), WRONG_NAMES)
@pytest.mark.parametrize("deep", [False, True])
def test_a_name_that_does_not_exist_is_answered_with_the_nearest(rule: object, said: str, deep: bool) -> None:
    with pytest.raises(SegmentError) as error:
        check_segments(hybrid({"all": [{"not": rule}]} if deep else rule))
    assert str(error.value).startswith(f"segments.hybrids, 'mine': {said}")


@pytest.mark.parametrize("name", ["coupon lover", "rxf-grid", "frequency", "champions"])
def test_a_hybrid_cannot_take_a_name_that_is_taken(name: str) -> None:
    with pytest.raises(SegmentError, match="its name is already that of"):
        check_segments(hybrid({"feature": "frequency", "above": 1}, name=name))


WRONG_RULES = [
    ({"feature": "frequency", "abvoe": 3}, "'abvoe' is no word of a rule: did you mean 'above'?"),
    ({"feature": "frequency"}, "a feature, and only a feature, is compared: by above, below"),
    (
        {"any": [{"feature": "frequency", "above": 1}], "above": 2},
        "a feature, and only a feature, is compared",
    ),
    (
        {"feature": "frequency", "above": 1, "segment": {"rxf-grid": ["new"]}},
        "this one has segment and feature",
    ),
    ({"above": 3}, "a rule says one of all, any, not, segment, feature; this one has none"),
    ("frequent", "a rule is written as {feature: frequency, at_least: 3}"),
    ({"feature": "frequency", "above": "many"}, "valid"),
    ({"all": []}, "at least 1 item"),
]


@pytest.mark.parametrize(("rule", "said"), WRONG_RULES)
def test_a_rule_that_cannot_be_read_is_answered_with_its_place(
    tmp_path: Path, rule: object, said: str
) -> None:
    one = {"name": "mine", "meaning": "x", "minimum_customers": 1, "rule": {"not": rule}}
    with pytest.raises(ConfigError) as error:
        read(tmp_path, yaml.safe_dump({"segments": {"hybrids": [one]}}))
    assert str(error.value).startswith("corner.yml: 'segments.hybrids.0.rule.not")
    assert said in str(error.value)


def test_every_rulebook_can_be_named_in_a_hybrid(demo: Shop) -> None:
    features = demo.snapshot("2017-12")
    rules = demo.engine.collect(segment_by_rules(features), "customer_id").set_index("customer_id")
    for book in ("four-core", "rxf-grid", "three-level", "classic-11"):
        name = SEGMENT_NAMES[book][1]
        found = overlapping_segments(features, config=hybrid({"segment": {book: [name]}}))
        inside = demo.engine.collect(found.frame, "customer_id").set_index("customer_id")["mine"]
        assert inside.equals((rules[book.replace("-", "_")] == name).rename("mine"))
        assert inside.any()
