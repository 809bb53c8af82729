"""What customers will bring: models, the rules they have to beat, and a hold-out that decides between them."""

from regulars.value.beta_geo import BetaGeo
from regulars.value.contenders import amounts_depend
from regulars.value.gamma_gamma import GammaGamma
from regulars.value.histories import histories
from regulars.value.holdout import judge
from regulars.value.likelihood import ModelError
from regulars.value.pareto import ParetoNBD
from regulars.value.valuation import Valuation, add_values, totals, value, value_of

__all__ = [
    "BetaGeo",
    "GammaGamma",
    "ModelError",
    "ParetoNBD",
    "Valuation",
    "add_values",
    "amounts_depend",
    "histories",
    "judge",
    "totals",
    "value",
    "value_of",
]
