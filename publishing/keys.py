"""The private key that signs. Read from a file that an option or the environment names, never from a stack file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from planning.settings.keys import PublicKey

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import HashAlgorithm

HOW_TO_MAKE_ONE = "`openssl ecparam -name prime256v1 -genkey -noout -out key.pem` makes one"


class KeyFileError(Exception):
    """The file holds no usable key. The message names it, and nothing of what it holds."""


class SigningKey:
    """An elliptic-curve private key. It is never printed: `repr` shows the public half's fingerprint."""

    def __init__(self, private: ec.EllipticCurvePrivateKey, public: PublicKey) -> None:
        self._private = private
        self.public = public

    def __repr__(self) -> str:
        return f"SigningKey({self.public.fingerprint[:12]})"

    def sign(self, message: bytes) -> bytes:
        """ECDSA with the hash that goes with the curve, in DER."""
        from cryptography.hazmat.primitives.asymmetric import ec

        return self._private.sign(message, ec.ECDSA(hash_of(self._private.curve.key_size)))


def read_signing_key(path: Path, password: str | None = None) -> SigningKey:
    """The key in the PEM file `path`; `password` where it is encrypted. KeyFileError where it cannot be used."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    try:
        pem = path.read_bytes()
    except OSError as refused:
        raise KeyFileError(f"{path} cannot be read: {refused.strerror}. {HOW_TO_MAKE_ONE}.") from None
    try:
        private = serialization.load_pem_private_key(pem, password.encode() if password else None)
    except TypeError:
        wanted = "is encrypted: give its password in TRITONUP_SIGNING_PASSWORD"
        raise KeyFileError(f"{path} {'is not encrypted, and a password is given' if password else wanted}.") from None
    except (ValueError, UnsupportedAlgorithm):
        wrong = "its password is wrong, or it is" if password else "it is"
        raise KeyFileError(f"{path} is no private key in PEM ({wrong} damaged). {HOW_TO_MAKE_ONE}.") from None
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        raise KeyFileError(f"{path} is no elliptic-curve key. {HOW_TO_MAKE_ONE}.")
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    try:
        return SigningKey(private, PublicKey.parse(public.decode()))
    except ValueError as refused:
        raise KeyFileError(f"{path} {refused}. {HOW_TO_MAKE_ONE}.") from None


def is_signed(key: PublicKey, message: bytes, signature: bytes) -> bool:
    """Whether the owner of `key` signed `message`."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    public = serialization.load_pem_public_key(key.pem.encode())
    assert isinstance(public, ec.EllipticCurvePublicKey)  # the only kind that PublicKey parses
    try:
        public.verify(signature, message, ec.ECDSA(hash_of(public.curve.key_size)))
    except InvalidSignature:
        return False
    return True


def hash_of(bits: int) -> HashAlgorithm:
    """Which hash goes with a curve (FIPS 186-5, 6.1.1 in keeping with its strength; as model-signing chooses)."""
    from cryptography.hazmat.primitives import hashes

    return {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}[bits]
