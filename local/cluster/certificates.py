"""The cluster's own authority and what it signs, made with openssl: who each program is to the API server.

Names and groups are Kubernetes' own (kubernetes.io, "PKI certificates and requirements"): RBAC's built-in roles and
the Node authorizer know them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from local.cluster.commands import run
from local.cluster.errors import ClusterError

VALID_DAYS = "365"
"""The cluster is thrown away long before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """`user` and `group` as the API server will see them; `hosts` are the names that it may serve under
    (`IP:10.0.0.1`, `DNS:kubernetes`)."""

    name: str
    user: str
    group: str | None = None
    hosts: tuple[str, ...] = ()


class Authority:
    """A certificate authority in `folder`. Existing certificates are kept."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not self.certificate("ca").exists():
            _key(self.key("ca"))
            request = ["req", "-x509", "-new", "-key", str(self.key("ca")), "-subj", "/CN=tritonup-cluster"]
            extensions = ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign"]
            _openssl([*request, *extensions, "-days", VALID_DAYS, "-out", str(self.certificate("ca"))])
        if not self.key("service-accounts").exists():
            _openssl(["genrsa", "-out", str(self.key("service-accounts")), "2048"])

    def certificate(self, name: str) -> Path:
        return self.folder / f"{name}.crt"

    def key(self, name: str) -> Path:
        return self.folder / f"{name}.key"

    def issue(self, identity: Identity) -> None:
        certificate, key = self.certificate(identity.name), self.key(identity.name)
        if certificate.exists():
            return
        _key(key)
        organisation = f"/O={identity.group}" if identity.group else ""
        request = self.folder / f"{identity.name}.csr"
        _openssl(["req", "-new", "-key", str(key), "-subj", f"{organisation}/CN={identity.user}", "-out", str(request)])
        extensions = self.folder / f"{identity.name}.ext"
        names = f"subjectAltName={','.join(identity.hosts)}\n" if identity.hosts else ""
        extensions.write_text(f"extendedKeyUsage=clientAuth,serverAuth\n{names}", encoding="utf-8")
        signing = [
            "x509",
            "-req",
            "-in",
            str(request),
            "-CA",
            str(self.certificate("ca")),
            "-CAkey",
            str(self.key("ca")),
        ]
        unfinished = certificate.with_suffix(".new")
        _openssl(
            [*signing, "-CAcreateserial", "-days", VALID_DAYS, "-extfile", str(extensions), "-out", str(unfinished)]
        )
        unfinished.rename(certificate)
        request.unlink()
        extensions.unlink()


def _key(path: Path) -> None:
    _openssl(["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(path)])


def _openssl(arguments: Sequence[str]) -> None:
    before = os.umask(0o077)
    try:
        told = run(["openssl", *arguments])
    finally:
        os.umask(before)
    if told.returncode != 0:
        raise ClusterError(f"openssl {arguments[0]} failed: {told.stderr.strip()}")
