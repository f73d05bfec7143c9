"""The exact search."""
