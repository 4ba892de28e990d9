"""A changed config is the old one but for what was asked to change: in its message, its comments and its layout."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planning.repository.config import ModelConfig
from planning.repository.edit import LIMITS, CannotEditError, WantedBatching, with_batching
from planning.repository.pbtxt import parse_config

ROOT = Path(__file__).parents[3]
CONFIGS = sorted((ROOT / "model_repository").glob("*/config.pbtxt"))
SINGLE = [path for path in CONFIGS if "ensemble_scheduling" not in path.read_text(encoding="utf-8")]

wanteds = st.builds(
    WantedBatching,
    instances=st.none() | st.integers(1, 9),
    delay_us=st.none() | st.sampled_from([0, 100, 25_000]),
    unlimited=st.booleans(),
)
BLOCKS = (
    "",
    "dynamic_batching { }",
    "dynamic_batching {}\n",
    "dynamic_batching: { max_queue_delay_microseconds: 5, priority_levels: 2; default_priority_level: 1 }",
    "dynamic_batching <\n  # why\n  priority_levels: 2\n  default_priority_level: 2 # two\n>\n",
    "dynamic_batching {\n  default_queue_policy { max_queue_size: 3 }\n  max_queue_delay_microseconds: 7\n}",
    "dynamic_batching {\n  priority_queue_policy { key: 1 value { max_queue_size: 1 } }\n}",
)
GROUPS = (
    "",
    "instance_group [ { count: 1 kind: KIND_CPU } ]",
    "instance_group { kind: KIND_CPU }",
    "instance_group: [\n  {\n    kind: KIND_AUTO # here\n    count: 4\n  }\n]\n",
)
texts = st.builds(
    lambda block, group, order: "\n".join(
        ['# a comment with dynamic_batching { in it\nname: "a" "b"\nmax_batch_size: 8', *((block, group)[::order])]
    ),
    st.sampled_from(BLOCKS),
    st.sampled_from(GROUPS),
    st.sampled_from([1, -1]),
)


def expected(text: str, wanted: WantedBatching) -> ModelConfig:
    """The message of `text` changed by protobuf's own means."""
    config = parse_config(text)
    if wanted.delay_us is None:
        config.ClearField("dynamic_batching")
    else:
        config.dynamic_batching.SetInParent()
        config.dynamic_batching.max_queue_delay_microseconds = wanted.delay_us
        for field in LIMITS if wanted.unlimited else ():
            config.dynamic_batching.ClearField(field)
    if wanted.instances is not None:
        if not config.instance_group:
            config.instance_group.add()
        config.instance_group[0].count = wanted.instances
    return config


@given(texts, wanteds)
def test_the_message_is_what_was_asked_for(text: str, wanted: WantedBatching) -> None:
    assert parse_config(with_batching(text, wanted)) == expected(text, wanted)


@given(texts, wanteds)
def test_asking_twice_changes_nothing_more(text: str, wanted: WantedBatching) -> None:
    once = with_batching(text, wanted)
    assert with_batching(once, wanted) == once


@given(texts, wanteds)
def test_lines_that_it_is_not_about_stay_as_they_are(text: str, wanted: WantedBatching) -> None:
    changed = with_batching(text, wanted)
    assert '# a comment with dynamic_batching { in it\nname: "a" "b"\nmax_batch_size: 8' in changed


@pytest.mark.parametrize("path", SINGLE, ids=lambda path: path.parent.name)
def test_of_a_committed_config_only_the_lines_of_the_change_differ(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    changed = with_batching(text, WantedBatching(instances=7, delay_us=1234, unlimited=False))
    assert parse_config(changed) == expected(text, WantedBatching(instances=7, delay_us=1234, unlimited=False))
    gone = set(text.splitlines()) - set(changed.splitlines())
    assert all("count" in line or "dynamic_batching" in line or "delay" in line for line in gone)


def test_which_of_two_groups_should_grow_is_not_guessed() -> None:
    text = "instance_group [ { count: 1 gpus: [0] }, { count: 2 gpus: [1] } ]"
    with pytest.raises(CannotEditError, match="2 instance groups"):
        with_batching(text, WantedBatching(instances=3, delay_us=0, unlimited=False))
