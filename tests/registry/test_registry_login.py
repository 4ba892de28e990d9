"""Logging in to a real registry over TLS, with a password and with a token service as nvcr.io has one."""

from __future__ import annotations

import base64
import json
import shutil
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from click.testing import Result
from loopback_registry import RunningRegistry, start_registry
from typer.testing import CliRunner

from cli.images import app
from planning.images import Confirmed, ImageLock, Published, Unconfirmed, load_image_lock, render_image_lock

pytestmark = [
    pytest.mark.registry,
    pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make a certificate with"),
]
USER, PASSWORD = "tester", "correct horse"
HTPASSWD = f"{USER}:$2b$05$HHkG8Wj60SXJGsHMjjuPb.ASbS1K8jqaD6vn42k6qmFObTM4rsqqC\n"
"""bcrypt of PASSWORD."""
ISSUER = "token-service-of-this-test"


@dataclass(frozen=True, kw_only=True)
class Tls:
    """A key and a self-signed certificate for 127.0.0.1."""

    key: Path
    certificate: Path

    def client(self, host: str, **options: object) -> httpx.Client:
        trust = ssl.create_default_context(cafile=str(self.certificate))
        return httpx.Client(base_url=f"https://{host}", verify=trust, trust_env=False, **options)  # type: ignore[arg-type]

    def registry_section(self) -> dict[str, object]:
        return {"tls": {"certificate": str(self.certificate), "key": str(self.key)}}


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    folder = tmp_path_factory.mktemp("tls")
    made = Tls(key=folder / "key.pem", certificate=folder / "certificate.pem")
    request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(
        [*request, *names, "-keyout", str(made.key), "-out", str(made.certificate)], check=True, capture_output=True
    )
    return made


@pytest.fixture
def trusted(tls: Tls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tls.certificate))


@pytest.fixture(scope="module")
def password_registry(program: str, tls: Tls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRegistry]:
    folder = tmp_path_factory.mktemp("password-registry")
    (folder / "htpasswd").write_text(HTPASSWD)
    running = start_registry(
        program,
        folder,
        http=tls.registry_section(),
        auth={"htpasswd": {"realm": "this test", "path": str(folder / "htpasswd")}},
        connect=partial(tls.client, auth=(USER, PASSWORD)),
    )
    yield running
    running.stop()


@dataclass
class TokenService:
    """Issues what the registry accepts: the protocol of `distribution`'s token authentication.

    `asked` are the scopes and the basic credentials, if any, of every request.
    """

    tls: Tls
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    def token(self, repository: str, actions: list[str]) -> str:
        der = ssl.PEM_cert_to_DER_cert(self.tls.certificate.read_text())
        header = {"typ": "JWT", "alg": "RS256", "x5c": [base64.b64encode(der).decode()]}
        now = int(time.time())
        access = [{"type": "repository", "name": repository, "actions": actions}]
        claims = {"iss": ISSUER, "aud": "loopback", "nbf": now - 60, "exp": now + 600, "access": access}
        signed = ".".join(_base64url(json.dumps(part).encode()) for part in (header, claims))
        signature = subprocess.run(
            ["openssl", "dgst", "-sha256", "-sign", str(self.tls.key)],
            input=signed.encode(),
            capture_output=True,
            check=True,
        ).stdout
        return f"{signed}.{_base64url(signature)}"


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


@pytest.fixture(scope="module")
def token_service(tls: Tls) -> Iterator[tuple[TokenService, str]]:
    """A token service and its URL."""
    service = TokenService(tls)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            [scope] = parse_qs(urlsplit(self.path).query)["scope"]
            service.asked.append((scope, self.headers.get("Authorization")))
            _kind, repository, actions = scope.split(":")
            body = json.dumps({"token": service.token(repository, actions.split(","))}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls.certificate, tls.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield service, f"https://127.0.0.1:{server.server_address[1]}/token"
        server.shutdown()


@pytest.fixture
def token_registry(
    program: str, tls: Tls, token_service: tuple[TokenService, str], tmp_path: Path
) -> Iterator[tuple[RunningRegistry, str]]:
    """A registry that trusts the token service, with one image in it; and that image's digest."""
    service, realm = token_service
    push = {"Authorization": f"Bearer {service.token('nvidia/x', ['pull', 'push'])}"}
    settings = {"realm": realm, "service": "loopback", "issuer": ISSUER, "rootcertbundle": str(tls.certificate)}
    running = start_registry(
        program,
        tmp_path / "token-registry",
        http=tls.registry_section(),
        auth={"token": settings},
        connect=partial(tls.client, headers=push),
    )
    digest = running.push_image("nvidia/x", "1.0", "linux/amd64", note="one")
    service.asked.clear()
    yield running, digest
    running.stop()


def log_in(folder: Path, host: str, password: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `docker login` leaves behind."""
    auth = base64.b64encode(f"{USER}:{password}".encode()).decode()
    (folder / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))


def update(folder: Path, repository: str, *arguments: str) -> tuple[Result, str | None]:
    """Run `images update` on a lock with one image; its result, and the digest that the lock has then."""
    image = Published(name="triton", repository=repository, tag="1.0", evidence=Unconfirmed(why="Nobody looked."))
    lock = folder / "lock.json"
    lock.write_text(render_image_lock(ImageLock(images=(image,))))
    result = CliRunner().invoke(app, ["update", "--lock", str(lock), *arguments])
    [after] = load_image_lock(lock.read_text()).images
    return result, after.evidence.digest if isinstance(after.evidence, Confirmed) else None


@pytest.mark.usefixtures("trusted")
def test_the_password_of_docker_login_is_used_and_never_shown(
    password_registry: RunningRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pushed = password_registry.push_image("private/x", "1.0", "linux/amd64", note="one")
    log_in(tmp_path, password_registry.host, PASSWORD, monkeypatch)
    result, digest = update(tmp_path, f"{password_registry.host}/private/x")
    assert (result.exit_code, digest) == (0, pushed), result.output
    assert PASSWORD not in result.output
    assert PASSWORD not in (tmp_path / "lock.json").read_text()


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("password", [None, "wrong horse"])
def test_a_registry_that_lets_nobody_in_says_how_to_log_in(
    password_registry: RunningRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, password: str | None
) -> None:
    if password:
        log_in(tmp_path, password_registry.host, password, monkeypatch)
    result, digest = update(tmp_path, f"{password_registry.host}/private/x")
    assert (result.exit_code, digest) == (2, None)
    assert f"docker login {password_registry.host}" in result.stderr
    assert "wrong horse" not in result.output


def test_a_certificate_that_nobody_trusts_is_refused(password_registry: RunningRegistry, tmp_path: Path) -> None:
    result, digest = update(tmp_path, f"{password_registry.host}/private/x")
    assert (result.exit_code, digest) == (2, None)
    assert f"{password_registry.host} cannot be reached: TLS with it failed" in result.stderr


def test_no_password_is_sent_over_plain_http(program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "plain-registry"
    folder.mkdir()
    (folder / "htpasswd").write_text(HTPASSWD)
    auth = {"htpasswd": {"realm": "this test", "path": str(folder / "htpasswd")}}
    running = start_registry(program, folder, auth=auth)
    try:
        log_in(tmp_path, running.host, PASSWORD, monkeypatch)
        result, digest = update(tmp_path, f"{running.host}/private/x", "--plain-http")
    finally:
        running.stop()
    assert (result.exit_code, digest) == (2, None)
    assert "none is sent over plain HTTP" in result.stderr


@pytest.mark.usefixtures("trusted")
def test_a_public_image_behind_a_token_service_needs_no_login(
    token_registry: tuple[RunningRegistry, str], token_service: tuple[TokenService, str], tmp_path: Path
) -> None:
    registry, pushed = token_registry
    result, digest = update(tmp_path, f"{registry.host}/nvidia/x")
    assert (result.exit_code, digest) == (0, pushed), result.output
    assert token_service[0].asked == [("repository:nvidia/x:pull", None)]


@pytest.mark.usefixtures("trusted")
def test_a_login_is_what_the_token_service_is_given(
    token_registry: tuple[RunningRegistry, str],
    token_service: tuple[TokenService, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    registry, pushed = token_registry
    log_in(tmp_path, registry.host, PASSWORD, monkeypatch)
    result, digest = update(tmp_path, f"{registry.host}/nvidia/x")
    assert (result.exit_code, digest) == (0, pushed), result.output
    basic = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    assert token_service[0].asked == [("repository:nvidia/x:pull", basic)]
