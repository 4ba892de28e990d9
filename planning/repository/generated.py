"""Loading generated protobuf modules, and ONNX's shape inference, without the packages around them.

`import tritonclient.grpc` also imports grpc and numpy, `import onnx` numpy and ml_dtypes. Measured with
Python 3.11 on two cores: 0.45 s for both, against 0.1 s (nearly all of it protobuf itself) for the three
modules that are needed here. Every preview pays for it, so they are loaded by file.

A module is registered under its own full name, so that a later ordinary import of the package finds
the same classes: ONNX's C++ extension refuses to be initialised twice in one process.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import sys
import threading
from pathlib import Path
from types import ModuleType

_LOADING = threading.RLock()
"""Files are read by several threads, and a C++ extension may be initialised once only."""


def load(package: str, module: str) -> ModuleType:
    """The module `package.module`, without running `package`'s own `__init__`.

    Where it does not lie where it is expected (a zipped or vendored install), the ordinary import
    decides. Raises ImportError where that fails too.
    """
    name = f"{package}.{module}"
    with _LOADING:
        if name in sys.modules:
            return sys.modules[name]
        if package in sys.modules:
            return importlib.import_module(name)
        return _load_file(package, name)


def _load_file(package: str, name: str) -> ModuleType:
    top, _, rest = package.partition(".")
    found = importlib.util.find_spec(top)
    folders = (found.submodule_search_locations if found else None) or []
    inside = [str(Path(folder, *rest.split("."))) if rest else folder for folder in folders]
    spec = importlib.machinery.PathFinder.find_spec(name, inside)
    if spec is None or spec.loader is None:
        return importlib.import_module(name)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    sys.modules[name] = loaded
    return loaded
