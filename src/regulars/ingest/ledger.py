"""The account of every row: read = staged + refused, and the money likewise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import narwhals as nw
import pandas as pd

from regulars.engine import Engine, Frame
from regulars.ingest.cleaning import Rule


class Ledger(NamedTuple):
    """What became of the rows that were read.

    Attributes:
        tables: one row per table: `read`, `staged`, `refused` (rows) and `money_read`, `money_staged`, `money_refused`
            (revenue in the shop's currency; missing for tables without money).
        rules: one row per rule: `matched` rows, the rows it was the first to refuse (`decided`), the `money` of these.
    """

    tables: pd.DataFrame
    rules: pd.DataFrame

    @classmethod
    def joined(cls, parts: Sequence[Ledger]) -> Ledger:
        """The ledgers of several tables as one."""
        tables, rules = zip(*parts, strict=True)
        return cls(pd.concat(tables, ignore_index=True), pd.concat(rules, ignore_index=True))


def account(engine: Engine, table: str, marked: Frame, rules: Sequence[Rule]) -> Ledger:
    """Count a table's marked rows, in one pass.

    Args:
        engine: where `marked` lives.
        table: the table's name.
        marked: what `apply_rules` returned; money is its column `revenue`, where it has one.
        rules: the rules that were applied.
    """
    has_money = "revenue" in marked.collect_schema().names()
    marked = marked.with_columns(money=nw.col("revenue") if has_money else nw.lit(0))
    money = nw.col("money")
    kept = nw.col("refused_because").is_null()
    counts = {"read": nw.len(), "staged": kept.cast(nw.Int64).sum()}
    counts |= {"money_read": money.sum(), "money_staged": nw.when(kept).then(money).otherwise(0).sum()}
    for rule in rules:
        decided = nw.col("refused_because") == rule.name
        counts[f"matched {rule.name}"] = nw.col(f"matches_{rule.name}").cast(nw.Int64).sum()
        counts[f"decided {rule.name}"] = nw.when(decided).then(1).otherwise(0).sum()
        counts[f"money {rule.name}"] = nw.when(decided).then(money).otherwise(0).sum()
    row = engine.collect(marked.select(**counts)).iloc[0].fillna(0)
    missing = None if has_money else float("nan")
    total = {
        "table": table,
        "read": int(row["read"]),
        "staged": int(row["staged"]),
        "refused": int(row["read"] - row["staged"]),
        "money_read": _cents(row["money_read"], missing),
        "money_staged": _cents(row["money_staged"], missing),
        "money_refused": _cents(row["money_read"] - row["money_staged"], missing),
    }
    return Ledger(pd.DataFrame([total]), _rule_rows(table, row, rules, missing))


def _rule_rows(table: str, row: pd.Series, rules: Sequence[Rule], missing: float | None) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "table": table,
            "rule": rule.name,
            "action": "refused" if rule.action == "refuse" else "kept, flagged",
            "meaning": rule.meaning,
            "matched": int(row[f"matched {rule.name}"]),
            "decided": int(row[f"decided {rule.name}"]),
            "money": _cents(row[f"money {rule.name}"], missing),
        }
        for rule in rules
    )


def _cents(amount: float, missing: float | None) -> float:
    """Sums are exact decimals in the engine; this undoes the binary float of the last step."""
    return round(float(amount), 4) if missing is None else missing
