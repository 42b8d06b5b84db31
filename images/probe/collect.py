"""Copies an interpreter with all that a probe loads into one folder, which then runs in any image.

    bin/python3  lib/ld.so  lib/*.so*  lib/python3.x/  python/

What is needed is what is loaded once every module of the probe and every adapter of the stub is imported:
the libraries of this process, and the packages that its modules belong to.
"""

from __future__ import annotations

import compileall
import importlib
import pkgutil
import py_compile
import shutil
import sys
from pathlib import Path

_OURS = Path("/usr/local/lib/labgen/python")
_DEBIANS = Path("/usr/lib/python3/dist-packages")
#: What adapters load only when they are used.
_LATE = ("aiomysql", "labgen_aim.client", "labgen_aim.structures", "thrift.transport.TSocket")
#: Of the standard library, what no client is made of. All the rest comes along, whoever imports it when.
_OF_NO_USE = shutil.ignore_patterns(
    *("__pycache__", "_pyrepl", "config-*", "curses", "dbm", "doctest*", "ensurepip", "idlelib", "lib2to3"),
    *("mailbox*", "multiprocessing", "pdb*", "pydoc*", "sqlite3", "test", "tests", "tkinter", "turtle*"),
    *("unittest", "venv", "wsgiref", "xmlrpc", "zoneinfo"),
)


def collect(target: Path) -> None:
    """Fill `target`, which must not be there yet."""
    _load()
    interpreter = Path(sys.executable).resolve()
    libraries = target / "lib"
    standard = libraries / interpreter.name
    shutil.copytree(Path("/usr/lib") / interpreter.name, standard, ignore=_OF_NO_USE)
    (target / "bin").mkdir()
    shutil.copy(interpreter, target / "bin" / "python3")
    for path in _mapped():
        if path.name.startswith("ld-linux"):
            shutil.copy(path, libraries / "ld.so")
        elif ".so" in path.name and path.parent.name.endswith("-linux-gnu"):
            shutil.copy(path, libraries / _soname(path))
    for name in sorted({name.partition(".")[0] for name in sys.modules}):
        for folder in (_OURS, _DEBIANS):
            _copy_package(folder, name, target / "python")
    # Nothing here changes after this, so nobody need compare the age of what is compiled with its source's.
    # Without sources there are half as many files, and that is what it takes to put them into a lab's volume.
    never = py_compile.PycInvalidationMode.UNCHECKED_HASH
    compileall.compile_dir(target, quiet=1, invalidation_mode=never, workers=0, legacy=True)
    for source in target.rglob("*.py"):
        if source.with_suffix(".pyc").exists() and source.name != "__main__.py":
            source.unlink()


def _load() -> None:
    sys.path.append(str(_OURS))
    for package in ("labgen_probe", "labgen_stub.wire"):
        module = importlib.import_module(package)
        for found in pkgutil.iter_modules(module.__path__, f"{package}."):
            if not found.name.endswith(("__main__", "_server")):
                importlib.import_module(found.name)
    for name in _LATE:
        importlib.import_module(name)
    importlib.import_module("labgen_nfs.library").library()


def _mapped() -> set[Path]:
    lines = Path("/proc/self/maps").read_text("utf-8").splitlines()
    return {Path(line.split(maxsplit=5)[5]) for line in lines if "/" in line}


def _soname(path: Path) -> str:
    """Return the name that others load a library by: the link beside it with the shortest version."""
    links = [one.name for one in path.parent.iterdir() if one.is_symlink() and one.resolve() == path]
    return min((one for one in links if not one.endswith(".so")), key=len, default=path.name)


def _copy_package(folder: Path, name: str, target: Path) -> None:
    if (folder / name).is_dir():
        shutil.copytree(folder / name, target / name, ignore=_OF_NO_USE, dirs_exist_ok=True)
    # Some ask for their own version when they are imported.
    for about in folder.glob(f"{name}-*.*-info"):
        if about.is_dir():
            shutil.copytree(about, target / about.name)
    for path in (*folder.glob(f"{name}.py"), *folder.glob(f"{name}.*.so")):
        target.mkdir(exist_ok=True)
        shutil.copy(path, target)


if __name__ == "__main__":
    collect(Path(sys.argv[1]))
