"""``python -m ipa``: the same as ``ipa``."""

from ipa.cli.app import main

main()
