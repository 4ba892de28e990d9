"""The builder that a stack file has, whatever its destination."""

from __future__ import annotations

from planning.settings.repository import S3, EngineBuilder, Gs, ModelRepository, S3Compatible


def builder_of(repository: ModelRepository) -> EngineBuilder | None:
    """None where nobody builds: only what Jobs can write to is a place for engines."""
    match repository.destination:
        case S3() | S3Compatible() | Gs() as destination:
            return destination.engines
        case _:
            return None
