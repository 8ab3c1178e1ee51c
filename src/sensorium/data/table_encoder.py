"""From a table as a user has it to an `EncodedTable`: the columns, and an encoder for each."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import PIL.Image

from sensorium.data.columns import (
    KINDS,
    Column,
    Row,
    detect_columns,
    require_columns,
    resolve_paths,
)
from sensorium.data.encoded_tables import EncodedTable, encode_table, modalities_of
from sensorium.data.tables import read_good_rows
from sensorium.encoders import DEFAULT_ENCODER, load_encoder
from sensorium.encoders.base import FeatureExtractor
from sensorium.encoders.registry import encoder_name, load_recorded
from sensorium.errors import MediaError, SpaceMismatchError, UsageError
from sensorium.media import as_media
from sensorium.media.given import ENCODED, array_of, is_encoded_media, rows_of
from sensorium.media.progress import Progress
from sensorium.media.skipped import Skipped

Table = str | os.PathLike[str] | Sequence[Row] | EncodedTable
Encoders = str | Mapping[str, str]

SOUND_STATISTICS = "mel"
"""Name that takes `SoundStatistics` for the encoder of audio."""


class TableEncoder:
    """Reads and encodes tables of the same columns.

    Parameters
    ----------
    columns : mapping of str to kind, optional
        What columns hold; none but these are read. Without it, what they seem to hold.
    encoder : str or mapping of str to str
        Encoder of all modalities, or by modality.
    crops : bool
        As in `encode_table`.

    Attributes
    ----------
    columns : tuple of Column
        Empty until the first table; later tables are read by them.
    spaces : dict of str to str
        By modality, fingerprint that vectors must have; empty until a model is trained on some.
    """

    def __init__(
        self,
        columns: Mapping[str, str] | None = None,
        encoder: Encoders = DEFAULT_ENCODER,
        *,
        crops: bool = False,
    ) -> None:
        if unknown := [kind for kind in (columns or {}).values() if kind not in KINDS]:
            raise UsageError(f"no kind of column {unknown[0]!r}; there are {', '.join(KINDS)}")
        self.encoder = encoder
        self.recorded_in: Path | None = None  # the file that names the encoders, if one does
        self.crops = crops
        self.columns: tuple[Column, ...] = ()
        self.spaces: dict[str, str] = {}
        self._wanted = dict(columns) if columns is not None else None
        self._loaded: dict[str, FeatureExtractor] = {}

    @property
    def modalities(self) -> tuple[str, ...]:
        """Names of the modalities, in the order of the table's columns."""
        return modalities_of(self.columns)

    def learn_columns(self, table: Table, targets: Sequence[str]) -> None:
        """Find out what the columns of a training table hold; the targets are left out.

        Raises
        ------
        UsageError
            When the table lacks a target or an expected column, or nothing is left to read.
        """
        if isinstance(table, EncodedTable):
            if read := [name for name in targets if name in {c.name for c in table.columns}]:
                raise UsageError(f"target {read[0]!r} is among the columns that were encoded")
            require_columns(table.rows, targets)
            self.columns = table.columns
        else:
            rows = read_rows_of(table)[0]
            require_columns(rows, targets)
            self.columns = tuple(detect_columns(rows, self._wanted, leave_out=targets))
        self.spaces = {}

    def encode(self, table: Table, progress: Progress | None = None) -> EncodedTable:
        """Encode a table; one that is encoded already is checked and given back.

        A column that the table lacks counts as missing in every row, and is named in `skipped`.

        Raises
        ------
        UsageError
            For a table that cannot be read, lacks all columns, or was encoded with others.
        SpaceMismatchError
            When vectors are of another space than those the model was trained on.
        EncoderError
            When a column holds what its encoder does not encode.
        """
        if isinstance(table, EncodedTable):
            return self._checked(table)
        rows, skipped = read_rows_of(table)
        there = {name for row in rows for name in row}
        lacking = [column.name for column in self.columns if column.name not in there]
        if len(lacking) == len(self.columns):
            require_columns(rows, lacking)
        for name in lacking:
            skipped.append(Skipped(f"column {name}", "the table lacks it: counts as missing"))
        if lacking:
            rows = [{**dict.fromkeys(lacking), **row} for row in rows]
        if isinstance(table, (str, os.PathLike)):
            rows = [*resolve_paths(rows, self.columns, table)]
        encoders = {
            column.modality: self._encoder_of(column.modality)
            for column in self.columns
            if column.kind not in ("number", "category", "vectors")
        }
        encoded = encode_table(rows, self.columns, encoders, crops=self.crops, progress=progress)
        return replace(encoded, skipped=[*skipped, *encoded.skipped])

    def encoder_names(self) -> dict[str, str]:
        """Encoder of each modality that has one, as it can be loaded from any folder."""
        named = {m: self._encoder_name(m) for m, space in self.spaces.items() if space}
        return {m: n if n == SOUND_STATISTICS else encoder_name(n) for m, n in named.items()}

    def _checked(self, table: EncodedTable) -> EncodedTable:
        if table.columns != self.columns:
            raise UsageError(
                "the table was encoded with other columns: "
                f"{', '.join(c.name for c in table.columns)}; the model reads "
                f"{', '.join(c.name for c in self.columns)}"
            )
        for modality in self.spaces:
            self._require_space(modality, table.spaces[modality], "the table's vectors")
        return table

    def _require_space(self, modality: str, fingerprint: str, whose: str) -> None:
        known = self.spaces.get(modality)
        if known is not None and known != fingerprint:
            raise SpaceMismatchError(
                f"the model was trained on {modality} in the space {known}, and {whose} are of "
                f"{fingerprint or 'none'}: load the encoder it was trained with, or train anew"
            )

    def _encoder_name(self, modality: str) -> str:
        if isinstance(self.encoder, Mapping):
            return self.encoder.get(modality, DEFAULT_ENCODER)
        return self.encoder

    def _encoder_of(self, modality: str) -> FeatureExtractor:
        name = self._encoder_name(modality)
        if name not in self._loaded:
            if name == SOUND_STATISTICS:
                from sensorium.encoders.sound_statistics import SoundStatistics

                self._loaded[name] = SoundStatistics()
            else:
                recorded = self.recorded_in
                loaded = load_recorded(name, recorded) if recorded else load_encoder(name)
                self._loaded[name] = loaded
        self._require_space(modality, self._loaded[name].space.fingerprint, f"those of {name}")
        return self._loaded[name]


def read_rows_of(table: Table) -> tuple[list[Row], list[Skipped]]:
    """Rows of a table however it is given, and those of a file that cannot be read.

    Raises
    ------
    UsageError
        For no rows, or rows that are no dicts.
    """
    if isinstance(table, (str, os.PathLike)):
        rows, skipped = read_good_rows(Path(table))
        return list(rows), skipped
    if not isinstance(table, EncodedTable) and (held := rows_of(table)) is not None:
        table = held
    given = list(table.rows if isinstance(table, EncodedTable) else table)
    if not given:
        raise UsageError("the table holds no row")
    if wrong := [row for row in given if not isinstance(row, Mapping)]:
        raise UsageError(f"rows are dicts from column to cell, got {type(wrong[0]).__name__}")
    return [{name: _held(cell) for name, cell in row.items()} for row in given], []


def _held(cell: Any) -> Any:
    """A picture or recording in memory as media, which says what it is; other cells as they are."""
    if isinstance(cell, Mapping) and is_encoded_media(cell):
        is_empty = cell.keys() == ENCODED and not any(cell.values())
        return None if is_empty else as_media(cell)
    if isinstance(cell, PIL.Image.Image):
        return as_media(cell)
    if getattr(cell, "ndim", 0) == 3 and (array := array_of(cell)) is not None and array.size:
        with suppress(MediaError):
            return as_media(cell)
    return cell
