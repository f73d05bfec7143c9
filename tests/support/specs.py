"""Specs of runs made from options, whichever class holds them."""

from dataclasses import fields, replace
from typing import Any

from ipa.experiments.spec import RunSpec
from ipa.platforms.simulated import SimulatedSettings

OF_THE_SIMULATOR = {field.name for field in fields(SimulatedSettings)}


def changed(spec: RunSpec, **options: Any) -> RunSpec:
    """Return a simulated run with other options."""
    own = {name: value for name, value in options.items() if name in OF_THE_SIMULATOR}
    rest = {name: value for name, value in options.items() if name not in own}
    return replace(spec, **rest).with_settings(**own)
