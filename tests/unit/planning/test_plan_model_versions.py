"""What the cluster is told of what servers serve: each version once, under a name of its own."""

from __future__ import annotations

import re
from dataclasses import replace

from planning.model_versions import plan_model_versions
from planning.repository.digest import content_digest
from tests.unit.planning.drawn_stacks import for_every_stack
from tests.unit.planning.world import Raw, changed, planned, planned_with, vision

SUBDOMAIN = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
"""Of an object's name without dots (Kubernetes, "Object Names and IDs")."""

BOTH = {"servers.vision.models": ["digits", "topics"]}


@for_every_stack
def test_every_version_that_a_server_serves_has_a_name_of_its_own(raw: Raw) -> None:
    servers = planned(raw).servers
    versions = [version for server in servers for version in server.model_versions]
    served = [
        (server.name, model.name, version.number)
        for server in servers
        for model in server.served.models
        for version in model.served
    ]
    assert [(one.server, one.model, one.number) for one in versions] == served
    names = [one.name for one in versions]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(SUBDOMAIN, name) and len(name) <= 253 for name in names)


def test_a_version_counts_its_own_files_and_the_models() -> None:
    (version,) = vision(planned_with({})).model_versions
    (model,) = vision(planned_with({})).served.models
    assert (version.files, version.bytes) == (len(model.all_files), sum(file.size for file in model.all_files))
    assert version.files_digest == content_digest(
        (f"digits/{file.path.as_posix()}", file.sha256) for file in model.all_files
    )
    assert version.source == f"s3://models/vision/{version.repository}/digits"


def test_another_digest_is_another_object_and_a_version_that_did_not_change_is_known_by_its_files() -> None:
    before = vision(planned_with(BOTH)).model_versions
    after = vision(planned_with(BOTH, changed("topics"))).model_versions
    assert not {one.name for one in before} & {one.name for one in after}
    same = [was.files_digest == now.files_digest for was, now in zip(before, after, strict=True)]
    assert dict(zip([one.model for one in before], same, strict=True)) == {"digits": True, "topics": False}


def test_models_whose_names_become_one_are_told_apart() -> None:
    server = vision(planned_with(BOTH))
    digits, topics = server.served.models
    alike = replace(server.served, models=(replace(digits, name="A_b"), replace(topics, name="a.b")))
    names = [one.name for one in plan_model_versions("vision", alike, server.storage)]
    assert len(set(names)) == 2
    assert all(name.startswith(f"vision-a-b-1-{server.served.digest[:12]}-") for name in names)
