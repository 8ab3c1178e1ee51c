"""Captioning pictures: by what `sensorium train caption` wrote, a hub, a server, or in one name."""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import PIL.Image

from sensorium.data.sources import Picture, picture_of
from sensorium.encoders import Encoder
from sensorium.encoders.naming import require_known
from sensorium.errors import MediaError, UsageError
from sensorium.media.progress import Progress
from sensorium.tasks.formats import CAPTIONER
from sensorium.tasks.origin import Origin, digest_of_folder, origin_of_pretrained

if TYPE_CHECKING:
    from sensorium.tasks.captions.captioner import CaptionModel
    from sensorium.tasks.generating import Search

DEFAULT_MODEL = "names"

AT_ONCE = 8
"""Pictures that a trained captioner writes of before the first caption is told: of its batches of
32 a person would wait for the whole."""

Paths = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]


@dataclass(frozen=True)
class Caption:
    """What a picture is called.

    Attributes
    ----------
    path : str
        As it was given.
    text : str
        The best caption; empty for a picture that could not be read, or of which nothing is known.
    score : float
        Mean log-probability of its word pieces, by which it was found best; 0 where none is told.
    others : list of (str, float)
        What else there was, best first, with scores; with probabilities where `probability` is one.
    error : str
        Why the picture could not be read; empty for one that could.
    probability : float, optional
        How likely a person's caption has these words in it, where that was measured.
    origin : Origin, optional
        The model that wrote it.
    """

    path: str
    text: str
    score: float = 0.0
    others: list[tuple[str, float]] = dataclasses.field(default_factory=list)
    error: str = ""
    probability: float | None = None
    origin: Origin | None = None


class Captions(Protocol):
    """Something that captions pictures.

    Attributes
    ----------
    origin : Origin
    """

    @property
    def origin(self) -> Origin:
        """The model."""
        ...

    def caption(
        self,
        pictures: Paths,
        *,
        beams: int | None = None,
        max_length: int | None = None,
        language: str | None = None,
        progress: Progress | None = None,
    ) -> list[Caption]:
        """Caption picture files.

        Parameters
        ----------
        pictures : path, or iterable of paths
        beams, max_length : int, optional
            Of beam search, for models that take them; see `Search`.
        language : str, optional
            Two letters or a name, for models that one talks to.
        progress : callable, optional
            Called with (done, total).

        Returns
        -------
        list of Caption
            In the order given. One that cannot be read has its `error` instead of a text.

        Raises
        ------
        UsageError
            For what the model does not take.
        """
        ...

    def caption_each(
        self,
        pictures: Iterable[str | os.PathLike[str]],
        *,
        beams: int | None = None,
        max_length: int | None = None,
        language: str | None = None,
    ) -> Iterator[Caption]:
        """Caption one picture after the other, or a batch; see `caption`.

        Yields
        ------
        Caption
            Of each, when it is there; wrong arguments are told at the call.
        """
        ...


class Captioner:
    """A model that captions pictures.

    Parameters
    ----------
    model : CaptionModel
    description : dict
        What ``captioner.json`` says.
    origin : Origin
    """

    def __init__(self, model: CaptionModel, description: dict[str, Any], origin: Origin) -> None:
        from sensorium.tasks.generating import Search, search_of

        self.model = model
        self.origin = origin
        self.description = description
        self.search = search_of(description, Search())

    def caption(
        self,
        pictures: Paths,
        *,
        beams: int | None = None,
        max_length: int | None = None,
        language: str | None = None,
        progress: Progress | None = None,
    ) -> list[Caption]:
        """See `Captions.caption`; it writes as it was trained, in one language."""
        search = self._search(beams, max_length, language)
        return self._captions(_listed(pictures), search, progress)

    def caption_each(
        self,
        pictures: Iterable[str | os.PathLike[str]],
        *,
        beams: int | None = None,
        max_length: int | None = None,
        language: str | None = None,
    ) -> Iterator[Caption]:
        """See `Captions.caption_each`; it writes `AT_ONCE` at a time."""
        search = self._search(beams, max_length, language)
        paths = (os.fspath(path) for path in pictures)
        batches = iter(lambda: [*itertools.islice(paths, AT_ONCE)], [])
        return (one for batch in batches for one in self._captions(batch, search))

    def _search(self, beams: int | None, max_length: int | None, language: str | None) -> Search:
        if language is not None:
            raise UsageError(
                f"{self.origin.model} writes in the language that it was trained on: leave out "
                "the language"
            )
        wanted = {
            name: value
            for name, value in (("beams", beams), ("max_length", max_length))
            if value is not None
        }
        return dataclasses.replace(self.search, **wanted)

    def _captions(
        self, paths: Sequence[str], search: Search, progress: Progress | None = None
    ) -> list[Caption]:
        once = [*dict.fromkeys(paths)]
        opened = [Picture.of_file(Path(path)) for path in once]
        found = self.model.caption(opened, once, search, progress)
        texts = {once[row]: own for row, own in zip(found.rows, found.candidates, strict=True)}
        errors = {skipped.path: skipped.reason for skipped in found.skipped}
        return [
            Caption(path, *texts[path][0], others=texts[path][1:], origin=self.origin)
            if path in texts
            else Caption(path, "", error=errors[path], origin=self.origin)
            for path in paths
        ]


class OneByOne(Protocol):
    """A model that looks at one picture at a time.

    Attributes
    ----------
    origin : Origin
    languages : bool
        Whether it can be told a language.
    min_side : int
        Pixels of a picture's shorter side that are enough for it.
    """

    languages: bool
    min_side: int

    @property
    def origin(self) -> Origin:
        """The model."""
        ...

    def write(
        self, picture: PIL.Image.Image, language: str | None = None
    ) -> list[tuple[str, float]]:
        """Texts with scores, best first; none where nothing is known of the picture."""
        ...


class PictureCaptioner:
    """Captions one picture after the other.

    Parameters
    ----------
    model : OneByOne
    measured : bool
        Whether its scores are probabilities that a person says so.
    """

    def __init__(self, model: OneByOne, *, measured: bool = False) -> None:
        self.model = model
        self._measured = measured

    @property
    def origin(self) -> Origin:
        """The model."""
        return self.model.origin

    def caption(
        self,
        pictures: Paths,
        *,
        beams: int | None = None,
        max_length: int | None = None,
        language: str | None = None,
        progress: Progress | None = None,
    ) -> list[Caption]:
        """See `Captions.caption`."""
        paths = _listed(pictures)
        done: list[Caption] = []
        found = self.caption_each(paths, beams=beams, max_length=max_length, language=language)
        for one in found:
            done.append(one)
            if progress is not None:
                progress(len(done), len(paths))
        return done

    def caption_each(
        self,
        pictures: Iterable[str | os.PathLike[str]],
        *,
        beams: int | None = None,
        max_length: int | None = None,
        language: str | None = None,
    ) -> Iterator[Caption]:
        """See `Captions.caption_each`."""
        if beams is not None or max_length is not None:
            raise UsageError(f"{self.origin.model} takes no beams and no length: leave them out")
        if language is not None and not self.model.languages:
            raise UsageError(f"{self.origin.model} tells English names: leave out the language")
        return (self._caption(os.fspath(path), language) for path in pictures)

    def _caption(self, path: str, language: str | None) -> Caption:
        try:
            picture: PIL.Image.Image = picture_of(Path(path)).load(min_side=self.model.min_side)
        except MediaError as error:
            return Caption(path, "", error=error.reason, origin=self.origin)
        found = self.model.write(picture, language)
        if not found:
            return Caption(path, "", origin=self.origin)
        (text, score), others = found[0], found[1:]
        if self._measured:
            probability = round(score, 4)
            others = [(name, round(value, 4)) for name, value in others]
            return Caption(path, text, 0.0, others, "", probability, self.origin)
        return Caption(path, text, score, others, origin=self.origin)


def load_captioner(
    name: str | os.PathLike[str] = DEFAULT_MODEL, *, encoder: str | Encoder = "mini"
) -> Captions:
    """Load a captioner.

    Parameters
    ----------
    name : str or Path
        "names" (what is shown, in one name); a folder that `sensorium train caption` wrote; a
        folder in the format of Transformers, or a hub id, of a captioning model
        (``Salesforce/blip-image-captioning-base``, GIT, BLIP-2) or of one that is talked to (LLaVA,
        Qwen-VL, SmolVLM, Gemma); a server's address with ``#MODEL``.
    encoder : str or Encoder
        Of pictures and texts, for "names".

    Raises
    ------
    UsageError
        When it is a folder of something else, or damaged.
    NotAtHandError
        When a hub's model is not on this machine; it says its size and how to get it.
    UnknownModelError
        When there is none of that name; it lists those that there are.
    EncoderError
        When it is no captioner, or a server does not answer.
    SpaceMismatchError
        When the encoder that it was trained on is another one now.
    MissingExtraError
        When what runs it is not installed.
    """
    name = os.fspath(name)
    if name == "names":
        from sensorium.tasks.captions.by_names import NamingCaptioner

        return PictureCaptioner(NamingCaptioner(encoder), measured=True)
    from sensorium.tasks.captions.by_chat import ChatCaptioner, ServedCaptioner
    from sensorium.tasks.chat import is_served

    if is_served(name):
        return PictureCaptioner(ServedCaptioner(name))
    from sensorium.tasks.captions.by_features import FeatureCaptions
    from sensorium.tasks.captions.by_pixels import PixelCaptions

    folder = Path(os.path.expanduser(name))  # noqa: PTH111
    if CAPTIONER.is_in(folder):
        description = CAPTIONER.read(folder)
        model: CaptionModel
        if description.get("reads") == "pixels":
            model = PixelCaptions.load(folder)
        else:
            model = FeatureCaptions.load(folder, description)
        return Captioner(model, description, Origin(name, digest_of_folder(folder), "folder"))
    CAPTIONER.require_finished(folder)
    if folder.exists() and not (folder / "config.json").is_file():
        raise UsageError(
            f"{folder}: holds neither {CAPTIONER.file} nor a model of Transformers: "
            f"{CAPTIONER.instead}"
        )
    require_known(name, [DEFAULT_MODEL], "captioner")
    from sensorium.tasks.hub_chat import HubChat, chat_reader

    reader = chat_reader(name)
    if reader is not None and hasattr(reader, "tokenizer"):
        return PictureCaptioner(ChatCaptioner(HubChat(name, reader)))
    pixels = PixelCaptions.pretrained(name)
    return Captioner(pixels, {"reads": "pixels"}, origin_of_pretrained(name))


def _listed(pictures: Paths) -> list[str]:
    if isinstance(pictures, (str, os.PathLike)):
        pictures = [pictures]
    return [os.fspath(path) for path in pictures]
