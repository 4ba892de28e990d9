"""What protobuf's text parser refuses (ReadTextProto, core/src/filesystem/api.cc), and names, platforms and files."""

from __future__ import annotations

from tests.preflight.core_models import PLAIN, ensemble, plain, python, seed
from tests.preflight.seeds import SUBJECT, Cited, Ours, Seed, changed, moved, without

IN = 'input [ { name: "INPUT" data_type: TYPE_FP32 dims: [ 4 ] } ]'
TAGGED = 'metric_tags { key: "team" value: "vision" }\n'
POLICY = "version_policy { specific { versions: [ 1 ] } }\n"
WAITS = Ours("this release reads the directory's name as a version, and then waits for ever for its files")

SYNTAX: list[Seed] = [
    plain("an unknown field", "TU203", "max_batch_sizes", "max_batch_size", "max_batch_sizes", "'max_batch_size'?"),
    plain("an unknown field of an input", "TU203", "dim", "dims: [ 4 ] } ]\nout", "dim: [ 4 ] } ]\nout", "'dims'?"),
    plain("an unknown type", "TU203", "", 'INPUT" data_type: TYPE_FP32', 'INPUT" data_type: TYPE_FLOAT', "TYPE_FP32"),
    plain(
        "a type by its request's name", "TU203", "", 'INPUT" data_type: TYPE_FP32', 'INPUT" data_type: FP32', "'FP32'"
    ),
    plain("an input that is not closed", "TU203", "", IN, IN.removesuffix("]"), "parse"),
    plain("a brace too many", "TU203", "", "max_batch_size: 8", "max_batch_size: 8 }", "parse"),
    plain("a number in quotes", "TU203", "", "max_batch_size: 8", 'max_batch_size: "8"', '"8"'),
    plain("a name without quotes", "TU203", "", '"INPUT"', "INPUT", "INPUT"),
    plain("a number too large", "TU203", "", "max_batch_size: 8", "max_batch_size: 9999999999", "9999999999"),
    plain("half a batch", "TU203", "", "max_batch_size: 8", "max_batch_size: 8.5", "8.5"),
    plain("an equals sign", "TU203", "", "max_batch_size: 8", "max_batch_size = 8", "="),
    plain("a comment of C", "TU203", "", "max_batch_size: 8", "// batch\nmax_batch_size: 8", "/"),
    plain(
        "a field given twice",
        "TU203",
        "max_batch_size",
        "max_batch_size: 8",
        "max_batch_size: 8 max_batch_size: 4",
        "'max_batch_size'",
    ),
    plain("a comma at a list's end", "TU203", "", "[ 4 ] } ]\nout", "[ 4, ] } ]\nout", "parse"),
    plain(
        "two ways of scheduling",
        "TU203",
        "",
        "dynamic_batching { }",
        "dynamic_batching { } sequence_batching { }",
        "'sequence_batching'",
        more="dynamic_batching { }\n",
    ),
    plain(
        "a parameter without a message",
        "TU203",
        "",
        'value { string_value: "v" }',
        'value: "v"',
        "parse",
        more='parameters { key: "k" value { string_value: "v" } }\n',
    ),
    plain(
        "a negative number of versions",
        "TU203",
        "",
        "num_versions: 1",
        "num_versions: -1",
        "-1",
        more="version_policy { latest { num_versions: 1 } }\n",
    ),
    plain(
        "an unknown way to group",
        "TU203",
        "",
        "KIND_CPU",
        "KIND_TPU",
        "'KIND_TPU'",
        "KIND_CPU",
        more="instance_group { kind: KIND_CPU }\n",
    ),
    plain(
        "a truth that is none",
        "TU203",
        "",
        "decoupled: true",
        "decoupled: yes",
        "yes",
        more="model_transaction_policy { decoupled: true }\n",
    ),
    plain(
        "an unknown choice of versions",
        "TU203",
        "newest",
        "latest",
        "newest",
        "'newest'",
        more="version_policy { latest { num_versions: 1 } }\n",
    ),
    seed(
        "a config that is no text",
        "TU203",
        "config.pbtxt",
        python(),
        {**python(), "subject/config.pbtxt": b"\xff\xfe\x00n\x00a"},
        "UTF-8",
    ),
    seed(
        "a config of JSON",
        "TU203",
        "",
        python(),
        {**python(), "subject/config.pbtxt": b'{ "name": "subject", "backend": "python" }'},
        "parse",
    ),
]

MORE_SYNTAX: list[Seed] = [
    plain("a plus before a number", "TU203", "", "max_batch_size: 8", "max_batch_size: +8", "'+8'"),
    plain("an unknown escape", "TU203", "", '"vision"', '"vis\\q"', "unknown escape", more=TAGGED),
    plain(
        "a type's number without a name",
        "TU203",
        "input[0].data_type",
        'INPUT" data_type: TYPE_FP32',
        'INPUT" data_type: 99',
        "99",
        judge=Ours("it loads, and no request can name the type"),
    ),
    plain(
        "a kind's number without a name",
        "TU203",
        "instance_group[0].kind",
        "kind: KIND_CPU",
        "kind: 9",
        "9",
        more="instance_group { kind: KIND_CPU }\n",
    ),
    plain(
        "a kind's number beyond 32 bits",
        "TU203",
        "",
        "kind: KIND_CPU",
        "kind: 4294967296",
        "4294967296",
        more="instance_group { kind: KIND_CPU }\n",
    ),
    plain("a NUL in a string", "TU203", "", '"vision"', '"vis\0"', "NUL", more=TAGGED),
]
"""What Python's parser of text format lets pass, and C++'s does not."""

IDENTITY: list[Seed] = [
    plain("a name of another model", "TU206", "name", '"subject"', '"letters"', "'letters'", 'name: "subject"'),
    plain("a name in other letters", "TU206", "name", '"subject"', '"Subject"', "'Subject'", 'name: "subject"'),
    plain("a backend that is not there", "TU207", "backend", '"python"', '"pyton"', "'python'?"),
    plain(
        "an ensemble's platform",
        "TU230",
        "platform",
        'backend: "python"',
        'backend: "python" platform: "ensemble"',
        "no steps",
    ),
    plain("neither backend nor platform", "TU207", "platform", 'backend: "python"', 'platform: "python"', "'python'"),
    plain(
        "a runtime that is not there",
        "TU207",
        "runtime",
        '"libtriton_python.so"',
        '"libtriton_pyton.so"',
        "'libtriton_pyton.so'",
        more='runtime: "libtriton_python.so"\n',
    ),
    plain(
        "a runtime outside",
        "TU207",
        "runtime",
        '"libtriton_python.so"',
        '"../python/libtriton_python.so"',
        "'../python/libtriton_python.so'",
        more='runtime: "libtriton_python.so"\n',
        judge=Cited("core", "73aad7c, 2026-06-09", "src/backend_model.cc, GetBackendLibraryProperties: escapes"),
    ),
    seed(
        "a library without its platform",
        "TU207",
        "platform",
        {},
        {**python(), "subject/config.pbtxt": b'backend: "onnxruntime" platform: "tensorrt_plan"'},
        "'tensorrt_plan'",
    ),
    seed(
        "a platform of libtorch",
        "TU207",
        "platform",
        {},
        {**python(), "subject/config.pbtxt": b'backend: "pytorch" platform: "libtorch"'},
        "'libtorch'",
    ),
    seed(
        "nothing that says what it is",
        "TU207",
        "backend",
        {},
        {"subject/config.pbtxt": b"", "subject/1/weights.bin": b"w"},
        "backend",
    ),
    seed(
        "an agent that is not there",
        "TU228",
        "name",
        python(),
        python(more='model_repository_agents { agents { name: "unpack" } }\n'),
        "'unpack'",
    ),
]

VERSIONS: list[Seed] = [
    seed("no version", "TU208", "version_policy", python(), without(python(), "subject/1"), "named 1"),
    seed(
        "a version that is no number",
        "TU208",
        "version_policy",
        python(),
        moved(python(), "subject/1/", "subject/v1/"),
        "version directory",
    ),
    seed(
        "a version with a zero before it",
        "TU208",
        "version_policy",
        python(),
        moved(python(), "subject/1/", "subject/01/"),
        "version directory",
    ),
    plain(
        "a version that the policy does not find",
        "TU208",
        "version_policy",
        "[ 1 ]",
        "[ 3 ]",
        "version 3",
        "has 1",
        more=POLICY,
    ),
    plain("a policy of no version", "TU208", "version_policy", "[ 1 ]", "[ ]", "none", more=POLICY),
    plain(
        "the latest none",
        "TU208",
        "version_policy",
        "num_versions: 1",
        "num_versions: 0",
        "num_versions: 1",
        more="version_policy { latest { num_versions: 1 } }\n",
    ),
    seed(
        "a version that is a file",
        "TU208",
        "version_policy",
        python(),
        {**without(python(), "subject/1"), "subject/1": b"x"},
        "version directory",
    ),
    seed(
        "a version that is read as a number",
        "TU208",
        "subject/2-old",
        python(),
        moved(python(), "subject/1/", "subject/2-old/"),
        "as version 2",
        judge=WAITS,
    ),
    seed(
        "a version beyond every number",
        "TU208",
        f"subject/{10**20}",
        python(),
        {**python(), f"subject/{10**20}/model.py": b""},
        str(10**20),
    ),
]

SEEDS = [*SYNTAX, *MORE_SYNTAX, *IDENTITY, *VERSIONS]

HEALTHY = {
    "a config of nothing": {**python(), "subject/config.pbtxt": b""},
    "single quotes": changed(python(), '"INPUT"', "'INPUT'"),
    "a hexadecimal batch": changed(python(), "max_batch_size: 8", "max_batch_size: 0x8"),
    "a type by number": changed(python(), 'INPUT" data_type: TYPE_FP32', 'INPUT" data_type: 11'),
    "semicolons and angles": python(
        config='name: "subject"; backend: "python"; input < name: "INPUT" data_type: TYPE_FP32 dims: 4 >'
    ),
    "a truth by letter": python(more="model_transaction_policy { decoupled: t }\n"),
    "comments": python(config=f"# what it is\n{PLAIN.format(SUBJECT)}# end"),
    "dims one by one": changed(python(), "dims: [ 4 ] } ]\nout", "dims: 2 dims: 2 } ]\nout"),
    "a string of two": changed(python(), '"INPUT"', '"IN" "PUT"'),
    "version 0": moved(python(), "subject/1/", "subject/0/"),
    "all versions": {
        **python(more="version_policy { all { } }\n"),
        "subject/7/model.py": python()["subject/1/model.py"],
    },
    "a folder that is no version": {**python(), "subject/notes/model.py": b"x"},
    "a warm-up folder": {**python(), "subject/warmup/data": b"x"},
    "a file of another name": {
        **without(python(more='default_model_filename: "code.py"\n'), "subject/1"),
        "subject/1/code.py": python()["subject/1/model.py"],
    },
    "a platform that nobody reads": python(more='platform: "mine"\n'),
    "no name": changed(python(), 'name: "subject"\n', ""),
    "an empty ensemble version": {**python("helper"), **ensemble(["helper"])},
}
"""More that is healthy, besides the seeds' own."""
