"""The parts of an experiment's file: arms, guardrails, the rule of decision, and where outcomes come from."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from regulars.config import Section


class Arm(Section):
    """What the customers of one arm are offered, and what that costs.

    Attributes:
        offer: in plain words.
        share: of the assigned customers, relative to the other arms.
        contact_cost: what the shop pays to reach one customer of the arm, in its currency, whether or not they buy.
        discount_rate: off the list price of one order, if the customer takes the offer up.
        delivery_cost: what the shop then pays for the delivery of that order, in its currency.
    """

    offer: str
    share: float = Field(default=1, gt=0)
    contact_cost: float = Field(default=0, ge=0)
    discount_rate: float = Field(default=0, ge=0, lt=1)
    delivery_cost: float = Field(default=0, ge=0)

    @property
    def is_free(self) -> bool:
        """Whether it costs the shop nothing, as a control must."""
        return not (self.contact_cost or self.discount_rate or self.delivery_cost)


class Guardrail(Section):
    """A metric that an offer must not harm: it has to be shown that no more is lost than the margin.

    Attributes:
        metric: one of the experiment's.
        margin: the share of the control's mean that may be lost at most.
    """

    metric: str
    margin: float = Field(gt=0, lt=1, strict=True)


class Decision(Section):
    """When an offer is rolled out: the adjusted p is below alpha and the effect is at least the minimum effect.

    Attributes:
        minimum_effect: on the primary metric, per assigned customer, in money: what makes the work worth while.
    """

    minimum_effect: float = Field(default=0, ge=0)


class Planted(Section):
    """A simulated effect: what an arm is made to do to a customer's own spending.

    Attributes:
        lift: by segment, the share by which a customer's spending in the window grows.
        returns_from: a customer without an order in the window makes one, worth the mean of the orders before, if that mean
            is at least this much money. None: nobody does.
    """

    lift: dict[str, float]
    returns_from: float | None = None


class Given(Section):
    """Outcomes that were counted elsewhere and came with the data: the arms in `assignments`, the numbers in `outcomes`.

    Attributes:
        metrics: of `outcomes`, those to be read.
        conversion: the one of them that says who bought: 0 or 1.
        covariate: a column of `customers` from before the assignment, for CUPED of the primary metric; none if missing.
    """

    metrics: tuple[str, ...] = Field(min_length=1)
    conversion: str
    covariate: str | None = None

    @model_validator(mode="after")
    def _conversion_is_read(self) -> Given:
        if self.conversion not in self.metrics:
            raise ValueError(
                f"'conversion' is '{self.conversion}', which is none of {', '.join(self.metrics)}"
            )
        return self


class Power(Section):
    """How often, over random assignments, a cell gets a verdict under the planted effects."""

    segment: str
    arm: str
    verdict: Literal["roll out", "stop", "keep testing"]
    probability: float = Field(ge=0, le=1)
