"""People paste tokens into the wrong line, and findings end up in CI logs: no finding ever shows one."""

from __future__ import annotations

import copy
import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from planning.settings.quoting import NOT_SHOWN, looks_secret
from tests.unit.settings.stack_texts import STACK, Path, Plain, at, blocks, findings, leaves, put, said

ISSUED = (
    "ghp_{}",  # GitHub
    "glpat-{}",  # GitLab
    "nvapi-{}",  # NVIDIA NGC
    "hf_{}",  # Hugging Face
    "pul-{}",  # Pulumi
    "sk-{}",
    "xoxb-17653672481-{}",  # Slack
    "eyJhbGciOiJIUzI1NiJ9.{}",  # JWT
    "https://user:{}@registry.example/acme",
    "Bearer {}",
    "{}",
)

bodies = st.text(alphabet=string.ascii_letters + string.digits, min_size=20, max_size=64).filter(
    lambda body: any(each.isdigit() for each in body) and any(each.isalpha() for each in body)
)


@st.composite
def tokens(draw: st.DrawFn) -> tuple[str, str]:
    """A token as it is pasted, and the part of it that must not be shown."""
    body = draw(bodies)
    return draw(st.sampled_from(ISSUED)).format(body), body


def shown(stack: Plain) -> str:
    return "\n".join(f"{finding}" for finding in findings(stack))


@given(token=tokens(), path=st.sampled_from(list(leaves())))
def test_a_token_in_place_of_any_value_is_not_shown(token: tuple[str, str], path: Path) -> None:
    assert token[1] not in shown(put(path, token[0]))


@given(token=tokens(), path=st.sampled_from(list(blocks())), name=st.sampled_from(("extra", "token", "kind")))
def test_a_token_in_place_of_any_block_or_in_a_new_field_is_not_shown(
    token: tuple[str, str], path: Path, name: str
) -> None:
    pasted, body = token
    assert body not in shown(put(path, pasted))
    assert body not in shown(put(path, [pasted]))
    assert body not in shown(put(path, {"kind": pasted}))
    assert body not in shown(put((*path, name), pasted))
    assert body not in shown(put((*path, name), {"value": [pasted]}))


@given(token=tokens(), path=st.sampled_from(list(blocks())))
def test_a_token_in_place_of_a_name_is_not_shown(token: tuple[str, str], path: Path) -> None:
    """A colon behind it makes it a key."""
    pasted, body = token
    assert body not in shown(put((*path, pasted), "x"))
    assert body not in shown(put((*path, pasted), {}))


@given(token=tokens(), path=st.sampled_from(list(leaves())), other=st.sampled_from(list(leaves())))
def test_a_token_is_not_shown_by_another_mistake(token: tuple[str, str], path: Path, other: Path) -> None:
    assume(path != other)
    assert token[1] not in shown(put(other, 5, put(path, token[0])))


SECRET_NAMES = ("password", "apiKey", "api_key", "clientSecret", "access-token", "credentials", "private")


@given(
    name=st.sampled_from(SECRET_NAMES),
    word=st.sampled_from(("hunter two", "correct horse!", "пароль")),
    path=st.sampled_from(
        [("labels",), ("servers", "vision", "exposure", "callers", 0, "pods"), ("monitoring", "labels")]
    ),
)
def test_a_plain_word_is_not_shown_where_the_name_says_that_it_is_secret(name: str, word: str, path: Path) -> None:
    text = shown(put((*path, name), word))
    assert text
    assert word not in text
    assert NOT_SHOWN in text


@given(name=st.sampled_from(SECRET_NAMES), path=st.sampled_from(list(blocks())))
def test_the_value_of_an_unknown_field_is_not_shown(name: str, path: Path) -> None:
    assert "hunter2" not in shown(put((*path, name), "hunter2"))


def test_a_misspelt_value_is_still_quoted() -> None:
    """Hiding everything would be safe and of no use."""
    for path, value in (
        (("gpu_pools", "steady", "gpu"), "nvidia-l5"),
        (("servers", "text", "resources", "memory"), "4 GB"),
        (("namespace",), "Inference"),
        (("cluster", "stack"), "acme/prod"),
    ):
        (finding,) = findings(put(path, value))
        assert repr(value) in finding.what


@pytest.mark.parametrize(
    "text",
    [
        "acme-inference-prod-models",
        "europe-west4-b",
        "arn:aws:iam::123456789012:role/inference-models-read",
        "sentence_embedding",
        "26.08",
        "nvidia-a100-80gb",
    ],
)
def test_what_stack_files_are_full_of_does_not_look_secret(text: str) -> None:
    assert not looks_secret(text)


@pytest.mark.parametrize("path", [(), ("images",), ("servers", "vision"), ("labels", "key"), ("accept", 0)])
def test_an_encrypted_value_is_refused_at_its_place_and_everything_else_is_still_said(path: Path) -> None:
    stack = put(path, {"secure": "AAABAKx2Y2lwaGVydGV4dA=="})
    assert [place for rule, place in said(stack) if rule == "TU105"] == [
        "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")
        or "tritonup:settings"
    ]
    assert "AAABAK" not in shown(stack)
    if path:
        assert sorted(rule for rule, _ in said(put(("namspace",), "x", stack))) == ["TU101", "TU105"]


def test_an_encrypted_value_is_refused_where_a_mapping_would_do_too() -> None:
    """`secure` could be the name of a label."""
    assert said(put(("labels",), {"secure": "AAAB"})) == [("TU105", "labels")]


def test_two_encrypted_values_are_two_findings() -> None:
    stack = copy.deepcopy(STACK)
    at(stack, ("labels",))["a"] = {"secure": "AAAB"}
    at(stack, ("servers", "vision", "models"))[0] = {"secure": "AAAC"}
    assert said(stack) == [("TU105", "servers.vision.models[0]"), ("TU105", "labels.a")]
