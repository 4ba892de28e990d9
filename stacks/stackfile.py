"""Reading `Pulumi.<stack>.yaml` without the Pulumi engine, for the command line, with the line of every field.

Inside the engine the same settings come from `pulumi.Config`; see `stacks.settings`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from yaml.constructor import ConstructorError
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from planning.findings import Finding, Place, Rule, Severity
from planning.settings.reading import Plain, read_repository_block, read_settings
from planning.settings.repository import ModelRepository

if TYPE_CHECKING:
    from planning.settings.root import Settings

NO_STACK_FILE = Rule("TU106", Severity.ERROR, "The stack has a stack file")
NOT_YAML = Rule("TU107", Severity.ERROR, "A stack file is YAML")
WRITTEN_TWICE = Rule("TU108", Severity.ERROR, "Every field is written once")
NO_SETTINGS = Rule("TU109", Severity.ERROR, "A stack file holds tritonup:settings")

SETTINGS_KEY = "tritonup:settings"

_QUOTED = re.compile(r"'.*'|\".*\"")
_INNERMOST = re.compile(r"(^|\.)[^.\[]*$|\[[0-9]+\]$")


@dataclass(frozen=True, slots=True, kw_only=True)
class StackFile:
    """`lines` gives the line of a dotted path below `tritonup:settings`; 1 is the first."""

    stack: str
    path: Path
    settings: Settings
    lines: Mapping[str, int]

    def locate(self, finding: Finding) -> Finding:
        """`finding` with this file and the line of its field, where it is about the settings; another file is
        named from the project's folder, as code hosts and editors want it."""
        file, project = Path(finding.at.file), self.path.parent
        if finding.at.file and file.is_relative_to(project):
            return replace(finding, at=replace(finding.at, file=file.relative_to(project).as_posix()))
        return _locate(finding, self.path.name, self.lines)


def read_stack_file(root: Path, stack: str) -> StackFile | tuple[Finding, ...]:
    """The settings of `stack` in the project at `root`, or everything that is wrong with its file."""
    written = _written(root, stack)
    if not isinstance(written, _Written):
        return written
    settings = read_settings(written.plain)
    if isinstance(settings, tuple):
        return written.located(settings)
    return StackFile(stack=stack, path=written.path, settings=settings, lines=written.lines)


def read_model_repository(root: Path, stack: str) -> ModelRepository | tuple[Finding, ...]:
    """The stack file's `model_repository` alone: what else is wrong with the settings does not matter to who asks."""
    written = _written(root, stack)
    if not isinstance(written, _Written):
        return written
    block = read_repository_block(written.plain)
    return written.located(block) if isinstance(block, tuple) else block


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    """What a stack file holds as settings, right or wrong."""

    path: Path
    plain: Plain
    lines: Mapping[str, int]

    def located(self, findings: Sequence[Finding]) -> tuple[Finding, ...]:
        return tuple(_locate(finding, self.path.name, self.lines) for finding in findings)


def _written(root: Path, stack: str) -> _Written | tuple[Finding, ...]:
    path = root / f"Pulumi.{stack}.yaml"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return (_no_such(root, stack, path),)
    except (OSError, UnicodeDecodeError) as refused:
        return (_finding(NOT_YAML, path, f"cannot be read: {refused}.", "Make it a readable UTF-8 text file."),)
    try:
        document = yaml.compose(text, Loader=yaml.SafeLoader)
        if twice := tuple(_twice(document, path, "")):
            return twice
        node = _child(_child(document, "config"), SETTINGS_KEY)
        if node is None:
            what = f"holds no `config: {SETTINGS_KEY}`."
            return (_finding(NO_SETTINGS, path, what, "Copy a stack file that has it, and change it."),)
        return _Written(path=path, plain=_plain(node), lines=dict(_lines(node, "")))
    except yaml.YAMLError as refused:
        return (_not_yaml(path, refused),)
    except RecursionError:
        what = "holds a value that contains itself, or lists in lists without end."
        return (_finding(NOT_YAML, path, what, "Write it without aliases, and as flat as the settings are."),)


def _locate(finding: Finding, file: str, lines: Mapping[str, int]) -> Finding:
    if finding.at.file:
        return finding
    field = finding.at.field
    while field and field not in lines:
        field = _INNERMOST.sub("", field)
    return replace(finding, at=Place(file=file, field=finding.at.field, line=lines.get(field)))


def _not_yaml(path: Path, refused: yaml.YAMLError) -> Finding:
    """What PyYAML quotes is left out: a password that begins with an asterisk is an alias to it."""
    where = getattr(refused, "problem_mark", None)
    problem = _QUOTED.sub("(not shown)", getattr(refused, "problem", None) or "it cannot be parsed")
    line = where.line + 1 if where is not None else None
    return _finding(NOT_YAML, path, f"is not YAML: {problem}.", "Mend the syntax at that line.", line)


def _no_such(root: Path, stack: str, path: Path) -> Finding:
    there = sorted(found.name.split(".")[1] for found in root.glob("Pulumi.*.yaml"))
    fix = f"Choose one of the stacks {', '.join(there)}, or write that file." if there else "Write that file."
    return _finding(NO_STACK_FILE, path, f"is not there, so there is no stack {stack!r}.", fix)


def _finding(rule: Rule, path: Path, what: str, fix: str, line: int | None = None) -> Finding:
    return Finding(rule=rule, at=Place(file=path.name, field="", line=line), what=what, fix=fix)


def _pairs(node: MappingNode) -> Sequence[tuple[Node, Node]]:
    return node.value


def _items(node: SequenceNode) -> Sequence[Node]:
    return node.value


def _child(node: Node | None, key: str) -> Node | None:
    if not isinstance(node, MappingNode):
        return None
    return next((value for name, value in _pairs(node) if name.value == key), None)


def _twice(node: Node | None, path: Path, prefix: str) -> Sequence[Finding]:
    found: list[Finding] = []
    if isinstance(node, MappingNode):
        seen: set[str] = set()
        for name, value in _pairs(node):
            field = f"{prefix}.{name.value}" if prefix else str(name.value)
            if str(name.value) in seen:
                at = Place(file=path.name, field=field, line=name.start_mark.line + 1)
                what = "is written twice, and only the last one would count."
                found.append(Finding(rule=WRITTEN_TWICE, at=at, what=what, fix="Take one of them out."))
            seen.add(str(name.value))
            found += _twice(value, path, field)
    elif isinstance(node, SequenceNode):
        for index, value in enumerate(_items(node)):
            found += _twice(value, path, f"{prefix}[{index}]")
    return found


def _lines(node: Node, prefix: str) -> Sequence[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    if isinstance(node, MappingNode):
        for name, value in _pairs(node):
            field = f"{prefix}.{name.value}" if prefix else str(name.value)
            found += [(field, name.start_mark.line + 1), *_lines(value, field)]
    elif isinstance(node, SequenceNode):
        for index, value in enumerate(_items(node)):
            field = f"{prefix}[{index}]"
            found += [(field, value.start_mark.line + 1), *_lines(value, field)]
    return found


def _plain(node: Node) -> Plain:
    """The node's data. Keys are text, as JSON has them and as Pulumi hands them on."""
    match node:
        case MappingNode():
            return {str(name.value): _plain(value) for name, value in _pairs(node)}
        case SequenceNode():
            return [_plain(value) for value in _items(node)]
        case ScalarNode():
            return _scalar(node)
        case _:
            return None


def _scalar(node: ScalarNode) -> Plain:
    try:
        value: object = yaml.SafeLoader("").construct_object(node)  # pyright: ignore[reportUnknownMemberType] - no stub
    except ValueError as refused:
        raise ConstructorError(None, None, "it is no such number or date", node.start_mark) from refused
    # A date or a binary of YAML is text to the settings, as it is in JSON.
    return value if isinstance(value, bool | int | float | str) or value is None else str(node.value)
