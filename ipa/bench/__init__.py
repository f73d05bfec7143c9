"""Benchmarks: what the software takes, measured on this machine."""
