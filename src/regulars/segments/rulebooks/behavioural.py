"""Segments of habits. They may overlap: one flag per segment, for buyers and for those who only looked."""

from __future__ import annotations

from typing import NamedTuple

import narwhals as nw
import pandas as pd

from regulars.config.rules import Behavioural as Limits
from regulars.engine import Frame, in_pandas
from regulars.segments.rfm import percentile
from regulars.segments.rulebooks.definition import Definition

BEHAVIOURAL = (
    "one_timer",
    "loyal_to_type",
    "newsletter_reader",
    "cart_abandoner",
    "high_spender",
    "coupon_lover",
    "thrifty",
    "indecisive",
    "registered_browser",
    "curious_browser",
    "idle",
    "trendy",
    "wholesale_like",
    "local",
)


class Behavioural(NamedTuple):
    """The behavioural segments, with what is usual in the base.

    Attributes:
        limits: from the configuration.
        mean_spending: the buyers' mean of what a high spender is measured by; None if nobody has it.
        usual_item_price: the median, over buyers, of what an item costs.
        usual_views: the median, over visitors, of products looked at in a visit.
        history_days: how long the shop was observed.
    """

    limits: Limits
    mean_spending: float | None
    usual_item_price: float | None
    usual_views: float | None
    history_days: int = 0

    @classmethod
    def fit(cls, features: Frame, limits: Limits | None = None) -> Behavioural:
        """Learn what is usual from one row per customer; who has never ordered counts among visitors only."""
        buyers = features.filter(nw.col("frequency") > 0)
        priced = buyers.filter(nw.col("items_per_line") > 0, nw.col("lines_per_order") > 0)
        limits = limits or Limits()
        return cls(
            limits,
            _mean_money(buyers, limits.high_spender_by),
            percentile(priced.select(price=_item_price()), "price", 50),
            percentile(features, "views_per_session", 50),
            _history_days(buyers),
        )

    def definitions(self) -> tuple[Definition, ...]:
        """Its segments, in the order of `BEHAVIOURAL`."""
        found = (*self._orders(), *self._baskets(), *self._visits(), *self._places())
        return tuple(sorted(found, key=lambda one: BEHAVIOURAL.index(one.name)))

    def _orders(self) -> tuple[Definition, ...]:
        """Segments that orders alone tell."""
        limits = self.limits
        orders, coupons = nw.col("frequency"), nw.col("coupon_order_share")
        times = f"{limits.high_spender_times:g} times " if limits.high_spender_times != 1 else ""
        high, by = _times(self.mean_spending, limits.high_spender_times), limits.high_spender_by
        has_spent = "spent more so far" if by == "revenue" else "is expected to spend more"
        return (
            _definition(
                "one_timer",
                f"ordered exactly once, more than {limits.one_timer_days} days ago",
                ("frequency", "recency_days"),
                orders == 1,
                nw.col("recency_days") > limits.one_timer_days,
                lacks=self._too_short(limits.one_timer_days),
            ),
            _definition(
                "high_spender",
                f"{has_spent} than {times}the mean of all buyers ({_shown(high)})",
                ("frequency", by),
                orders > 0,
                nw.lit(False) if high is None else nw.col(by) > high,
                lacks="" if high is not None else "needs a buyer" if by == "revenue" else "needs a forecast",
            ),
            _definition(
                "coupon_lover",
                f"used a coupon in at least {limits.coupon_orders} orders, and in at least "
                f"{limits.coupon_order_share:.0%} of all",
                ("frequency", "coupon_order_share"),
                coupons >= limits.coupon_order_share,
                # Their product is a count of orders, but for what the division before it rounded.
                (coupons * orders).round() >= limits.coupon_orders,
            ),
            _definition(
                "idle",
                f"has ordered, but for over {limits.idle_days} days neither ordered nor (if visits are known) been there",
                ("frequency", "recency_days"),  # visits are no need: without them silence is no order
                orders > 0,
                nw.col("recency_days") > limits.idle_days,
                nw.col("visit_recency_days").is_null() | (nw.col("visit_recency_days") > limits.idle_days),
                lacks=self._too_short(limits.idle_days),
            ),
        )

    def _too_short(self, days: int) -> str:
        """What is said where nobody can have been away for so long, because the history is not longer."""
        return "" if self.history_days > days else f"needs more than {days} days of history"

    def _baskets(self) -> tuple[Definition, ...]:
        """Segments that need what the orders were made of."""
        limits, orders = self.limits, nw.col("frequency")
        cheap = _times(self.usual_item_price, limits.thrifty_price_times)
        return (
            _definition(
                "loyal_to_type",
                f"ordered at least {limits.loyal_orders} times, with at least {limits.top_category_share:.0%} of the revenue "
                "in one category",
                ("frequency", "top_category_share"),
                orders >= limits.loyal_orders,
                nw.col("top_category_share") >= limits.top_category_share,
            ),
            _definition(
                "thrifty",
                f"ordered at least {limits.thrifty_orders} times, at least {limits.full_price_share:.0%} of it without a "
                f"discount, for at most {limits.thrifty_price_times:.0%} of buyers' median price an item ({_shown(cheap)})",
                ("frequency", "full_price_share", "monetary_value", "lines_per_order", "items_per_line"),
                orders >= limits.thrifty_orders,
                nw.col("full_price_share") >= limits.full_price_share,
                nw.col("items_per_line") > 0,
                nw.lit(False) if cheap is None else _item_price() <= cheap,
                lacks="" if cheap is not None else "needs prices of items, to know what is usual",
            ),
            _definition(
                "trendy",
                f"ordered at least {limits.trendy_orders} times, with at least {limits.new_product_share:.0%} of the lines "
                "for products that the shop had sold for at most 30 days",
                ("frequency", "new_product_share"),
                orders >= limits.trendy_orders,
                nw.col("new_product_share") >= limits.new_product_share,
            ),
            _definition(
                "wholesale_like",
                f"usually orders at least {limits.wholesale_items:g} of a product at once",
                ("items_per_line",),
                nw.col("items_per_line") >= limits.wholesale_items,
            ),
        )

    def _visits(self) -> tuple[Definition, ...]:
        """Segments that need events. Their windows end at the snapshot, and begin 90 days before."""
        limits = self.limits
        opened = (nw.col("emails_opened_90d") >= limits.emails_opened).fill_null(False)
        clicked = (nw.col("emails_clicked_90d") >= limits.emails_clicked).fill_null(False)
        return (
            _definition(
                "newsletter_reader",
                f"opened at least {limits.emails_opened} e-mails in 90 days, or clicked at least {limits.emails_clicked}",
                ("emails_opened_90d", "emails_clicked_90d"),
                opened | clicked,
            ),
            *self._carts(),
            *self._browsers(),
        )

    def _carts(self) -> tuple[Definition, ...]:
        """Buyers who leave carts: by habit, or because they cannot decide."""
        limits, is_buyer, carts = self.limits, nw.col("frequency") > 0, nw.col("carts_90d")
        views = _times(self.usual_views, limits.indecisive_views_times)
        indecisive = _definition(
            "indecisive",
            f"has ordered; looks at {limits.indecisive_views_times:g} times as many products in a visit as the median visitor "
            f"or more ({_shown(views)}); in 90 days, carts in at least {limits.indecisive_carts} visits, and at least "
            f"{limits.carts_per_order:g} for each order",
            ("frequency", "views_per_session", "carts_90d", "orders_90d"),
            is_buyer,
            nw.lit(False) if views is None else nw.col("views_per_session") >= views,
            carts >= limits.indecisive_carts,
            carts >= limits.carts_per_order * nw.col("orders_90d"),
            lacks="" if views is not None else "needs visits, to know what is usual",
        )
        abandoner = _definition(
            "cart_abandoner",
            f"has ordered; in 90 days, put something in the cart in at least {limits.cart_visits} visits and left at least "
            f"{limits.cart_left_share:.0%} of these carts; is not indecisive, who leave theirs for another reason",
            ("frequency", "carts_90d", "cart_left_share"),
            is_buyer,
            carts >= limits.cart_visits,
            nw.col("cart_left_share") >= limits.cart_left_share,
            ~indecisive.rule,
        )
        return indecisive, abandoner

    def _browsers(self) -> tuple[Definition, ...]:
        """Who is known to the shop, and never ordered."""
        limits, orders = self.limits, nw.col("frequency")
        carts, visits = nw.col("carts_90d"), nw.col("sessions_90d")
        return (
            _definition(
                "registered_browser",
                f"known to the shop, and never ordered; in 90 days at least {limits.browser_visits} visits, or something put "
                "in the cart",
                ("frequency", "sessions_90d", "carts_90d"),
                orders == 0,
                (visits >= limits.browser_visits).fill_null(False) | (carts > 0).fill_null(False),
            ),
            _definition(
                "curious_browser",
                f"known to the shop, and never ordered; looked in within {limits.idle_days} days, in the last 90 in fewer "
                f"than {limits.browser_visits} visits, and put nothing in the cart in these",
                ("frequency", "sessions_90d", "carts_90d", "visit_recency_days"),
                orders == 0,
                nw.col("visit_recency_days") <= limits.idle_days,
                visits < limits.browser_visits,
                carts == 0,
            ),
        )

    def _places(self) -> tuple[Definition, ...]:
        """Local customers; the configuration has to say what is local."""
        places = {"country": self.limits.local_countries, "region": self.limits.local_regions}
        named = {name: list(values) for name, values in places.items() if values}
        if not named:
            why = "needs segments.behavioural.local_countries or local_regions in the configuration"
            return (Definition("local", "lives where the shop is", (), nw.lit(False), why),)
        inside: nw.Expr = nw.lit(False)
        for name, values in named.items():
            inside = inside | nw.col(name).is_in(values).fill_null(False)
        where = " or ".join(place for values in named.values() for place in values)
        return (_definition("local", f"lives in {where}", tuple(named), inside),)


def _item_price() -> nw.Expr:
    """What an item costs the customer: revenue of an order, by its lines and the usual quantity of a line."""
    return nw.col("monetary_value") / (nw.col("lines_per_order") * nw.col("items_per_line"))


def _definition(
    name: str, meaning: str, features: tuple[str, ...], *conditions: nw.Expr, lacks: str = ""
) -> Definition:
    """A segment of those for whom every condition is known to hold."""
    rule: nw.Expr = nw.lit(True)
    for condition in conditions:
        rule = rule & condition.fill_null(False)
    return Definition(name, meaning, features, rule, lacks)


def _times(usual: float | None, times: float) -> float | None:
    """A multiple of what is usual; None if nothing is."""
    return None if usual is None else usual * times


def _shown(limit: float | None) -> str:
    return "not known here" if limit is None else f"{limit:,.2f}"


def _history_days(buyers: Frame) -> int:
    days = (nw.col("tenure_days") + nw.col("observed_before_first_days")).max()
    longest = in_pandas(buyers.select(days=days))["days"].iloc[0]
    return 0 if pd.isna(longest) else int(longest)


def _mean_money(frame: Frame, name: str) -> float | None:
    """The mean of a column of money, summed in whole ten-thousandths so that no order of rows can change it."""
    there = frame.filter(~nw.col(name).is_null())
    units = (nw.col(name) * 10_000).round().cast(nw.Int64)
    row = in_pandas(there.select(total=units.sum(), rows=nw.len())).iloc[0]
    return float(row["total"]) / float(row["rows"]) / 10_000 if row["rows"] else None
