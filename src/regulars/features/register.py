"""What each feature means, in which unit, from which table, and what it is kept for. Pages and documents read it from here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import narwhals as nw
import pandas as pd

DECLARED = "declared_"  # before the name of a question, in the column of its answers
# What a feature that cannot be had is a column of, by its unit; all others are decimal numbers.
_WHOLE = ("orders", "orders±", "products", "categories", "events", "sessions", "weekday", "hour")
TYPES = {"name": nw.String(), "flag": nw.Boolean()} | dict.fromkeys(_WHOLE, nw.Int64())


class Feature(NamedTuple):
    """One column of the snapshot.

    Attributes:
        name: the column.
        family: the family that computes it.
        unit: what it is measured in.
        needs: the staged table without which it cannot be had.
        meaning: what it says, in plain words.
        purpose: what it is kept for; a feature without a purpose is not kept.
    """

    name: str
    family: str
    unit: str
    needs: str
    meaning: str
    purpose: str


def _family(family: str, needs: str, text: str) -> tuple[Feature, ...]:
    """Features from lines: `name unit | meaning | purpose`, with another table than the family's own after the unit."""
    features = []
    for line in text.strip().splitlines():
        what, meaning, purpose = (part.strip() for part in line.split("|"))
        name, unit, *other = what.split()
        features.append(Feature(name, family, unit, other[0] if other else needs, meaning, purpose))
    return tuple(features)


REGISTER: tuple[Feature, ...] = (
    *_family(
        "purchase",
        "orders",
        """
        recency_days                days    | days since the last order                         | who is slipping away
        frequency                   orders  | number of orders                                  | who comes back
        monetary_value              money   | revenue per order, less what came back            | what an order is worth
        revenue                     money   | revenue of all orders, less what came back        | what the customer was worth so far
        tenure_days                 days    | days since the first order                        | who is new
        observed_before_first_days  days    | days of history before the first order            | whether 'new' can be told
        orders_30d                  orders  | orders in the last 30 days                        | what is happening now
        orders_90d                  orders  | orders in the last 90 days                        | what is happening now
        orders_365d                 orders  | orders in the last 365 days                       | a whole year, so that no season is missing
        revenue_30d                 money   | revenue in the last 30 days, less what came back in them | what is at stake now
        revenue_90d                 money   | revenue in the last 90 days, less what came back in them | what is at stake now
        revenue_365d                money   | revenue in the last 365 days, less what came back in them | a whole year, so that no season is missing
        orders_30d_change           orders± | orders_30d less those of the 30 days before       | who speeds up, who slows down
        orders_90d_change           orders± | orders_90d less those of the 90 days before       | who speeds up, who slows down
        orders_365d_change          orders± | orders_365d less those of the 365 days before     | who speeds up, who slows down
        revenue_30d_change          money±  | revenue_30d less that of the 30 days before       | who spends more, who spends less
        revenue_90d_change          money±  | revenue_90d less that of the 90 days before       | who spends more, who spends less
        revenue_365d_change         money±  | revenue_365d less that of the 365 days before     | who spends more, who spends less
        """,
    ),
    *_family(
        "basket",
        "order_lines",
        """
        order_value_sd          money orders   | standard deviation of the revenue of an order, as it was placed | whether orders are alike
        return_share            share returns  | money that came back, as a share of what orders brought; of older orders, too, but at most 1 | who sends things back
        lines_per_order         lines orders   | mean number of an order's lines on which something was sold    | basket size
        items_per_line          items          | median quantity of a line                                      | who buys in bulk
        products_bought         products       | number of different products bought                            | breadth of interest
        new_product_share       share          | share of lines with a product that the shop had sold for at most 30 days; what it sold in the first 90 days of the data is never new | who tries what is new
        categories_bought       categories products | number of different categories bought                    | breadth of interest
        top_category            name products  | category with the most revenue                                 | what to talk about
        top_category_share      share products | its share of the revenue that has a category                   | how focused
        category_concentration  share products | chance that two random units of money went to one category (Herfindahl index) | how focused
        last_category           name products  | category bought last; of several that day the one with most revenue | what was on the mind last
        private_brand_share     share products | revenue of the shop's own brands, as a share of all whose brand is known | whether the shop's own brands appeal
        """,
    ),
    *_family(
        "promotion",
        "orders",
        """
        discount_share      share              | discounts as a share of list-price revenue, at most 1          | price sensitivity
        coupon_order_share  share              | share of orders with a coupon                                  | use of coupons
        full_price_share    share order_lines  | list-price revenue of lines without a discount, as a share of all | who pays the regular price
        discount_depth      share order_lines  | discounts as a share of list-price revenue, on the lines that had one; at most 1 | how deep a discount has to be
        """,
    ),
    *_family(
        "cadence",
        "orders",
        """
        gap_mean_days    days     | mean gap between days with an order                               | when the next order is due
        gap_median_days  days     | median gap between days with an order                             | when it is usually due
        gap_sd_days      days     | standard deviation of the gaps                                    | how regular
        overdue_days     days±    | recency_days less gap_median_days                                 | who is late by their own measure
        usual_weekday    weekday  | weekday with most orders, 1 for Monday; of equals the first       | when to write
        usual_hour       hour     | hour of the day with most orders; of equals the first             | when to write
        """,
    ),
    *_family(
        "browsing",
        "events",
        """
        sessions_90d          sessions | visits in the last 90 days: sessions, or days where these have no id | interest
        views_90d             events   | products looked at in the last 90 days                              | interest
        views_per_session     views    | products looked at per visit of the last 90 days                    | who compares long
        carts_90d             sessions | visits of the last 90 days in which something was put in the cart   | intention
        cart_left_share       share    | share of these without an order on the day on which they ended       | who leaves the cart
        visit_recency_days    days     | days since the last visit                                           | who is still looking
        usual_device          name     | device of most visits of the last 90 days; of equals the first by name | how pages are seen
        emails_opened_90d     events   | e-mails opened in the last 90 days                                  | who reads
        emails_clicked_90d    events   | e-mails clicked in the last 90 days                                 | who acts on what they read
        support_contacts_365d events   | contacts with support in the last 365 days                          | who has trouble
        """,
    ),
    *_family(
        "profile",
        "customers",
        """
        has_profile     flag | whether the customer filled in a form                     | whether the rest can be known
        has_consent     flag | whether the customer had agreed to be written to, and not withdrawn it | who may be written to
        country         name | country                                                   | language, tax, delivery
        region          name | region                                                    | delivery, local offers
        channel         name | channel by which the customer came                        | which channels bring regulars
        organisation    name | kind of organisation                                      | who buys for others
        gender          name | gender, as stated                                         | whether offers treat people alike
        age_band        name | age band, as stated                                       | whether offers treat people alike
        income_band     name | income band, as stated                                    | whether offers treat people alike
        household_size  name | persons in the household                                  | package sizes
        """,
    ),
    *_family(
        "value",
        "orders",
        """
        value_probability_alive share  | probability that the customer has not left for good, where a model could be fitted | who is probably gone
        value_orders            expected| days with an order to expect within the horizon          | whom to expect
        value_revenue           money  | revenue to expect within the horizon                     | what is at stake
        value_revenue_low       money  | revenue that one in ten such customers will stay below   | how sure that is
        value_revenue_high      money  | revenue that one in ten such customers will exceed       | how sure that is
        value_profit            money  | margin rate × expected revenue, discounted to the snapshot's day | what may be spent to keep the customer
        """,
    ),
)


def type_of(feature: Feature) -> nw.dtypes.DType:
    """The column type of a feature that cannot be had."""
    return TYPES.get(feature.unit, nw.Float64())


def register_table(columns: Iterable[str] = ()) -> pd.DataFrame:
    """The register as a frame: one row per feature, and one per question among a snapshot's columns.

    Args:
        columns: of a snapshot.

    >>> register_table(["declared_size"])[["name", "unit"]].iloc[[0, -1]].to_numpy().tolist()
    [['recency_days', 'days'], ['declared_size', 'name']]
    """
    asked = [column for column in columns if column.startswith(DECLARED)]
    return pd.DataFrame([*REGISTER, *map(_declared, asked)])


def _declared(column: str) -> Feature:
    question = column.removeprefix(DECLARED).replace("_", " ")
    return Feature(
        column, "answers", "name", "answers", f"last answer to: {question}", "what the customer asked for"
    )
