"""The Triton of a machine without GPUs as an image: Debian's Python and the wheels of `locks/triton.txt`.

It is laid out as NVIDIA's image is (`tritonserver` on the PATH, backends in /opt/tritonserver/backends, which is the
server's default), so that what is rendered for a GPU starts here unchanged. No step of a package's installation runs:
files are unpacked, which the loader and Python find at their usual places.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from local.cluster.debian_files import debian_files
from local.cluster.image_archive import PackedImage, layer, pack, read_packed
from local.cluster.layout import PROJECT, Layout, content_key
from local.cluster.progress import Progress
from local.cluster.wheels import PACKAGES_AT, PYTHON, compile_modules, install_wheels
from local.installed import BACKENDS, RELEASE

NAME = f"localhost/tritonup-triton-cpu:{RELEASE}"
"""As planning names it (planning/release.py)."""

LOCK = PROJECT / "locks" / "triton.txt"

PACKAGES = ("bash", "coreutils", "dash", "libpython3.11", "libstdc++6", "python3.11", "zlib1g")
"""What the wheels' programs link to; bash and dash, because the Python backend starts its stubs by a shell
(python_backend, src/stub_launcher.cc)."""

IMPORTED = ("numpy", "onnxruntime")
"""By every stub process of the Python backend, of which each model instance has one."""

LAYOUT_VERSION = b"2"
"""To be raised with any change of what this file makes."""

USER = "1000:1000"


def triton_image(layout: Layout, progress: Progress) -> PackedImage:
    """Packed once for each content of the lock and of our backends."""
    archive = layout.cache / "images" / f"triton-cpu-{_key()}.tar"
    if archive.exists():
        return read_packed(archive)
    debian = debian_files("triton", PACKAGES, layout, progress)
    with (
        progress.step("packing the Triton image for machines without GPUs"),
        tempfile.TemporaryDirectory(prefix="tritonup-image-", dir=_made(layout.cache)) as name,
    ):
        folder = Path(name)
        wheels = folder / "wheels"
        # At Debian's own place: the Python backend's stub embeds Python and heeds no PYTHONPATH in a container.
        install_wheels(LOCK, wheels, layout)
        debian = Path(shutil.copytree(debian, folder / "debian", symlinks=True))
        compile_modules(debian, [debian / "usr" / "lib" / f"python{PYTHON}"], debian)
        compile_modules(debian, [wheels / name for name in IMPORTED], wheels, at=f"/{PACKAGES_AT}")
        server = folder / "server"
        _lay_out(wheels / "pytriton" / "tritonserver", server)
        layers = [
            layer([(debian, "")], folder / "debian.tar"),
            layer([(wheels, PACKAGES_AT)], folder / "wheels.tar"),
            layer([(server, "")], folder / "server.tar"),
        ]
        config = {
            "User": USER,
            "WorkingDir": "/",
            "Env": [
                "PATH=/opt/tritonserver/bin:/usr/local/bin:/usr/bin:/bin",
                f"LD_LIBRARY_PATH=/{PACKAGES_AT}/nvidia_pytriton.libs",
                "LANG=C.UTF-8",
            ],
            "Cmd": ["tritonserver"],
        }
        packed = pack(NAME, layers, config, archive)
    for older in archive.parent.glob("triton-cpu-*.tar"):
        if older != archive:
            older.unlink()
    return packed


def _key() -> str:
    backends = sorted(path for path in BACKENDS.rglob("*.py"))
    sources = [part for path in backends for part in (str(path.relative_to(BACKENDS)).encode(), path.read_bytes())]
    return content_key(LAYOUT_VERSION, " ".join(PACKAGES).encode(), LOCK.read_bytes(), *sources)


def _lay_out(triton: Path, root: Path) -> None:
    """What makes the wheel's files a server: links, accounts, and the backends. Triton refuses a backend whose library
    is a link that leads out of its directory, so those are copies."""
    backends = root / "opt" / "tritonserver" / "backends"
    python = backends / "python"
    python.mkdir(parents=True)
    stub = triton / "python_backend_stubs" / PYTHON / "triton_python_backend_stub"
    for file in (*(triton / "backends" / "python").iterdir(), stub):
        if file.is_file():
            shutil.copy(file, python)
    for backend in BACKENDS.iterdir():
        if (backend / "model.py").is_file():
            (backends / backend.name).mkdir()
            shutil.copy(backend / "model.py", backends / backend.name)
    programs = root / "opt" / "tritonserver" / "bin"
    programs.mkdir()
    (programs / "tritonserver").symlink_to(f"/{PACKAGES_AT}/pytriton/tritonserver/bin/tritonserver")
    (programs / "python").symlink_to(f"/usr/bin/python{PYTHON}")
    (root / "opt" / "tritonserver" / "caches").symlink_to(f"/{PACKAGES_AT}/pytriton/tritonserver/caches")
    accounts = root / "etc"
    accounts.mkdir()
    (accounts / "passwd").write_text("root:x:0:0::/root:/bin/sh\ntriton:x:1000:1000::/tmp:/bin/sh\n", encoding="ascii")
    (accounts / "group").write_text("root:x:0:\ntriton:x:1000:\n", encoding="ascii")
    for folder, mode in (("tmp", 0o1777), ("models", 0o755), ("proc", 0o755), ("sys", 0o755), ("dev", 0o755)):
        (root / folder).mkdir()
        (root / folder).chmod(mode)
    for path in root.rglob("*"):
        if path.is_dir() and path.name != "tmp":
            path.chmod(0o755)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
