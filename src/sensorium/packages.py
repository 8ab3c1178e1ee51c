"""Pinned packages: download one from its registry, check its SHA-256, unpack it.

A package is fetched by the ordinary client of its registry (`apt-get download`, `npm pack`, `pip
download`), so mirrors and proxies that the user has set up keep working.
"""

import hashlib
import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Literal

from sensorium.errors import SensoriumError

Registry = Literal["debian", "npm", "wheel", "sdist"]

#: The program that each registry needs, and what has it.
CLIENTS: dict[Registry, tuple[str, str]] = {
    "debian": ("apt-get", "Debian 12 or a system built on it"),
    "npm": ("npm", "Node.js"),
    "wheel": ("pip", "Python"),
    "sdist": ("pip", "Python"),
}


class FetchError(SensoriumError, RuntimeError):
    """A package could not be brought here; the message says why and what mends it."""


class ChecksumError(FetchError):
    """The downloaded archive is not the one that was pinned."""


@dataclass(frozen=True)
class Package:
    """One archive of one registry, pinned by version and content.

    Attributes
    ----------
    registry, name, version
        What the registry's client is asked for; of PyPI, a wheel or the source.
    sha256
        Hex digest of the archive file.
    folders
        Folders inside a package of npm or PyPI to unpack; everything when empty.
    """

    registry: Registry
    name: str
    version: str
    sha256: str
    folders: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name} {self.version} ({self.registry})"

    def folder(self, root: Path) -> Path:
        """Where the unpacked package lies under the data sets' folder `root`."""
        return root / "packages" / self.name.replace("/", "+")


def missing_client(registry: Registry) -> str | None:
    """Say which program a registry lacks on this machine; None when all is there."""
    program, owner = CLIENTS[registry]
    found = find_spec(program) if program == "pip" else shutil.which(program)
    return None if found else f"needs {program}, which {owner} has"


def bring(package: Package, root: Path) -> Path:
    """Return the folder of the unpacked package, downloading it unless it is already there.

    Parameters
    ----------
    package
        What to bring.
    root
        The data sets' folder.

    Raises
    ------
    FetchError
        The registry's client is missing or failed.
    ChecksumError
        The archive differs from the pinned one; nothing of it is kept.
    """
    folder = package.folder(root)
    mark = folder.with_name(folder.name + ".sha256")  # written last: says "unpacked, and which"
    if mark.is_file() and mark.read_text() == package.sha256 and folder.is_dir():
        return folder
    lack = missing_client(package.registry)
    if lack:
        raise FetchError(f"{package} cannot be fetched: it {lack}")
    scratch = folder.with_name(folder.name + ".part")
    shutil.rmtree(scratch, ignore_errors=True)  # of an interrupted call
    scratch.mkdir(parents=True)
    try:
        archive = download(package, scratch)
        verify(archive, package)
        content = scratch / "content"
        content.mkdir()
        unpack(archive, package, content)
        shutil.rmtree(folder, ignore_errors=True)
        content.rename(folder)
    finally:
        shutil.rmtree(scratch)
    mark.write_text(package.sha256)
    return folder


def download(package: Package, folder: Path) -> Path:
    """Let the registry's client put the archive into an empty `folder`; return its path."""
    name, version = package.name, package.version
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command = {
        "debian": ["apt-get", "download", "-q", f"{name}={version}"],
        "npm": ["npm", "pack", "--silent", f"{name}@{version}"],
        "wheel": [*pip, "--only-binary", ":all:", f"{name}=={version}"],
        "sdist": [*pip, "--no-binary", name, f"{name}=={version}"],
    }[package.registry]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    archives = [path for path in folder.iterdir() if path.is_file()]
    if done.returncode or len(archives) != 1:
        hint = (
            "; run `apt-get update`, and note that the pin is Debian 12's version"
            if package.registry == "debian"
            else ""
        )
        raise FetchError(f"`{' '.join(command)}` failed: {done.stderr.strip()[-500:]}{hint}")
    return archives[0]


def verify(archive: Path, package: Package) -> None:
    """Raise ChecksumError unless the archive's SHA-256 is the pinned one."""
    with archive.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != package.sha256:
        raise ChecksumError(
            f"{package} has SHA-256 {found}, but {package.sha256} is pinned: "
            "the registry serves another archive under this version; do not use it"
        )


def unpack(archive: Path, package: Package, folder: Path) -> None:
    """Unpack an archive into an existing, empty folder."""
    if package.registry == "debian":
        subprocess.run(["dpkg", "-x", str(archive), str(folder)], check=True)
    elif package.registry == "wheel":
        with zipfile.ZipFile(archive) as wheel:
            names = [name for name in wheel.namelist() if _wanted(PurePosixPath(name), package)]
            wheel.extractall(folder, names)
    else:
        with tarfile.open(archive) as tar:
            tar.extractall(folder, _members(tar, package), filter="data")


def _wanted(path: PurePosixPath, package: Package) -> bool:
    return not package.folders or any(path.is_relative_to(one) for one in package.folders)


def _members(tar: tarfile.TarFile, package: Package) -> list[tarfile.TarInfo]:
    """Drop the leading folder of every path, and what lies outside the wanted folders."""
    wanted = []
    for member in tar.getmembers():
        path = PurePosixPath(*PurePosixPath(member.name).parts[1:])
        if _wanted(path, package):
            wanted.append(member.replace(name=str(path)))
    return wanted
