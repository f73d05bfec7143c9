"""Leaves out the tests of what is not installed; the extras are optional."""

from importlib.util import find_spec

NEEDS = {
    "importlinter": ["tests/docs/test_architecture.py"],
    "matplotlib": [
        "ipa/figures/*",
        "tests/figures/*",
        "tests/studies/test_appendix.py",
        "tests/support/tidy_frames.py",
    ],
}
"""Module -> the files that cannot even be imported without it."""

collect_ignore_glob = [file for module, files in NEEDS.items() if find_spec(module) is None for file in files]
