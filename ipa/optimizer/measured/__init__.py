"""Decisions by accuracies that were measured for whole combinations of variants."""
