"""Findings: sentences made from computed values, kept as data beside the page."""

import html
import json
import math
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from regulars.report.errors import ReportError
from regulars.report.files import write_whole
from regulars.report.tables import unbroken, with_minus

_DIGITS = 10


class Shown(NamedTuple):
    """A piece of HTML that notebooks display, with the plain text behind it."""

    markup: str
    text: str

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"text/html": self.markup, "text/plain": self.text}

    def _repr_html_(self) -> str:
        return self.markup

    def __str__(self) -> str:
        return self.text


class Finding(NamedTuple):
    """One sentence of a notebook, and the numbers in it."""

    key: str | None
    sentence: str
    headline: bool
    values: dict[str, Any]


class Findings:
    """What one notebook found: said in the text, listed under the title, written as data.

    Args:
        notebook: The notebook's name, such as ``03-segments``.
        path: Where ``publish`` writes the findings.

    Example:
        >>> import tempfile
        >>> findings = Findings("03-segments", Path(tempfile.mkdtemp()) / "03.json")
        >>> print(findings.headline("{share:.0%} of {customers:,} came back.", share=0.41, customers=2500))
        41% of 2,500 came back.
        >>> print(findings.publish())
        • 41% of 2,500 came back.
    """

    def __init__(self, notebook: str, path: Path) -> None:
        self.notebook = notebook
        self.path = Path(path)
        self._said: dict[str, Finding] = {}

    def say(self, sentence: str, *, key: str | None = None, **values: Any) -> Shown:
        """Record a sentence and show it as a paragraph.

        Args:
            sentence: A sentence with places for values, as in ``"{customers:,} customers"``.
            key: A name under which the numbers can be looked up. Saying a key again replaces what it said,
                so a cell can be run twice.
            **values: The numbers and names that the sentence states.

        Returns:
            An object that displays the sentence, with every value as text.

        Raises:
            ReportError: If a value is missing from the sentence or is not a finite number.
        """
        return self._record(sentence, key, values, headline=False)

    def headline(self, sentence: str, *, key: str | None = None, **values: Any) -> Shown:
        """Record a sentence that also stands under the page's title; otherwise as ``say``."""
        return self._record(sentence, key, values, headline=True)

    def not_available(self, what: str, needs: str) -> Shown:
        """Say that something cannot be had, and what it would need: never zero in its place.

        Args:
            what: What the reader looks for, as a sentence begins.
            needs: The table, or what else is lacking.
        """
        return self.say("{what}: not available: needs {needs}.", key=what, what=what, needs=needs)

    def keep(self, key: str, **values: Any) -> None:
        """Record numbers without a sentence, for other pages to be made from; one that is missing stays missing.

        Args:
            key: The name under which they are looked up, such as ``history``.
            **values: Numbers, names, and lists or mappings of them.
        """
        kept = {name: _plain(value, name, key, missing=True) for name, value in values.items()}
        self._said[key] = Finding(key, "", False, kept)

    def publish(self) -> Shown:
        """Write every finding to ``path`` and show the headlines as a list."""
        said = [finding._asdict() for finding in self._said.values()]
        written = {"notebook": self.notebook, "findings": said}
        write_whole(self.path, json.dumps(written, sort_keys=True, indent=1, ensure_ascii=False) + "\n")
        headlines = [finding.sentence for finding in self._said.values() if finding.headline]
        if not headlines:
            return Shown('<p class="finding">No findings</p>', "No findings")
        items = "\n".join(f"<li>{html.escape(unbroken(headline))}</li>" for headline in headlines)
        return Shown(f'<ul class="headlines">\n{items}\n</ul>', "\n".join(f"• {line}" for line in headlines))

    def _record(self, sentence: str, key: str | None, values: Mapping[str, Any], *, headline: bool) -> Shown:
        kept = {name: _plain(value, name, sentence) for name, value in values.items()}
        said = _format(sentence, values)
        self._said[key or said] = Finding(key, said, headline, kept)
        return Shown(f'<p class="finding">{html.escape(unbroken(said))}</p>', said)


def _format(sentence: str, values: Mapping[str, Any]) -> str:
    try:
        return with_minus(sentence.format(**values))
    except (KeyError, IndexError) as error:
        given = ", ".join(values) or "none"
        raise ReportError(f"The finding {sentence!r} has no value for {error}; given: {given}.") from error
    except (TypeError, ValueError) as error:
        raise ReportError(f"The finding {sentence!r} cannot be written: {error}.") from error


def _plain(value: Any, name: str, sentence: str, *, missing: bool = False) -> Any:
    """Turn a value into what JSON knows; numbers lose what lies beyond the tenth digit."""
    if isinstance(value, np.generic):
        value = pd.Timestamp(value) if isinstance(value, np.datetime64) else value.item()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, Mapping):
        return {str(part): _plain(held, name, sentence, missing=missing) for part, held in value.items()}
    if isinstance(value, list | tuple | np.ndarray | pd.Series | pd.Index):
        return [_plain(held, name, sentence, missing=missing) for held in value]
    if value is pd.NA or value is pd.NaT or (isinstance(value, float | Decimal) and not math.isfinite(value)):
        if missing and (not isinstance(value, float | Decimal) or math.isnan(value)):
            return None
        raise ReportError(
            f"The finding {sentence!r} states {name} = {value}, which is no number: "
            "say that it is not available, and what it needs."
        )
    if isinstance(value, float | Decimal):
        return round(float(value), _DIGITS)
    if isinstance(value, date | pd.Period):
        return value.isoformat() if isinstance(value, date) else str(value)
    raise ReportError(
        f"The finding {sentence!r} has {name} of type {type(value).__name__}: pass a number or a name."
    )
