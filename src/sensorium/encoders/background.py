"""Vectors of ordinary things: what cosines to anything else are compared with.

A small collection cannot tell how near unrelated segments are to a query: of three passages, one is
the answer. These add what is known of the encoder.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from sensorium.encoders.base import Encoder
from sensorium.media import Modality

PASSAGES = (
    "The committee will meet again in the second week of March to vote on the budget.",
    "Add the flour slowly, stir until the dough is smooth, and let it rest for an hour.",
    "Water boils at a lower temperature on a high mountain because the air presses less.",
    "He opened the letter, read it twice, and put it back into the drawer without a word.",
    "Turn left at the church and follow the river until you reach the old bridge.",
    "Prices rose by three per cent last year, mostly because of rents and energy.",
    "The patient should take one tablet with a glass of water after each meal.",
    "Our team lost the first half and won the match with two goals in the last minutes.",
    "To install the program, open a terminal and run the command that is shown below.",
    "The castle was built in the twelfth century and burned down during the war.",
    "She learned to play the violin at the age of six and gave her first concert at ten.",
    "Most birds of this family spend the winter in Africa and return in early spring.",
    "Please sign both copies of the contract and send one of them back to our office.",
    "The train to the coast leaves from platform nine at a quarter past eight.",
    "A triangle with two equal sides also has two equal angles.",
    "Thank you very much for your message, I will answer it as soon as I am back.",
    "Young trees need a lot of water in their first summer, but little afterwards.",
    "The court decided that the company had to pay for the damage.",
    "This camera takes sharp pictures even when there is hardly any light.",
    "In those days people travelled by coach, and a journey took several weeks.",
    "The engine makes a strange noise when the car goes uphill in second gear.",
    "Light from that star takes four years to reach us.",
    "The novel tells of three sisters who inherit a hotel by the sea.",
    "Wash the shirt at thirty degrees and do not put it into the dryer.",
    "Parliament passed the law with a small majority late at night.",
    "Children under twelve pay half the price, and babies travel free.",
    "The painter mixed his own colours from earth, oil and egg.",
    "Cells take in sugar and oxygen and turn them into energy.",
    "You can change the language in the settings, under the second tab.",
    "Fresh fish is sold at the harbour every morning except on Sundays.",
    "会议将于下周三上午九点在三楼举行，请准时参加。",
    "先把油烧热，再放入葱姜，炒出香味后加入切好的肉。",
    "这座城市有两千多年的历史，城墙至今保存完好。",
    "请在服药前仔细阅读说明书，并遵照医生的建议。",
    "公司今年的收入比去年增长了百分之十二。",
    "他从小喜欢读书，后来成了一名中学老师。",
    "下载完成后，双击图标，按照提示完成安装。",
    "春天来了，树上开满了花，孩子们在草地上放风筝。",
    "从火车站坐二号线，四站以后下车就到了。",
    "地球绕太阳转一圈需要三百六十五天多一点。",
)
"""Passages of forty kinds, each about something else."""


def background(encoder: Encoder) -> Mapping[str, npt.NDArray[np.float32]]:
    """Vectors of segments that have nothing to do with a query, by modality.

    Returns
    -------
    mapping of str to ndarray of float32, shape (n, d)
        Texts are encoded when they are first asked for; pictures come with an encoder's folder,
        where it has them.
    """
    key = encoder.space.fingerprint
    if key not in _known:
        _known[key] = _Background(encoder)
    _known[key].encoder = encoder  # that of before may be closed by now
    return _known[key]


class _Background(Mapping[str, npt.NDArray[np.float32]]):
    """Who has pictures alone does not wait until forty passages are encoded."""

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder
        self._vectors: dict[str, npt.NDArray[np.float32]] = {}
        if (pictures := encoder.ordinary("pictures")) is not None:
            self._vectors[str(Modality.IMAGE)] = pictures
        has_text = Modality.TEXT in encoder.space.modalities
        self._names = [*[str(Modality.TEXT)] * has_text, *self._vectors]

    def __getitem__(self, name: str) -> npt.NDArray[np.float32]:
        if name not in self._names:
            raise KeyError(name)
        if name not in self._vectors:
            self._vectors[name] = self.encoder.encode(PASSAGES)
        return self._vectors[name]

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


_known: dict[str, _Background] = {}
