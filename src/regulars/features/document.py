"""The features as a document, made from the register: `docs/features.md`."""

from __future__ import annotations

from itertools import groupby

from regulars.features.register import REGISTER

HEAD = """# The features of a customer

<!-- Made by `make docs` from src/regulars/features/register.py: change it there. -->

A snapshot has one row per customer and one column per feature, as of the first instant after a month. It sees nothing that
is dated later. What a shop has no table for, and a window longer than its history, is missing. A question of a survey adds a
column `declared_<question>` with the customer's last answer. [How things are computed](methods.md) says how, [your shop's
data](your-shop.md) what the tables are.
"""


def document() -> str:
    """The whole document, in Markdown.

    >>> "| `recency_days` | days | orders |" in document()
    True
    """
    parts = [HEAD]
    for family, features in groupby(REGISTER, key=lambda feature: feature.family):
        rows = [f"| `{f.name}` | {f.unit} | {f.needs} | {f.meaning} | {f.purpose} |" for f in features]
        head = [
            "| feature | unit | needs | what it says | what it is kept for |",
            "| --- | --- | --- | --- | --- |",
        ]
        parts.append("\n".join([f"## {family.capitalize()}", "", *head, *rows]) + "\n")
    return "\n".join(parts)
