"""Headings of the tables that pages show, in plain words."""

STAKES_IN_WORDS = {
    "chance_of_profit": "chance of a gain, by itself",
    "pooled_chance_of_profit": "with what the others say",
    "pooled_loss_if_rolled_out": "lost on average if rolled out",
    "pooled_loss_if_stopped": "lost on average if stopped",
    "worth": "one round",
}
NEXT_IN_WORDS = {
    "detectable_today": "smallest effect that today's could show",
    "effect": "likely effect",
    "customers_for_effect": "customers it needs",
    "answer_for_effect": "are there as many",
    "customers_for_worth_having": "and for an effect worth having",
}
