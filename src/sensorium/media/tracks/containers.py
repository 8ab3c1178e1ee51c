"""Files that FFmpeg opens, through PyAV: their tracks, their clock and their tags."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from sensorium.errors import MediaError, MissingExtraError
from sensorium.media.content import START_BYTES
from sensorium.media.decoding import decoding
from sensorium.media.sources import AUDIO_SUFFIXES, VIDEO_SUFFIXES, open_regular
from sensorium.media.tracks.recorded import place, taken
from sensorium.media.tracks.stretches import Stretch

try:
    import av
    from av.container import InputContainer
    from av.stream import Disposition
except ImportError as error:
    raise MissingExtraError("av", "media") from error

MOST_HOLES = 200
"""Places at which a file may be broken and is read on: 13 MB of noise in an OGG file."""

LONGEST_PACKET = 1.0
"""Seconds of sound in a packet at most, where it is not said; more is a pause."""

NAMED_LANGUAGES = 8
"""How many languages of tracks a note names."""

TAGS = ("title", "artist", "album", "date", "genre", "comment", "description")

BROADCASTS = ("mpegts", "mpeg")
"""Formats of broadcasts and discs, whose time stamps may jump anywhere."""

LONGEST_JUMP = 10.0
"""Seconds that all tracks of a broadcast may skip; more is another clock (as in the program
ffmpeg), not a pause."""

LONGEST_OVERLAP = 1.0
"""Seconds by which a track may go back in the order of decoding, as joined tracks overlap a little.
More is another clock."""

FORMATS = (
    "aac", "ac3", "aiff", "amr", "amrnb", "amrwb", "ape", "apng", "asf", "asf_o", "au", "av1",
    "avi", "avr", "caf", "dhav", "dirac", "dsf", "dss", "dts", "dtshd", "dv", "eac3", "flac", "flv",
    "gif", "gsm", "gxf", "h264", "hevc", "iff", "ircam", "ivf", "loas", "m4v", "matroska", "mjpeg",
    "mlp", "mov", "mp3", "mpc", "mpc8", "mpeg", "mpegts", "mpegvideo", "mxf", "nistsphere", "nut",
    "obu", "ogg", "oma", "pvf", "qoa", "rm", "shn", "sox", "spdif", "tak", "truehd", "tta", "vc1",
    "voc", "vvc", "w64", "wav", "wtv", "wv",
)  # fmt: skip
"""What FFmpeg may take a file for: formats whose files hold their sound and pictures themselves,
of cameras, recorders, telephones, laboratories and programs. Surveillance cameras call theirs
(DHAV) ``.mp4``, and corpora of speech theirs (NIST SPHERE) ``.wav``. The others are lists of files
(HLS, DASH, concat), addresses (SDP, RTSP), devices, numbered pictures, subtitles, games' films, and
rarities that nobody looks for bugs in."""

NO_FORMAT = (
    "damaged in its first bytes, or of a format that is not read: save it as WAV, FLAC, MP3, MP4 "
    "or MKV"
)
"""What is said of a file that FFmpeg takes for none of `FORMATS`."""

DOOR = {"format_whitelist": ",".join(FORMATS), "protocol_whitelist": "", "enable_drefs": "0"}
"""No protocol is used at all: this process opens the file, and FFmpeg reads what it is given."""

MAX_FRAME_PIXELS = 16384 * 8640
"""Largest frame that is decoded: 16K. A header may claim any size."""

OPTIONS = {"max_pixels": str(MAX_FRAME_PIXELS)}
"""What decoders are told, those by which FFmpeg looks into a file it opens, too."""

REFERRING = tuple(
    (re.compile(rb"(?:\xef\xbb\xbf)?\s*" + mark, re.DOTALL | re.IGNORECASE), kind)
    for mark, kind in (
        (rb"#EXTM3U", "a playlist (M3U)"),
        (rb"\[playlist\]", "a playlist (PLS)"),
        (rb"\[Reference\]|ASF ", "a playlist (ASX)"),
        (rb"<asx", "a playlist (ASX)"),
        (rb"ffconcat", "a playlist (ffconcat)"),
        (rb"(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<MPD", "a playlist (DASH)"),
        (rb"(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:playlist|smil|SmoothStreamingMedia)",
         "a playlist"),
        (rb"v=0\r?\n", "an address of a stream (SDP)"),
        (rb";FFMETADATA", "a list of tags"),
        (rb"rtsp://|rtspt://|https?://", "an address of a stream"),
    )
)  # fmt: skip
"""How files begin that hold nothing themselves."""

ELSEWHERE = "not there: in another file, which is not read through this one, or cut off"
"""What is said of a track of `promised` that is not there."""

NAMELESS = "<none>"
"""As PyAV calls what is in memory."""


@contextmanager
def opened(source: Path | bytes | Stretch, name: str) -> Iterator[InputContainer]:
    """Open a file, and nothing but it: whatever it names is not read.

    Raises
    ------
    MediaError
        When its format is none of `FORMATS`, and for whatever is raised while the file is open.
    """
    with decoding(name, "no sound or video that can be read"), ExitStack() as stack:
        if isinstance(source, Stretch):
            file: Any = stack.enter_context(source.opened())
        elif isinstance(source, bytes):
            file = io.BytesIO(source)
        else:
            file = stack.enter_context(open_regular(source))
            # Frames of MPEG sound have hardly any other mark. Of a file that is called like a
            # picture or a list FFmpeg would believe that, too.
            suffix = source.suffix.lower()
            file.name = f"a{suffix}" if suffix in AUDIO_SUFFIXES | VIDEO_SUFFIXES else NAMELESS
        if (named := _names_others(file)) is not None:
            raise MediaError(
                f"{named}, which only names other files: nothing of them is read through it; "
                "give the sounds and films themselves",
                name,
            )
        form = source.form if isinstance(source, Stretch) else None
        try:
            container = av.open(
                file, "r", form, OPTIONS, DOOR, io_open=_refused, metadata_errors="ignore"
            )
        except av.ArgumentError as error:  # what it says of formats that are not in the list
            raise MediaError(NO_FORMAT, name) from error
        with container:
            yield container


def _refused(url: str, flags: int, options: dict[str, str]) -> NoReturn:
    raise PermissionError("a file names another one, which is not read through it")


def _names_others(file: Any) -> str | None:
    """What a file is that does nothing but name others, as its first bytes say; it is rewound."""
    start = file.read(START_BYTES)
    file.seek(0)
    return next((kind for mark, kind in REFERRING if mark.match(start)), None)


def sound_track(container: InputContainer, notes: list[str]) -> Any | None:
    """The sound track that players play: the default one, or else the first, that can be decoded.

    Parameters
    ----------
    container : InputContainer
    notes : list of str
        What of the sound is not heard is appended.

    Returns
    -------
    av.AudioStream or None
        None where there is no track that can be decoded.
    """
    every = list(container.streams.audio)
    decodable = [one for one in every if one.codec_context is not None]
    by_default = [one for one in decodable if one.disposition & Disposition.default]
    track = next(iter([*by_default, *decodable]), None)
    if len(decodable) < len(every):
        lost = len(every) - len(decodable)
        which = f"{lost} of {len(every)} sound tracks are" if decodable else "its sound is"
        _note(notes, f"{which} in a codec that FFmpeg cannot decode here")
    if len(decodable) > 1:
        rest = [one for one in decodable if one is not track]
        languages = [one.language for one in rest if one.language not in (None, "", "und")]
        named = f" ({', '.join(languages[:NAMED_LANGUAGES])})" if languages else ""
        _note(
            notes,
            f"of {len(decodable)} sound tracks the default one is heard, not the other "
            f"{len(rest) if len(rest) > 1 else 'one'}{named}",
        )
    return track


def _note(notes: list[str], text: str) -> None:
    if text not in notes:
        notes.append(text)


def tracks(container: InputContainer) -> list[Any]:
    """All tracks that are seen or heard in the course of time, in the order of the file."""
    return [
        one for one in container.streams if one.type in ("audio", "video") and not _is_cover(one)
    ]


def _is_cover(stream: Any) -> bool:
    return bool(stream.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails))


def promised(container: InputContainer) -> dict[int, str]:
    """Tracks of a MOV or MP4 whose index says that there is something: number and type of each.

    Where no packet comes of one, it is in another file.
    """
    if not container.format.name.startswith("mov"):
        return {}
    return {one.index: one.type for one in tracks(container) if one.frames}


def is_only_sound(source: Path | bytes) -> bool:
    """Whether a file holds sound and no moving pictures.

    Raises
    ------
    MediaError
        When it cannot be read.
    """
    with opened(source, "a file") as container:
        films = [stream for stream in container.streams.video if not _is_cover(stream)]
        return bool(container.streams.audio) and not films


def origin(container: InputContainer) -> float:
    """The stamp of the first thing that is seen or heard, in seconds: all times count from there.

    Broadcasts begin at any time, and encoders write sound from a little before 0.
    """
    begins: list[float] = [
        float(one.start_time * one.time_base)
        for one in tracks(container)
        if one.start_time is not None and one.time_base
    ]
    return min(begins, default=(container.start_time or 0) / av.time_base)


@dataclass
class _Pace:
    stamp: float
    packets: int = 0  # since that stamp
    seconds: float = 0.0  # of a packet


def packets_of(container: InputContainer, wanted: Sequence[Any]) -> Iterator[Any]:
    """Packets of some tracks, also those behind bytes that are none.

    Raises
    ------
    av.FFmpegError
        When it cannot be read further.
    """
    for attempt in range(MOST_HOLES + 1):
        try:
            yield from container.demux(wanted)
        except av.InvalidDataError:  # FFmpeg looks no further than the next 64 KB at a time
            if attempt == MOST_HOLES:
                raise
        else:
            return


class Clock:
    """Says when packets of an open file are due, in seconds from its `origin`.

    Stamps that start anew, as in recordings that were written one behind the other, go on where
    the one before ended.

    Parameters
    ----------
    container : InputContainer
    """

    def __init__(self, container: InputContainer) -> None:
        self.zero = origin(container)
        self.ends: dict[int, float] = {}
        """When the last packet of each track ends, by the track's number."""
        self.restarts = 0
        """How often stamps have started anew."""
        self.shift = -self.zero
        """What is added to the stamps of the packet that came last."""
        self._shifts = [self.shift]
        self._jumps = container.format.name in BROADCASTS
        self._bases: dict[int, float] = {}  # seconds of a track's unit
        self._paces: dict[int, _Pace] = {}
        self._orders: dict[int, float] = {}  # when each track's last packet was decoded
        self._last: float | None = None  # the latest end of all tracks

    def due(self, packet: Any) -> float:
        """When a packet begins; it counts as read.

        Parameters
        ----------
        packet : av.Packet
            With or without a stamp: without one it begins when the one before it ended.
        """
        track = packet.stream_index
        if track not in self._bases:  # fractions are slow, and 2 hours have 300,000 packets
            self._bases[track] = float(packet.time_base)
        base = self._bases[track]
        stamp = packet.dts if packet.pts is None else packet.pts
        if stamp is None:
            time = self.ends.get(track, 0.0)
        else:
            time = self._placed(stamp * base, track, self._lag(packet) * base)
        length = packet.duration
        if length and length >= 2**31:
            # FFmpeg shortens the last packet of an OGG to less than nothing, in 32 bits of no sign.
            length -= 2**32
        end = time + (length * base if length else self._length(packet, time))
        if end > self.ends.get(track, -math.inf):
            self.ends[track] = end
        if self._last is None or end > self._last:
            self._last = end
        if packet.stream.type == "audio":
            self._orders[track] = self.ends[track]
        elif packet.dts is not None:
            self._orders[track] = packet.dts * base + self.shift
        return time

    @staticmethod
    def _lag(packet: Any) -> float:
        """How long before it is shown a packet is decoded, in its track's units.

        The order of decoding is that of the file; slides may be shown many seconds later.
        """
        if packet.stream.type == "audio" or packet.pts is None:
            return 0.0
        return math.nan if packet.dts is None else float(packet.pts - packet.dts)

    def _length(self, packet: Any, time: float) -> float:
        """How long a packet is that does not say it: as those between the last two stamps."""
        if packet.stream.type != "audio":  # pictures come in another order than they are shown
            return 0.0
        pace = self._paces.setdefault(packet.stream_index, _Pace(time))
        if packet.pts is not None and pace.packets:
            if 0 < time - pace.stamp < LONGEST_PACKET * pace.packets:
                pace.seconds = (time - pace.stamp) / pace.packets
            pace.stamp, pace.packets = time, 0
        pace.packets += 1
        return pace.seconds

    def _placed(self, stamp: float, track: int, lag: float) -> float:
        if self._last is None:
            return stamp + self.shift
        if len(self._shifts) == 1 and self._fits(stamp + self.shift, track, lag):
            return stamp + self.shift
        # Around a new start, packets by the clock before come between those by the new one.
        fitting = [shift for shift in self._shifts if self._fits(stamp + shift, track, lag)]
        if not fitting:
            self.restarts += 1
            self._shifts = [self._shifts[-1], self._last - stamp]
            fitting = self._shifts[1:]
            # Their next packets are late by their old clocks, and a second start by the new one.
            self.ends = dict.fromkeys(self.ends, self._last)
            self._orders = dict.fromkeys(self._orders, self._last)
        self.shift = min(fitting, key=lambda shift: abs(stamp + shift - (self._last or 0.0)))
        return stamp + self.shift

    def _fits(self, time: float, track: int, lag: float) -> bool:
        last = self._last or 0.0
        if self._jumps and time - last > LONGEST_JUMP:
            return False
        if track not in self._orders or math.isnan(lag):
            return True
        if time - lag >= self._orders[track] - LONGEST_OVERLAP:
            return True
        # A track that overlaps itself, while the others go on by the same clock.
        others = [end for number, end in self.ends.items() if number != track]
        return bool(others) and abs(max(others) - time) <= LONGEST_OVERLAP


def container_facts(container: InputContainer) -> dict[str, Any]:
    """Length and tags of an open file, as its header says them."""
    known: dict[str, Any] = {}
    if container.duration is not None:
        known["duration"] = container.duration / av.time_base
    tags = {key.lower(): value for key, value in container.metadata.items()}
    of_tracks: dict[str, str] = {}
    for track in tracks(container):
        of_tracks = {**{key.lower(): value for key, value in track.metadata.items()}, **of_tracks}
    if container.format.name == "ogg":  # which keeps its tags there; elsewhere a track has a name
        tags = {**of_tracks, **tags}
    known.update({key: tags[key].strip() for key in TAGS if tags.get(key, "").strip()})
    tags = {**of_tracks, **tags}
    if (time := taken(tags)) is not None:
        known["taken"] = time
    return {**known, **place(tags)}
