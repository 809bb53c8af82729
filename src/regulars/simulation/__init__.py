"""A simulated shop that has everything: every table, and customers whose behaviour was planted.

Nothing in it happened. It shows what the pages can do, and it tests the rules that look for segments: who each customer was
made to be is known. It is a source of its own (`kind: simulated`), so none of it can reach the numbers of a real shop.
"""

from regulars.simulation.archetypes import ARCHETYPES, Archetype, planted_table
from regulars.simulation.shop import simulate

__all__ = ["ARCHETYPES", "Archetype", "planted_table", "simulate"]
