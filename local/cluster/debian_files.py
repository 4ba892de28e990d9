"""Debian packages as the files of an image: unpacked with all that they depend on, not installed."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from local.cluster.debian import closure, fetch, unpack
from local.cluster.layout import Layout, content_key
from local.cluster.progress import Progress


def debian_files(purpose: str, packages: Sequence[str], layout: Layout, progress: Progress) -> Path:
    """The root of `packages` and their dependencies, fetched once; `purpose` names it to readers."""
    root = layout.tools / "debian" / f"{purpose}-{content_key(' '.join(packages).encode())}"
    if not root.exists():
        with progress.step(f"getting the Debian packages of the image for {purpose} into .tools/debian"):
            archives = root.with_name(root.name + ".debs")
            unpack(fetch(closure(packages), archives), root)
            shutil.rmtree(archives)
            for unneeded in ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info"):
                shutil.rmtree(root / unneeded, ignore_errors=True)
    return root
