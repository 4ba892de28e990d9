"""What the how-tos tell users to write and to run works as it stands there."""

from __future__ import annotations

import hashlib
import re
import shutil
import textwrap
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from doc_pages import ROOT, fences
from typer.testing import CliRunner

from cli.main import app
from planning.plan import Plan
from stacks.planned import planned
from stacks.stackfile import StackFile, read_stack_file

PAGE = ROOT / "docs" / "how-to" / "existing-cluster.md"
PUBLISH = ROOT / "docs" / "how-to" / "publish-models.md"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project that holds the page's stack file and the models that it serves."""
    (stack_file,) = fences(PAGE.read_text(encoding="utf-8"), "yaml")
    (tmp_path / "Pulumi.staging.yaml").write_text(stack_file, encoding="utf-8")
    shutil.copytree(ROOT / "model_repository" / "digits", tmp_path / "model_repository" / "digits")
    return tmp_path


def plan_of(project: Path) -> Plan:
    file = read_stack_file(project, "staging")
    assert isinstance(file, StackFile), file
    return planned(file.settings, project)


def test_the_stack_file_for_an_existing_cluster_has_no_finding(project: Path) -> None:
    plan = plan_of(project)
    assert plan.findings == ()
    assert [server.name for server in plan.servers] == ["vision"]


def test_a_push_of_that_stack_writes_the_very_bytes_of_the_digest(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack_file = project / "Pulumi.staging.yaml"
    (signing,) = [block for block in fences(PUBLISH.read_text(encoding="utf-8"), "yaml") if "trusted:" in block]
    key, public = _made_key(project)
    signing = re.sub(
        r" *-----BEGIN.*?-----END PUBLIC KEY-----", textwrap.indent(public.strip(), " " * 8), signing, flags=re.S
    )
    text = stack_file.read_text(encoding="utf-8")
    at = re.search(r"^( *)model_repository:\n", text, re.MULTILINE)
    assert at is not None
    block = textwrap.indent(signing.partition("model_repository:\n")[2], at[1])
    stack_file.write_text(text[: at.end()] + block + text[at.end() :], encoding="utf-8")
    (project / "Pulumi.yaml").touch()
    monkeypatch.chdir(project)
    store = f"file://{project}/bucket"
    args = ["models", "push", "-s", "staging", "--key", str(key), "--store", store]
    pushed = CliRunner().invoke(app, args)
    assert pushed.exit_code == 0, pushed.output
    verified = CliRunner().invoke(app, ["models", "verify", "-s", "staging", "--store", store])
    assert verified.exit_code == 0, verified.output
    served = plan_of(project).servers[0].served
    place = project / "bucket" / "vision" / served.digest
    written = {
        path.relative_to(place).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in place.rglob("*")
        if path.is_file()
    }
    assert written == {file.path.as_posix(): file.sha256 for file in served.files}


def _made_key(folder: Path) -> tuple[Path, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    path = folder / "models.pem"
    encoding = serialization.Encoding.PEM
    path.write_bytes(key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return path, key.public_key().public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
