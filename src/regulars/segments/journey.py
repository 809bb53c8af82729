"""Where on the way each customer is: from a first visit to the last order for a long time."""

from __future__ import annotations

from typing import NamedTuple

import narwhals as nw

from regulars.segments.rulebooks.definition import Definition, SegmentError, named

JOURNEY_MEANINGS = {
    "visitor": "no order yet, and nothing known to have been put in a cart in the last 90 days",
    "considering": "no order yet, and something put in a cart in the last 90 days",
    "first-time buyer": "one order, placed within the late limit",
    "repeat buyer": "two orders or more, the last one within the late limit",
    "slipping": "no order for longer than the late limit, but not yet lapsed",
    "lapsed": "no order for longer than several late limits",
}


class Journey(NamedTuple):
    """The stage of each customer on the way, exactly one of `JOURNEY_MEANINGS`, in this order.

    Attributes:
        late_days: the late limit, in days: `FourCore.fit(features).late_days`.
        lapsed_after: after how many late limits without an order a customer has lapsed.
        column: the stages as a column.
        features: what they are made of; without events there is nobody who considers.

    >>> import pandas as pd
    >>> columns = ["customer_id", "frequency", "recency_days", "carts_90d"]
    >>> rows = [("1", 0, None, None), ("2", 0, None, 2), ("3", 1, 30, 0), ("4", 5, 31, 1), ("5", 5, 61, None)]
    >>> base = nw.from_native(pd.DataFrame(rows, columns=columns))
    >>> base.select(stage=Journey(30).expression())["stage"].to_list()
    ['visitor', 'considering', 'first-time buyer', 'slipping', 'lapsed']
    """

    late_days: float
    lapsed_after: float = 2.0
    column: str = "journey"
    features: tuple[str, ...] = ("frequency", "recency_days", "carts_90d")

    def expression(self) -> nw.Expr:
        """The stage of each customer, from `frequency`, `recency_days` and `carts_90d` (missing: no cart is known of).

        Raises:
            SegmentError: if a limit makes no sense.
        """
        if not (self.late_days > 0 and self.lapsed_after >= 1):
            raise SegmentError(
                f"Late after {self.late_days} days and lapsed after {self.lapsed_after} times that: "
                "the first must be above 0, the second at least 1."
            )
        orders, recency = nw.col("frequency"), nw.col("recency_days")
        return (
            nw.when((orders == 0) & (nw.col("carts_90d") > 0).fill_null(False))
            .then(nw.lit("considering"))
            .when(orders == 0)
            .then(nw.lit("visitor"))
            .when(recency > self.late_days * self.lapsed_after)
            .then(nw.lit("lapsed"))
            .when(recency > self.late_days)
            .then(nw.lit("slipping"))
            .when(orders == 1)
            .then(nw.lit("first-time buyer"))
            .when(orders > 1)
            .then(nw.lit("repeat buyer"))
        )

    def definitions(self) -> tuple[Definition, ...]:
        """Its stages."""
        return named(JOURNEY_MEANINGS, self.features, self.expression())
