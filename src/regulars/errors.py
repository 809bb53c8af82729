"""The one root of every error that this project raises on purpose."""


class RegularsError(Exception):
    """A sentence for the person who can mend it: what is wrong, where, and what would work."""
