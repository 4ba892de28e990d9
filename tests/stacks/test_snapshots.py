"""What every stack renders, word for word, so that a review sees what a change does to the cluster.

`TRITONUP_UPDATE_SNAPSHOTS=1 make test` (or that variable before pytest) writes them anew. The models' digest may
stand in a snapshot: all bytes of the example repository are made deterministically (text_encoder by `make models`
from weights that are pinned by checksum), so that it is the same on every machine, and changes with the models.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from rendered_stack import RenderedStack

from stacks.render import Manifest

SNAPSHOTS = Path(__file__).parent / "snapshots"
UPDATE = "TRITONUP_UPDATE_SNAPSHOTS"


def _shown(manifest: Manifest) -> str:
    """Of a definition the digest of what it says: its file in components/controllers/crds/ is what a review sees."""
    if manifest.kind != "CustomResourceDefinition":
        return manifest.yaml()
    said = json.dumps(manifest.body["spec"], sort_keys=True).encode()
    body = {**manifest.body, "spec": f"sha256:{hashlib.sha256(said).hexdigest()}"}
    return replace(manifest, body=body).yaml()


def test_a_stack_renders_what_its_snapshot_shows(whole: RenderedStack) -> None:
    hold(whole.name, whole.manifests)


def hold(name: str, manifests: Sequence[Manifest]) -> None:
    """Fail where they are not what the snapshot `name` shows."""
    path = SNAPSHOTS / f"{name}.yaml"
    text = "---\n".join(_shown(manifest) for manifest in manifests)
    if os.environ.get(UPDATE):
        path.write_text(text, encoding="utf-8")
        pytest.skip(f"wrote {path.name}: read its diff before you commit it")
    kept = path.read_text(encoding="utf-8") if path.exists() else ""
    if text != kept:
        shown = difflib.unified_diff(
            kept.splitlines(), text.splitlines(), f"snapshots/{path.name}", "rendered now", lineterm=""
        )
        pytest.fail(
            "\n".join([*shown, f"If that is meant, run this test with {UPDATE}=1 and commit the diff."]), pytrace=False
        )
