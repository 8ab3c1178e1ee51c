"""From the channels and the rate of a recording to one channel at the rate that a model takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from sensorium.errors import MediaError, MissingExtraError

FRONT, CENTRE, SURROUND, BACK_CENTRE, NOTHING = 0.7071, 1.0, 0.5, 0.7071, 0.0

SHARES = {
    **dict.fromkeys(("FL", "FR", "FLC", "FRC", "WL", "WR", "DL", "DR"), FRONT),
    "FC": CENTRE,
    **dict.fromkeys(("SL", "SR", "BL", "BR"), SURROUND),
    "BC": BACK_CENTRE,
    **dict.fromkeys(("LFE", "LFE2"), NOTHING),
}
"""What a loudspeaker's channel counts for, by FFmpeg's names: the table for one channel in Rec.
ITU-R BS.775-3, annex 4. Rumble (LFE) is left out there, too; others count as surround."""

USUAL_CHANNELS = {
    6: ("FL", "FR", "FC", "LFE", "BL", "BR"),
    8: ("FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR"),
}
"""What six and eight channels are where a file does not say it. Other numbers may as well be so
many microphones, all of which count the same."""

BLOCK_SECONDS = 0.5
"""How long a decision on channels in opposite phase holds; shorter ones would be heard."""

CANCELLED = 0.2
"""Share of the power which the channels would have together if they had nothing in common, under
which they cancel each other out: stereo with a correlation of -0.8 and less. Music that was mixed
as wide as possible stays above -0.5."""

MAX_SAMPLES = 64_000_000
"""Samples of all channels in a second, at most: 64 channels at a million. Half a second of them is
in memory; a header may claim 255 channels at two thousand million."""

Samples = npt.NDArray[np.float32]


def require_rate(rate: int, channels: int) -> None:
    """Refuse what no recording has, before memory is taken for it.

    Raises
    ------
    MediaError
        Where a second has more than `MAX_SAMPLES`.
    """
    if rate < 0 or channels < 0 or rate * channels > MAX_SAMPLES:
        raise MediaError(
            f"{channels:,} channels of {rate:,} samples a second; sounds of more than "
            f"{MAX_SAMPLES:,} samples a second are not read"
        )


def shares(channels: int, names: Sequence[str] = ()) -> Samples:
    """What each channel counts for in the mean.

    Parameters
    ----------
    channels : int
    names : sequence of str
        FFmpeg's names of the loudspeakers; empty where nobody knows them.

    Returns
    -------
    ndarray of float32, shape (channels,)
        Their sum is 1: a sound that is the same in all channels keeps its level.
    """
    known = names if len(names) == channels else USUAL_CHANNELS.get(channels, ())
    counts = np.array([SHARES.get(name, SURROUND) for name in known], np.float32)
    if not counts.sum():
        counts = np.ones(channels, np.float32)
    return np.asarray(counts / counts.sum(), np.float32)


def mix(block: Samples, counts: Samples) -> Samples:
    """The mean of the channels.

    Channels in opposite phase, as a plug that is wired the wrong way makes them, would be silence
    together; those that are against the loudest one are turned round.

    Parameters
    ----------
    block : ndarray of float32, shape (n, channels)
        About `BLOCK_SECONDS`. What is not a number becomes 0; what is over full scale is cut off,
        as loudspeakers do: a broken AAC file may say 1,000.
    counts : ndarray of float32, shape (channels,)
        Of `shares`.

    Returns
    -------
    ndarray of float32, shape (n,)
    """
    if not np.isfinite(block.sum()):
        block = np.nan_to_num(block)
    block = block.clip(-1, 1)
    if block.shape[1] == 1:
        return block[:, 0]
    together = block @ counts
    powers = np.einsum("ij,ij->j", block, block) * counts**2
    if float(together @ together) < CANCELLED * float(powers.sum()):
        strongest = block[:, powers.argmax()]
        together = block @ (counts * np.where(strongest @ block < 0, -1, 1).astype(np.float32))
    return np.asarray(together, np.float32)


def mixed(samples: Samples, rate: int) -> Samples:
    """Make one channel of several in memory: shape (n, channels) to (n,)."""
    counts = shares(samples.shape[1])
    size = max(1, round(BLOCK_SECONDS * rate))
    return np.concatenate(
        [mix(samples[start : start + size], counts) for start in range(0, len(samples), size)]
    )


def resampled(parts: Iterable[tuple[Samples, int]], rate: int) -> Iterator[Samples]:
    """Bring one channel to a rate, whose parts may have several.

    Parameters
    ----------
    parts : iterable of (ndarray of float32, shape (n,), int)
        Samples and how many of them are a second.
    rate : int
        What is wanted.

    Yields
    ------
    ndarray of float32, shape (n,)

    Raises
    ------
    MissingExtraError
        When soxr is not installed.
    """
    try:
        import soxr
    except ImportError as error:
        raise MissingExtraError("soxr", "media") from error
    stream: soxr.ResampleStream | None = None
    current = rate
    for samples, of_part in parts:
        if of_part != current:
            if stream is not None:
                yield stream.resample_chunk(_NONE, last=True)
            stream = None
            if of_part != rate:
                stream = soxr.ResampleStream(of_part, rate, 1, dtype="float32")
            current = of_part
        yield samples if stream is None else stream.resample_chunk(samples)
    if stream is not None:
        yield stream.resample_chunk(_NONE, last=True)


_NONE = np.empty(0, np.float32)
