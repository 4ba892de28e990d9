"""`tritonup explain`: the page of a rule."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markdown import Markdown

from cli.console import Exit, err, out
from cli.project import project_root


def explain(
    rule: Annotated[str | None, typer.Argument(help="A rule's id, such as TU203; left out, all are listed.")] = None,
) -> None:
    """Explain a rule: what it means, why it matters, how to mend it."""
    pages = {path.stem: path for path in sorted((project_root() / "docs" / "rules").glob("TU*.md"))}
    if rule is None:
        for page in pages.values():
            out.print(page.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# "), markup=False)
        return
    page = pages.get(rule.upper())
    if page is None:
        err.print(f"There is no rule {rule!r}; `tritonup explain` lists them.", markup=False)
        raise typer.Exit(Exit.USAGE)
    text = page.read_text(encoding="utf-8")
    if out.is_terminal:
        out.print(Markdown(text))
    else:
        typer.echo(text, nl=False)
