"""The guest's file system: a cpio archive that the kernel unpacks into memory.

Each file keeps its absolute path. A program brings the shared libraries that `ldd` names.
"""
import os
import re
import stat
import subprocess
import tempfile
from pathlib import Path

from machine import EmulationError


class Archive:
    """A cpio archive of the form `newc`."""

    def __init__(self):
        self.parts = []
        self.names = set()

    def folder(self, path: str) -> None:
        for parent in [*reversed(Path(path).parents), Path(path)]:
            name = str(parent).lstrip("/")
            if name and name not in self.names:
                self.add(name, stat.S_IFDIR | 0o755, b"")

    def file(self, path: str, content: bytes, mode: int = 0o755) -> None:
        name = path.lstrip("/")
        if name not in self.names:
            self.folder(os.path.dirname(path))
            self.add(name, stat.S_IFREG | mode, content)

    def add(self, name: str, mode: int, content: bytes) -> None:
        self.names.add(name)
        encoded = name.encode() + b"\0"
        fields = [len(self.parts) + 1, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(encoded), 0]
        header = b"070701" + b"".join(b"%08X" % field for field in fields)
        self.parts.append(pad(header + encoded) + pad(content))

    def finish(self) -> bytes:
        self.add("TRAILER!!!", 0, b"")
        return b"".join(self.parts)

    def tree(self, source: Path, target: str) -> None:
        """A file, or all below a folder. Programs bring their libraries."""
        if source.is_dir():
            self.folder(target)
            for entry in sorted(source.iterdir()):
                self.tree(entry, os.path.join(target, entry.name))
        elif source.is_file():
            if source.read_bytes()[:4] == b"\x7fELF":
                self.program(source, target)
            else:
                self.file(target, source.read_bytes(), 0o644 | source.stat().st_mode & 0o111)
        else:
            raise EmulationError(f"{source}: no such file or folder")

    def program(self, source: Path, target: str) -> None:
        """Without its debug sections, which no instruction reads; code and data are as they were."""
        self.file(target, without_debug_sections(source))
        for library in libraries(source):
            self.file(library, Path(library).read_bytes())


def libraries(program: Path) -> list[str]:
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=False)
    if "not found" in listed.stdout:
        raise EmulationError(f"{program}: a shared library is missing (see `ldd`)")
    return re.findall(r"(?:=> |^\s+)(/\S+) \(0x", listed.stdout, re.MULTILINE)


def without_debug_sections(program: Path) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "copy")
        subprocess.run(["objcopy", "--strip-debug", program, copy], check=True)
        return copy.read_bytes()


def pad(content: bytes) -> bytes:
    return content + bytes(-len(content) % 4)
