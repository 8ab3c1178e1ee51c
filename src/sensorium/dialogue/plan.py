"""What a request is understood as."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Intent = Literal[
    "find", "count", "more", "look", "is", "read", "listen", "transcribe", "moment", "facts",
    "compare", "explain", "answer", "quote", "label", "holds", "help", "thanks", "pick",
]  # fmt: skip
"""What a person wants of a turn; ``find`` where nothing else is said."""


@dataclass(frozen=True)
class Reference:
    """Items that a request means by what was said before.

    Attributes
    ----------
    kind : str
        ``it`` one item, ``those`` all that were shown, ``two`` a pair; ``ordinal`` the one with a
        number, ``last`` that with a number from the end, ``middle``; ``first`` and ``last few``
        several of them, ``except`` all but those with numbers; ``kind`` the one of a kind of media
        ("the film"), ``others`` those shown that are not the one in question, ``before`` the one
        that was talked about before this one, ``next`` that after it in the list; ``turn`` what the
        answer with a number showed, from the end where it is below 0, ``citation`` what ``[2]`` of
        the last answer was, ``given`` what the person gave in a turn before.
    number : int
        From 1; -1 is the last. Of "others" how many, 0 for all.
    modality : str
        Where the words say of which kind ("the second film"); empty where not.
    more : tuple of int
        Further numbers: "the first and the third".
    """

    kind: str
    number: int = 1
    modality: str = ""
    more: tuple[int, ...] = ()


@dataclass(frozen=True)
class Plan:
    """A request.

    Attributes
    ----------
    intent : str
        One of `Intent`.
    subject : str
        What is sought or asked about, in the person's own words; what is no other part of a plan.
    excluded : tuple of str
        What must not be in it, in words.
    modality : str
        Kind of media; empty for all.
    after, before : str
        ISO dates: from the first on, up to the second, without it. Empty for none.
    order : str
        ``newest``, ``oldest``, ``largest`` ...; empty for the best first.
    than : str
        ``older``, ``newer``: than what was shown; ``day before``, ``day after``, ``same day``,
        ``same month``, ``same year``: as it is from.
    number : int
        Items wanted; 0 where nothing is said.
    reference : Reference or None
    given : bool
        Whether media of this turn are meant.
    same : bool
        "The same but ...": what is not said is as in the plan before.
    continues : bool
        "And of dogs?": likewise.
    several : bool
        Whether more than one is asked for ("photos", not "a photo").
    fact : str
        Which fact is asked for: ``date``, ``place``, ``size``, ``length``.
    relevant : bool
        Of ``label``.
    item : str
        Words for the item that is asked about, where it is named: "what is said about the roof in
        *the letter*".
    when : {"", "at", "after", "before", "start", "end"}
        Of films and recordings: the moment that was told last, what comes after or before it, or
        the beginning or end; of documents, the page after or before.
    second : float or None
        Of films and recordings, the moment that is meant: "at 0:12".
    page : int
        Of documents, from 1; 0 for all, -1 for the last.
    definite : bool
        One of those shown is described: "the one with white walls".
    but_one : bool
        One of those shown is described by `excluded`, and not wanted: "not the pink one".
    widened : {"", "date", "kind", "excluded"}
        A condition of the plan before that no longer holds: "from any year".
    question : str
        The request as it was said, for what answers questions from texts.
    """

    intent: str = "find"
    subject: str = ""
    excluded: tuple[str, ...] = ()
    modality: str = ""
    after: str = ""
    before: str = ""
    order: str = ""
    than: str = ""
    number: int = 0
    reference: Reference | None = None
    given: bool = False
    same: bool = False
    continues: bool = False
    several: bool = False
    fact: str = ""
    relevant: bool = True
    item: str = ""
    when: str = ""
    second: float | None = None
    page: int = 0
    definite: bool = False
    but_one: bool = False
    widened: str = ""
    question: str = ""

    def as_dict(self) -> dict[str, Any]:
        """What is said in it, without what is not."""
        told = _listed(dataclasses.asdict(self))
        plain = _listed(dataclasses.asdict(Plan()))
        return {"intent": self.intent} | {
            name: value for name, value in told.items() if value != plain[name]
        }

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Plan:
        """The plan that `as_dict` told."""
        fields = dict(told)
        if fields.get("reference"):
            fields["reference"] = _reference(fields["reference"])
        fields["excluded"] = tuple(fields.get("excluded", ()))
        return cls(**fields)

    @property
    def has_conditions(self) -> bool:
        """Whether it says anything that narrows a search, beside a subject."""
        return bool(
            self.excluded or self.modality or self.after or self.before or self.order or self.than
        )


def _listed(told: Mapping[str, Any]) -> dict[str, Any]:
    """Fields with lists for tuples, as JSON gives them back."""
    return {
        name: _listed(value) if isinstance(value, dict)
        else [*value] if isinstance(value, tuple) else value
        for name, value in told.items()
    }  # fmt: skip


def _reference(told: Mapping[str, Any]) -> Reference:
    fields = dict(told)
    more = tuple(fields.pop("more", ()))
    other = fields.pop("other", 0)  # what conversations were saved with before there were several
    return Reference(**fields, more=more or ((other,) if other else ()))
