"""Dynamic batching: sizes, priorities and queues."""

from __future__ import annotations

from collections.abc import Iterator

from planning.findings import Finding, Rule, Severity
from planning.repository.config import QueuePolicy, enum_name
from planning.repository.model import Model

SIZES_FIT = Rule("TU220", Severity.ERROR, "Preferred batch sizes fit into max_batch_size")
PRIORITIES_FIT = Rule("TU221", Severity.ERROR, "Queue policies and the default priority name levels that exist")
BATCHES = Rule("TU229", Severity.WARNING, "Dynamic batching is asked for where it can batch")


def check_batching(model: Model) -> Iterator[Finding]:
    """ValidateModelConfig (core, src/model_config_utils.cc), and one trap that it does not see."""
    if model.config.max_batch_size < 0:
        what = f"max_batch_size is {model.config.max_batch_size}."
        yield model.finding(SIZES_FIT, "max_batch_size", what, "Write 0 for no batching, or the largest batch.")
        return
    if not model.config.HasField("dynamic_batching"):
        return
    batching = model.config.dynamic_batching
    field = "dynamic_batching.preferred_batch_size"
    for size in batching.preferred_batch_size:
        if not 1 <= size <= model.max_batch_size:
            what = f"The preferred batch size {size} is not within 1 and max_batch_size {model.max_batch_size}."
            fix = f"Leave {size} out, or set max_batch_size to at least {size}."
            if size < 1:
                fix = f"Leave {size} out."
            yield model.finding(SIZES_FIT, field, what, fix)
    yield from _check_priorities(model)
    yield from _check_order(model)
    queues = batching.priority_levels or batching.HasField("default_queue_policy")
    if model.max_batch_size == 0 and not queues and not batching.preferred_batch_size:
        what = "Dynamic batching is on, but max_batch_size 0 makes every batch one request."
        fix = "Set max_batch_size, if the graph takes a batch, or leave dynamic_batching out."
        yield model.finding(BATCHES, "dynamic_batching", what, fix)


def _check_priorities(model: Model) -> Iterator[Finding]:
    batching = model.config.dynamic_batching
    levels, default = batching.priority_levels, batching.default_priority_level
    if not levels:
        return
    if not 1 <= default <= levels:
        what = f"default_priority_level is {default} with {levels} priority levels."
        fix = f"Write a level from 1 (the most urgent) to {levels}."
        yield model.finding(PRIORITIES_FIT, "dynamic_batching.default_priority_level", what, fix)
    for level in sorted(batching.priority_queue_policy):
        if not 1 <= level <= levels:
            what = f"A queue policy is for priority {level}, and there are {levels} priority levels."
            fix = f"Key it from 1 to {levels}, or raise priority_levels."
            yield model.finding(PRIORITIES_FIT, "dynamic_batching.priority_queue_policy", what, fix)


def _check_order(model: Model) -> Iterator[Finding]:
    """Answers in the order of their requests exclude overtaking, by priority or by delaying."""
    batching = model.config.dynamic_batching
    if not batching.preserve_ordering:
        return
    if batching.priority_levels > 1:
        what = f"preserve_ordering is true with {batching.priority_levels} priority levels."
        fix = "Write preserve_ordering: false, or one priority level."
        yield model.finding(PRIORITIES_FIT, "dynamic_batching.preserve_ordering", what, fix)
    policies = [batching.default_queue_policy, *batching.priority_queue_policy.values()]
    if any(_delays(policy) for policy in policies):
        what = "preserve_ordering is true, and a queue policy delays requests that time out."
        fix = "Write timeout_action: REJECT, or preserve_ordering: false."
        yield model.finding(PRIORITIES_FIT, "dynamic_batching.preserve_ordering", what, fix)


def _delays(policy: QueuePolicy) -> bool:
    action = enum_name("ModelQueuePolicy.TimeoutAction", policy.timeout_action)
    return policy.default_timeout_microseconds != 0 and action == "DELAY"
