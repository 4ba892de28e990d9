"""Programs of ours as an image: static ones, which need nothing beside them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from local.cluster.image_archive import PackedImage, layer, pack, read_packed
from local.cluster.layout import Layout

NOBODY = "65535:65535"


def pause_image(programs: Mapping[str, Path], layout: Layout) -> PackedImage:
    """Every pod's first container."""
    return program_image("localhost/tritonup-pause", {"pause": programs["pause"]}, layout, entrypoint="pause")


def program_image(
    repository: str, programs: Mapping[str, Path], layout: Layout, *, entrypoint: str | None = None
) -> PackedImage:
    """`programs` by name, at the root. Packed once for each build of them, whose folder's name is its content's key."""
    key = next(iter(programs.values())).parent.name
    archive = layout.cache / "images" / f"{key}.tar"
    if archive.exists():
        return read_packed(archive)
    with tempfile.TemporaryDirectory(prefix="tritonup-image-") as folder:
        tree = Path(folder) / "tree"
        tree.mkdir()
        tree.chmod(0o755)
        for name, program in programs.items():
            shutil.copy(program, tree / name)
            (tree / name).chmod(0o755)
        only = layer([(tree, "")], Path(folder) / "layer")
        config = {"User": NOBODY} | ({"Entrypoint": [f"/{entrypoint}"]} if entrypoint else {})
        return pack(f"{repository}:{key}", [only], config, archive)
