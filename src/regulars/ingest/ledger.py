"""The account of every row: read = staged + refused, and the money likewise."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import narwhals as nw
import pandas as pd

from regulars.config import ShopConfig
from regulars.engine import Engine, Frame
from regulars.ingest.cleaning import Rule
from regulars.ingest.contracts import IngestError
from regulars.ingest.landing import Landed, quoted

MALFORMED = Rule("malformed_line", "", nw.lit(False), "refuse", "The line does not split into the columns of the header.",
                 "Look for a delimiter or a quote inside a value that is not quoted.", fixed=True)  # fmt: skip


class Ledger(NamedTuple):
    """What became of the rows that were read.

    Attributes:
        tables: one row per table: `read`, `staged`, `refused` (rows) and `money_read`, `money_staged`, `money_refused`
            (revenue in the shop's currency; missing for tables without money).
        rules: one row per rule: `matched` rows and their money (`matched_money`), the rows it was the first to refuse
            (`decided`), the `money` of these, up to three `examples` of what was refused, and the `column` they stand in.
        identities: customers and their orders before and after profiles were merged; empty where none were.
        too_common: what was not used to merge profiles because too many share it, as `identities.too_common` says.
    """

    tables: pd.DataFrame
    rules: pd.DataFrame
    identities: pd.DataFrame = pd.DataFrame()
    too_common: pd.DataFrame = pd.DataFrame()

    @classmethod
    def joined(cls, parts: Sequence[Ledger]) -> Ledger:
        """The ledgers of several tables as one."""
        return cls(*(pd.concat([part[i] for part in parts], ignore_index=True) for i in range(2)))

    def save(self, folder: Path, mark: str, day: int) -> None:
        """Keep the account beside the staged tables, with the mark of what they were made from, and the day."""
        frames = {
            name: json.loads(frame.to_json(orient="split", index=False))
            for name, frame in self._asdict().items()
        }
        files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.parquet"))
        text = json.dumps({"mark": mark, "day": day, "files": files, **frames}, ensure_ascii=False)
        (folder / "ledger.json").write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, mark: str, day: int) -> Ledger | None:
        """The account that was kept, if it has this mark; not if rows were refused as of the future, on an earlier day."""
        path = folder / "ledger.json"
        if not mark or not path.exists():
            return None
        kept = json.loads(path.read_text(encoding="utf-8"))
        same, read_on, files = kept.pop("mark") == mark, kept.pop("day"), kept.pop("files", [""])
        same = same and all((folder / name).exists() for name in files)
        ledger = cls(
            **{name: pd.DataFrame(frame["data"], columns=frame["columns"]) for name, frame in kept.items()}
        )
        future = ledger.rules.loc[ledger.rules["rule"] == "future_date", "decided"].sum()
        return ledger if same and (read_on == day or future == 0) else None

    def with_examples(self, examples: Mapping[str, str]) -> Ledger:
        """The ledger of one table with what `regulars.ingest.examples.examples_of` found."""
        return self._replace(
            rules=self.rules.assign(examples=[examples.get(rule, "") for rule in self.rules["rule"]])
        )

    def check(self, config: ShopConfig, landed: Landed | None) -> None:
        """Stop where too much of a table of orders is refused, or all of any table.

        Raises:
            IngestError: naming the rule that refused most, where, how many rows, examples and what to do.
        """
        table = self.tables.iloc[0]
        limit = config.cleaning.stop_above if table["table"] in ("orders", "order_lines") else 1.0
        if (
            landed is None
            or table["read"] == 0
            or (table["staged"] > 0 and table["refused"] <= limit * table["read"])
        ):
            return
        rule = self.rules.sort_values("decided", ascending=False, kind="stable").iloc[0]
        column = landed.columns.get(rule["column"])  # of 'unreadable', the examples say which it is
        where = f"{landed.origin}, column '{column}'" if column else landed.origin
        shown = f" Such as {rule['examples']}." if rule["examples"] else ""
        anyway = " To stage what is left anyway: cleaning: {stop_above: 1}." if table["staged"] else ""
        raise IngestError(
            f"{where}: {table['refused']:,} of {table['read']:,} rows of {table['table']} are refused, {rule['decided']:,} of "
            f"them by {rule['rule']}: {rule['meaning']}{shown} {rule['remedy']}{anyway}"
        )


def account(
    engine: Engine,
    table: str,
    marked: Frame,
    rules: Sequence[Rule],
    malformed: Path | None = None,
) -> Ledger:
    """Count a table's marked rows, in one pass.

    Args:
        engine: where `marked` lives.
        table: the table's name.
        marked: what `apply_rules` returned; money is its column `revenue`, where it has one.
        rules: the rules that were applied.
        malformed: the lines that could not be split into columns, if there were any.
    """
    has_money = "revenue" in marked.collect_schema().names()
    kinds = _kinds_of_rows(engine, marked, rules, has_money)
    lost = _rows(engine, malformed) if malformed else 0
    kept = _total([kind for kind in kinds if not kind.decided_by], has_money)
    refused = _total([kind for kind in kinds if kind.decided_by], has_money)
    total = {
        "table": table,
        "read": kept.rows + refused.rows + lost,
        "staged": kept.rows,
        "refused": refused.rows + lost,
        "money_read": _total(kinds, has_money).money,
        "money_staged": kept.money,
        "money_refused": refused.money,
    }
    found = [_rule_row(table, kinds, rule, place, has_money) for place, rule in enumerate(rules)]
    if lost:
        found.insert(0, _rule_row(table, [], MALFORMED, 0, has_money) | {"matched": lost, "decided": lost})
    return Ledger(pd.DataFrame([total]), pd.DataFrame(found))


class _Kind(NamedTuple):
    """The rows that match the same rules (bit i of `matched`: rule i), their money, and the first rule that refuses them."""

    matched: int
    rows: int
    money: Decimal
    decided_by: str


class _Total(NamedTuple):
    rows: int
    money: float


def _kinds_of_rows(engine: Engine, marked: Frame, rules: Sequence[Rule], has_money: bool) -> list[_Kind]:
    """Each combination of rules that some row matches: there are few, so all else is counted from them."""
    bits = [
        nw.when(nw.col(f"matches_{rule.name}")).then(1 << place).otherwise(0)
        for place, rule in enumerate(rules)
    ]
    money = nw.col("revenue").fill_null(0) if has_money else nw.lit(0)
    grouped = marked.select(matched=sum(bits, nw.lit(0)), money=money).group_by("matched")
    kinds = engine.collect(grouped.agg(nw.len().alias("rows"), nw.col("money").sum()), "matched")
    return [
        _Kind(int(matched), int(rows), Decimal(str(amount)), _first_refusing(int(matched), rules))
        for matched, rows, amount in kinds.itertuples(index=False)
    ]


def _first_refusing(matched: int, rules: Sequence[Rule]) -> str:
    refusing = (
        rule.name for place, rule in enumerate(rules) if rule.action == "refuse" and matched >> place & 1
    )
    return next(refusing, "")


def _total(kinds: Sequence[_Kind], has_money: bool) -> _Total:
    """Their rows, and their money as a number that pages show; missing where the table has none."""
    money = sum((kind.money for kind in kinds), Decimal())
    return _Total(sum(kind.rows for kind in kinds), round(float(money), 4) if has_money else float("nan"))


def _rule_row(
    table: str, kinds: Sequence[_Kind], rule: Rule, place: int, has_money: bool
) -> dict[str, object]:
    matching = _total([kind for kind in kinds if kind.matched >> place & 1], has_money)
    decided = _total([kind for kind in kinds if kind.decided_by == rule.name], has_money)
    return {
        "table": table,
        "rule": rule.name,
        "action": "refused" if rule.action == "refuse" else "kept, flagged",
        "meaning": rule.meaning,
        "matched": matching.rows,
        "matched_money": matching.money,
        "decided": decided.rows,
        "money": decided.money,
        "column": rule.column,
        "remedy": rule.remedy,
        "examples": "",
    }


def _rows(engine: Engine, path: Path) -> int:
    return int(
        engine.connection.execute(f"SELECT count(*) FROM read_parquet({quoted(path)})").fetchall()[0][0]
    )
