"""Names of a package that are imported when somebody asks for them (PEP 562)."""

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def import_on_use(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of a package that exports names of modules it does not import.

    Parameters
    ----------
    package
        Name of the package.
    modules
        The module that each name comes from.

    Examples
    --------
    >>> import_on_use("ipa", {"Plan": "ipa.pipeline.plan"})("Plan")
    <class 'ipa.pipeline.plan.Plan'>
    """

    def get(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(modules[name]), name)
        # From now on the name is found without asking.
        setattr(sys.modules[package], name, value)
        return value

    return get
