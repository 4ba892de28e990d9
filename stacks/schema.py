"""The JSON Schema of a whole stack file, generated from the settings. A test holds the committed copy to it."""

from __future__ import annotations

import json

from planning.settings.root import Settings

SCHEMA_FILE = "stacks/settings.schema.json"


def schema_text() -> str:
    settings = Settings.model_json_schema(ref_template="#/$defs/{model}")
    definitions = settings.pop("$defs")
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A stack file of tritonup",
        "type": "object",
        "properties": {
            "config": {
                "type": "object",
                "required": ["tritonup:settings"],
                "properties": {
                    "tritonup:settings": settings,
                    "tritonup:kubeconfig": {"type": "string", "description": "Path of a kubeconfig."},
                    "tritonup:context": {"type": "string", "description": "A context of that kubeconfig."},
                },
            }
        },
        "required": ["config"],
        "$defs": definitions,
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
