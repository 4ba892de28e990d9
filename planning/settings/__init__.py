"""What is wanted: the typed settings of a stack file. `read_settings` reports every error at once."""

from planning.settings.reading import read_settings
from planning.settings.root import Settings

__all__ = ["Settings", "read_settings"]
