"""Breaks what a pipeline stands on, again and again under load, and accounts for every request."""
