"""The documentation's page shows what the command really prints."""

from __future__ import annotations

import re
from pathlib import Path

from cli.report.text import document_text
from stacks.planned import planned
from stacks.stackfile import StackFile, read_stack_file
from tests.unit.report.reports import document_of

ROOT = Path(__file__).resolve().parents[3]


def test_what_the_page_shows_of_stack_prod_is_what_is_printed() -> None:
    page = (ROOT / "docs" / "plan.md").read_text(encoding="utf-8")
    file = read_stack_file(ROOT, "prod")
    assert isinstance(file, StackFile)
    document = document_of(planned(file.settings, ROOT))
    (shown,) = re.findall(r"^````text\n(.*?)^````$", page, re.MULTILINE | re.DOTALL)
    assert shown in document_text(document).plain
