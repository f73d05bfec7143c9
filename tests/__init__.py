"""The tests; their folders are those of the packages, and helpers lie in :mod:`tests.support`."""
