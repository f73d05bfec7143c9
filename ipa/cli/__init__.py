"""The commands of ``ipa``, one module each."""
