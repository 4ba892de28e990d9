"""Bad stack files: each is refused by the real command, with the exact findings that `cases.yaml` shows."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result
from workplace import ROOT, Edit, project

from cli.main import app

CASES = Path(__file__).with_name("cases.yaml")
RULE = re.compile(r"TU[0-9]{3}")
WHERE = re.compile(r"(error|warning) (TU[0-9]{3}) (.+)")


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    stack: str
    edits: tuple[Edit, ...]
    says: str
    hides: tuple[str, ...]

    def __str__(self) -> str:
        return self.name


def _cases() -> list[Case]:
    return [
        Case(
            name=raw["name"],
            stack=raw["stack"],
            edits=tuple(Edit(**edit) for edit in raw["edits"]),
            says=raw["says"],
            hides=tuple(raw.get("hides", ())),
        )
        for raw in yaml.safe_load(CASES.read_text(encoding="utf-8"))
    ]


def _named(name: str) -> Case:
    (found,) = [case for case in _cases() if case.name == name]
    return found


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, assembled_models: None) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _run(*args: str) -> Result:
    result = CliRunner().invoke(app, list(args))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert "\x1b" not in result.output  # colour is for terminals
    return result


@pytest.mark.parametrize("case", _cases(), ids=str)
def test_a_bad_stack_file_is_refused_with_exactly_these_findings(case: Case, place: Path) -> None:
    project(place, case.edits)
    result = _run("check", "-s", case.stack)
    assert result.exit_code == 1
    lines = [
        line
        for line in result.stdout.replace(f"{place}/", "").splitlines()
        if not line.startswith(("accepted ", "`tritonup explain"))
    ]
    *shown, verdict = lines
    assert "\n".join([*shown, ""]) == case.says
    errors, warnings = (sum(line.startswith(f"{severity} TU") for line in shown) for severity in ("error", "warning"))
    assert verdict.startswith(f"{case.stack}: {errors} error(s), {warnings} warning(s), ")
    assert result.stderr == ""
    assert not any(hidden in result.output for hidden in case.hides)


@pytest.mark.parametrize("case", _cases(), ids=str)
def test_the_table_names_the_place_what_is_wrong_and_the_fix_of_every_finding(case: Case) -> None:
    findings = case.says.splitlines()
    assert len(findings) % 3 == 0
    for where, what, fix in zip(findings[0::3], findings[1::3], findings[2::3], strict=True):
        assert (found := WHERE.fullmatch(where))
        assert found[3].startswith((f"Pulumi.{case.stack}.yaml", "model_repository/"))
        assert re.fullmatch(r"  \S.*\.", what)
        assert re.fullmatch(r"  [A-Z].*[.)`]", fix)
        assert (ROOT / f"docs/rules/{found[2]}.md").is_file()


@pytest.mark.parametrize("stack", ["local", "dev", "prod"])
def test_the_committed_stacks_are_clean(stack: str, place: Path) -> None:
    project(place, ())
    result = _run("check", "-s", stack)
    assert result.exit_code == 0, result.output
    assert f"{stack}: 0 error(s), 0 warning(s)" in result.stdout


MANY = "two errors at once in the plan"
HIDING = [case for case in _cases() if case.hides]


def test_json_holds_the_same_findings(place: Path) -> None:
    case = _named(MANY)
    project(place, case.edits)
    result = _run("check", "-s", case.stack, "--format", "json")
    assert result.exit_code == 1
    assert json.loads(_run("check", "-s", case.stack, "--json").stdout) == json.loads(result.stdout)
    told: list[str] = []
    for finding in json.loads(result.stdout)[case.stack]:
        assert set(finding) == {"rule", "severity", "title", "file", "line", "field", "what", "fix"}
        line = f":{finding['line']}" if finding["line"] else ""
        told.append(f"{finding['severity']} {finding['rule']} {finding['file']}{line}: {finding['field']}")
        told += [f"  {finding['what']}", f"  {finding['fix']}"]
    assert told == case.says.splitlines()


def test_sarif_is_such_that_a_code_host_shows_each_finding_beside_its_line(place: Path) -> None:
    """The properties that SARIF 2.1.0 requires, and those that code hosts ask for beyond it."""
    case = _named("an input tensor that is renamed")
    project(place, case.edits)
    result = _run("check", "-s", case.stack, "--format", "sarif")
    assert result.exit_code == 1
    log = json.loads(result.stdout)
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-2.1.0.json")
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] == "tritonup"
    rules = [rule["id"] for rule in driver["rules"]]
    assert len(set(rules)) == len(rules)
    assert all(RULE.fullmatch(rule["id"]) and rule["shortDescription"]["text"] for rule in driver["rules"])
    as_json = json.loads(_run("check", "-s", case.stack, "--json").stdout)[case.stack]
    assert len(run["results"]) == len(as_json) > 0
    for shown, finding in zip(run["results"], as_json, strict=True):
        assert shown["ruleId"] == finding["rule"]
        assert shown["ruleId"] in rules
        assert shown["level"] == finding["severity"]
        assert all(text in shown["message"]["text"] for text in (finding["field"], finding["what"], finding["fix"]))
        (location,) = shown["locations"]
        physical = location["physicalLocation"]
        # From the project's folder, and there: an absolute path of one machine means nothing to a code host.
        assert not Path(physical["artifactLocation"]["uri"]).is_absolute()
        assert (place / physical["artifactLocation"]["uri"]).is_file()
        assert physical["region"]["startLine"] == (finding["line"] or 1)


@pytest.mark.parametrize("case", HIDING, ids=str)
@pytest.mark.parametrize(
    "command", [["check", "--json"], ["check", "--format", "sarif"], ["plan"], ["plan", "--json"], ["render"]], ids=str
)
def test_no_command_prints_a_secret_of_a_stack_file(case: Case, command: list[str], place: Path) -> None:
    project(place, case.edits)
    result = _run(*command, "-s", case.stack)
    assert result.exit_code == 1
    assert result.output
    assert not any(hidden in result.output for hidden in case.hides)


def test_every_stack_is_checked_where_none_is_named(place: Path) -> None:
    project(place, _named(MANY).edits)
    result = _run("check", "--json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert sorted(found) == ["dev", "local", "prod"]
    assert {stack: bool(findings) for stack, findings in found.items()} == {"dev": True, "local": False, "prod": False}


@pytest.mark.parametrize("name", ["a GPU that is too small", "a misspelt field"])
def test_nothing_is_rendered_from_a_stack_with_errors(name: str, place: Path) -> None:
    case = _named(name)
    project(place, case.edits)
    result = _run("render", "-s", case.stack, "--out", "out")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert RULE.search(result.stderr)
    assert not (place / "out").exists()


def test_rendering_writes_a_file_for_each_object_in_apply_order_twice_the_same(place: Path) -> None:
    project(place, ())
    (place / "out").mkdir()
    (place / "out" / "099-service-of-yesterday.yaml").write_text("kind: Service\n", encoding="utf-8")
    (place / "out" / ".rendered").write_text("099-service-of-yesterday.yaml\n", encoding="utf-8")
    (place / "out" / "kustomization.yaml").write_text("resources: []\n", encoding="utf-8")
    written: list[dict[str, bytes]] = []
    for _ in range(2):
        assert _run("render", "-s", "dev", "--out", "out").exit_code == 0
        written.append({path.name: path.read_bytes() for path in sorted((place / "out").iterdir())})
    assert written[0] == written[1]
    # What an earlier rendering left goes, and what is not ours stays.
    assert written[0].pop("kustomization.yaml") == b"resources: []\n"
    assert written[0].pop(".rendered").decode().split() == sorted(written[0])
    bodies: list[dict[str, Any]] = [yaml.safe_load(text) for text in written[0].values()]
    printed = list(yaml.safe_load_all(_run("render", "-s", "dev").stdout))
    assert bodies == printed == json.loads(_run("render", "-s", "dev", "--json").stdout)
    assert bodies[0]["kind"] == "Namespace"
    assert "of-yesterday" not in "".join(written[0])


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["check", "--format", "yaml"], "yaml"),
        (["check", "--stacks", "dev"], "--stacks"),
        (["render"], "--stack"),
        (["chek"], "chek"),
        (["render", "-s", "dev", "--outputs", "missing.json"], "missing.json"),
    ],
    ids=str,
)
def test_a_command_that_is_not_understood_exits_2_and_names_it(args: list[str], says: str, place: Path) -> None:
    project(place, ())
    result = _run(*args)
    assert result.exit_code == 2
    assert says in result.stderr
    assert result.stdout == ""


def test_outside_a_project_the_command_exits_2_and_says_where_it_looked(place: Path) -> None:
    result = _run("check")
    assert result.exit_code == 2
    assert f"No Pulumi.yaml in {place}" in result.stderr


def test_a_project_without_stacks_exits_2(place: Path) -> None:
    shutil.copy(ROOT / "Pulumi.yaml", place)
    result = _run("check")
    assert result.exit_code == 2
    assert "there is nothing to check" in result.stderr


def test_a_stack_that_there_is_not_is_answered_with_those_that_there_are(place: Path) -> None:
    project(place, ())
    result = _run("check", "-s", "staging")
    assert result.exit_code == 1
    assert "there is no stack 'staging'" in result.stdout
    assert "dev, local, prod" in result.stdout


def test_the_installed_command_ends_with_that_exit_code_and_no_traceback(place: Path) -> None:
    """From a folder below the project, as people run it."""
    case = _named("a misspelt field")
    project(place, case.edits)
    command = Path(sys.executable).with_name("tritonup")
    assert command.is_file(), f"{command} is not there: run `make install`"
    ran = subprocess.run(
        [command, "check", "-s", case.stack],
        cwd=place / "model_repository",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == 1
    assert case.says.splitlines()[0] in ran.stdout
    assert ran.stderr == ""
