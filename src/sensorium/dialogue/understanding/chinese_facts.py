"""Facts that are asked for in few words, in Chinese: "几月份拍的", "这张哪年", "作者是谁".

As in `english_facts`: such a question stands at the end, with an item before it or none, and is
spelt out as a whole question of that item, or of 它.
"""

from __future__ import annotations

import re

from sensorium.dialogue.understanding.chinese_words import ANY_KIND, MEASURE, NUMBER

_QUESTIONS = {
    "date": "{}是什么时候拍的",
    "place": "{}是在哪里拍的",
    "author": "{}是谁拍的",
    "length": "{}有多长",
}
_MADE = r"(?:拍摄?|照|录制?|摄|去)?"
_TAIL = r"(?:的|得|了|呀|啊|呢|哈|吧|来着)*"
_WHEN = (
    r"(?:(?:什么|啥)(?:时候|时间|日子)|何时|几几年|哪一?年(?:哪月)?|几月份?(?:几[号日])?|哪个?月(?:份)?"
    r"|哪一?[天日](?:几点)?|几月几[号日]|几点(?:钟|几分)?)"
)
_WHERE = r"(?:哪(?:里|儿|个(?:国家|城市|地方))?|(?:什么|啥)地方|何处|何地)"
_ADVERBS = r"(?:又|是|在|才|到底|究竟|具体|大概|大约)*"
_ASKS_WHOM = r"(?:是|叫|归|属于|写的?是|怎么写|怎么署)*(?:谁|(?:什么|啥)(?:名字)?|哪位)?"
_FORMS = (
    ("date", rf"{_ADVERBS}{_WHEN}{_MADE}{_TAIL}"),
    ("date", rf"(?:的)?(?:拍摄|录制)?(?:日期|年份|年代)(?:是)?(?:多少|(?:什么|啥)|几)?{_TAIL}"),
    ("place", rf"{_ADVERBS}{_WHERE}{_MADE}{_TAIL}"),
    ("author", rf"(?:的)?(?:作者|摄影[师者]|拍摄者|作者署名|署名|author|photographer)"
               rf"{_ASKS_WHOM}{_TAIL}"),
    ("author", r"(?:版权|著作权)?(?:归|属于)谁(?:所有)?|出自谁(?:之手)?|是?谁的(?:作品|手笔)"),
    ("length", r"(?:才|只|有|一共|总共|全长|时长|长度|是|持续)*(?<![第在从到])(?:几|多少)"
               rf"(?:秒|分钟)(?:钟|长)*{_TAIL}"),
)  # fmt: skip
_STORED = (
    r"(?:里面?|上面?|中)?(?:有没有|有|存有?了?|存着|带|记录?了?|标了?)(?:{})(?:信息)?"
    r"(?:吗|么|没有|没|呢)*"
)
_NOUNS = {
    "date": r"(?:拍摄|录制)?(?:日期|时间|年份)", "place": r"(?:拍摄)?地点",
    "author": r"作者(?:署名)?|署名|摄影师", "length": r"时长",
}  # fmt: skip
_PATTERNS = tuple(
    (fact, re.compile(rf"^(?P<item>.*?)(?:{form})[？?。！!\s]*$"))
    for fact, form in (
        *((fact, _STORED.format(noun)) for fact, noun in _NOUNS.items()), *_FORMS
    )
)  # fmt: skip
_BEFORE = re.compile(
    rf"^(?:(?:这|那)(?:是|就是)(?:{_WHERE}|{_WHEN})|(?P<place>{_WHERE})|(?P<date>{_WHEN}){_MADE}的?)"
    r"(?:啊|呀|呢)*(?:这|那)(?:是|个|张)?[？?。！!]*$"
)
"""The question before what it is about: "什么地方啊这是"."""
_OPENING = re.compile(
    rf"^(?:(?:哦|噢|喔|嗯|啊|好的?|那么|那(?=[，,]|{_WHEN}|{_WHERE})|请问|对了|而且|还有|就|又)"
    r"[，,。！!\s]*)+"
)
_REFERS = re.compile(
    rf"(?:它们?|(?:[这那两一几]|第?{NUMBER}|另外?|其[他余它])(?:[一两几]|{NUMBER})?(?:{MEASURE}"
    rf"|些)?(?:{ANY_KIND})?|(?:{ANY_KIND})(?:里面?|上面?|中)?)都?$"
)
"""What may stand before the question: an item that was shown."""
_WHOLE = re.compile(rf"(?:整个?{MEASURE}?|全(?!部)个?{MEASURE}?)(?=(?:{ANY_KIND}))")
_PLEASE = re.compile(r"(?:please|pls|thanks)[。.!！?？]*$")


def spelt_out(text: str) -> str:
    """A question for a fact in few words, as a whole question; any other text as it is.

    Parameters
    ----------
    text : str
        In small letters, without white space.
    """
    text = _WHOLE.sub("这部", _PLEASE.sub("", text) or text)
    if (match := _BEFORE.match(text)) is not None:
        return _QUESTIONS["date" if match["date"] else "place"].format("它")
    for fact, pattern in _PATTERNS:
        if (match := pattern.match(text)) is None:
            continue
        item = _OPENING.sub("", match["item"])
        bare = re.sub(r"^(?:它|这|那)?[，,]?$", "", item)
        if not bare:
            return _QUESTIONS[fact].format("它")
        if _REFERS.search(item) and not re.search(r"[哪谁什]", item):
            return _QUESTIONS[fact].format(item)
    return text
