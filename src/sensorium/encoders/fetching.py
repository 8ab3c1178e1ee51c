"""Models of a hub are fetched when a person says so, and never on the way.

Every loader asks `require_at_hand` first and then loads from the cache alone. What is missing is
an error with the model's size and the command that fetches it. What is fetched is one commit, each
file compared with its digest as the hub lists it; what was cut off goes on where it stopped.
"""

from __future__ import annotations

import contextlib
import fnmatch
import hashlib
import os
import re
import shutil
import warnings
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sensorium.encoders import reaching
from sensorium.encoders.hub_cache import (
    BRANCH,
    base_of,
    command_of,
    files_of,
    hub_cache,
    is_commit,
    is_whole,
    snapshot_of,
    storage_of,
    unfinished_mark,
    whole_mark,
)
from sensorium.encoders.hub_contents import lacks_some, needed
from sensorium.errors import EncoderError, MissingExtraError, NotAtHandError, SensoriumWarning

try:
    from huggingface_hub import HfApi, constants, hf_hub_url
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import (  # type: ignore[attr-defined]
        WeakFileLock,
        build_hf_headers,
    )
except ImportError as error:
    raise MissingExtraError(error.name or "huggingface_hub", "hub") from error

ALLOWED = "SENSORIUM_FETCH"
"""Variable of the environment that lets every load fetch what it needs: for servers and scripts."""

Report = Callable[[str], None]

_DIGEST = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True)
class HubFile:
    """A file of a repository.

    Attributes
    ----------
    path : str
    bytes : int
    digest : str
        SHA-256 of a large file, which LFS holds, else the SHA-1 by which git knows it; the name
        of its content in the cache.
    """

    path: str
    bytes: int
    digest: str

    def is_in(self, storage: Path) -> bool:
        """Whether its content is in a model's folder of the cache."""
        blob = storage / "blobs" / self.digest
        return blob.is_file() and blob.stat().st_size == self.bytes


@dataclass(frozen=True)
class Listing:
    """What loading a model needs of its repository, as the hub tells it.

    Attributes
    ----------
    name : str
    revision : str
        As it was asked for.
    commit : str
    files : tuple of HubFile
        Weights last.
    license : str
        As the repository says; empty where it says none.
    """

    name: str
    revision: str
    commit: str
    files: tuple[HubFile, ...]
    license: str

    @property
    def lacking(self) -> list[HubFile]:
        """Files whose contents are not in the cache."""
        return [file for file in self.files if not file.is_in(storage_of(self.name))]

    def __str__(self) -> str:
        whole, left = (sum(f.bytes for f in files) for files in (self.files, self.lacking))
        rest = f", {megabytes(left)} of them to fetch" if left < whole else ""
        return f"{megabytes(whole)}{rest}" + (f", {self.license}" if self.license else "")


def megabytes(size: int) -> str:
    """A size as people read it; no model has none."""
    return f"{size / 1e6:,.0f} MB" if size >= 1e7 else f"{max(size / 1e6, 0.1):,.1f} MB"


def may_fetch() -> bool:
    """Whether a load may fetch what it lacks, as `ALLOWED` says."""
    return os.environ.get(ALLOWED, "").lower() in ("1", "true", "yes", "on")


def require_at_hand(
    name: str,
    revision: str | None = None,
    *,
    only: Collection[str] = (),
    called: str = "",
    ask: bool = True,
) -> Path:
    """The folder of a hub's model in the cache: the one door through which all are loaded.

    Parameters
    ----------
    name : str
        A hub id.
    revision : str, optional
        Branch, tag or commit; without, the one that was fetched last as "main".
    only : collection of str
        Patterns of the files that are needed, where a repository holds several models.
    called : str
        What a person calls it, where that is no hub id.
    ask : bool
        Whether the hub may be asked for the size, or for the model where `ALLOWED` is set.

    Returns
    -------
    Path
        Its snapshot; its name is the commit.

    Raises
    ------
    NotAtHandError
        When it is not on this machine, or not all of it; it says what is to be fetched and how.
    EncoderError
        When the hub has no such model, or none that is read here.
    """
    folder = snapshot_of(name, revision)
    if folder is None or not is_whole(folder, only) or (ask and not only and _lacks(name, folder)):
        folder = _brought(name, revision, only, called, ask)
    base = base_of(folder)
    if base and base != name and not Path(base).is_dir():  # an adapter is nothing without
        require_at_hand(base, ask=ask)
    return folder


def _lacks(name: str, folder: Path) -> bool:
    """Whether a snapshot lacks files, as the hub tells once; where it does not, as nobody can.

    Other programs fetch file by file, as they read them, and Transformers makes a tokenizer without
    a word where its files are missing.
    """
    mark = whole_mark(name, folder.name)
    if mark.exists() or reaching.unreachable():
        return False
    try:
        files = look_up(name, folder.name).files
    except EncoderError:  # it is there no more, or only for others
        return False
    lacks = lacks_some([file.path for file in files], files_of(folder))
    if not lacks:
        with contextlib.suppress(OSError):  # a cache that is only read
            mark.touch()
    return lacks


def _brought(
    name: str, revision: str | None, only: Collection[str], called: str, ask: bool
) -> Path:
    """Fetch a model if that is allowed; else refuse, and say how it is fetched."""
    command = command_of(called or name, revision)
    shown = f"{called} ({name})" if called else name
    if not ask:
        raise NotAtHandError(f"{shown} is not on this machine: `{command}` fetches it")
    if reason := reaching.unreachable():
        offline = "HF_HUB_OFFLINE=0 " if reaching.is_offline() else ""
        raise NotAtHandError(
            f"{shown} is not on this machine ({hub_cache()}), and {reason}: where the hub can be "
            f"reached, `{offline}{command}` says how much it is and fetches it"
        )
    listing = look_up(name, revision, only=only)
    if not may_fetch():
        raise NotAtHandError(f"{shown} is not on this machine: `{command}` fetches it ({listing})")
    warnings.warn(f"{ALLOWED} is set: fetching {shown} ({listing})", SensoriumWarning, stacklevel=2)
    return fetch(name, revision, only=only)


def look_up(name: str, revision: str | None = None, *, only: Collection[str] = ()) -> Listing:
    """Ask the hub what a model is made of: one request, nothing is fetched.

    Raises
    ------
    EncoderError
        When the hub cannot be asked, has no such model or revision, or the model has no weights
        that are read here.
    """
    with _explained(name, revision):
        info = HfApi().model_info(
            name, revision=revision, files_metadata=True, timeout=constants.HF_HUB_ETAG_TIMEOUT
        )
    siblings = {one.rfilename: one for one in info.siblings or []}
    if only:
        graphs = [f"{one}?data*" for one in only if one.endswith(".onnx")]
        wanted = ("config.json", "config.yaml", *only, *graphs)
        chosen = [f for f in sorted(siblings) if any(fnmatch.fnmatch(f, one) for one in wanted)]
    else:
        chosen = needed([*siblings])
    if not chosen:
        pickles = [f for f in siblings if f.endswith((".bin", ".pt", ".pth", ".ckpt", ".pkl"))]
        held = (
            f"its weights are pickles ({pickles[0]}), which may hold any program and are not read: "
            "name a model with safetensors, or convert it"
            if pickles
            else "it holds no weights that are read here: model.safetensors, ONNX or CTranslate2"
        )
        raise EncoderError(f"{name} of the hub is not fetched: {held}")
    files = [
        HubFile(file, int(one.size or 0), str(one.lfs.sha256 if one.lfs else one.blob_id))
        for file in chosen
        for one in (siblings[file],)
    ]
    for one in files:  # they become names in the cache
        inside = not PurePosixPath(one.path).is_absolute() and ".." not in one.path.split("/")
        if not (inside and _DIGEST.fullmatch(one.digest) and is_commit(str(info.sha))):
            raise EncoderError(f"{name}: the hub lists {one!r:.200}, which is no file of a model")
    license_ = str(getattr(info.card_data, "license", None) or "")
    return Listing(name, revision or BRANCH, str(info.sha), tuple(files), license_)


def fetch(
    name: str,
    revision: str | None = None,
    *,
    only: Collection[str] = (),
    report: Report = lambda line: None,
) -> Path:
    """Fetch a model of the hub into its cache, at the commit that its revision is now.

    Parameters
    ----------
    name : str
        A hub id.
    revision : str, optional
        Branch, tag or commit.
    only : collection of str
        Patterns of files, instead of those that `sensorium.encoders.hub_contents.needed` chooses.
    report : callable
        Called with a line for what is about to be fetched, with its size.

    Returns
    -------
    Path
        The folder of its files.

    Raises
    ------
    EncoderError
        When the hub cannot be reached, has no such model, or refuses it; when there is not enough
        room; when the fetch is cut off, after which it goes on where it stopped; or when a file is
        not what the hub lists.
    """
    if reason := reaching.unreachable():
        raise EncoderError(f"{name} cannot be fetched: {reason}")
    listing = look_up(name, revision, only=only)
    storage = storage_of(name)
    folder = storage / "snapshots" / listing.commit
    with _locked(storage):
        mark = unfinished_mark(name, listing.commit)
        lacking = listing.lacking
        left = sum(file.bytes for file in lacking)
        report(f"{name} at {listing.commit[:12]}: {listing}")
        if (free := shutil.disk_usage(storage).free) < left:
            raise EncoderError(
                f"{name} takes {megabytes(left)}, but {hub_cache()} has room for {megabytes(free)}"
            )
        if not (folder.is_dir() and is_whole(folder)):
            mark.touch()
        for file in listing.files:
            if file in lacking:
                report(f"fetching {file.path} ({megabytes(file.bytes)})")
                _bring(listing, file)
            _link(storage / "blobs" / file.digest, folder / file.path)
        mark.unlink(missing_ok=True)
        if not only:
            whole_mark(name, listing.commit).touch()
        if not is_commit(listing.revision):
            _write(storage / "refs" / listing.revision, listing.commit)
    return folder


def _bring(listing: Listing, file: HubFile) -> None:
    """Fetch the content of one file, from where an earlier try stopped, and compare its digest."""
    blob = storage_of(listing.name) / "blobs" / file.digest
    blob.parent.mkdir(parents=True, exist_ok=True)
    part = blob.with_name(f"{file.digest}.unfinished")
    if part.is_file() and part.stat().st_size > file.bytes:
        part.unlink()
    with _explained(listing.name, listing.revision), part.open("ab") as out:
        if out.tell() < file.bytes:
            http_get(
                hf_hub_url(listing.name, file.path, revision=listing.commit),
                out, resume_size=out.tell(), headers=build_hf_headers(),
                expected_size=file.bytes, displayed_filename=file.path,
            )  # fmt: skip
    if (found := _digest_of(part, len(file.digest))) != file.digest:
        part.unlink()
        raise EncoderError(
            f"{listing.name}: {file.path} came as {found}, but the hub lists {file.digest}: "
            "it was damaged on its way; try again"
        )
    part.replace(blob)


def _digest_of(path: Path, letters: int) -> str:
    """SHA-256, or where it has 40 letters the SHA-1 that git gives a content."""
    if letters == 40:
        digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    else:
        digest = hashlib.sha256()
    with path.open("rb") as content:
        while block := content.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _link(blob: Path, pointer: Path) -> None:
    """Put a content into a snapshot, as the client does: by a link, or a copy where none is."""
    if pointer.is_file() and pointer.stat().st_size == blob.stat().st_size:
        return
    pointer.parent.mkdir(parents=True, exist_ok=True)
    pointer.unlink(missing_ok=True)
    try:
        pointer.symlink_to(os.path.relpath(blob, pointer.parent))
    except OSError:  # a system, or a disk, without links
        shutil.copyfile(blob, pointer)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    beside.write_text(text, "utf-8")
    beside.replace(path)


@contextmanager
def _locked(storage: Path) -> Iterator[None]:
    """One process fetches a model at a time; the next finds it whole."""
    storage.mkdir(parents=True, exist_ok=True)
    locks = hub_cache() / ".locks" / storage.name
    locks.mkdir(parents=True, exist_ok=True)
    with WeakFileLock(locks / "sensorium.lock"):
        yield


@contextmanager
def _explained(name: str, revision: str | None) -> Iterator[None]:
    """Ask the hub, as nobody in particular, and say what a refusal means and what helps."""
    hub = constants.ENDPOINT
    try:
        with reaching.asking():
            yield
    except GatedRepoError as error:
        raise EncoderError(
            f"{name} is only for those who accepted its conditions: do so on {hub}/{name}, then "
            "`hf auth login` or set $HF_TOKEN"
        ) from error
    except RevisionNotFoundError as error:
        raise EncoderError(
            f"{name} has no revision {revision or BRANCH!r}: a branch, a tag or a commit of "
            f"{hub}/{name} is one"
        ) from error
    except RepositoryNotFoundError as error:
        raise EncoderError(
            f"{hub} has no model {name}, or it is private: look at the spelling, or `hf auth login`"
        ) from error
    except HFValidationError as error:
        raise EncoderError(f"{name} is no hub id (ORGANISATION/NAME): {error}") from error
    except EncoderError:
        raise
    except Exception as error:  # of the client and of what it asks with: they share no base
        raise EncoderError(
            f"{name} cannot be fetched from {hub} now ({_first_line(error):.200}): try again, what "
            "is here already stays"
        ) from error


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
