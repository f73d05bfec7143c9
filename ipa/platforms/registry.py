"""The platforms that an experiment can run on, by name."""

from ipa.platforms.base import PlatformSettings
from ipa.platforms.kubernetes.settings import KubernetesSettings
from ipa.platforms.local.settings import LocalSettings
from ipa.platforms.simulated import SimulatedSettings
from ipa.registry import Registry

PLATFORMS: Registry[type[PlatformSettings]] = Registry("platform")
"""Each by the class of its settings, which also makes the platform (``PlatformSettings.platform``)."""

PLATFORMS.register("simulated", SimulatedSettings)
PLATFORMS.register("local", LocalSettings)
PLATFORMS.register("kubernetes", KubernetesSettings)
