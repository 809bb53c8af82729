"""The plays in full, one card each: what is given to whom, and all that somebody has to know who does it."""

from __future__ import annotations

import pandas as pd

from regulars.review.plays import AGAINST, INSTEAD, SUPPORTED

FACTS = "objective message channel when left_out judged_by owner cost review_on".split()
EVIDENCE = {SUPPORTED: "a test supports it", INSTEAD: "a test supports it, and another offer more"}
MARK = " (simulated effects)"


def cards(plays: pd.DataFrame) -> list[tuple[str, str, dict[str, str]]]:
    """Each play as whom, what, and its facts by label, the evidence first.

    What a test spoke against, what gives nothing, and what has nobody to be given to this month has no card.

    Args:
        plays: what `regulars.review.plays` returned.
    """
    given = (
        plays["play"].notna() & plays["arm"].notna() & (plays["status"] != AGAINST) & (plays["customers"] > 0)
    )
    found = []
    for row in plays[given].to_dict("records"):
        row |= {"when": f"{row['trigger']}, {row['delay']}; {row['contact_cap']}", "judged_by": row["kpi"]}
        evidence = EVIDENCE.get(row["status"], "to be tested first") + MARK * bool(row["is_simulated"])
        facts = {name.replace("_", " "): str(row[name]) for name in FACTS if pd.notna(row[name])}
        found.append((row["whom"], row["offer"], {"evidence": evidence} | facts))
    return found
