"""The engines, for the tests of the rules and of the stack."""

from generations import engines

__all__ = ["engines"]
