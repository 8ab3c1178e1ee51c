"""Chinese phrases that mean items by what was said before: "第二张", "粉色的那个", "另外两张".

As in `english_phrases`: a phrase is a numeral, "那" or "这", a measure word, and perhaps a kind of
media; each rule takes one form of it and leaves "它" or "它们" in its place.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from sensorium.dialogue.plan import Reference
from sensorium.dialogue.understanding.chinese_words import ANY_KIND, KINDS, MEASURE, NUMBER
from sensorium.dialogue.understanding.english_phrases import Meant, Rule
from sensorium.dialogue.understanding.numbers import number_of


def take_phrase(text: str) -> tuple[str, Meant | None]:
    """The first phrase that any rule finds, and the request with a pronoun in its place.

    Parameters
    ----------
    text : str
        A request without white space.
    """
    for rule in _RULES:
        for pattern in rule.patterns:
            if (match := pattern.search(text)) is not None:
                meant, kept = rule.build(match), _group(match, "keep")
                if _DATED.search(meant.described):  # a date is no word of the one that is meant
                    meant, kept = replace(meant, described=""), meant.described
                rest = f"{text[: match.start()]}{kept}{rule.leaves}{text[match.end() :]}"
                return rest, meant
    return text, None


def named_kind(word: str | None) -> str:
    """The kind of media that a word names; empty for none."""
    return next((kind for kind, said in KINDS.items() if word and re.fullmatch(said, word)), "")


_DATED = re.compile(r"\d{4}年?|[去今前]年|(?:\d{1,2}|十?[一二三四五六七八九十])月")


def _group(match: re.Match[str], name: str) -> str:
    return match.groupdict().get(name) or ""


def _reference(kind: str, number: int, match: re.Match[str]) -> Meant:
    return Meant(Reference(kind, number, named_kind(_group(match, "k"))))


def _numbers(text: str) -> list[int]:
    return [
        -1 if one[0].startswith("最后") else number_of(one[1])
        for one in re.finditer(rf"第?({NUMBER})|最后[一那]?", text)
    ]


def _ordinals(match: re.Match[str]) -> Meant:
    numbers = _numbers(_group(match, "n"))
    modality = named_kind(_group(match, "k"))
    if numbers == [-1]:
        return Meant(Reference("last", 1, modality))
    return Meant(Reference("ordinal", numbers[0], modality, tuple(numbers[1:])))


def _except(match: re.Match[str]) -> Meant:
    numbers = _numbers(_group(match, "n"))
    return Meant(Reference("except", numbers[0], "", tuple(numbers[1:])))


def _counted(kind: str) -> Callable[[re.Match[str]], Meant]:
    return lambda match: _reference(kind, number_of(_group(match, "n")), match)


def _one(kind: str, number: int = 1) -> Callable[[re.Match[str]], Meant]:
    return lambda match: _reference(kind, number, match)


def _ago(match: re.Match[str]) -> Meant:
    return Meant(Reference("turn", -number_of(_group(match, "n"))))


def _others(match: re.Match[str]) -> Meant:
    number = number_of(_group(match, "n")) if _group(match, "n") else 0
    return _reference("others", number, match)


def _order_of(match: re.Match[str]) -> str:
    said = _group(match, "order")
    return next(order for letter, order in _ORDERS.items() if letter in said)


def _most(match: re.Match[str]) -> Meant:
    return Meant(Reference("those"), order=_order_of(match), number=1)


def _mosts(match: re.Match[str]) -> Meant:
    said = _group(match, "n")
    return Meant(order=_order_of(match), number=number_of(said) if said else 0)


def _unwanted(match: re.Match[str]) -> Meant:
    words = _group(match, "what").removeprefix("有").rstrip("的")
    if not words:
        return Meant(Reference("others", 0))
    if _group(match, "several"):
        return Meant(Reference("those"), excluded=(words,))
    return Meant(excluded=(words,), but_one=True)


def _described(match: re.Match[str]) -> Meant:
    if (without := _without(match)) is not None:
        return Meant(excluded=(without,), definite=True)
    words = _group(match, "what").rstrip("的") + _group(match, "noun")
    return Meant(described=words, definite=True)


def _without(match: re.Match[str]) -> str | None:
    """What the described lacks: "没有人的那张"."""
    said = re.match(r"(?:没有|没|不带|不含|无)(.+)", _group(match, "what").rstrip("的"))
    return said[1] if said is not None else None


def _those(match: re.Match[str]) -> Meant:
    if (without := _without(match)) is not None:
        return Meant(Reference("those"), excluded=(without,))
    said = _group(match, "n")
    words = _group(match, "what").rstrip("的")
    return Meant(Reference("those"), described=words, number=number_of(said) if said else 0)


def _noun(match: re.Match[str]) -> Meant:
    return Meant(Reference("it"), described=_group(match, "what"), definite=True)


_K = rf"(?P<k>{ANY_KIND})?"
_M = rf"(?:{MEASURE}{_K}|(?P<k2>{ANY_KIND}))".replace("(?P<k2>", "(?:")
_THE = r"(?:那|这)(?:一)?"
_TWO_UP = r"(?:[两二三四五六七八九十]|\d{1,2})"
_NTH = (
    rf"(?:第{NUMBER}(?![年月秒页天次分章节]){MEASURE}?(?:{ANY_KIND})?"
    rf"|最后(?:一|那)?{MEASURE}(?:{ANY_KIND})?)"
)
_AND = r"(?:和|跟|与|还是|或者?|、|以及|，)"
_DROP = r"(?:不要|不是|除了|除去|除掉|去掉|排除|别要|(?:不想|不需)要|删掉|拿掉)"
_WHAT = r"(?P<what>(?:(?!的那|的这|什么|为何)[^\x1f，,。；;？?！!哪谁怎]){1,16}?)"
_THING = r"(?P<what>[^\x1f，,。？?！!是在有的多叫拍几什么哪谁怎吗呢和跟与上里像样得但]{1,4})"
_ENDS = (
    r"(?=$|[\x1f，,。；;？?！!]|是|在|有|的|多|叫|拍|上|里|写|说|吗|呢|给|再|也|都|一下|一遍|为)"
)
_ORDERS = {
    "早": "oldest", "旧": "oldest", "老": "oldest", "新": "newest", "晚": "newest",
    "近": "newest", "大": "largest", "小": "smallest", "长": "longest", "短": "shortest",
}  # fmt: skip
_MOST = r"(?P<order>[最更](?:早|旧|老|新|晚|近|大|小|长|短)|较(?:早|新|大|小|长|短)|旧|老|新|早)"
_GIVEN = (
    r"(?:刚才|之前|刚刚|最初|一开始)?我(?:刚才|之前|刚刚|刚|最初|一开始)?(?:给|发|传|上传|提供"
    r"|发送|附)"
    r"(?:给|过|了|来|上)*(?:你|您)?(?:看|的)*"
)
_FIRSTLY = r"(?:一开始|最开始|最初|最早|起初|最先)"
_FOUND = r"(?:找|给|展示|显示|看|列出|说)(?:到|出|出来|我|的|了|过|给我看|看)*"
_TOLD = r"(?:说|提|引用|给|找|显示|念|讲)(?:到|过|的|了|出)*"
_ANSWER = r"(?:回答|答案|答复|回复|回应)"
_BEFORE = r"(?:刚才|刚刚|之前|以前|前面|先前|前)"


def _rule(leaves: str, build: Callable[[re.Match[str]], Meant], *patterns: str) -> Rule:
    return Rule(leaves, build, tuple(re.compile(pattern) for pattern in patterns))


_RULES = (
    _rule("它", _one("it"), rf"^(?:就是|就)?(?:这|那)(?:一)?{MEASURE}{_K}(?=\W*$)"),
    _rule("它们", _one("those"), rf"^(?:刚才|之前)?(?:的)?(?:这|那)(?:几{MEASURE}|些){_K}(?=$"
        rf"|再|都|[？?。！!])"),
    _rule(
        "它", lambda match: Meant(Reference("citation", number_of(_group(match, "n")))),
        r"\[(?P<n>\d{1,2})\]",
        rf"第(?P<n>{NUMBER})[个条处]?(?:来源|引用|出处|引文|脚注)",
        rf"(?:来源|引用|出处|脚注)第?(?P<n>{NUMBER})",
    ),
    _rule(
        "它", _one("given"),
        rf"{_GIVEN}(?:那|这)?(?:一)?(?:{MEASURE})?{_K}",
        rf"(?P<keep>像|[和跟与](?=.*(?:像|类似|相似|差不多)))我的(?:那|这)?(?:{MEASURE})?"
        rf"(?P<k>{ANY_KIND})",
    ),
    _rule("它", _ago, rf"(?P<n>{NUMBER})(?:轮|个问题|个回答|个?回合)(?:之前|以前|前)的?(?:那"
        rf"|这)?(?:一)?"
                      rf"(?:{MEASURE})?(?:{ANY_KIND})?"),
    _rule("它", lambda match: Meant(Reference("turn", -1)),
          rf"(?:你|您)?的?(?:上|前)一?[个次条](?:的)?{_ANSWER}(?:再(?:说|讲)一?[遍次])?",
          rf"(?:你|您)?的?最后一?[个次条]?(?:的)?{_ANSWER}"),
    _rule(
        "它", lambda match: Meant(Reference("turn", number_of(_group(match, "n") or "一"))),
        rf"(?:回到)?(?:你|您|我)?的?第(?P<n>{NUMBER})[个次条轮]?(?:的)?(?:{_ANSWER}|问题|提问)",
        rf"^(?:回到)?{_FIRSTLY}的?(?:那|这)(?:些|一)?(?:{MEASURE})?(?:{ANY_KIND})?(?=\W*$)",
        rf"(?:你|您)?{_FIRSTLY}(?:你|您)?{_FOUND}(?:那|这)?(?:些|一)?(?:{MEASURE})?"
        rf"(?:{ANY_KIND})?(?:是什么)?",
    ),
    _rule("它", _one("before", 2), rf"上上(?:一)?{MEASURE}{_K}"),
    _rule("它", _one("next"), rf"(?<![一最])(?:下|后|后面|接下来)(?:的)?(?:那)?(?:一)?"
        rf"(?!页){MEASURE}{_K}(?=是|在|写|拍|的|吗|呢|\W*$)"),
    _rule("它", _one("it"), rf"(?:你|您)?(?:刚才|刚刚|之前){_TOLD}(?:那|这)?(?:一)?{MEASURE}?"
        rf"(?P<k>{ANY_KIND})"),
    _rule("它", _noun, rf"(?:你|您)?(?:刚才|刚刚|之前){_TOLD}(?:那|这)(?:一)?(?:{MEASURE}|封"
        rf"|本)?{_THING}{_ENDS}"),
    _rule("它", _ordinals, rf"^(?:是)?(?P<n>{_NTH})[，,]?(?:而)?不是{_NTH}(?=\W*$)"),
    _rule(
        "它", _one("before"),
        rf"(?:再)?(?:回到)?{_BEFORE}(?:的)?(?:那|这|一|上一|那一){MEASURE}{_K}(?![页回答])",
        rf"(?:回到)?上一?[个张]{_K}(?=\W*$)", rf"(?:回到)?上(?:一)?{MEASURE}{_K}(?=是|在|写|拍"
        rf"|的|吗|呢|一样|有|比|\W*$)",
    ),
    _rule("它们", _except,
          rf"(?:除了?|除去|不要|去掉|排除|删掉)(?P<n>{_NTH}(?:{_AND}{_NTH})*)(?:以外|之外|外)?"
          rf"(?:的)?",
          rf"(?P<n>{_NTH}(?:{_AND}{_NTH})*)(?:以外|之外|不要|除外)(?:的)?(?:[，,]?其[他它余]"
          rf"(?:的)?(?:都要|都行)?)?"),
    _rule("它", _counted("last"), rf"倒数第(?P<n>{NUMBER}){MEASURE}?{_K}"),
    _rule("它们", _ordinals, rf"(?P<n>{_NTH}(?:{_AND}{_NTH})+)",
          rf"(?P<n>第?{NUMBER}号(?:{_AND}{NUMBER}号)+)"),
    _rule("它们", _counted("last few"),
          rf"(?:最后|末尾|后面?)(?:的)?(?P<n>{_TWO_UP}){MEASURE}{_K}"),
    _rule("它们", _counted("first"),
          rf"(?:最)?前(?:面)?(?:的)?(?:那)?(?P<n>{_TWO_UP}){MEASURE}{_K}"),
    _rule("它", _one("last"), rf"(?:最后|末尾|最末|末了)(?:的)?(?:一|那一?"
        rf"|这一?)?{MEASURE}{_K}(?!页)",
          rf"最后(?:的)?(?:一|那)(?:{MEASURE})?(?P<k>{ANY_KIND})"),
    _rule("它", _ordinals,
          rf"(?P<n>第{NUMBER})(?![年月秒页天次分章节]){MEASURE}?{_K}",
          r"(?P<n>\d{1,2})号(?![是有楼线])"),
    _rule("它", _one("middle"), rf"(?:正|最)?(?:中间|当中|正中)(?:的)?(?:那|这|一)?"
        rf"(?:一)?{MEASURE}{_K}"),
    _rule("它们", _others, rf"(?:另外?|其他|其它|其余|剩下|剩余)(?:的)?(?:那|这)?"
        rf"(?P<n>{_TWO_UP}){MEASURE}{_K}"),
    _rule("它", _one("others"), rf"另(?:外)?(?:的)?(?:那|这)?(?:一)?{MEASURE}{_K}",
          rf"还有(?:那)?一{MEASURE}{_K}(?=是|在|呢|$)"),
    _rule("它们", _others, rf"(?:其他|其它|其余|剩下|剩余)(?:的)?(?:那|这)?(?:几{MEASURE}|些)?{_K}",
          rf"^不是(?:这|那)(?:一)?{MEASURE}(?:{ANY_KIND})?(?=\W*$)"),
    _rule("它们", _one("two"), rf"(?<!的)(?<!那)(?:这|那)?两{MEASURE}{_K}(?=都|一起|有什么|哪"
        rf"|比|里|中|当中|$)(?:都要?|一起|里面?|当中|中)?", r"两者(?:都)?"),
    _rule("它", _most,
          rf"(?:其中|它们(?:当中|之中|里面?)?|这些(?:里面?|当中|之中)?|那些(?:里面?|当中"
          rf"|之中)?)(?:的)?{_MOST}的?(?:那|一|这)?(?:一)?(?:{MEASURE}{_K})?",
          rf"(?:^|(?<=[，,\x1f])){_MOST}(?:一点|一些|些)?的?(?:那|这)(?:一)?{MEASURE}{_K}"),
    _rule("", lambda match: Meant(order=_order_of(match), number=1),
          rf"(?:所有|全部)的?(?P<keep>{ANY_KIND})(?:里面?|中|当中|之中)?的?{_MOST}的?"
          rf"(?:(?:是哪|那|一|这)(?:一)?{MEASURE}{_K})?(?=\W*$)"),
    _rule("", _mosts, rf"{_MOST}(?:拍|照|录|写)?的?(?:几|(?P<n>{_TWO_UP})){MEASURE}{_K}"),
    _rule(
        "", _unwanted,
        rf"(?:但是?)?{_DROP}(?:掉)?(?P<what>[^\x1f，,。；;？?！!]*?)的?(?:那|这)(?:一)?"
        rf"(?P<several>几|些)?(?:{MEASURE})?{_K}(?:以外|之外|外)?(?=$|[\x1f，,。？?！!])",
        rf"把{_WHAT}的?(?:那|这)(?:一)?(?P<several>几|些)?(?:{MEASURE})?{_K}(?:去掉|排除|拿掉"
        rf"|删掉|删了|除去|除掉|去了)",
        rf"{_WHAT}的?(?:那|这)(?:一)?(?P<several>几|些)?(?:{MEASURE}){_K}(?:就?不要了?|除外|去掉)",
    ),
    _rule(
        "它", _described,
        rf"(?:^|(?<=\x1f))(?:就?(?:是|要|看)|我是说)?{_WHAT}(?<![和跟与像把对给比从])的?{_THE}"
        rf"(?!种){MEASURE}{_K}(?=是"
        rf"|[？?。！!，,\x1f]|在|上|里|写|拍|有|的|多|吗|呢|也|$)",
        rf"(?:^|(?<=\x1f)){_WHAT}(?<![和跟与像把对给比从])的?那(?:一)?{MEASURE}"
        r"(?P<noun>[^\x1f，,。？?！!是在有的哪谁怎什几]{1,6})(?=\W*$)",
        rf"(?:^|(?<=\x1f)){_WHAT}的?是?哪(?:一)?{MEASURE}{_K}(?=\W*$)",
        rf"^(?:那|这)(?:一)?{MEASURE}{_K}(?P<what>(?:"
        rf"(?!什么)[^\x1f，,。？?！!哪谁怎几]){{1,12}}?)的(?=\W*$)",
        rf"^哪(?:一)?{MEASURE}{_K}(?:上面?|里面?|中)?(?P<what>(?:有|是|在(?!.*(?:影片|视频"
        rf"|电影|录像)))(?!(?:更|最|先))[^\x1f，,。？?！!]+)(?=\W*$)",
    ),
    _rule(
        "它们", _those,
        rf"(?:^|(?<=\x1f)){_WHAT}的?(?:那|这)(?:几{MEASURE}|些|(?P<n>{_TWO_UP}){MEASURE}){_K}"
        rf"(?=\W*$)",
        rf"^哪(?:几{MEASURE}|些){_K}(?:上面?|里面?|中)?(?:都)?(?P<what>(?:有"
        rf"|是)[^\x1f，,。？?！!]+)(?=\W*$)",
    ),
    _rule("它", _noun, rf"(?:^|(?<=[把对和跟与，,\x1f]))(?:那|这){MEASURE}"
        rf"(?!{ANY_KIND}){_THING}{_ENDS}"),
    _rule("它", _one("it"), rf"(?:就是)?(?:这|那|该|此)(?:一)?{MEASURE}?(?P<k>{ANY_KIND})"
        rf"(?=\W*$|是|上|里|的|在|有|写|说|讲|拍|多|再|也)"),
)  # fmt: skip
