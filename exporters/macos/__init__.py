"""Collectors for macOS, one file a topic."""
