"""Installs IPA into a cluster, says how it is there, and removes it."""
