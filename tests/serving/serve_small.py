"""`tritonup serve` for servers of small models: `serve_small.py OPTIONS-AS-JSON MODEL...`, each model directory
a server of its own. Run as a process by the tests of Ctrl-C and of sudden death."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from rendered_deployment import deployment

from cli.serve import ServeOptions, serve_servers
from local.servers import LocalServer


def main() -> int:
    options = ServeOptions(**json.loads(sys.argv[1]))
    servers = [
        LocalServer(
            name=model.name,
            deployment=deployment(f"{model.name}-floor", pre_stop_s=1, args=("--of-a-newer-release=1",)),
            models=(model,),
            release="26.08",
        )
        for model in map(Path, sys.argv[2:])
    ]
    return serve_servers(servers, options)


if __name__ == "__main__":
    sys.exit(main())
