"""What a configuration may say of segments by rule: limits of the behavioural ones, and a shop's own hybrids."""

from __future__ import annotations

import difflib
from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool, StrictFloat, StrictInt, StrictStr, model_validator

from regulars.config.reader import Section

Share = Annotated[float, Field(ge=0, le=1, strict=True)]
Times = Annotated[float, Field(gt=0, strict=True)]
Count = Annotated[int, Field(ge=1, strict=True)]
Value = StrictBool | StrictInt | StrictFloat | StrictStr
Number = StrictInt | StrictFloat


class Behavioural(Section):
    """The limits of the behavioural segments.

    Shares and counts are absolute, because they mean the same in every shop. Money and pages looked at do not: their limits
    are multiples of what is usual in the shop.

    Attributes:
        one_timer_days: days after the one order, before which it is too early to say that there will be no other.
        loyal_orders: orders from which a preference can be told: one or two orders are of one category by chance.
        top_category_share: share of revenue in one category that makes a customer loyal to it.
        emails_opened: e-mails opened in 90 days by a reader: about every other one of a weekly newsletter.
        emails_clicked: e-mails clicked in 90 days by a reader; fewer, since some programs open all by themselves.
        cart_visits: visits with a cart in 90 days, below which leaving one is no habit.
        cart_left_share: share of carts left.
        high_spender_by: what a high spender is measured by: `revenue` so far, or `value_revenue`, what is expected of them.
        high_spender_times: multiple of the buyers' mean of it that a high spender exceeds.
        coupon_orders: orders with a coupon, so that a welcome coupon alone makes nobody a lover of them.
        coupon_order_share: share of orders with a coupon.
        thrifty_orders: orders from which thrift can be told.
        thrifty_price_times: multiple of the buyers' median price of an item that a thrifty customer stays within.
        full_price_share: share of list-price revenue bought without a discount.
        indecisive_views_times: multiple of the visitors' median of products looked at in a visit.
        indecisive_carts: visits with a cart in 90 days.
        carts_per_order: such visits for each order of these days.
        browser_visits: visits in 90 days that make many; fewer are few.
        idle_days: days of silence: a whole year, so that no season is missing.
        trendy_orders: orders from which a taste for novelty can be told.
        new_product_share: share of lines with a product that was new to the shop.
        wholesale_items: usual quantity of a line that no household needs.
        local_countries: the countries that are local.
        local_regions: the regions that are local.
    """

    one_timer_days: Count = 90
    loyal_orders: Count = 3
    top_category_share: Share = 0.7
    emails_opened: Count = 6
    emails_clicked: Count = 3
    cart_visits: Count = 2
    cart_left_share: Share = 0.6
    high_spender_by: Literal["revenue", "value_revenue"] = "revenue"
    high_spender_times: Times = 1.0
    coupon_orders: Count = 2
    coupon_order_share: Share = 0.5
    thrifty_orders: Count = 2
    thrifty_price_times: Times = 0.65
    full_price_share: Share = 0.8
    indecisive_views_times: Times = 1.5
    indecisive_carts: Count = 2
    carts_per_order: Times = 2.0
    browser_visits: Count = 5
    idle_days: Count = 365
    trendy_orders: Count = 2
    new_product_share: Share = 0.4
    wholesale_items: Times = 6.0
    local_countries: tuple[str, ...] = ()
    local_regions: tuple[str, ...] = ()


KINDS = ("all", "any", "not", "segment", "feature")
COMPARISONS = ("above", "below", "at_least", "at_most", "in", "is")


class Rule(Section):
    """One rule: exactly one of `all`, `any`, `not`, `segment` and `feature`; a feature is compared.

    Whether features and segments exist is known to the room of segments, which checks it before it computes anything.

    Attributes:
        all: every one of these rules holds.
        any: at least one of these rules holds.
        negated: written `not`: this rule is known not to hold.
        segment: rulebook → its segments, one of which the customer is in; of several rulebooks, each.
        feature: a column of the snapshot, with at least one comparison; of several comparisons, each holds.
        above: it is greater than this.
        below: it is less than this.
        at_least: it is this or greater.
        at_most: it is this or less.
        among: written `in`: it is one of these.
        equals: written `is`: it is this.

    >>> Rule.model_validate({"feature": "frequency", "at_least": 3}).at_least
    3
    """

    all: tuple[Rule, ...] | None = Field(default=None, min_length=1)
    any: tuple[Rule, ...] | None = Field(default=None, min_length=1)
    negated: Rule | None = Field(default=None, alias="not")
    segment: dict[str, tuple[str, ...]] | None = Field(default=None, min_length=1)
    feature: str | None = None
    above: Number | None = None
    below: Number | None = None
    at_least: Number | None = None
    at_most: Number | None = None
    among: tuple[Value, ...] | None = Field(default=None, min_length=1, alias="in")
    equals: Value | None = Field(default=None, alias="is")

    @model_validator(mode="before")
    @classmethod
    def _one_kind(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            raise ValueError("a rule is written as {feature: frequency, at_least: 3}")
        known = [*KINDS, *COMPARISONS]
        for word in given:
            if word not in known:
                near = difflib.get_close_matches(str(word), known, n=1)
                hint = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(known)}"
                raise ValueError(f"'{word}' is no word of a rule: {hint}")
        kinds = [kind for kind in KINDS if kind in given]
        if len(kinds) != 1:
            said = f"this one has {' and '.join(kinds)}" if kinds else "this one has none"
            raise ValueError(f"a rule says one of {', '.join(KINDS)}; {said}")
        compared = [word for word in COMPARISONS if word in given]
        if (kinds == ["feature"]) != bool(compared):
            raise ValueError(f"a feature, and only a feature, is compared: by {', '.join(COMPARISONS)}")
        return given


class Hybrid(Section):
    """A segment of the shop's own, made of features and of other segments.

    Attributes:
        name: in small letters.
        meaning: in plain words, for the page.
        minimum_customers: with fewer it is said to be too small, and not given.
        rule: who is in it.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9 _-]*$")
    meaning: str = Field(min_length=1)
    minimum_customers: int = Field(ge=1, strict=True)
    rule: Rule
