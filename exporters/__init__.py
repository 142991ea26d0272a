"""Prometheus exporters for fleets of Macs and the routers they sit behind."""
