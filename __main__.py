"""`pulumi up` begins here."""

from pathlib import Path

from stacks.program import build

build(Path(__file__).parent)
