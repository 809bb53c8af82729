"""A configuration for a shop's own file: its columns guessed, shown with examples, and written with notes.

python -m regulars.new_shop --name acme --orders path/to/orders.csv
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Mapping, Sequence
from glob import iglob
from pathlib import Path
from typing import NamedTuple

from regulars.config import ConfigError, ShopConfig, read_config
from regulars.errors import RegularsError
from regulars.ingest import tabular
from regulars.ingest.guessing import (
    Place,
    config_of_columns,
    config_of_export,
    doubts_of_order,
    guess,
    missing_of,
    on_one_line,
    profiles_of,
    settings_of,
    table_of,
)
from regulars.ingest.rawfiles import find_files
from regulars.ingest.sources import shopify, woocommerce
from regulars.shop import ROOT, folders

FIRST_ROWS, MORE_ROWS = 10_000, 200_000  # more, where the first do not tell day from month
ROW = {"order_lines": "one line of an order", "orders": "one order"}
FORMS = {"shopify": shopify.FORMS, "woocommerce": woocommerce.FORMS}
SYSTEMS = {"shopify": "Shopify", "woocommerce": "WooCommerce"}
ASSUMED = "title, time_zone, margin_rate: the shop's name, UTC and 0.3 were written. Put your own."


class Draft(NamedTuple):
    """A configuration, and what a person should read before it is used."""

    text: str
    found: list[str]
    missing: list[str]
    doubts: list[str]


def new_shop(name: str, orders: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Guess a file's columns, print what was found, and write `config/<name>.yml` if nothing needed is missing.

    Args:
        name: the shop's name.
        orders: the file that has its orders, or a pattern of files, from here or from the shop's raw folder.
        environment: `REGULARS_HOME` and `REGULARS_RAW`, as in `Shop.open`.

    Returns:
        Whether the configuration was written.

    Raises:
        ConfigError: if the name cannot be used, or config/ cannot be written to.
        IngestError: if the file cannot be read.
    """
    config = _config_path(name)
    if not orders.strip():
        raise ConfigError(f"Say which file has the orders: make shop NAME={name} ORDERS=path/to/orders.csv")
    file, place = _find(orders, folders(name, environment)[1])
    draft = _drafted(name, place, file)
    print("\n".join(draft.found))
    if draft.missing:
        _print_list("Still missing", draft.missing)
        print(
            f"\nNothing was written. By hand: put the columns in place of ??? and save this as {_where(config)}.\n"
        )
        print(draft.text, end="")
        return False
    _write(config, draft.text)
    print("\nStill missing: nothing that a report needs.")
    _print_list("Still to be settled", [*draft.doubts, ASSUMED])
    print(f"\n{_where(config)} is written. Read it through, and then:\nmake report SHOP={name}")
    return True


def _config_path(name: str) -> Path:
    """Where the configuration will be, once the name was found to be one, and free."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", name):
        proposed = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "acme"
        raise ConfigError(
            f"'{on_one_line(name)}' cannot be a shop's name: write small letters, digits and hyphens, such as NAME={proposed}."
        )
    path = ROOT / "config" / f"{name}.yml"
    if path.exists():
        raise ConfigError(f"{_where(path)} is there already: choose another NAME, or move that file away.")
    return path


def _where(config: Path) -> str:
    return f"config/{config.name}"


def _find(orders: str, raw: Path) -> tuple[Path, Place]:
    """The file to look at, and how the configuration names it, or the several that a pattern means."""
    given, here = str(Path(orders).expanduser()), Path.cwd()
    folder = raw if _has(raw, given) and not _has(here, given) else here
    [file, *_] = find_files([given], folder)
    path = folder / given
    path = path.parent.resolve() / path.name
    is_raw = path.is_relative_to(raw)
    return file, Place(path.relative_to(raw).as_posix() if is_raw else str(path), is_raw, path.name)


def _has(folder: Path, pattern: str) -> bool:
    return (folder / pattern).exists() or any(iglob(pattern, root_dir=folder))  # noqa: PTH207 (the pattern may be absolute)


def _drafted(name: str, place: Place, file: Path) -> Draft:
    head = tabular.head(file, rows=FIRST_ROWS)
    kind = export_kind(head.columns)
    return _draft_of_export(name, place, kind, head) if kind else _draft_of_columns(name, place, file, head)


def _draft_of_columns(name: str, place: Place, file: Path, head: tabular.Head) -> Draft:
    """A file of which nothing is known but what its first rows say."""
    found = guess(head.rows)
    settings = settings_of(found)
    if settings.is_ambiguous and len(head.rows) == FIRST_ROWS:
        head = tabular.head(file, rows=MORE_ROWS)
        found = guess(head.rows)
        settings = settings_of(found)
    told = f"{on_one_line(place.file)}: {len(head.rows):,} rows were looked at; a row is {ROW[found.table]}."
    text = config_of_columns(name, place, found, settings)
    return Draft(text, [told, "", *table_of(found)], missing_of(found), settings.doubts)


def export_kind(columns: Sequence[str]) -> str | None:
    """The shop system whose orders export has such columns, if one has.

    >>> export_kind(["order_id", "date", "total"])
    """
    return next((kind for kind, forms in FORMS.items() if any(form.fits(columns) for form in forms)), None)


def _draft_of_export(name: str, place: Place, kind: str, head: tabular.Head) -> Draft:
    """An export whose columns are known: only how it writes dates and amounts, and its currency, are looked at."""
    columns = next(form.columns(head.columns) for form in FORMS[kind] if form.fits(head.columns))
    wanted = [ours for ours in ("created_at", "currency", "total") if ours in columns]
    profiles = profiles_of(head.rows[[columns[ours] for ours in wanted]])
    looked_at = dict(zip(wanted, profiles, strict=True))
    currency = looked_at.get("currency")
    code = next(iter(currency.filled.str.upper().mode()), None) if currency else None
    doubts = [] if code else ["currency: nothing says it; USD was assumed."]
    patterns: Sequence[str] = ()
    date = looked_at["created_at"]
    if kind == "woocommerce" and date.dates:  # Shopify writes ISO dates, and points before the cents
        patterns = date.dates.patterns
        doubts += doubts_of_order(f"'{on_one_line(date.name)}'", date.dates)
    decimal = looked_at["total"].decimal if kind == "woocommerce" else "."
    text = config_of_export(name, place, kind, patterns, code, decimal)
    said = f"{on_one_line(place.file)} is an orders export of {SYSTEMS[kind]}, whose columns are known: none has to be mapped."
    return Draft(text, [said], [], doubts)


def _print_list(title: str, sentences: Sequence[str]) -> None:
    print(f"\n{title}:")
    for sentence in sentences:
        print(f"  - {sentence}")


def _write(config: Path, text: str) -> None:
    """Write the configuration by rename, once it was read back as one."""
    aside = config.with_name(f".{config.name}.new")
    try:
        aside.write_text(text, encoding="utf-8")
        read_config(aside, ShopConfig)
        aside.rename(config)
    except OSError as error:
        raise ConfigError(
            f"{_where(config)} cannot be written: {error.strerror}. Look who may write to config/."
        ) from error
    finally:
        aside.unlink(missing_ok=True)


def main(words: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m regulars.new_shop",
        description="Write a configuration for a shop's own file of orders.",
    )
    parser.add_argument("--name", default="", help="the shop's name, as in config/<name>.yml")
    parser.add_argument("--orders", default="", help="the file that has its orders, or a pattern of files")
    given = parser.parse_args(words)
    try:
        return 0 if new_shop(given.name, given.orders) else 1
    except RegularsError as error:
        print(f"regulars: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
