"""The engine that every exporter shares; knows nothing of Macs and routers."""
