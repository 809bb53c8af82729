"""Which score codes make which segment, as published, and what each segment means. Data only."""

from __future__ import annotations

Codes = dict[str, tuple[int, ...]]


def _codes(text: str) -> Codes:
    """Lines `segment codes…`, each code its digits.

    >>> _codes("new 51 52")
    {'new': (51, 52)}
    """
    lines = (line.split() for line in text.strip().splitlines())
    return {name: tuple(int(code) for code in codes) for name, *codes in lines}


# The R×F grid that most RFM notebooks use: for each segment, its (recency, frequency) scores. 25 codes, no overlap.
RXF_GRID: dict[str, list[tuple[str, str]]] = {
    "champions": [("5", "45")],
    "loyal": [("34", "45")],
    "potential_loyalist": [("45", "23")],
    "new": [("5", "1")],
    "promising": [("4", "1")],
    "need_attention": [("3", "3")],
    "about_to_sleep": [("3", "12")],
    "cant_lose": [("12", "5")],
    "at_risk": [("12", "34")],
    "hibernating": [("12", "12")],
}

RXF_GRID_MEANINGS = {
    "champions": "among the most recent fifth of customers, and often",
    "loyal": "often, and not long ago",
    "potential_loyalist": "recently, and now and then",
    "new": "among the most recent fifth, and among the least frequent",
    "promising": "recently, and among the least frequent",
    "need_attention": "middling in recency and in frequency",
    "about_to_sleep": "middling in recency, and seldom",
    "cant_lose": "among the most frequent fifth, but not for long now",
    "at_risk": "fairly often, but not for long now",
    "hibernating": "seldom, and not for long now",
}

# As published for Klaviyo. 27 codes R F M, no gap, no overlap.
THREE_LEVEL = _codes("""
champions 333 332 323
loyal 321 322 331 232 233
recent 312 313 311 222 223
needs_attention 213 221 123 132 133
at_risk 231 212 122 131 211
inactive 111 112 113 121
""")

THREE_LEVEL_MEANINGS = {
    "champions": "ordered within 180 days; in the top third of frequency or of revenue, and not in the lowest of the other",
    "loyal": "ordered within 180 days, at least middling in frequency, but no champion; or within a year, in the top third of "
    "frequency and not in the lowest of revenue",
    "recent": "ordered within 180 days, in the lowest third of frequency; or within a year, middling in frequency and not in "
    "the lowest third of revenue",
    "needs_attention": "no order for a year, though otherwise like champions; or none for half of one, and seldom for much "
    "money, or middling in frequency and for little",
    "at_risk": "no order for half a year, and seldom and not for much money, or often and for little; or none for a year, and "
    "middling in both or often and for little",
    "inactive": "no order for a year; in the lowest third of frequency, or middling in it and in the lowest of revenue",
}

# 125 codes R F M, no gap, no overlap.
CLASSIC_11 = _codes("""
champions 555 554 544 545 454 455 445
loyal 543 444 435 355 354 345 344 335
potential_loyalist 553 551 552 541 542 533 532 531 452 451 442 441 431 453 433 432 423 353 352 351 342 341 333 323
new 512 511 422 421 412 411 311
promising 525 524 523 522 521 515 514 513 425 424 413 414 415 315 314 313
need_attention 535 534 443 434 343 334 325 324
about_to_sleep 331 321 312 221 213 231 241 251
at_risk 255 254 245 244 253 252 243 242 235 234 225 224 153 152 145 143 142 135 134 133 125 124
cannot_lose 155 154 144 214 215 115 114 113
hibernating 332 322 233 232 223 222 132 123 122 212 211
lost 111 112 121 131 141 151
""")

CLASSIC_11_MEANINGS = {
    "champions": "recently, often, and for much money",
    "loyal": "often and for good money, and not long ago",
    "potential_loyalist": "not long ago, mostly often, but not for much money yet",
    "new": "recently, seldom, and for little money",
    "promising": "not long ago and seldom, and mostly for good money",
    "need_attention": "at least middling in recency and in revenue, but not as often or not for as much as the loyal",
    "about_to_sleep": "middling or low in recency, and mostly for little money",
    "at_risk": "used to order often or for good money, but not for long now",
    "cannot_lose": "used to spend much, but not for long now",
    "hibernating": "middling or low in everything",
    "lost": "the longest without an order, and for little money",
}
