"""What somebody did to a published model is found, told apart, and neither served nor fetched."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from places import Place
from small_repository import Keys, files, served_of, trusting

from planning.repository.served import ServedSet
from planning.signing import Trust
from publishing.layout import content_key, signature_key
from publishing.pulling import RefusedError, pull
from publishing.pushing import How, PushError, push
from publishing.store import Store
from publishing.verifying import verify

MODEL = "digits/1/model.onnx"


def rules(store: Store, served: ServedSet, trust: Trust, *, contents: bool = True) -> list[str]:
    found = verify(store, "vision", served.digest, trust, contents=contents).findings
    assert all(finding.at.file.startswith(store.url) and finding.fix for finding in found)
    return [finding.rule.id for finding in found]


def replace(store: Store, path: str, content: bytes) -> None:
    store.delete([path])
    store.create(path, content)


@pytest.fixture
def served(place: Place, keys: Keys, tmp_path: Path) -> ServedSet:
    """Published in `place`."""
    served = served_of(tmp_path / "here", files())
    push(place.store, "vision", served, keys.key, keys.trust)
    return served


def refused(place: Place, served: ServedSet, trust: Trust, into: Path) -> list[str]:
    """The rules by which a pull is refused, which leaves nothing that carries the digest's name."""
    with pytest.raises(RefusedError) as caught:
        pull(place.store, "vision", served.digest, into, trust)
    assert not (into / "vision" / served.digest).exists()
    return [finding.rule.id for finding in caught.value.findings]


def test_a_byte_that_was_changed_is_found(place: Place, served: ServedSet, keys: Keys, tmp_path: Path) -> None:
    content = bytearray(files()[MODEL])
    content[1000] ^= 1
    replace(place.store, content_key("vision", served.digest, MODEL), bytes(content))
    assert rules(place.store, served, keys.trust) == ["TU247"]
    assert rules(place.store, served, keys.trust, contents=False) == []  # which is what --quick does not look at
    assert refused(place, served, keys.trust, tmp_path / "there") == ["TU247"]


@pytest.mark.parametrize("size", [10, 400_000])
def test_another_size_is_found_without_reading(
    size: int, place: Place, served: ServedSet, keys: Keys, tmp_path: Path
) -> None:
    replace(place.store, content_key("vision", served.digest, MODEL), bytes(size))
    assert rules(place.store, served, keys.trust, contents=False) == ["TU247"]
    assert refused(place, served, keys.trust, tmp_path / "there") == ["TU247"]


def test_a_missing_object_is_found(place: Place, served: ServedSet, keys: Keys, tmp_path: Path) -> None:
    place.store.delete([content_key("vision", served.digest, MODEL)])
    assert rules(place.store, served, keys.trust) == ["TU246"]
    assert refused(place, served, keys.trust, tmp_path / "there") == ["TU246"]


def test_a_model_that_was_put_beside_is_found(place: Place, served: ServedSet, keys: Keys) -> None:
    place.store.create(content_key("vision", served.digest, "backdoor/1/model.py"), b"import os")
    assert rules(place.store, served, keys.trust, contents=False) == ["TU248"]


def test_what_was_never_pushed_is_not_published(place: Place, keys: Keys, tmp_path: Path) -> None:
    served = served_of(tmp_path / "here", files())
    assert rules(place.store, served, keys.trust) == ["TU242"]
    assert refused(place, served, keys.trust, tmp_path / "there") == ["TU242"]


def test_a_half_push_is_not_taken_for_a_whole(place: Place, served: ServedSet, keys: Keys, tmp_path: Path) -> None:
    place.store.delete([signature_key("vision", served.digest, keys.key.public.fingerprint)])
    assert rules(place.store, served, keys.trust) == ["TU242"]
    assert refused(place, served, keys.trust, tmp_path / "there") == ["TU242"]


def test_an_unknown_key_is_refused(place: Place, served: ServedSet, keys: Keys, tmp_path: Path) -> None:
    assert rules(place.store, served, trusting(keys.stranger)) == ["TU243"]
    assert refused(place, served, trusting(keys.stranger), tmp_path / "there") == ["TU243"]


def test_nobody_is_trusted_unless_the_stack_says_so(place: Place, served: ServedSet) -> None:
    assert rules(place.store, served, trusting()) == ["TU243"]


def test_a_revoked_key_is_refused_even_where_it_is_trusted(
    place: Place, served: ServedSet, keys: Keys, tmp_path: Path
) -> None:
    revoked = trusting(keys.key, keys.stranger, revoked=(keys.key,))
    assert rules(place.store, served, revoked) == ["TU244"]
    assert refused(place, served, revoked, tmp_path / "there") == ["TU244"]


def test_a_new_key_signs_what_is_there_and_sends_nothing(place: Place, served: ServedSet, keys: Keys) -> None:
    after = trusting(keys.stranger, revoked=(keys.key,))
    pushed = push(place.store, "vision", served, keys.stranger, after)
    assert (pushed.bytes[How.SENT], pushed.bytes[How.PRESENT]) == (0, served.total_bytes)
    assert rules(place.store, served, after) == []


def test_a_new_key_does_not_sign_what_was_tampered_with(place: Place, served: ServedSet, keys: Keys) -> None:
    replace(place.store, content_key("vision", served.digest, MODEL), bytes(len(files()[MODEL])))
    after = trusting(keys.stranger, revoked=(keys.key,))
    with pytest.raises(PushError, match="is not the file that belongs there"):
        push(place.store, "vision", served, keys.stranger, after)
    assert rules(place.store, served, after) == ["TU244"]


def _payload(bundle: dict, change: Callable[[dict], None]) -> None:
    payload = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
    change(payload)
    bundle["dsseEnvelope"]["payload"] = base64.b64encode(json.dumps(payload).encode()).decode()


def _other_file(bundle: dict) -> None:
    _payload(bundle, lambda payload: payload["predicate"]["resources"][0].update(digest="0" * 64))


def _fewer_files(bundle: dict) -> None:
    _payload(bundle, lambda payload: payload["predicate"]["resources"].pop())


def _other_server(bundle: dict) -> None:
    _payload(bundle, lambda payload: payload["predicate"]["tritonup"].update(server="other"))


def _no_signature(bundle: dict) -> None:
    bundle["dsseEnvelope"]["signatures"] = []


def _other_bytes(bundle: dict) -> None:
    bundle["dsseEnvelope"]["signatures"][0]["sig"] = base64.b64encode(b"x" * 70).decode()


def _no_payload(bundle: dict) -> None:
    del bundle["dsseEnvelope"]["payload"]


@pytest.mark.parametrize("forge", [_other_file, _fewer_files, _other_server, _no_signature, _other_bytes, _no_payload])
def test_a_forged_signature_is_told_apart_from_an_unknown_one(
    forge: Callable[[dict], None], moto: Place, keys: Keys, tmp_path: Path
) -> None:
    served = served_of(tmp_path / "here", files())
    push(moto.store, "vision", served, keys.key, keys.trust)
    path = signature_key("vision", served.digest, keys.key.public.fingerprint)
    bundle = json.loads(moto.store.read(path))
    forge(bundle)
    replace(moto.store, path, json.dumps(bundle).encode())
    assert rules(moto.store, served, keys.trust) == ["TU245"]
    assert refused(moto, served, keys.trust, tmp_path / "there") == ["TU245"]


def test_a_genuine_signature_of_something_else_is_none_here(moto: Place, keys: Keys, tmp_path: Path) -> None:
    one, two = served_of(tmp_path / "one", files(1)), served_of(tmp_path / "two", files(2))
    push(moto.store, "vision", one, keys.key, keys.trust)
    push(moto.store, "vision", two, keys.key, keys.trust)
    key = keys.key.public.fingerprint
    replace(
        moto.store,
        signature_key("vision", one.digest, key),
        moto.store.read(signature_key("vision", two.digest, key)),
    )
    assert rules(moto.store, one, keys.trust) == ["TU245"]


def test_a_strangers_signature_under_our_keys_name_is_forged(moto: Place, keys: Keys, tmp_path: Path) -> None:
    served = served_of(tmp_path / "here", files())
    push(moto.store, "vision", served, keys.stranger, trusting(keys.stranger))
    theirs = signature_key("vision", served.digest, keys.stranger.public.fingerprint)
    ours = signature_key("vision", served.digest, keys.key.public.fingerprint)
    moto.store.create(ours, moto.store.read(theirs))
    moto.store.delete([theirs])
    assert rules(moto.store, served, keys.trust) == ["TU245"]
