"""The private key that signs. In a file that an option or the environment names, never in a stack file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from planning.settings.keys import PublicKey

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import HashAlgorithm

HOW_TO_MAKE_ONE = "`tritonup models key FILE` makes one"


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
    try:
        return SigningKey(private, _public(private))
    except ValueError as refused:
        raise KeyFileError(f"{path} {refused}. {HOW_TO_MAKE_ONE}.") from None


def make_signing_key(path: Path, password: str | None = None) -> PublicKey:
    """Write a new key (P-256) to `path`, which only its owner reads, encrypted with `password` where one is given. The
    public half of it; KeyFileError where `path` is there already or cannot be written."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    private = ec.generate_private_key(ec.SECP256R1())
    kept = serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
    pem = private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, kept)
    try:
        with open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(pem)
    except FileExistsError:
        raise KeyFileError(f"{path} is there already: a key is never written over.") from None
    except OSError as refused:
        raise KeyFileError(f"{path} cannot be written: {refused.strerror}.") from None
    return _public(private)


def _public(private: ec.EllipticCurvePrivateKey) -> PublicKey:
    from cryptography.hazmat.primitives import serialization

    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return PublicKey.parse(public.decode())


def is_signed(key: PublicKey, message: bytes, signature: bytes) -> bool:
    """Whether the owner of `key` signed `message`."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec  # and no PEM, which brings all of SSH's with it

    curve = {65: ec.SECP256R1, 97: ec.SECP384R1, 133: ec.SECP521R1}[len(key.point)]()
    public = ec.EllipticCurvePublicKey.from_encoded_point(curve, key.point)
    try:
        public.verify(signature, message, ec.ECDSA(hash_of(public.curve.key_size)))
    except InvalidSignature:
        return False
    return True


def hash_of(bits: int) -> HashAlgorithm:
    """Which hash goes with a curve (FIPS 186-5, 6.1.1 in keeping with its strength; as model-signing chooses)."""
    from cryptography.hazmat.primitives import hashes

    return {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}[bits]
