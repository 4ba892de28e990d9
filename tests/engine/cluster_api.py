"""Looking at a Kubernetes cluster with the credentials of a kubeconfig, over its own API."""

from __future__ import annotations

import base64
import json
import ssl
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import yaml


class UnsupportedKubeconfigError(Exception):
    """It proves who it is by something else than a token or a client certificate."""


class ClusterApi:
    """The cluster of the current context of the kubeconfig at `path`."""

    def __init__(self, path: Path) -> None:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        context = _named(document["contexts"], document["current-context"])["context"]
        cluster = _named(document["clusters"], context["cluster"])["cluster"]
        user = _named(document["users"], context["user"])["user"]
        self._server = cluster["server"]
        self._headers = {"Authorization": f"Bearer {user['token']}"} if "token" in user else {}
        trust = ssl.create_default_context(cadata=_content(path, cluster, "certificate-authority"))
        if "token" not in user:
            certificate, key = (_content(path, user, part) for part in ("client-certificate", "client-key"))
            if certificate is None or key is None:
                raise UnsupportedKubeconfigError(f"the user of {path} has neither a token nor a client certificate")
            with tempfile.NamedTemporaryFile("w", suffix=".pem") as both:
                both.write(f"{certificate}\n{key}\n")
                both.flush()
                trust.load_cert_chain(both.name)
        # No proxy: the cluster of a test is near, and its address may mean something else elsewhere.
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust)
        )

    def get(self, path: str) -> dict[str, Any] | None:
        """The object at `path` of the API, or None where there is none."""
        request = urllib.request.Request(f"{self._server}{path}", headers=self._headers)
        try:
            with self._opener.open(request, timeout=20) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refused:
            if refused.code == 404:
                return None
            raise


def _named(entries: list[dict[str, Any]], name: str) -> dict[str, Any]:
    (found,) = [entry for entry in entries if entry["name"] == name]
    return found


def _content(path: Path, holder: dict[str, Any], field: str) -> str | None:
    if inline := holder.get(f"{field}-data"):
        return base64.b64decode(inline).decode()
    if file := holder.get(field):
        return (path.parent / file).read_text(encoding="utf-8")
    return None
