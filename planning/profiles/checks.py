"""Whether a profile is of what is served."""

from __future__ import annotations

from planning.repository.model import Model
from planning.repository.served import content_digest


def profiled_digest(model: Model) -> str:
    """Of the files of the versions that are served: what decides how long an execution takes. The config is not in it,
    so that a profile outlives the change that it proposes."""
    return content_digest((file.path.as_posix(), file.sha256) for version in model.served for file in version.files)
