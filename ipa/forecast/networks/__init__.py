"""Forecasters that are small neural networks."""
