"""The register's sentences in plain Python: one customer at a time, sharing no code with the package."""

from __future__ import annotations

import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any, TypeAlias

from tests.features.books import AGREED, WITHDREW, Books, Row, spelled

Values: TypeAlias = dict[str, Any]

PROFILE = "country region channel organisation gender age_band income_band household_size".split()
VISITS = {"view", "cart", "checkout", "search"}


def ratio(part: Any, whole: Any) -> float | None:
    return float(part / whole) if whole > 0 else None


def share(part: Any, whole: Any) -> float | None:
    return min(float(part / whole), 1.0) if whole > 0 else None


def spread(values: Sequence[Any]) -> float | None:
    return float(statistics.stdev(values)) if len(values) > 1 else None


def money(values: Iterable[Decimal | None]) -> Decimal:
    return sum((value for value in values if value is not None), Decimal(0))


def most(counted: Counter[Any]) -> Any:
    """The most frequent; of equals the first."""
    return min(counted, key=lambda value: (-counted[value], value), default=None)


def by_hand(books: Books, customer: str) -> Values:
    """Every column of the snapshot for one customer; None for what is missing."""
    orders = books.rows("orders", customer)
    returns = books.rows("returns", customer)
    values = purchase(books, orders, returns) | of_orders(books, orders, returns)
    values |= of_lines(books, books.rows("order_lines", customer))
    values |= cadence(books, orders)
    values |= browsing(books, orders, books.rows("events", customer))
    values |= profile(books, customer)
    return values | declared(books, books.rows("answers", customer))


def purchase(books: Books, orders: list[Row], returns: list[Row]) -> Values:
    """Recency, frequency, money and windows, less what came back; who has not ordered has no orders and no money."""
    day, history = books.day, books.day - books.first_day
    days = [order.ordered_day for order in orders]
    returns = returns if books.has_returns and orders else []

    def within(start: int, end: int) -> tuple[int, float]:
        placed = [order.revenue for order in orders if start <= order.ordered_day < end]
        back = [row.revenue for row in returns if start <= row.returned_day < end]
        return len(placed), float(money(placed) - money(back))

    revenue = float(money(order.revenue for order in orders) - money(row.revenue for row in returns))
    values: Values = {
        "recency_days": day - max(days) if days else None,
        "frequency": len(orders),
        "monetary_value": revenue / len(orders) if orders else None,
        "revenue": revenue,
        "tenure_days": day - min(days) if days else None,
        "observed_before_first_days": min(days) - books.first_day if days else None,
    }
    for length in (30, 90, 365):
        now, before = within(day - length, day), within(day - 2 * length, day - length)
        for place, kind in enumerate(("orders", "revenue")):
            values[f"{kind}_{length}d"] = now[place] if history >= length else None
            change = now[place] - before[place]
            values[f"{kind}_{length}d_change"] = change if history >= 2 * length else None
    return values


def of_orders(books: Books, orders: list[Row], returns: list[Row]) -> Values:
    """What an order is like, as it was placed."""
    brought = [order.revenue for order in orders]
    counted = [order.lines for order in orders if order.lines is not None]
    priced = [order for order in orders if order.discount is not None]
    coupons = [order.has_coupon for order in orders if order.has_coupon is not None]
    came_back = money(row.revenue for row in returns)
    return {
        "order_value_sd": spread(brought),
        "return_share": share(came_back, money(brought)) if books.has_returns else None,
        "lines_per_order": statistics.fmean(counted) if counted else None,
        "discount_share": share(
            money(order.discount for order in priced), money(order.list_revenue for order in priced)
        ),
        "coupon_order_share": statistics.fmean(coupons) if coupons else None,
    }


LINES = """items_per_line products_bought new_product_share categories_bought top_category top_category_share
    category_concentration last_category private_brand_share full_price_share discount_depth""".split()


def of_lines(books: Books, lines: list[Row]) -> Values:
    """What was bought: not what came back, not postage, not a line that records a coupon."""
    missing: Values = dict.fromkeys(LINES)
    if not lines:
        return missing
    sold = [
        line
        for line in lines
        if (line.quantity is None or line.quantity > 0) and line.revenue >= 0 and line.is_product is not False
    ]
    quantities = [float(line.quantity) for line in sold if line.quantity is not None]
    return missing | {
        "items_per_line": statistics.median(quantities) if quantities else None,
        "products_bought": len({line.product_id for line in sold} - {None}),
        "new_product_share": new_products(books, sold),
        **regular_price(sold),
        **(categories(books, sold) if books.products is not None else {}),
    }


def new_products(books: Books, sold: list[Row]) -> float | None:
    """A product is new for thirty days; what was there in the first ninety days of the data never is."""
    if books.day - books.first_day <= 90 or not sold:
        return None
    new = 0
    for line in sold:
        launched = books.launched.get(line.product_id)
        if launched is not None and launched >= books.first_day + 90:
            new += line.ordered_day - launched <= 30
    return new / len(sold)


def regular_price(sold: list[Row]) -> Values:
    told = [line for line in sold if line.discount is not None]
    cut = [line for line in told if line.discount > 0]
    full = money(line.list_revenue for line in told if line.discount == 0)
    return {
        "full_price_share": ratio(full, money(line.list_revenue for line in told)),
        "discount_depth": share(
            money(line.discount for line in cut), money(line.list_revenue for line in cut)
        ),
    }


def categories(books: Books, sold: list[Row]) -> Values:
    """Categories by revenue, of equals the first by name; and the shop's own brands, where the brand is known."""
    assert books.products is not None
    earned: dict[str, Decimal] = defaultdict(Decimal)
    last: dict[str, int] = {}
    own = branded = Decimal(0)
    for line in sold:
        product = books.products.get(line.product_id)
        if product is not None and product.category is not None:
            earned[product.category] += line.revenue
            last[product.category] = max(last.get(product.category, 0), line.ordered_day)
        if product is not None and product.is_private_brand is not None:
            branded += line.revenue
            own += line.revenue if product.is_private_brand else 0
    whole = money(earned.values())
    return {
        "categories_bought": len(earned) if books.has_categories else None,
        "top_category": min(earned, key=lambda name: (-earned[name], name), default=None),
        "top_category_share": ratio(max(earned.values(), default=Decimal(0)), whole),
        "category_concentration": ratio(sum(value**2 for value in earned.values()), whole**2),
        "last_category": min(earned, key=lambda name: (-last[name], -earned[name], name), default=None),
        "private_brand_share": ratio(own, branded),
    }


def cadence(books: Books, orders: list[Row]) -> Values:
    """Gaps between days with an order, and the weekday and hour with most orders."""
    days = sorted({order.ordered_day for order in orders})
    gaps = [after - before for before, after in pairwise(days)]
    median = float(statistics.median(gaps)) if gaps else None
    hours = Counter(order.ordered_at.hour for order in orders if order.ordered_at is not None)
    return {
        "gap_mean_days": statistics.fmean(gaps) if gaps else None,
        "gap_median_days": median,
        "gap_sd_days": spread(gaps),
        "overdue_days": books.day - days[-1] - median if median is not None else None,
        "usual_weekday": most(Counter((order.ordered_day + 3) % 7 + 1 for order in orders)),
        "usual_hour": most(hours) if books.has_hours else None,
    }


BROWSING = """sessions_90d views_90d views_per_session carts_90d cart_left_share visit_recency_days usual_device
    emails_opened_90d emails_clicked_90d support_contacts_365d""".split()


def browsing(books: Books, orders: list[Row], events: list[Row]) -> Values:
    """Visits, e-mails and support; a window longer than the observed events is missing."""
    values: Values = dict.fromkeys(BROWSING)
    if books.first_event_day is None:
        return values
    day, history = books.day, books.day - books.first_event_day
    seen = [(spelled(event.kind), event) for event in events if event.occurred_day is not None]
    visited = [event.occurred_day for kind, event in seen if kind in VISITS]
    values["visit_recency_days"] = day - max(visited) if visited else None
    if history >= 365:
        year = [kind for kind, event in seen if event.occurred_day >= day - 365]
        values["support_contacts_365d"] = year.count("support")
    if history >= 90:
        recent = [(kind, event) for kind, event in seen if event.occurred_day >= day - 90]
        kinds = Counter(kind for kind, _ in recent)
        values["emails_opened_90d"] = kinds["e-mail-opened"] + kinds["email-opened"]
        values["emails_clicked_90d"] = kinds["e-mail-clicked"] + kinds["email-clicked"]
        values |= visits([(kind, event) for kind, event in recent if kind in VISITS], orders)
    return values


def visits(recent: list[tuple[str, Row]], orders: list[Row]) -> Values:
    """A visit is a session, or a day where sessions have no id; it is over on its last day."""
    by_visit: dict[Any, list[tuple[str, Row]]] = defaultdict(list)
    for kind, event in recent:
        by_visit[event.occurred_day if event.session_id is None else event.session_id].append((kind, event))
    ordered = {order.ordered_day for order in orders}
    carts = [visit for visit in by_visit.values() if any(kind == "cart" for kind, _ in visit)]
    left = [visit for visit in carts if max(event.occurred_day for _, event in visit) not in ordered]
    views = sum(kind == "view" for kind, _ in recent)
    devices = [
        min((event.device for _, event in visit if event.device is not None), default=None)
        for visit in by_visit.values()
    ]
    return {
        "sessions_90d": len(by_visit),
        "views_90d": views,
        "views_per_session": ratio(views, len(by_visit)),
        "carts_90d": len(carts),
        "cart_left_share": ratio(len(left), len(carts)),
        "usual_device": most(Counter(device for device in devices if device is not None)),
    }


def profile(books: Books, customer: str) -> Values:
    """What the customers' table says, and whether the customer had agreed and not withdrawn it since."""
    row = books.customers.get(customer) if books.customers is not None else None
    if row is None:
        return dict.fromkeys(["has_profile", "has_consent", *PROFILE])
    return {
        "has_profile": row.has_profile,
        "has_consent": consent(books, customer, row) if books.records_consent else None,
        **{name: getattr(row, name) for name in PROFILE},
    }


def consent(books: Books, customer: str, row: Row) -> bool:
    events = books.rows("events", customer)
    seen = [(spelled(event.kind), event.occurred_at) for event in events]
    agreed = [row.opted_in_at, *(at for kind, at in seen if kind in AGREED)]
    withdrew = [row.opted_out_at, *(at for kind, at in seen if kind in WITHDREW)]
    past = [
        [at for at in times if at is not None and at.toordinal() - 719163 < books.day]  # 1970-01-01
        for times in (agreed, withdrew)
    ]
    undated = any(kind in WITHDREW and at is None for kind, at in seen)
    is_over = undated or (past[1] and past[0] and max(past[1]) >= max(past[0]))
    return bool(past[0]) and not is_over


def declared(books: Books, answers: list[Row]) -> Values:
    """The last answer to each question; of two on a day the first by name."""
    given = [answer for answer in answers if answer.answer is not None]
    values: Values = {}
    for question in books.questions:
        own = sorted((-row.answered_day, row.answer) for row in given if row.question == question)
        values["declared_" + re.sub("[^a-z0-9]+", "_", question.lower()).strip("_")] = (
            own[0][1] if own else None
        )
    return values
