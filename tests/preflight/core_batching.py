"""Dynamic batching, priorities and queues, as Triton's core decides them."""

from __future__ import annotations

from tests.preflight.core_models import plain, python
from tests.preflight.seeds import Seed, changed

PRIORITIES = """dynamic_batching {
  preferred_batch_size: [ 4, 8 ]
  priority_levels: 2
  default_priority_level: 1
  priority_queue_policy { key: 2 value { max_queue_size: 9 } }
}
"""
ORDERED = """dynamic_batching {
  preserve_ordering: true
  priority_levels: 1
  default_priority_level: 1
  default_queue_policy { timeout_action: REJECT default_timeout_microseconds: 9 }
  priority_queue_policy { key: 1 value { timeout_action: REJECT default_timeout_microseconds: 7 } }
}
"""


def dynamic(name: str, rule: str, at: str, old: str, new: str, *words: str) -> Seed:
    return plain(name, rule, f"dynamic_batching.{at}", old, new, *words, more=PRIORITIES)


def ordered(name: str, old: str, new: str, *words: str) -> Seed:
    return plain(name, "TU221", "preserve_ordering", old, new, *words, more=ORDERED)


SEEDS: list[Seed] = [
    plain("a negative batch", "TU220", "max_batch_size", "max_batch_size: 8", "max_batch_size: -1", "-1"),
    dynamic("a preferred size beyond the batch", "TU220", "preferred_batch_size", "[ 4, 8 ]", "[ 4, 16 ]", "16", "8"),
    dynamic("a preferred size of none", "TU220", "preferred_batch_size", "[ 4, 8 ]", "[ 0 ]", "size 0"),
    dynamic("a negative preferred size", "TU220", "preferred_batch_size", "[ 4, 8 ]", "[ -4 ]", "-4"),
    plain(
        "a preferred size without a batch",
        "TU220",
        "preferred_batch_size",
        "max_batch_size: 8",
        "max_batch_size: 0",
        "max_batch_size 0",
        more="dynamic_batching { preferred_batch_size: [ 4 ] }\n",
    ),
    dynamic(
        "no default priority",
        "TU221",
        "default_priority_level",
        "default_priority_level: 1",
        "default_priority_level: 0",
        "is 0",
    ),
    dynamic(
        "a default priority beyond the levels",
        "TU221",
        "default_priority_level",
        "default_priority_level: 1",
        "default_priority_level: 3",
        "is 3",
        "2",
    ),
    dynamic(
        "a policy for a priority beyond the levels", "TU221", "priority_queue_policy", "key: 2", "key: 3", "priority 3"
    ),
    dynamic("a policy for priority 0", "TU221", "priority_queue_policy", "key: 2", "key: 0", "priority 0"),
    ordered("order with two priorities", "priority_levels: 1", "priority_levels: 2", "2 priority levels"),
    ordered(
        "order with delays", "REJECT default_timeout_microseconds: 9", "DELAY default_timeout_microseconds: 9", "REJECT"
    ),
    ordered(
        "order with delays of one priority",
        "REJECT default_timeout_microseconds: 7",
        "DELAY default_timeout_microseconds: 7",
        "REJECT",
    ),
    plain(
        "a batching library outside",
        "TU228",
        '["TRITON_BATCH_STRATEGY_PATH"]',
        'key: "OTHER"',
        'key: "TRITON_BATCH_STRATEGY_PATH"',
        "'/lib/x.so'",
        more='parameters { key: "OTHER" value { string_value: "/lib/x.so" } }\n',
    ),
    plain(
        "a batching library with sequences",
        "TU228",
        '["TRITON_BATCH_STRATEGY_PATH"]',
        'key: "OTHER"',
        'key: "TRITON_BATCH_STRATEGY_PATH"',
        "sequence",
        more='sequence_batching { }\nparameters { key: "OTHER" value { string_value: "/lib/x.so" } }\n',
    ),
]

HEALTHY = {
    "batching": python(more="dynamic_batching { }\n"),
    "a single preferred size": python(more="dynamic_batching { preferred_batch_size: [ 8 ] }\n"),
    "order of one priority": python(more=ORDERED),
    "order without a time-out": python(
        more="dynamic_batching { preserve_ordering: true default_queue_policy { timeout_action: DELAY } }\n"
    ),
    "a queue without a batch": changed(
        python(more="dynamic_batching { default_queue_policy { max_queue_size: 4 } }\n"), "size: 8", "size: 0"
    ),
}
