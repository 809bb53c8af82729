"""How well the name of a shop's column fits one of ours, whatever its case, its blanks and its prefixes."""

from __future__ import annotations

import re
from functools import lru_cache

from regulars.ingest.contracts import Column, Kind

_SAME = dict(
    pair.split("=")
    for pair in """no=id nr=id num=id number=id code=id ref=id reference=id key=id ids=id qty=quantity qnt=quantity
    cust=customer prod=product trans=transaction txn=transaction desc=description amt=amount val=value disc=discount
    addr=address tel=telephone ts=timestamp datetime=timestamp dt=date curr=currency ccy=currency cat=category
    mail=email""".split()
)
# Words that may stand before one of our names, or after one of a kind, without changing what it is.
_BEFORE = frozenset(
    "order orders line lineitem item items product customer client buyer user transaction purchase invoice billing "
    "sales sale shop store unit net the".split()
)
_AFTER: dict[Kind, frozenset[str]] = {
    "id": frozenset(["id"]),
    "text": frozenset(["id", "name"]),
    "money": frozenset("value amount cost fee charge usd eur gbp each".split()),
    "quantity": frozenset("sold ordered".split()),
    "time": frozenset("time timestamp utc local at date".split()),
}
# Names that mean another thing once a word before them is taken off: a customer's group is no department.
_BARE_ONLY = frozenset("name group division type test store shop source sales".split())

EXACT, SAME, ALSO, STRIPPED, STEP = 1.0, 0.98, 0.96, 0.75, 0.01
GOOD_NAME = 0.6  # the least score of a name that tells what a column is


@lru_cache(maxsize=4096)
def words(name: str) -> tuple[str, ...]:
    """A name as its words, in lower case; words that mean the same are made the same.

    >>> words("InvoiceNo"), words("Lineitem  quantity"), words("e-mail"), words("Order #"), words("SKU")
    (('invoice', 'id'), ('lineitem', 'quantity'), ('e', 'email'), ('order', 'id'), ('sku',))
    """
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name.replace("#", " id "))
    return tuple(_SAME.get(word, word) for word in re.split(r"[\W_]+", parted.lower()) if word)


def name_score(name: str, column: Column) -> float:
    """How well a name fits one of our columns, from 0 (not at all) to 1 (it is the same).

    >>> from regulars.ingest.contracts import CONTRACTS
    >>> ours = CONTRACTS["order_lines"].mappable
    >>> name_score("order_id", ours["order_id"]), name_score("Order No", ours["order_id"])
    (1.0, 0.98)
    >>> name_score("Customer Country", ours["country"]), name_score("Weather", ours["country"])
    (0.75, 0.0)
    """
    if name == column.source_name:
        return EXACT
    given = words(name)
    best = 0.0
    for place, known in enumerate([column.source_name, *column.also.split()]):
        if _plain(name) == _plain(known) or given == words(known):
            best = max(best, ALSO - STEP * place if place else SAME)
        elif _is_stripped(given, words(known), column.kind):
            best = max(best, STRIPPED - STEP * place)
    return round(best, 2)


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.lower())


def _is_stripped(given: tuple[str, ...], known: tuple[str, ...], kind: Kind) -> bool:
    """Whether the given words are the known ones between words that do not matter."""
    after = _AFTER.get(kind, frozenset())
    bare = len(known) == 1 and known[0] in _BARE_ONLY
    for start in range(len(given) - len(known) + 1):
        before, rest = given[:start], given[start + len(known) :]
        if given[start : start + len(known)] != known or (bare and before):
            continue
        if set(before) <= _BEFORE and set(rest) <= after:
            return True
    return False
