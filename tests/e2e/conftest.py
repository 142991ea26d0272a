"""The engines, for the tests that run them."""

from generations import engines

__all__ = ["engines"]
