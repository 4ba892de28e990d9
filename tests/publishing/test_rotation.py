"""`tritonup models rotate`: the leaked files are replaced, nothing serves them, and then they are gone; whatever ends
it in between, the next run goes on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from models_project import as_json, models, push
from places import Place
from small_repository import Keys
from stand_in_clusters import StandIn, stand_in
from test_running import owner, pod, ready, version

from planning.signing import Trust
from publishing.layout import read_layout
from publishing.store import Store
from publishing.verifying import verify


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    return stand_in(tmp_path, monkeypatch)


def weights(project: Path) -> Path:
    (file,) = (project / "model_repository" / "digits").glob("*/model.onnx")
    return file


def replace_weights(project: Path) -> None:
    """By others that ONNX reads as the same graph: a field that nobody knows is passed over."""
    file = weights(project)
    file.write_bytes(file.read_bytes() + bytes([0x9A, 0x3E, 0x01, 0x00]))


def touch_config(project: Path) -> None:
    config = project / "model_repository" / "digits" / "config.pbtxt"
    config.write_text(config.read_text() + "\n# changed\n")


@pytest.fixture
def leaked(project: Path) -> tuple[str, str]:
    """Published: the leaked weights under two configs. What replaces them lies here."""
    first = push()
    touch_config(project)
    second = push()
    replace_weights(project)
    return first, second


def rotate(
    digest: str, *clusters: StandIn, more: Sequence[str] = (), delete: bool = True, code: int = 0
) -> dict[str, Any]:
    named = [f"--cluster={one.kubeconfig}" for one in clusters]
    does = ["--delete"] if delete else []
    return as_json("rotate", "digits", "-s", "test", "--leaked", digest[:12], *named, *does, *more, code=code)


def held(moto: Place) -> set[str]:
    return {digest for _, digest in read_layout(moto.store.list())}


def planned() -> str:
    return as_json("verify", "-s", "test")["servers"][0]["digest"]


def test_a_leaked_model_is_replaced_and_all_that_has_its_weights_goes(
    leaked: tuple[str, str], cluster: StandIn, moto: Place
) -> None:
    told = rotate(leaked[1], code=1)
    assert "pulumi up -s test" in told["waits_for"]
    new = planned()
    assert told["published"] == [f"vision/{new}"]
    assert held(moto) == {*leaked, new}
    # Rolled out, and the old ReplicaSet is there still: nobody shall go back to it.
    cluster.has(pod("a", new, conditions=ready()), owner("ReplicaSet", "r", leaked[1]))
    told = rotate(leaked[1], cluster, delete=False)
    assert sorted(told["would_go"]) == sorted(f"vision/{digest}" for digest in leaked)
    assert held(moto) == {*leaked, new}
    assert len(rotate(leaked[1], cluster)["removed"]) == 2
    assert held(moto) == {new}
    again = models("rotate", "digits", "-s", "test", "--leaked", leaked[1][:12], code=1)
    assert "stands for none" in again.stderr.replace("\n", " ")


@pytest.mark.parametrize("kind", ["Pod", "Deployment", "ModelVersion"])
def test_nothing_goes_while_something_serves_it(
    kind: str, leaked: tuple[str, str], cluster: StandIn, moto: Place
) -> None:
    rotate(leaked[0], code=1)
    serves = pod("a", planned(), conditions=ready())
    match kind:
        case "Pod":
            cluster.has(serves, pod("b", leaked[1]))
        case "ModelVersion":
            cluster.has(serves)
            cluster.has_versions(version(leaked[1]))
        case _:
            cluster.has(serves, owner(kind, "b", leaked[1]))
    waits = rotate(leaked[0], cluster, code=1)["waits_for"]
    assert f"{kind} inference/" in waits
    assert leaked[1][:12] in waits
    assert held(moto) >= set(leaked)


def test_nothing_goes_where_a_cluster_cannot_be_read_or_ends_to_answer(
    leaked: tuple[str, str], cluster: StandIn, moto: Place
) -> None:
    rotate(leaked[0], code=1)
    cluster.refuses("Unable to connect to the server")
    cluster.has_versions()
    assert "Unable to connect" in rotate(leaked[0], cluster, code=1)["waits_for"]
    cluster.has(pod("a", planned()), look=2)
    assert "Unable to connect" in rotate(leaked[0], cluster, code=1)["waits_for"]
    assert held(moto) >= set(leaked)


def test_what_lies_here_is_not_published_while_it_has_the_leaked_weights(
    leaked: tuple[str, str], project: Path, moto: Place
) -> None:
    file = weights(project)
    file.write_bytes(file.read_bytes()[:-4])
    (project / "model_repository" / "digits" / "config.pbtxt").open("a").write("\n# once more\n")
    assert "digits/1/model.onnx" in rotate(leaked[0], code=1)["waits_for"]
    assert held(moto) == set(leaked)


class KilledError(BaseException):
    """Nothing catches it, as nothing catches a kill."""


def test_files_that_models_share_are_no_weights_where_the_weights_are_named(
    project: Path, cluster: StandIn, moto: Place
) -> None:
    """A vocabulary, or a Python model's code: it stays as it is, and is in digests that have nothing of what leaked."""
    shared = weights(project).with_name("vocabulary.txt")
    shared.write_text("a b c")
    leaked = push()
    replace_weights(project)
    unrelated = push()
    touch_config(project)
    assert "vocabulary.txt" in rotate(leaked, code=1)["waits_for"]
    only = ("--file", "1/model.onnx")
    rotate(leaked, more=only, code=1)
    new = planned()
    cluster.has(pod("a", new, conditions=ready()))
    assert rotate(leaked, cluster, more=only)["removed"] == [f"vision/{leaked}"]
    assert held(moto) == {unrelated, new}


KILLED_AT = range(1, 5)
"""Deletions in order: two digests, of each the signature and then the files."""


@pytest.mark.parametrize("at", KILLED_AT)
def test_a_rotation_that_was_killed_goes_on(
    at: int, leaked: tuple[str, str], cluster: StandIn, moto: Place, monkeypatch: pytest.MonkeyPatch, keys: Keys
) -> None:
    rotate(leaked[1], code=1)
    new = planned()
    cluster.has(pod("a", new, conditions=ready()))
    genuine, calls = Store.delete, iter(range(1, 100))

    def until_killed(store: Store, paths: Sequence[str]) -> None:
        if next(calls) == at:
            genuine(store, paths[-1:] if len(paths) > 1 else [])  # in the middle of it, and the weights are there
            raise KilledError
        genuine(store, paths)

    with monkeypatch.context() as killing:
        killing.setattr(Store, "delete", until_killed)
        with pytest.raises(KilledError):
            rotate(leaked[1], cluster)
    rotate(leaked[1], cluster)
    assert held(moto) == {new}
    assert verify(moto.store, "vision", new, keys.trust).findings == ()


def test_a_key_that_has_leaked_is_replaced_before_it_is_revoked(
    project: Path, keys: Keys, cluster: StandIn, moto: Place, leaked: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = project / "Pulumi.test.yaml"

    def signing(trusted: dict[str, str], revoked: list[str]) -> None:
        settings = yaml.safe_load(stack.read_text())
        settings["config"]["tritonup:settings"]["model_repository"]["signing"] = {
            "trusted": trusted,
            "revoked": revoked,
        }
        stack.write_text(yaml.safe_dump(settings))

    old, new = keys.key.public, keys.stranger.public
    more = ("--leaked-key", "ci")
    refused = models("rotate", "digits", "-s", "test", "--leaked", leaked[0], *more, code=1)
    assert "Sign with another" in refused.stderr.replace("\n", " ")
    monkeypatch.setenv("TRITONUP_SIGNING_KEY", str(keys.theirs))
    signing({"ci": old.pem, "next": new.pem}, [])
    rotate(leaked[0], more=more, code=1)
    digest = planned()
    cluster.has(pod("a", digest, conditions=ready()))
    waits = rotate(leaked[0], cluster, more=more, code=1)["waits_for"]
    assert f"add {old.fingerprint} to `revoked`" in waits
    assert held(moto) >= set(leaked)
    signing({"next": new.pem}, [old.fingerprint])
    rotate(leaked[0], cluster, more=("--leaked-key", old.fingerprint))
    assert held(moto) == {digest}
    trust = Trust(trusted={new.fingerprint: ("next", new)}, revoked=frozenset({old.fingerprint}))
    assert verify(moto.store, "vision", digest, trust).findings == ()


def test_a_key_alone_is_replaced_too(
    project: Path, keys: Keys, moto: Place, monkeypatch: pytest.MonkeyPatch, leaked: tuple[str, str]
) -> None:
    """What it signed, and is planned still, is signed by the other as well before anything is revoked."""
    digest = push()
    stack = project / "Pulumi.test.yaml"
    settings = yaml.safe_load(stack.read_text())
    trusted = settings["config"]["tritonup:settings"]["model_repository"]["signing"]["trusted"]
    trusted["next"] = keys.stranger.public.pem
    stack.write_text(yaml.safe_dump(settings))
    monkeypatch.setenv("TRITONUP_SIGNING_KEY", str(keys.theirs))
    rotate(leaked[0], more=("--leaked-key", "ci"), code=1)
    signed = read_layout(moto.store.list())["vision", digest].signatures
    assert set(signed) == {keys.key.public.fingerprint, keys.stranger.public.fingerprint}


def test_a_digest_without_the_model_and_a_key_that_nobody_knows_are_refused(leaked: tuple[str, str]) -> None:
    told = json.loads(models("rotate", "topics", "-s", "test", "--leaked", leaked[0], "--json", code=1).stdout)
    assert "no digest" in told["waits_for"]
    models("rotate", "digits", "-s", "test", "--leaked", leaked[0], "--leaked-key", "nobody", code=2)
    models("rotate", "digits", "-s", "test", "--leaked", leaked[0][:5], code=1)
    assert "has not 2/x" in rotate(leaked[0], more=("--file", "2/x"), code=1)["waits_for"]
