"""The image of our own programs (`programs/`): Debian's Python, the wheels of `locks/programs.txt`, and our sources.

No shell and no other program is in it. Nothing is installed: files are unpacked, so that equal packages, wheels and
sources give equal bytes, whoever packs them and where.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from local.cluster.debian import closure
from local.cluster.debian_files import debian_files
from local.cluster.image_archive import PackedImage, layer, pack, read_packed
from local.cluster.layout import PROJECT, Layout, content_key
from local.cluster.progress import Progress
from local.cluster.wheels import PACKAGES_AT, PYTHON, install_wheels
from planning.release import LOCAL_REGISTRY, PROGRAMS_IMAGE, PROGRAMS_TAG

NAME = f"{LOCAL_REGISTRY}/{PROGRAMS_IMAGE}:{PROGRAMS_TAG}"

LOCK = PROJECT / "locks" / "programs.txt"

PACKAGES = (f"python{PYTHON}",)
CERTIFICATES = ("ca-certificates",)

SOURCES = ("gpu_health", "gpu_readiness", "planning", "programs", "publishing")
"""What the programs import: its Python alone. The image lock must stay outside, for the image's digest is in it."""

USELESS = ("ensurepip", "lib2to3", "pydoc_data")
"""Parts of the standard library that no program here imports."""

BUNDLE = "etc/ssl/certs/ca-certificates.crt"
"""Where Debian's `update-ca-certificates` puts what TLS clients trust."""

LAYOUT_VERSION = b"1"
"""To be raised with any change of what this file makes."""

USER = "65532:65532"
"""Nobody in particular: what runs may be told to be another."""


def programs_image(layout: Layout, progress: Progress, *, newest: bool = False) -> PackedImage:
    """Packed once for each content. `newest`: with the packages that Debian has now, for an image that is published;
    otherwise with those of the last time, which need no network."""
    python, certificates = (tuple(closure(names)) if newest else names for names in (PACKAGES, CERTIFICATES))
    sources = [part for path in _sources() for part in (str(path.relative_to(PROJECT)).encode(), path.read_bytes())]
    key = content_key(LAYOUT_VERSION, " ".join((*python, *certificates)).encode(), LOCK.read_bytes(), *sources)
    archive = layout.cache / "images" / f"programs-{key}.tar"
    if archive.exists():
        return read_packed(archive)
    debian = debian_files("programs", python, layout, progress)
    authorities = debian_files("certificates", certificates, layout, progress)
    layout.cache.mkdir(parents=True, exist_ok=True)
    with (
        progress.step("packing the image of our own programs"),
        tempfile.TemporaryDirectory(prefix="tritonup-image-", dir=layout.cache) as name,
    ):
        folder = Path(name)
        base, wheels, own = folder / "base", folder / "wheels", folder / "own"
        _base(debian, authorities, base)
        install_wheels(LOCK, wheels, layout)
        for source in _sources():
            target = own / source.relative_to(PROJECT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
        _readable(wheels, own)
        layers = [
            layer([(base, "")], folder / "base.tar"),
            layer([(wheels, PACKAGES_AT)], folder / "wheels.tar"),
            layer([(own, PACKAGES_AT)], folder / "own.tar"),
        ]
        config = {
            "User": USER,
            "WorkingDir": "/",
            "Env": ["PATH=/usr/bin", "LANG=C.UTF-8", f"SSL_CERT_FILE=/{BUNDLE}"],
            # Isolated: neither the working directory nor the environment says what is imported.
            "Entrypoint": [f"/usr/bin/python{PYTHON}", "-IB", "-m", "programs"],
        }
        return pack(NAME, layers, config, archive)


def _sources() -> Sequence[Path]:
    return sorted(path for package in SOURCES for path in (PROJECT / package).rglob("*.py"))


def _base(debian: Path, authorities: Path, root: Path) -> None:
    """Python with the libraries that it links to, and whom TLS trusts."""
    for folder in ("lib", "lib64", "usr/lib"):
        if (debian / folder).exists():
            ignored = shutil.ignore_patterns("__pycache__", *USELESS)
            shutil.copytree(debian / folder, root / folder, symlinks=True, ignore=ignored)
    (root / "usr" / "bin").mkdir()
    shutil.copy(debian / "usr" / "bin" / f"python{PYTHON}", root / "usr" / "bin")
    bundle = root / BUNDLE
    bundle.parent.mkdir(parents=True)
    with bundle.open("wb") as all_of_them:
        for one in sorted((authorities / "usr" / "share" / "ca-certificates").rglob("*.crt")):
            all_of_them.write(one.read_bytes().rstrip() + b"\n")
    (root / "etc" / "passwd").write_text("root:x:0:0::/:/\nnobody:x:65532:65532::/:/\n", encoding="ascii")
    (root / "etc" / "group").write_text("root:x:0:\nnobody:x:65532:\n", encoding="ascii")
    for folder in ("proc", "sys", "dev", "tmp"):
        (root / folder).mkdir()
    _readable(root)
    (root / "tmp").chmod(0o1777)


def _readable(*roots: Path) -> None:
    """The modes of whoever packs are no part of the image."""
    for root in roots:
        root.chmod(0o755)
        for path in root.rglob("*"):
            if not path.is_symlink():
                executable = path.is_dir() or path.stat().st_mode & 0o111
                path.chmod(0o755 if executable else 0o644)
