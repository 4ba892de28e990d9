"""`tritonup models definition`: the kind of ModelVersion objects, for who may give it to a cluster."""

from __future__ import annotations

import typer
import yaml

from planning.model_versions_schema import definition_object


def print_definition() -> None:
    """Print the CustomResourceDefinition of ModelVersion objects, for `kubectl apply --server-side -f -`."""
    typer.echo(yaml.safe_dump(definition_object(), sort_keys=False, width=110), nl=False)
