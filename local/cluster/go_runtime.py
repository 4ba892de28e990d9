"""What programs in Go are told where many of them share a machine (package runtime, "Environment Variables")."""

from __future__ import annotations

import os

GO_RUNTIME = {
    # Less collecting of garbage for more memory: starting a stack took 10.9 s of CPU time, not 15.6 (one pair).
    "GOGC": "400",
    # Of two CPUs one for each program, so that its threads do not wake each other for every message: `make up` took
    # 25.7 s of CPU time, not 28.9 (means of five pairs).
    "GOMAXPROCS": str(max(1, (os.cpu_count() or 1) // 2)),
}
