"""Signatures are OpenSSF model signatures: the genuine tool and ours accept each other's."""

from __future__ import annotations

import base64
import copy
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import model_signing
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from places import Place
from small_repository import Keys, bytes_below, files, served_of, trusting, write_key

from planning.settings.keys import PublicKey
from publishing.keys import KeyFileError, read_signing_key
from publishing.layout import signature_key
from publishing.pulling import pull
from publishing.pushing import push
from publishing.signature import SignatureError, read_signature, read_statement, sign, statement_of

CURVES = (ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1())


@pytest.fixture(params=CURVES, ids=lambda curve: curve.name)
def key_file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return write_key(tmp_path / "key.pem", request.param)


def test_the_genuine_tool_accepts_what_was_pulled_and_not_what_was_changed_then(
    key_file: Path, directory: Place, tmp_path: Path
) -> None:
    key = read_signing_key(key_file)
    served = served_of(tmp_path / "here", files())
    push(directory.store, "vision", served, key, trusting(key))
    pulled = pull(directory.store, "vision", served.digest, tmp_path / "there", trusting(key))
    public = tmp_path / "key.pub"
    public.write_text(key.public.pem)
    signature = tmp_path / "there" / signature_key("vision", served.digest, key.public.fingerprint)
    verifier = model_signing.verifying.Config().use_elliptic_key_verifier(public_key=public)
    verifier.verify(pulled.directory, signature)
    (pulled.directory / "digits" / "config.pbtxt").write_bytes(b"changed")
    with pytest.raises(ValueError, match=r"digits/config\.pbtxt"):
        verifier.verify(pulled.directory, signature)


def test_what_the_genuine_tool_signed_is_signed_for_us_too(key_file: Path, tmp_path: Path) -> None:
    served_of(tmp_path / "model", files())
    bundle = tmp_path / "bundle.json"
    model_signing.signing.Config().use_elliptic_key_signer(private_key=key_file).sign(tmp_path / "model", bundle)
    key = read_signing_key(key_file)
    signature = read_signature(bundle.read_bytes())
    assert signature.fingerprint == key.public.fingerprint
    assert signature.is_by(key.public)
    # It says nothing of a server and a digest, so that it publishes nothing.
    with pytest.raises(SignatureError, match="signs something else than a published model"):
        read_statement(signature.payload)


def test_a_statement_comes_back_as_it_was_signed(keys: Keys, tmp_path: Path) -> None:
    statement = statement_of("vision", served_of(tmp_path, files()))
    signature = read_signature(sign(statement, keys.key))
    assert signature.is_by(keys.key.public)
    assert not signature.is_by(keys.stranger.public)
    assert read_statement(signature.payload) == statement
    assert statement.models == ("digits", "text")


@pytest.mark.parametrize("path", ["../outside", "/etc/passwd", "a/../../b", "a//b", "a/./b", "a\0b"])
def test_no_signature_makes_a_pull_write_outside_of_its_directory(path: str, keys: Keys, tmp_path: Path) -> None:
    """Even one that a trusted key made."""
    bundle = json.loads(sign(statement_of("vision", served_of(tmp_path, files())), keys.key))
    payload = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
    payload["predicate"]["resources"][0]["name"] = path
    with pytest.raises(SignatureError, match="outside of its directory"):
        read_statement(json.dumps(payload).encode())


@pytest.mark.parametrize("bundle", [b"", b"[]", b"{}", b"\xff\xfe", b'{"mediaType": "other"}', b"[" * 100_000])
def test_bytes_that_are_no_bundle_are_refused(bundle: bytes) -> None:
    with pytest.raises(SignatureError, match="is no bundle"):
        read_signature(bundle)


STATEMENT = {
    "predicateType": "https://model_signing/signature/v1.0",
    "predicate": {
        "resources": [{"name": "digits/1/model.onnx", "algorithm": "sha256", "digest": "0" * 64, "size": 1}],
        "tritonup": {"server": "vision", "digest": "0" * 64},
    },
}
BUNDLE = {
    "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
    "verificationMaterial": {"publicKey": {"hint": "0" * 64}},
    "dsseEnvelope": {
        "payload": "e30=",
        "payloadType": "application/vnd.in-toto+json",
        "signatures": [{"sig": "e30=", "keyid": ""}],
    },
}
PLACES = (
    *(("predicateType",), ("predicate",), ("predicate", "resources"), ("predicate", "resources", 0)),
    *(("predicate", "resources", 0, field) for field in ("name", "algorithm", "digest", "size")),
    *(("predicate", "tritonup"), ("predicate", "tritonup", "server"), ("predicate", "tritonup", "digest")),
    *(("mediaType",), ("verificationMaterial",), ("verificationMaterial", "publicKey", "hint")),
    *(("dsseEnvelope",), ("dsseEnvelope", "payload"), ("dsseEnvelope", "payloadType"), ("dsseEnvelope", "signatures")),
    *(("dsseEnvelope", "signatures", 0), ("dsseEnvelope", "signatures", 0, "sig")),
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=4,
)


def _with(whole: Any, place: tuple[str | int, ...], value: object) -> bytes:
    changed = copy.deepcopy(whole)
    at = changed
    for part in place[:-1]:
        at = at[part]
    at[place[-1]] = value
    return json.dumps(changed).encode()


@given(place=st.sampled_from(PLACES), value=ANYTHING)
def test_whoever_may_write_to_the_store_can_make_a_signature_refused_and_nothing_else(
    place: tuple[str | int, ...], value: object
) -> None:
    whole, read = (STATEMENT, read_statement) if place[0] in STATEMENT else (BUNDLE, read_signature)
    with suppress(SignatureError):
        read(_with(whole, place, value))


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (("predicate", "resources", 0, "size"), -1, "predicate.resources[0].size is -1: it must be a whole number"),
        (("predicate", "resources", 0, "size"), True, "predicate.resources[0].size is True"),
        (("predicate", "resources", 0, "digest"), "0" * 63 + "G", "predicate.resources[0].digest is '000"),
        (("predicate", "resources", 0, "algorithm"), "blake2b", "algorithm is 'blake2b': it must be 'sha256'"),
        (("predicate", "resources"), [], "predicate.resources is []: it must be a list of at least one"),
        (("predicate", "resources", 0, "name"), "half \ud800", "predicate.resources[0].name is 'half"),
        (("predicate", "tritonup"), None, "predicate.tritonup is None: it must be a mapping"),
    ],
)
def test_what_is_wrong_with_a_statement_is_named(place: tuple[str | int, ...], value: object, words: str) -> None:
    with pytest.raises(SignatureError) as refused:
        read_statement(_with(STATEMENT, place, value))
    assert words in str(refused.value)


def test_an_encrypted_key_opens_with_its_password_alone(tmp_path: Path) -> None:
    path = write_key(tmp_path / "key.pem", password=b"correct horse")
    assert read_signing_key(path, "correct horse").public
    with pytest.raises(KeyFileError, match="TRITONUP_SIGNING_PASSWORD"):
        read_signing_key(path)
    with pytest.raises(KeyFileError, match="its password is wrong"):
        read_signing_key(path, "wrong")


def test_a_key_that_cannot_sign_is_refused_without_being_shown(tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    for content in ("-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2Vw\n-----END PRIVATE KEY-----\n", "secret words"):
        other.write_text(content)
        with pytest.raises(KeyFileError) as caught:
            read_signing_key(other)
        assert "secret" not in str(caught.value)
        assert "MC4C" not in str(caught.value)
    with pytest.raises(KeyFileError, match="cannot be read"):
        read_signing_key(tmp_path / "none.pem")
    secp256k1 = write_key(tmp_path / "k1.pem", ec.SECP256K1())
    with pytest.raises(KeyFileError, match="P-256"):
        read_signing_key(secp256k1)


def test_a_key_shows_its_fingerprint_and_nothing_more(keys: Keys) -> None:
    assert repr(keys.key) == f"SigningKey({keys.key.public.fingerprint[:12]})"


def test_a_public_key_is_the_same_however_it_is_indented(keys: Keys) -> None:
    pem = keys.key.public.pem
    assert PublicKey.parse("\n".join(f"   {line}  " for line in pem.splitlines())) == PublicKey(pem)


def test_what_is_pulled_is_what_the_signature_lists(directory: Place, keys: Keys, tmp_path: Path) -> None:
    served = served_of(tmp_path / "here", files())
    push(directory.store, "vision", served, keys.key, keys.trust)
    directory.store.create(f"vision/{served.digest}/extra/model.py", b"x")
    pulled = pull(directory.store, "vision", served.digest, tmp_path / "there", keys.trust)
    assert set(bytes_below(pulled.directory)) == set(files())
