"""NVIDIA's catalogue NGC over HTTP: who asks, how it is asked, and what its refusals mean.

It is asked as NVIDIA's own SDK asks it (ngcsdk 4.37.0 of PyPI, Apache-2.0; `ngcbase/api/authentication.py` and
`connection.py`). A personal key (`nvapi-…`) is a bearer token itself. A key of the older kind is exchanged for one at
authn.nvidia.com. Without a key, what is for everyone is read below `v2/models`. The SDK itself is not used: it brings
19 packages, Docker's client among them, keeps tokens in the user's home, leaves failed files to its log, begins every
file anew, compares no digest, and writes wherever a listed path leads.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self, TypeVar
from urllib.parse import urlsplit

import requests
from pydantic import BaseModel, ValidationError
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase, HTTPBasicAuth
from urllib3.util import Retry

from publishing.hub_source import HubError

API = "https://api.ngc.nvidia.com"
LOGIN = "https://authn.nvidia.com"
API_VARIABLE, LOGIN_VARIABLE = "NGC_CLI_API_URL", "NGC_CLI_AUTH_URL"
"""Name a mirror, as they do for NVIDIA's own tools."""

KEY_VARIABLES = ("NGC_API_KEY", "NGC_CLI_API_KEY")
KEY_FILE = "NGC_API_KEY_FILE"

ANSWER_S = (10, 30)
"""To connect, and between two pieces of an answer. The SDK gives 30 s (REQUEST_TIMEOUT_SECONDS)."""

RETRIES = 4
"""After 429 and 5xx, and where nothing answers: 0, 1, 2 and 4 s later, or when the answer says so, within a minute."""

_PERSONAL = "nvapi-"


class NgcNotThereError(HubError):
    """NGC knows no such thing, or hides it from who asks."""


A = TypeVar("A", bound=BaseModel)


class _Token(BaseModel):
    token: str


class _RequestStatus(BaseModel):
    statusDescription: str = ""  # noqa: N815 - NGC's name


class _Refusal(BaseModel):
    requestStatus: _RequestStatus = _RequestStatus()  # noqa: N815


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """`named` says where it came from. It is never shown."""

    secret: str = field(repr=False)
    named: str

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self | None:
        """HubError where there is one that cannot be a key."""
        for named in KEY_VARIABLES:
            if secret := environment.get(named, "").strip():
                return cls(secret=secret, named=named)._proper()
        if not (file := environment.get(KEY_FILE)):
            return None
        try:
            secret = Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as refused:
            why = refused.strerror if isinstance(refused, OSError) else "it is no text"
            raise HubError(f"{KEY_FILE} names {file}, which cannot be read: {why}.") from None
        return cls(secret=secret, named=KEY_FILE)._proper()

    def _proper(self) -> Self:
        if not self.secret or not self.secret.isascii() or not self.secret.isprintable() or " " in self.secret:
            raise HubError(
                f"What {self.named} holds is no key of NGC: it is empty, or has spaces or other signs in it."
            )
        return self


class _Bearer(AuthBase):
    """Requests leaves a header out where a redirect leads to another host (`should_strip_auth`). With an empty token
    nothing is sent, nor looked for in the user's `.netrc`."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, r: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token:
            r.headers["Authorization"] = f"Bearer {self._token}"
        return r


class NgcApi:
    """For one org and team: tokens are given for them. `page` is where people accept terms."""

    def __init__(self, org: str, team: str | None, page: str, environment: Mapping[str, str] = os.environ) -> None:
        self.key = Key.of(environment)
        self._org, self._team, self._page = org, team, page
        self._api = _origin(environment, API_VARIABLE, API)
        self._login = _origin(environment, LOGIN_VARIABLE, LOGIN)
        self._token: str | None = None
        self._session = requests.Session()
        adapter = HTTPAdapter(
            max_retries=Retry(
                RETRIES,
                backoff_factor=0.5,
                status_forcelist={429, 500, 502, 503, 504},
                allowed_methods={"GET"},
                raise_on_status=False,
                retry_after_max=60,
            )
        )
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)
        self.files = requests.Session()
        """For the signed URLs that NGC names, on other hosts: it knows no key."""
        self.files.auth = _Bearer("")

    def is_safe(self, url: str) -> bool:
        """Whether what comes from there comes as it was sent: by https, or from this machine if NGC is there too."""
        return url.startswith(("https://", "http://") if self._api.startswith("http://") else "https://")

    def get(self, path: str, query: Mapping[str, str | int], shape: type[A], what: str) -> A:
        """The answer to `path`, which is about `what`. HubError where there is none, NgcNotThereError for a 404."""
        answer = self._ask(path, query)
        if answer.status_code == 401 and self.key and not self.key.secret.startswith(_PERSONAL):
            self._token = None  # it ends after a while
            answer = self._ask(path, query)
        if not answer.ok:
            raise self._refused(answer, what)
        return self._read(answer, shape)

    def _ask(self, path: str, query: Mapping[str, str | int]) -> requests.Response:
        return self._send(f"{self._api}/{path}", list(query.items()), _Bearer(self._bearer()))

    def _bearer(self) -> str:
        if self.key is None or self.key.secret.startswith(_PERSONAL):
            return self.key.secret if self.key else ""
        if self._token is None:
            scopes = [f"group/ngc:{self._org}", *([f"group/ngc:{self._org}/{self._team}"] if self._team else [])]
            query = [("service", "ngc"), *(("scope", scope) for scope in scopes)]
            answer = self._send(f"{self._login}/token", query, HTTPBasicAuth("$oauthtoken", self.key.secret))
            if not answer.ok:
                raise self._refused(answer, f"ngc://{self._org}")
            self._token = self._read(answer, _Token).token
        return self._token

    def _send(self, url: str, query: Sequence[tuple[str, str | int]], auth: AuthBase) -> requests.Response:
        host = urlsplit(url).hostname
        try:
            return self._session.get(
                url, params=query, auth=auth, headers={"Accept": "application/json"}, timeout=ANSWER_S
            )
        except requests.exceptions.SSLError:
            certificates = "REQUESTS_CA_BUNDLE can name certificates that you trust"
            raise HubError(f"{host} could not be talked to by TLS ({certificates}).") from None
        except requests.RequestException:
            raise HubError(f"{host} could not be reached (is there a network, a proxy, a firewall?).") from None

    def _read(self, answer: requests.Response, shape: type[A]) -> A:
        try:
            return shape.model_validate_json(answer.content)
        except ValidationError as refused:
            first = refused.errors(include_url=False, include_input=False)[0]
            at = ".".join(map(str, first["loc"]))
            host = urlsplit(answer.url).hostname
            raise HubError(
                f"{host} answers with something else than NGC would ({at or 'all of it'}: {first['msg']})."
            ) from None

    def _refused(self, answer: requests.Response, what: str) -> HubError:
        said = f" ({answer.status_code}{self._said(answer)})"
        match answer.status_code:
            case 401 | 403 if self.key is None:
                return HubError(
                    f"NGC lets nobody read {what} without a key{said}. Put one into {KEY_VARIABLES[0]}, or the name of"
                    f" its file into {KEY_FILE}."
                )
            case 401 | 403:
                return HubError(
                    f"NGC does not let the key of {self.key.named if self.key else ''} read {what}{said}. It has to be"
                    " valid, and to include the service NGC Catalog, or Private Registry for an org's own models."
                )
            case 404:
                return NgcNotThereError(f"NGC has no {what}{said}.")
            case 412:
                return HubError(f"NGC gives {what} to who has accepted its terms{said}: at {self._page}")
            case 429:
                return HubError(f"NGC was asked too often{said}. Wait, or use a key.")
            case _:
                return HubError(f"NGC gives no answer about {what}{said}. Try again later.")

    def _said(self, answer: requests.Response) -> str:
        try:
            said = _Refusal.model_validate_json(answer.content).requestStatus.statusDescription
        except ValidationError:
            return ""
        for secret in filter(None, (self.key.secret if self.key else None, self._token)):
            said = said.replace(secret, "…")
        return f", {said[:200]}" if said.isprintable() and said else ""


def _origin(environment: Mapping[str, str], variable: str, default: str) -> str:
    """HubError where a key would go over the network for everybody to read."""
    named = environment.get(variable) or default
    url = urlsplit(named if "://" in named else f"https://{named}")
    if url.scheme != "https" and not (url.scheme == "http" and url.hostname in ("127.0.0.1", "localhost", "::1")):
        raise HubError(f"{variable} is {named!r}: a key is sent by https alone, or to this machine.")
    return url.geturl().rstrip("/")
