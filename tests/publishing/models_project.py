"""A project of one stack whose models lie in a store of the tests, and `tritonup models` run in it."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import yaml
from click.testing import Result
from small_repository import Keys
from typer.testing import CliRunner

from cli.main import app

ROOT = Path(__file__).resolve().parents[2]

STACK = """
config:
  tritonup:settings:
    cluster: {{kind: local}}
    model_repository:
      destination: {{kind: s3, bucket: models, prefix: {prefix}, region: us-east-1}}
      signing:
        trusted:
          ci: |
{public}
        revoked: [{revoked}]
    servers:
      vision: {server}
    monitoring: {{kind: none}}
"""


def server_of_stack_local() -> dict[str, Any]:
    stack = yaml.safe_load((ROOT / "Pulumi.local.yaml").read_text(encoding="utf-8"))
    return {**stack["config"]["tritonup:settings"]["servers"]["triton"], "models": ["digits"]}


def write_stack(project: Path, keys: Keys, url: str, revoked: str = "", name: str = "test") -> None:
    text = STACK.format(
        prefix=url.removeprefix("s3://models/"),
        public=textwrap.indent(keys.key.public.pem.strip(), " " * 12),
        revoked=revoked,
        server=json.dumps(server_of_stack_local()),
    )
    local = yaml.safe_load((ROOT / "Pulumi.local.yaml").read_text(encoding="utf-8"))["config"]["tritonup:settings"]
    settings = yaml.safe_load(text)
    settings["config"]["tritonup:settings"] = {
        **{key: local[key] for key in local if key in {"cluster", "monitoring", "accept", "security", "controllers"}},
        "model_repository": settings["config"]["tritonup:settings"]["model_repository"],
        "servers": settings["config"]["tritonup:settings"]["servers"],
    }
    (project / f"Pulumi.{name}.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")


def models(*args: str, code: int = 0, given: str | None = None) -> Result:
    result = CliRunner().invoke(app, ["models", *args], input=given)
    assert result.exit_code == code, result.output
    return result


def as_json(*args: str, code: int = 0) -> dict[str, Any]:
    return json.loads(models(*args, "--json", code=code).stdout)


def push() -> str:
    return as_json("push", "-s", "test")["servers"][0]["digest"]
