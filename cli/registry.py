"""Asking a container registry what a tag names, and bringing an image there, by the OCI distribution API 1.1.

The protocol is python-dxf's: it finds out how a registry wants to be logged in to (token or basic), takes
both OCI's and Docker's media types, and sends no credentials over plain HTTP. What is trusted is decided
here: a manifest counts only if its own bytes have the digest that the registry gives them, for clients
"SHOULD NOT depend on" the header `Docker-Content-Digest` alone (the specification's part "Legacy Docker
support HTTP headers").
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

from pydantic import BaseModel, Field, ValidationError

from cli.credentials import Credentials, CredentialsError
from local.cluster.image_archive import OciLayout

if TYPE_CHECKING:
    # Imported where a registry is asked: the other commands need not wait the 0.2 s that this takes.
    import requests
    from dxf import DXF, DXFBase

ANSWER_SECONDS = 10.0
"""How long a registry may take to accept a connection, and then between two pieces of its answer."""

_API_HOSTS = {"docker.io": "registry-1.docker.io"}
"""Registries whose API is on another host than their images' names say."""


class RegistryError(Exception):
    """A registry gave no answer that can be used. The message names the registry and says what to do."""


class UnreachableError(RegistryError):
    """Nothing answered at `host`."""

    def __init__(self, host: str, why: str) -> None:
        self.host = host
        super().__init__(f"{host} cannot be reached: {why}.")


class DeniedError(RegistryError):
    """The registry does not let these credentials, or nobody in particular, read the repository."""


class NotThereError(RegistryError):
    """The registry knows no such tag or digest in the repository, or no such repository."""


class TamperedError(RegistryError):
    """The answer's bytes do not have the digest that they were asked for or sent with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """What a tag names: `digest` of its `kind`, each platform's manifest, and the `url` that was asked."""

    url: str
    digest: str
    kind: Literal["index", "manifest"]
    platforms: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Registries:
    """How to talk to registries: `plain_http` instead of HTTPS, and whose credentials for which host."""

    credentials: Callable[[str], Credentials | None]
    plain_http: bool = False
    answer_seconds: float = ANSWER_SECONDS

    def resolve(self, repository: str, tag: str) -> Resolved:
        """What `repository:tag` names now. RegistryError where that cannot be told for certain."""
        host, _, path = repository.partition("/")
        # Not the URL that answered: a redirect may have put a token into it, and this one goes into a file.
        url = f"{'http' if self.plain_http else 'https'}://{host}/v2/{path}/manifests/{tag}"
        with self._repository(repository) as (dxf, place):
            _text, response = dxf.get_manifest_and_response(tag)
            digest = _checked(response.content, response.headers.get("Docker-Content-Digest"), place, tag)
            content = _parse(response.content, place, tag)
            if content.config is not None:
                platform = _config_platform(dxf, content.config.digest, place)
                return Resolved(url=url, digest=digest, kind="manifest", platforms={platform: digest})
            return Resolved(url=url, digest=digest, kind="index", platforms=_platforms(content))

    def serves(self, repository: str, digest: str) -> bool:
        """Whether the manifest `digest` can still be pulled from `repository`."""
        try:
            with self._repository(repository) as (dxf, _place):
                dxf.head_manifest_and_response(digest)
        except NotThereError:
            return False
        return True

    def push(self, repository: str, tag: str, image: OciLayout) -> None:
        """Bring `image` there and let `tag` name it. What the registry has already is not sent; the manifest comes
        last, so that a push that was ended has changed no tag."""
        with self._repository(repository) as (dxf, _place):
            for blob in image.blobs:
                # Not unless it is there: dxf's own check reads the file before it asks.
                if not self._holds(dxf, blob.digest):
                    dxf.push_blob(filename=str(blob.path), check_exists=False)
            dxf.set_manifest(tag, image.manifest.decode())

    def _holds(self, dxf: DXF, digest: str) -> bool:
        import requests

        try:
            dxf.blob_size(digest)
        except requests.HTTPError as refused:
            if refused.response is not None and refused.response.status_code == 404:
                return False
            raise
        return True

    @contextmanager
    def _repository(self, repository: str) -> Generator[tuple[DXF, str]]:
        """A client for one repository, whose every failure comes out as a RegistryError."""
        import requests
        from dxf import DXF
        from dxf.exceptions import DXFError

        host, _, path = repository.partition("/")

        def log_in(dxf: DXFBase, response: requests.Response) -> None:
            found = self.credentials(host)
            dxf.authenticate(
                username=found.username if found else None,
                password=found.password if found else None,
                response=response,
            )

        dxf = DXF(
            _API_HOSTS.get(host, host),
            path,
            auth=log_in,
            insecure=self.plain_http,
            timeout=self.answer_seconds,
        )
        try:
            with dxf:
                yield dxf, repository
        except RegistryError:
            raise
        except CredentialsError as refused:
            raise DeniedError(f"{host} wants a login. {refused}") from None
        except (requests.RequestException, DXFError, KeyError, ValueError) as failed:
            raise _explain(failed, host, repository, self.answer_seconds) from None


class _Platform(BaseModel):
    os: str = "unknown"
    architecture: str = "unknown"
    variant: str | None = None

    def __str__(self) -> str:
        # containerd's normal form: every 64-bit ARM is v8.
        variant = None if (self.architecture, self.variant) == ("arm64", "v8") else self.variant
        return "/".join(part for part in (self.os, self.architecture, variant) if part)


class _Descriptor(BaseModel):
    digest: str = Field(pattern=r"^sha256:[0-9a-f]{64}$")
    platform: _Platform | None = None


class _Content(BaseModel):
    """An index (it has `manifests`) or a manifest (it has `config`), OCI's or Docker's."""

    manifests: list[_Descriptor] | None = None
    config: _Descriptor | None = None


def _checked(body: bytes, claimed: str | None, place: str, reference: str) -> str:
    """The digest of `body`, which must be the `claimed` one if the registry claims any."""
    computed = f"sha256:{hashlib.sha256(body).hexdigest()}"
    if claimed is not None and claimed != computed:
        raise TamperedError(
            f"{place}: the registry calls {reference} {claimed}, but its bytes are {computed}. Do not use it."
        )
    return computed


def _parse(body: bytes, place: str, reference: str) -> _Content:
    try:
        content = _Content.model_validate_json(body)
    except ValidationError as refused:
        raise RegistryError(
            f"{place}: the manifest of {reference} cannot be read ({refused.errors()[0]['msg']})."
        ) from None
    if (content.manifests is None) == (content.config is None):
        raise RegistryError(
            f"{place}: {reference} is neither an image nor an index of images. Push it again in the format of"
            " OCI or of Docker's schema 2."
        )
    return content


def _platforms(index: _Content) -> dict[str, str]:
    """Each platform's manifest; attestations, which indexes list as platform `unknown`, are none."""
    found: dict[str, str] = {}
    for entry in index.manifests or []:
        if entry.platform is not None and entry.platform.os != "unknown":
            found.setdefault(str(entry.platform), entry.digest)
    return found


def _config_platform(dxf: DXF, digest: str, place: str) -> str:
    """An image that is no index tells its platform in its configuration."""
    # A pair only where the size is asked for too.
    body = b"".join(cast("Iterable[bytes]", dxf.pull_blob(digest)))
    try:
        return str(_Platform.model_validate_json(body))
    except ValidationError:
        raise RegistryError(f"{place}: the image's configuration {digest} cannot be read.") from None


def _explain(failed: Exception, host: str, repository: str, answer_seconds: float) -> RegistryError:
    import requests
    from dxf.exceptions import DXFAuthInsecureError, DXFDigestMismatchError, DXFUnauthorizedError

    match failed:
        case DXFAuthInsecureError():
            return DeniedError(f"{host} wants a login, and none is sent over plain HTTP. Leave --plain-http out.")
        case DXFDigestMismatchError():
            return TamperedError(f"{repository}: {failed}. Do not use it.")
        case DXFUnauthorizedError():
            return _denied(repository, host)
        case requests.HTTPError(response=requests.Response(status_code=status)):
            if status in (401, 403):
                return _denied(repository, host)
            if status == 404:
                return NotThereError(f"{repository}: the registry has no such image.")
            if status == 429:
                return RegistryError(f"{host} answers that it was asked too often. Wait, or log in.")
            return RegistryError(f"{host} answers with status {status} for {repository}.")
        case requests.exceptions.SSLError():
            return UnreachableError(
                host,
                "TLS with it failed (REQUESTS_CA_BUNDLE can name certificates that you trust; --plain-http is"
                " for a registry without TLS)",
            )
        case requests.Timeout():
            return UnreachableError(host, f"it did not answer in {answer_seconds:g} s")
        case requests.ConnectionError():
            return UnreachableError(host, "no connection (is there a network, a proxy, a firewall?)")
        case _:
            return RegistryError(f"{host} answers for {repository} with something else than a registry would.")


def _denied(repository: str, host: str) -> DeniedError:
    return DeniedError(f"{repository}: {host} denies access. Log in with `docker login {host}`.")
