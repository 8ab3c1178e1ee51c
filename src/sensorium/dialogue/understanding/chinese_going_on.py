"""How a Chinese request goes on from the one before; see `english_going_on`."""

from __future__ import annotations

import re

from sensorium.dialogue.understanding.chinese_words import ANY_KIND, MEASURE
from sensorium.dialogue.understanding.english_going_on import GoingOn

_NO = (
    r"(?:不+(?:是|对)?(?:这个|那个|这张|那张)?(?:的?意思)?|(?:说|搞|弄|打|写)?错了|抱歉|对不起|等等"
    r"|等一下|不好意思|哦|啊|噢|嗯)"
)
_MEAN = (
    r"(?:我(?:的意思)?(?:其实|原来|本来|刚才)?(?:是说|是指|指的是|想说的是|要的是|是想|说的是"
    r"|问的是"
    r"|想问的是|(?:要|想)(?:找|看|要|听)的是|是要|是)|我(?:其实|原来|本来)(?:想|要)(?:看|找|要|听)?"
    r"|应该是|更正[：:，,]?|改成|换成|改为)"
)
_CORRECTION = re.compile(
    rf"^(?:{_NO}[，,。！!：:\s]+)*{_MEAN}[，,：:\s]*"
    rf"|^(?:{_NO}[，,。！!：:\s]+)+(?:我(?:要|想要|想看|要看|找)|是(?!不是))?"
)
_NOT_BUT = re.compile(r"^不是[^，,。]+[，,](?:而)?是?(?P<rest>.+)$")
_BUT_NOT_KIND = re.compile(rf"[，,]?(?:而)?不是(?:{ANY_KIND})(?=\W*$)")
_BACK_TO = re.compile(
    r"^(?:我们)?(?:还是)?(?:再)?(?:回到|回去看|看回)(?!上|刚|前|之|第)|^(?:我们)?还是看"
)
_NARROW = re.compile(
    r"^(?:只|仅)(?:限于?|要|看|找|留|保留|显示)|^仅|^(?:缩小|限制|限定|缩减|缩窄)(?:范围)?"
    r"(?:到|在|为|成)"
    r"|^就(?=\d|要|看)(?:要|看)?"
)
_CONTINUES = re.compile(
    rf"^(?:那么|那(?!是|里|边|儿|会|些|个|几|一|两|{MEASURE})|还有(?!一{MEASURE}"
    rf"(?:{ANY_KIND})?(?:是|在|呢))|而(?!且)|而且|再(?![找看给来])|另外(?![那一两三四五\d])|以及"
    rf"|和|跟(?!.*(?:像|比|类似|相似|差不多|一样))|但是?|不过|可是)[，,\s]*(?!一?[些]|{MEASURE})"
)
_TOO = re.compile(r"(?<=\w)(?:也要|也行|也可以)(?=\W*$)|^也(?=有|要|找|看)")
_WHAT_OF = re.compile(r"呢(?=[？?。！!\s]*$)")
_OF = re.compile(r"的(?:有吗|有没有|呢|吗)?[？?。！!\s]*$")
_IS_OF_ALL = re.compile(rf"{ANY_KIND}|[几\d一两三四五六七八九十]{MEASURE}")
_ATTRIBUTE = re.compile(r"[拍里上天色年边下外季夜]的(?:呢|吗)?[？?。！!]*$")
_WIDENED = (
    ("date", re.compile(
        r"^(?:别的|其他|其它)(?:年份|时间|日期|年代)(?:的)?(?:呢|也行|也可以|也要)?\W*$"
        r"|^(?:哪一?年|什么时候|哪天|什么时间|任何时候|几月)(?:拍)?的?(?:都)?(?:行|可以|好"
        r"|无所谓|要)\W*$"
        r"|^(?:不限|不管|不论|无论|忽略|去掉|不看)(?:年份|时间|日期|年代|什么时候|哪一?年|何时).*$"
        r"|^(?:年份|时间|日期|年代)(?:不限|无所谓|都行|随意)\W*$|^(?:所有|任何|全部)(?:年份"
        r"|时间|日期)的?\W*$"
        r"|^不(?:只|光|仅|限于|仅仅)(?:是|限于)?\d{4}年?的?\W*$",
    )),
    ("kind", re.compile(
        r"^(?:什么|任何|哪种|所有|各种)(?:类型|格式|种类|形式)的?(?:都)?(?:行|可以|好|要)?\W*$"
        rf"|^不(?:只|光|仅|限于|仅仅)(?:是|限于|要)?(?:{ANY_KIND})\W*$|^(?:类型|格式)不限\W*$",
    )),
    ("excluded", re.compile(r"^(?:有|带|含)?[^，,。？?]{1,8}的?也(?:行|可以|好|没关系)\W*$")),
)  # fmt: skip


def going_on(text: str) -> GoingOn:
    """How a request goes on from the one before; see `english_going_on.going_on`."""
    for name, pattern in _WIDENED:
        if pattern.match(text):
            return GoingOn("", continues=True, widened=name)
    rest = text
    is_bare = not re.match(r"^那(?!有|没)", text) or _ATTRIBUTE.search(text) is not None
    for pattern in (_CORRECTION, _BACK_TO):
        if (match := pattern.match(rest)) is not None and re.search(r"\w", rest[match.end() :]):
            rest = rest[match.end() :]
            is_bare = False
    if (match := _NOT_BUT.match(rest)) is not None:
        rest, is_bare = match["rest"], False
    rest = _BUT_NOT_KIND.sub("", rest)
    for pattern in (_NARROW, _CONTINUES):
        if (match := pattern.match(rest)) is not None and re.search(r"\w", rest[match.end() :]):
            rest = rest[match.end() :]
    rest = _TOO.sub("", rest)
    adds = (
        is_bare
        and _OF.search(rest) is not None
        and not re.search(r"[，,]|呢.", rest)
        and not _IS_OF_ALL.search(rest)
    )
    rest = _WHAT_OF.sub("", rest)
    return GoingOn(rest, continues=rest != text, adds="的" if adds else "")
