"""Collectors for any operating system."""
