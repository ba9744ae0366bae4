"""The guest's kernel and shell, from the distribution's packages, unpacked and not installed."""
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from machine import EmulationError

# Debian's, Ubuntu's. A kernel for virtual machines has few drivers and starts soonest.
KERNELS = ["linux-image-cloud-amd64", "linux-image-virtual"]


def kernel_and_busybox() -> tuple[bytes, bytes]:
    """Both files, from the cache if they were fetched before."""
    cache = cache_folder()
    if cache is None:
        with tempfile.TemporaryDirectory() as folder:
            fetch(Path(folder))
            return read(Path(folder))
    if not (cache / "busybox").exists():
        cache.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache.parent) as folder:
            fetch(Path(folder))
            shutil.rmtree(cache, ignore_errors=True)
            shutil.copytree(folder, cache)
    return read(cache)


def cache_folder() -> Path | None:
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.environ.get("HOME", "/nowhere"), ".cache")
    folder = Path(base, "tautochrone", "emulate")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder.parent, os.W_OK) else None


def read(folder: Path) -> tuple[bytes, bytes]:
    return (folder / "vmlinuz").read_bytes(), (folder / "busybox").read_bytes()


def fetch(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as work:
        unpack(newest_kernel(), Path(work))
        unpack("busybox-static", Path(work))
        found = sorted(Path(work, "unpacked/boot").glob("vmlinuz-*"))
        busybox = [p for p in (Path(work, "unpacked") / q for q in ("bin/busybox", "usr/bin/busybox")) if p.exists()]
        if not found or not busybox:
            raise EmulationError("the packages hold no kernel or no busybox where they used to")
        shutil.copy(found[0], folder / "vmlinuz")
        shutil.copy(busybox[0], folder / "busybox")


def newest_kernel() -> str:
    for name in KERNELS:
        listed = subprocess.run(["apt-cache", "depends", name], capture_output=True, text=True, check=False)
        for line in listed.stdout.splitlines():
            word, _, package = line.strip().partition(": ")
            if word == "Depends" and package.startswith("linux-image-"):
                return package
    raise EmulationError(f"apt knows none of {', '.join(KERNELS)}: run `apt-get update`")


def unpack(package: str, work: Path) -> None:
    fetched = subprocess.run(
        ["apt-get", "download", "-qq", package], cwd=work, capture_output=True, text=True, check=False
    )
    archives = list(work.glob("*.deb"))
    if fetched.returncode or not archives:
        raise EmulationError(f"apt-get cannot download {package}: run `apt-get update`; {fetched.stderr.strip()}")
    subprocess.run(["dpkg-deb", "-x", archives[0], work / "unpacked"], check=True)
    archives[0].unlink()
