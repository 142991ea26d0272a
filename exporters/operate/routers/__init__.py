"""The router exporter: its configuration, its targets, and what a person checks before trusting it."""
