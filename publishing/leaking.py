"""Where the very bytes of a leaked model lie in a destination. Found by what they are, not by who signed them.

A digest's statement lists its files, and agrees with itself: the digest is reckoned from them. So whom the signature is
by does not matter here, and a key that has been revoked meanwhile does not hide what it signed. Where nobody has signed
(a push that was never finished, a removal that was ended), the files themselves are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from planning.repository.served import ServedSet
from publishing.layout import Held, Identity, content_key, signature_key
from publishing.proof import stored_sha256
from publishing.signature import LONGEST, SignatureError, SignedFile, Statement, read_signature, read_statement
from publishing.store import Store, StoreError


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaked:
    """The weights of `model` in the digest that was named: SHA-256 of the files in its version directories, or of those
    that were named, and their bytes. `holders` are the destination's digests that have one of them, that one last."""

    model: str
    weights: Mapping[str, int]
    holders: tuple[Identity, ...]


def find_leaked(
    store: Store, layout: Mapping[Identity, Held], model: str, digest: str, files: Sequence[str] = ()
) -> Leaked:
    """Of the published `digest`, whole; of `files` of the model alone (`1/model.onnx`), where they are named.
    StoreError where it does not have them, or another digest cannot be read.

    Where the named digest itself has no signature, it is half removed: whoever removes `holders` in their order has
    removed the others before, and its own weights need not be known any more.
    """
    named = [held for held in layout.values() if held.digest == digest and _has(model, held)]
    if not named:
        raise StoreError(f"{store.url} has no digest {digest[:12]}… with a model {model!r}.")
    signed = [statement for held in named if (statement := _statement(store, held)) is not None]
    weights = {file.sha256: file.size for statement in signed for file in _weights(model, statement, files)}
    if signed and not weights:
        which = f"not {', '.join(files)}" if files else "no file in a version's directory"
        raise StoreError(f"{model!r} has {which} in {digest[:12]}….")
    others = [
        identity for identity, held in sorted(layout.items()) if held not in named and _holds(store, held, weights)
    ]
    return Leaked(model=model, weights=weights, holders=(*others, *((held.server, held.digest) for held in named)))


def still_served(leaked: Leaked, served: ServedSet) -> Sequence[str]:
    """The files of `served` that are leaked ones still."""
    return [file.path.as_posix() for file in served.files if file.sha256 in leaked.weights]


def _holds(store: Store, held: Held, weights: Mapping[str, int]) -> bool:
    statement = _statement(store, held)
    if statement is not None:
        return any(file.sha256 in weights for file in statement.files)
    return any(
        file.size in weights.values() and stored_sha256(store, content_key(held.server, held.digest, path)) in weights
        for path, file in sorted(held.files.items())
    )


def _statement(store: Store, held: Held) -> Statement | None:
    """What one of its signatures lists: all of a digest list the same files. None where nobody has signed."""
    for fingerprint, signature in sorted(held.signatures.items()):
        path = signature_key(held.server, held.digest, fingerprint)
        try:
            if signature.size > LONGEST:
                raise SignatureError(f"is longer than {LONGEST} bytes")
            statement = read_statement(read_signature(store.read(path)).payload)
            if statement.digest != held.digest:
                raise SignatureError(f"is of {statement.digest[:12]}…")
        except SignatureError as refused:
            raise StoreError(
                f"{store.at(path)} {refused}: whether the leaked files are in it cannot be told."
            ) from None
        return statement
    return None


def _has(model: str, held: Held) -> bool:
    return any(PurePosixPath(path).parts[0] == model for path in held.files)


def _weights(model: str, statement: Statement, files: Sequence[str]) -> Iterator[SignedFile]:
    """An empty file is everybody's."""
    for file in statement.files:
        of, _, path = file.path.partition("/")
        version, _, rest = path.partition("/")
        if of == model and file.size and (path in files if files else version.isdigit() and rest):
            yield file
