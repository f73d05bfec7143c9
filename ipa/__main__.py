"""``python -m ipa``: the same as ``ipa``."""

from ipa.cli import main

main()
