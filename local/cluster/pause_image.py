"""The image of every pod's first container: one static program."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from local.cluster.image_archive import PackedImage, layer, pack, read_packed
from local.cluster.layout import Layout

REPOSITORY = "localhost/tritonup-pause"

NOBODY = "65535:65535"


def pause_image(program: Path, layout: Layout) -> PackedImage:
    """Packed once for each build of the program, whose folder's name is its content's key."""
    key = program.parent.name
    archive = layout.cache / "images" / f"{key}.tar"
    if archive.exists():
        return read_packed(archive)
    with tempfile.TemporaryDirectory(prefix="tritonup-pause-") as folder:
        tree = Path(folder) / "tree"
        tree.mkdir()
        tree.chmod(0o755)
        shutil.copy(program, tree / "pause")
        (tree / "pause").chmod(0o755)
        only = layer([(tree, "")], Path(folder) / "layer")
        return pack(f"{REPOSITORY}:{key}", [only], {"Entrypoint": ["/pause"], "User": NOBODY}, archive)
