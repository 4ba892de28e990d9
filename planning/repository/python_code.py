"""What a Python model's file says about itself, without being run or imported."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from planning.repository.python_completion import METHOD, Completion, read_completion

_CLASS = "TritonPythonModel"
_OTHER_NAMES = re.compile(r"^\s*from\s+\S+\s+import\s+\*", re.MULTILINE)

_WRONG_IN_EVERY_PYTHON = re.compile(
    r"was never closed|unterminated string literal|unmatched '|unindent does not match|unexpected indent"
    r"|expected an indented block|inconsistent use of tabs"
)
"""The server's Python may be newer than this one: only what no version has ever taken counts."""

_LITERALS = re.compile(
    r"""\#[^\n]*
      | (?P<prefix>\b[A-Za-z]{1,2})?
        (?: (?P<long>\"{3}|'{3}) (?P<lines>(?:\\.|(?!(?P=long)).)*) (?P=long)?
          | (?P<short>["'])      (?P<line>(?:\\.|(?!(?P=short))[^\\\n])*) (?P=short)? )""",
    re.DOTALL | re.VERBOSE,
)
"""Comments and strings as Python took them before 3.12: to the first quote of the kind that they begin with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonCode:
    """`mistake` says in which line it cannot be Python. `defines_model` and `executes` are whether the class that the
    backend looks for is there, and its only required method; `completes` is whether it may fill in the config, and
    `completion` what it says there, as far as that can be told."""

    mistake: str = ""
    defines_model: bool = True
    executes: bool = True
    completes: bool = True
    completion: Completion | None = None


def read_python(data: bytes) -> PythonCode:
    """What `data`, a `model.py`, defines. Where that cannot be told, everything counts as there."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return PythonCode()  # another encoding, declared or not
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        if not _WRONG_IN_EVERY_PYTHON.search(reason) or _quotes_within_quotes(text):
            return PythonCode()
        line = error.lineno if isinstance(error, SyntaxError) else None
        return PythonCode(mistake=f"line {line}: {reason}")
    completes = METHOD in text
    if _OTHER_NAMES.search(text):
        return PythonCode(completes=True)
    found = next((node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == _CLASS), None)
    if found is None:
        # It may be imported, assigned or made in a branch: all of that has to name it.
        return PythonCode(defines_model=_CLASS in text, completes=completes or _CLASS in text)
    inherits = bool(found.bases or found.decorator_list)
    executes = inherits or re.search(r"\bexecute\b", text) is not None
    completion = read_completion(tree, found)
    return PythonCode(executes=executes, completes=completes or inherits, completion=completion)


def _quotes_within_quotes(text: str) -> bool:
    """Whether an f-string of `text` goes on, in braces, where it ended before Python 3.12: at a quote of its own kind,
    or at the end of a line (PEP 701). An older Python than the server's takes what follows for something else."""
    return any(
        not {"f", "t"}.isdisjoint((found["prefix"] or "").lower()) and _open(found["lines"] or found["line"] or "")
        for found in _LITERALS.finditer(text)
    )


def _open(inside: str) -> bool:
    """Whether braces of an f-string are left open, with and without those that stand for themselves."""
    return all(part.count("{") != part.count("}") for part in (inside, re.sub(r"\{\{|\}\}", "", inside)))
