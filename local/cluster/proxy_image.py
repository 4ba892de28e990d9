"""nginx as an image: what stands before Triton in every pod (planning/proxy.py), from Debian's package.

Laid out as the published image that a cluster elsewhere uses: `nginx`, `sh` and `sleep` on the PATH.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from local.cluster.debian_files import debian_files
from local.cluster.image_archive import PackedImage, layer, pack, read_packed
from local.cluster.layout import Layout, content_key
from local.cluster.progress import Progress
from planning.release import LOCAL_PROXY_IMAGE, LOCAL_PROXY_TAG, LOCAL_REGISTRY

NAME = f"{LOCAL_REGISTRY}/{LOCAL_PROXY_IMAGE}:{LOCAL_PROXY_TAG}"

PACKAGES = ("coreutils", "dash", "nginx")

LAYOUT_VERSION = b"2"
"""To be raised with any change of what this file makes."""

USER = "101:101"


def proxy_image(layout: Layout, progress: Progress) -> PackedImage:
    """Packed once for each list of packages."""
    archive = layout.cache / "images" / f"proxy-{content_key(LAYOUT_VERSION, ' '.join(PACKAGES).encode())}.tar"
    if archive.exists():
        return read_packed(archive)
    debian = debian_files("proxy", PACKAGES, layout, progress)
    with (
        progress.step("packing the image of the proxy before Triton"),
        tempfile.TemporaryDirectory(prefix="tritonup-proxy-") as name,
    ):
        own = Path(name) / "own"
        for folder, mode in (("tmp", 0o1777), ("etc/tritonup", 0o755), ("proc", 0o755), ("sys", 0o755), ("dev", 0o755)):
            (own / folder).mkdir(parents=True)
            (own / folder).chmod(mode)
        accounts = {
            "passwd": "root:x:0:0::/root:/bin/sh\nnginx:x:101:101::/tmp:/bin/sh\n",
            "group": "root:x:0:\nnginx:x:101:\n",
        }
        for file, content in accounts.items():
            (own / "etc" / file).write_text(content, encoding="ascii")
        layers = [layer([(debian, "")], Path(name) / "debian.tar"), layer([(own, "")], Path(name) / "own.tar")]
        config = {
            "User": USER,
            "WorkingDir": "/",
            "Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
            "Cmd": ["nginx"],
            # The kubelet sends it once Triton has exited. To nginx SIGTERM would mean: drop what is under way.
            "StopSignal": "SIGQUIT",
        }
        return pack(NAME, layers, config, archive)
