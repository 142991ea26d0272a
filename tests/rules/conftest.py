"""The engines, for the tests of what is shipped for them."""

from generations import engines

__all__ = ["engines"]
