"""Public keys, as a stack file holds them. Private keys have no place in one.

Only the curves that OpenSSF's model signing knows (model-signing, `_check_supported_ec_key`): NIST P-256, P-384 and
P-521.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import ClassVar

from planning.settings.quantities import Scalar

_HEADS = {
    bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200" + "04"): 91,
    bytes.fromhex("3076301006072a8648ce3d020106052b81040022036200" + "04"): 120,
    bytes.fromhex("30819b301006072a8648ce3d020106052b8104002303818600" + "04"): 158,
}
"""How the SubjectPublicKeyInfo of each curve begins in DER, and how many bytes it has: algorithm `ecPublicKey` and the
curve's identifier (RFC 5480, 2.1.1), then an uncompressed point (SEC 1, 2.3.3)."""

_LINE = 64
"""Characters in a line of PEM (RFC 7468, 2)."""


@dataclass(frozen=True, slots=True)
class PublicKey(Scalar):
    """An elliptic-curve public key. `pem` is in the one form that RFC 7468 gives it, newline at the end included."""

    pem: str

    pattern: ClassVar[str] = r"\s*-----BEGIN PUBLIC KEY-----[A-Za-z0-9+/=\s]+-----END PUBLIC KEY-----\s*"
    example: ClassVar[str] = "-----BEGIN PUBLIC KEY----- … -----END PUBLIC KEY-----"
    meaning: ClassVar[str] = "a public key in PEM (what `openssl pkey -in key.pem -pubout` prints)"

    @classmethod
    def parse(cls, text: str) -> PublicKey:
        body = re.sub(r"-----[A-Z ]+-----|\s", "", text)
        try:
            der = base64.b64decode(body, validate=True)
        except binascii.Error:
            raise ValueError("is a public key that is cut off or mistyped") from None
        if not any(der.startswith(head) and len(der) == size for head, size in _HEADS.items()):
            raise ValueError("is no public key of the curves P-256, P-384 or P-521")
        whole = base64.b64encode(der).decode()
        lines = [whole[start : start + _LINE] for start in range(0, len(whole), _LINE)]
        return cls("\n".join(["-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----", ""]))

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of the PEM text, the `hint` that model signing puts into a signature: what `sha256sum` says
        of the file that openssl wrote."""
        return hashlib.sha256(self.pem.encode()).hexdigest()

    @property
    def point(self) -> bytes:
        """The point on its curve, uncompressed: its length says which curve that is."""
        der = base64.b64decode("".join(self.pem.splitlines()[1:-1]))
        return next(der[len(head) - 1 :] for head in _HEADS if der.startswith(head))

    def __str__(self) -> str:
        return self.pem
