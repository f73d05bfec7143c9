"""What an experiment on this machine is asked for by name."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipa.platforms.base import Conditions
from ipa.platforms.local.serving_settings import ServingSettings

if TYPE_CHECKING:
    from ipa.platforms.local.platform import LocalPlatform


@dataclass(frozen=True, slots=True)
class LocalSettings(ServingSettings):
    """How a pipeline is served by processes on this machine, where an experiment runs on it."""

    def platform(self, conditions: Conditions) -> "LocalPlatform":
        """Return a platform for one experiment; nothing is started yet."""
        from ipa.platforms.local.platform import LocalPlatform

        return LocalPlatform(self, conditions)
