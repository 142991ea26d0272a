"""Collectors for OpenWrt routers, asked over SSH."""
