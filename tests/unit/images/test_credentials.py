from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from cli.credentials import Credentials, CredentialsError, find_credentials

HOST = "nvcr.io"


def encoded(username: str, password: str) -> str:
    return base64.b64encode(f"{username}:{password}".encode()).decode()


def configured(folder: Path, **parts: object) -> dict[str, str]:
    (folder / "config.json").write_text(json.dumps(parts))
    return {"DOCKER_CONFIG": str(folder)}


def helper(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A `docker-credential-test` on the PATH; it gets the registry on its standard input."""
    program = folder / "docker-credential-test"
    program.write_text(f"#!/bin/sh\nread registry\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


def test_nobody_logged_in_is_no_error(tmp_path: Path) -> None:
    assert find_credentials(HOST, {}, tmp_path) is None
    assert (
        find_credentials(HOST, configured(tmp_path, auths={"ghcr.io": {"auth": encoded("a", "b")}}), tmp_path) is None
    )


def test_the_home_directory_is_read_without_docker_config(tmp_path: Path) -> None:
    (tmp_path / ".docker").mkdir()
    configured(tmp_path / ".docker", auths={HOST: {"auth": encoded("$oauthtoken", "key:with:colons")}})
    assert find_credentials(HOST, {}, tmp_path) == Credentials(username="$oauthtoken", password="key:with:colons")


def test_docker_hub_is_found_under_the_name_that_docker_gives_it(tmp_path: Path) -> None:
    environ = configured(tmp_path, auths={"https://index.docker.io/v1/": {"auth": encoded("a", "b")}})
    assert find_credentials("docker.io", environ, tmp_path) == Credentials(username="a", password="b")


def test_a_registrys_own_helper_comes_before_what_the_file_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    helper(tmp_path, monkeypatch, 'printf \'{"Username":"h","Secret":"of %s"}\' "$registry"')
    environ = configured(tmp_path, credHelpers={HOST: "test"}, auths={HOST: {"auth": encoded("file", "file")}})
    assert find_credentials(HOST, environ, tmp_path) == Credentials(username="h", password=f"of {HOST}")


def test_a_store_that_knows_nothing_leaves_it_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helper(tmp_path, monkeypatch, "echo credentials not found in native keychain; exit 1")
    environ = configured(tmp_path, credsStore="test", auths={HOST: {"auth": encoded("file", "pw")}})
    assert find_credentials(HOST, environ, tmp_path) == Credentials(username="file", password="pw")


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("echo secret-of-the-helper >&2; exit 3", "exit status 3"),
        ("echo secret-of-the-helper", "something else than JSON"),
        ('echo \'{"Username":"<token>","Secret":"secret-of-the-helper"}\'', "identity token"),
        ('echo \'{"Secret":"secret-of-the-helper"}\'', "without a user name"),
    ],
)
def test_a_helper_that_fails_is_named_and_its_output_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, expected: str
) -> None:
    helper(tmp_path, monkeypatch, script)
    with pytest.raises(CredentialsError, match=expected) as refused:
        find_credentials(HOST, configured(tmp_path, credsStore="test"), tmp_path)
    assert "docker-credential-test" in str(refused.value)
    assert "secret-of-the-helper" not in str(refused.value)


def test_a_helper_that_is_not_installed_is_named(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match=r"docker-credential-nowhere, .*, is not installed"):
        find_credentials(HOST, configured(tmp_path, credsStore="nowhere"), tmp_path)


@pytest.mark.parametrize("auth", ["&&&", base64.b64encode(b"\xff\xfe").decode(), base64.b64encode(b"nocolon").decode()])
def test_an_unreadable_login_is_told_without_its_content(tmp_path: Path, auth: str) -> None:
    with pytest.raises(CredentialsError, match=r"config\.json has an unreadable `auth` for nvcr\.io") as refused:
        find_credentials(HOST, configured(tmp_path, auths={HOST: {"auth": auth}}), tmp_path)
    assert auth not in str(refused.value)


def test_a_broken_configuration_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(CredentialsError, match=r"config\.json cannot be read"):
        find_credentials(HOST, {"DOCKER_CONFIG": str(tmp_path)}, tmp_path)


def test_a_secret_is_not_in_what_credentials_print_as() -> None:
    assert "hunter2" not in repr(Credentials(username="a", password="hunter2"))
