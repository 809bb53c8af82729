"""The one object that notebooks open: a shop's configuration, its folders and its engine."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import narwhals as nw
import pandas as pd

from regulars.config import ConfigError, ShopConfig, read_config
from regulars.engine import Compute, Engine, Frame
from regulars.errors import RegularsError
from regulars.month import Month, MonthError, day_number, months_between

ROOT = Path(__file__).resolve().parents[2]
NO_SHOPS = frozenset({"plays"})  # what config/ has besides shops


class ShopError(RegularsError):
    """A shop that is not configured, or a file of it that an earlier stage has not written yet."""


class NotAvailableError(RegularsError):
    """What a shop without some table cannot have; a page then says so in its place."""


class Shop:
    """A shop, opened by its name.

    `REGULARS_HOME` moves data/ and reports/ elsewhere; `REGULARS_RAW` moves the raw folders.

    >>> shop = Shop.open("demo")
    >>> shop.config.currency
    'USD'
    """

    def __init__(self, config: ShopConfig, home: Path, raw: Path) -> None:
        self.config = config
        self.home = home
        self.raw = raw

    @classmethod
    def open(cls, name: str, environment: Mapping[str, str] = os.environ) -> Shop:
        """Open the shop that `config/<name>.yml` describes.

        Raises:
            ConfigError: if there is no such file, or it says something that is not known.
        """
        folder = ROOT / "config"
        path = folder / f"{name}.yml"
        shops = sorted({p.stem for p in folder.glob("*.yml")} - NO_SHOPS)
        if name not in shops:
            near = difflib.get_close_matches(name, [*shops, "demo"], n=1, cutoff=0)[0]
            has = ", ".join(shops) or "no shop"
            raise ConfigError(
                f"There is no shop '{name}': config/ has {has}. Try SHOP={near}, or write {path.name}."
            )
        config = read_config(path, ShopConfig)
        if config.name != name:
            raise ConfigError(f"{path.name}: 'name' is '{config.name}', but the file says '{name}'.")
        return cls(config, *folders(name, environment))

    @cached_property
    def engine(self) -> Engine:
        """DuckDB, for staging and for small tables; REGULARS_MEMORY says how much memory it may use."""
        return Engine(self.data / ".spill", os.environ.get("REGULARS_MEMORY"))

    @cached_property
    def compute(self) -> Compute:
        """What reads the staged tables and computes with them: `engine`, or Spark where the configuration says so."""
        if self.config.engine == "duckdb":
            return self.engine
        from regulars.spark import SparkEngine

        memory = os.environ.get("REGULARS_MEMORY")
        return SparkEngine(self.engine, self.config.spark_master, self.data / ".spill", memory)

    @property
    def data(self) -> Path:
        """`data/<shop>`."""
        return self.home / "data" / self.config.name

    @property
    def reports(self) -> Path:
        """`reports/<shop>`."""
        return self.home / "reports" / self.config.name

    def staged(self, table: str) -> Path:
        """Where a staged table is."""
        return self.data / "staged" / f"{table}.parquet"

    def monthly(self, stage: str, month: Month) -> Path:
        """Where a stage keeps its table of a month: `data/<shop>/<stage>/<month>.parquet`."""
        return self.data / stage / f"{month}.parquet"

    def findings(self, month: Month, notebook: str) -> Path:
        """Where a notebook keeps the numbers that it states."""
        return self.data / "findings" / str(month) / f"{notebook[:2]}.json"

    def found(self, month: Month, notebook: str) -> list[dict[str, Any]]:
        """What a notebook found, as data: `key`, `sentence`, `headline`, `values`; nothing where it has not run."""
        path = self.findings(month, notebook)
        return json.loads(path.read_text(encoding="utf-8"))["findings"] if path.exists() else []

    def table(self, name: str) -> Frame:
        """A staged table as a lazy frame.

        Raises:
            ShopError: if it has not been staged.
        """
        return self._scan(self.staged(name), "01-ingest")

    def has(self, *tables: str) -> bool:
        """Whether the shop has all of these staged tables."""
        return all(self.staged(table).exists() for table in tables)

    def lacks(self, *tables: str) -> str:
        """What cannot be had where the shop lacks a table, in a sentence; empty where it has all of them."""
        absent = [table for table in tables if not self.has(table)]
        if not absent:
            return ""
        staged = sorted(path.stem for path in self.staged("").parent.glob("*.parquet"))
        has = (
            f"it has {', '.join(staged)}"
            if staged
            else "nothing of it is staged yet: run the notebook 01-ingest"
        )
        return f"Not available: needs {', '.join(absent)}, which {self.config.name} lacks; {has}."

    def require(self, *tables: str) -> None:
        """Say what cannot be had, if the shop lacks a table.

        Raises:
            NotAvailableError: naming the table, and those that the shop has.
        """
        if lacks := self.lacks(*tables):
            raise NotAvailableError(lacks)

    def optional(self, name: str) -> Frame | None:
        """A staged table, or None if the shop has none of its kind."""
        return self.table(name) if self.has(name) else None

    def returns(self) -> Frame | None:
        """What came back and is taken off revenue; None if nothing is: `returns: in` in the configuration leaves it in."""
        if self.config.revenue.returns == "in":
            return None
        table = self.table("returns")
        return table if len(self.engine.collect(table.select("return_id").head(1))) else None

    def snapshot(self, month: str | Month, *, prospects: bool = False) -> Frame:
        """The customers' features as of the end of a month: one row per customer, as a lazy frame.

        Args:
            month: the month, or `YYYY-MM`.
            prospects: whether those are among them who were seen on the site by name and have not ordered yet.

        Raises:
            ShopError: if they have not been computed.
        """
        month = Month.parse(month) if isinstance(month, str) else month
        everybody = self._scan(self.monthly("features", month), "02-features")
        return everybody if prospects else everybody.filter(nw.col("frequency") > 0)

    def segments(self, month: Month) -> Frame:
        """The customers' segments as of the end of a month: one row per customer, one column per segmentation."""
        return self._scan(self.monthly("segments", month), "03-segments")

    def offers(self, month: Month) -> Frame:
        """What the experiments that ended by a month's end found: one row per experiment, metric, segment, arm."""
        return self._scan(self.monthly("offers", month), "04-offers")

    def next_tests(self, month: Month) -> pd.DataFrame | None:
        """What new tests would need, as of a month's end; None where no test is open."""
        path = self.monthly("next_tests", month)
        return self.engine.collect(self.engine.scan(path)) if path.exists() else None

    def save(self, table: pd.DataFrame, stage: str, name: object, *sort_by: str) -> None:
        """Write a table of a stage to `data/<shop>/<stage>/<name>.parquet`, sorted, by rename."""
        frame = nw.from_native(self.engine.connection.from_df(table))
        self.engine.write(frame, self.data / stage / f"{name}.parquet", *sort_by)

    def _scan(self, path: Path, notebook: str) -> Frame:
        if not path.exists():
            place = path.relative_to(self.home)
            raise ShopError(
                f"{place} is not there yet: run the notebook {notebook} first, or make report SHOP={self.config.name}."
            )
        return self.compute.scan(path)

    @cached_property
    def history(self) -> tuple[int, int]:
        """The first and the last day that orders were observed, as day numbers."""
        day = nw.col("ordered_day")
        row = self.engine.collect(self.table("orders").select(first=day.min(), last=day.max())).iloc[0]
        if row.isna().any():
            raise ShopError(f"No order of {self.config.name} was staged: see the ledger in 01-ingest.")
        return int(row["first"]), int(row["last"])

    def months(self) -> list[Month]:
        """The months with complete data, oldest first.

        The last one is complete if the newest order is on or after its last day, or if the configuration's
        `complete_until` is.
        """
        if self.config.month and not self.has("orders"):
            return [Month.parse(self.config.month)]
        first, last = self.history
        if self.config.complete_until:
            last = max(last, day_number(self.config.complete_until))
        newest = Month.of_day(last + 1).previous
        return months_between(Month.of_day(first), newest)

    def month(self, text: str) -> Month:
        """The month that a parameter means: `YYYY-MM`, or `latest`.

        Raises:
            MonthError: if the shop has no complete data for it.
        """
        wanted = None if text == "latest" else Month.parse(text)
        months = self.months()
        if not months:
            raise MonthError(f"{self.config.name} has no complete month yet: its newest order is too recent.")
        if wanted and wanted not in months:
            raise MonthError(
                f"{wanted} has no complete data: {self.config.name} has {months[0]} to {months[-1]}. "
                f"Try MONTH={months[-1]}."
            )
        return wanted or months[-1]


def folders(name: str, environment: Mapping[str, str]) -> tuple[Path, Path]:
    """The folder that data/ and reports/ are in, and a shop's raw folder."""
    home = Path(environment.get("REGULARS_HOME") or ROOT).resolve()
    raw = environment.get("REGULARS_RAW")
    return home, Path(raw).resolve() / name if raw else home / "data" / name / "raw"


def shown(path: Path) -> str:
    """A path as the reader would type it.

    >>> shown(Path.cwd() / "data" / "demo")
    'data/demo'
    """
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
