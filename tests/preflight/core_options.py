"""Labels, response cache, metrics and transactions, as Triton's core decides them."""

from __future__ import annotations

from tests.preflight.core_models import plain, python, seed
from tests.preflight.seeds import Cited, Seed, changed, without

LABELLED = changed(python(), '"OUTPUT"', '"OUTPUT" label_filename: "labels.txt"') | {
    "subject/labels.txt": b"a\nb\nc\nd\n"
}
METRIC = (
    'model_metrics { metric_control { metric_identifier { family: "nv_inference_first_response_histogram_ms" }'
    " histogram_options { buckets: [ 1, 2 ] } } }\n"
)
NEWER = Cited("core", "73aad7c, 2026-06-09", "src/model_config_utils.cc, ValidateModelMetrics; unknown to 24.10")
CACHED = "response_cache { enable: true }\n"

LABELS: list[Seed] = [
    seed(
        "a label file that is missing",
        "TU226",
        "label_filename",
        LABELLED,
        without(LABELLED, "subject/labels.txt"),
        "'labels.txt'",
    ),
    seed(
        "a label file outside",
        "TU226",
        "label_filename",
        LABELLED,
        changed(LABELLED, '"labels.txt"', '"../helper/labels.txt"') | {"helper/labels.txt": b"a\n"} | python("helper"),
        "outside",
    ),
    seed(
        "a label file of an absolute path",
        "TU226",
        "label_filename",
        LABELLED,
        changed(LABELLED, '"labels.txt"', '"/etc/hostname-of-nobody"'),
        "outside",
    ),
]

TAGGED = 'metric_tags { key: "team" value: "vision" }\n'

OPTIONS: list[Seed] = [
    *(
        plain(f"a metric tag {tag}", "TU228", f'["{tag}"]', '"team"', f'"{tag}"', f"'{tag}'", more=TAGGED)
        for tag in ("our-team", "_team", "équipe")
    ),
    plain(
        "a cache of a decoupled model",
        "TU228",
        "response_cache",
        CACHED,
        f"{CACHED}model_transaction_policy {{ decoupled: true }}",
        "decoupled",
        more=CACHED,
    ),
    plain(
        "a cache of sequences",
        "TU228",
        "response_cache",
        CACHED,
        f"{CACHED}sequence_batching {{ }}",
        "sequence",
        more=CACHED,
    ),
    plain(
        "a metric without a name",
        "TU228",
        "metric_control[0]",
        '"nv_inference_first_response_histogram_ms"',
        '""',
        "family",
        more=METRIC,
        judge=NEWER,
    ),
    plain(
        "a metric of nothing",
        "TU228",
        "metric_control[0]",
        'metric_identifier { family: "nv_inference_first_response_histogram_ms" }',
        "",
        "family",
        more=METRIC,
        judge=NEWER,
    ),
    plain(
        "a metric without buckets", "TU228", "metric_control[0]", "[ 1, 2 ]", "[ ]", "buckets", more=METRIC, judge=NEWER
    ),
    plain(
        "a metric without options",
        "TU228",
        "metric_control[0]",
        "histogram_options { buckets: [ 1, 2 ] }",
        "",
        "buckets",
        more=METRIC,
        judge=NEWER,
    ),
]

SEEDS = [*LABELS, *OPTIONS]

HEALTHY = {
    "a cache": python(more=CACHED),
    "a decoupled model": python(more="model_transaction_policy { decoupled: true }\n"),
    "empty labels": {**LABELLED, "subject/labels.txt": b"a\nb\nc\nd"},
    "labels in a folder": changed(LABELLED, '"labels.txt"', '"words/labels.txt"')
    | {"subject/words/labels.txt": b"a\nb\nc\nd\n"},
    "metric tags": python(more=TAGGED),
    "a metric tag of digits": changed(python(more=TAGGED), '"team"', '"9_to_5"'),
    "a response cache that is off": python(
        more="response_cache { enable: false } model_transaction_policy { decoupled: true }\n"
    ),
}
