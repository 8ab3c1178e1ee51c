"""What stands around an English request and is none of it: politeness, wishes, relative clauses.

"I was wondering whether you might have a picture of a bridge" asks for a picture of a bridge. A
frame is a row of phrases of one class; any number of them may stand before a request.
"""

from __future__ import annotations

import re

from sensorium.dialogue.understanding.english_words import ANY_KIND, THING

_SEE = r"(?:see|have|know|hear|find|get|look\s+at|read|watch|have\s+a\s+look\s+at|find\s+out)"
_SOFT = (
    r"(?:so|dearly|please|kindly|perhaps|maybe|possibly|also|just|still"
    r"|happen\s+to|really|once\s+more)"
)
_FRAMES = re.compile(
    r"^\W*(?:"
    r"(?:thanks?(?:\s+you)?(?:\s+(?:so|very)\s+much)?|ta|aw+|great|perfect|nice|cool|good|lovely|fine|well"
    r"|yes|right|oh|ah|hm+|alright|ok(?:ay)?|wonderful|excellent)(?:\s+then)?\b"
    r"(?=\s*[,.!;:-])[\s,.!;:-]*(?:and\s+)?"
    r"|(?:ok(?:ay)?|oh|ah|hm+|please|now\s+please)(?:\s+then)?\b[\s,]+"
    rf"|(?:could|can|would|will|might|may)\s+(?:you|i|we)\s+(?:{_SOFT}\s+)*"
    rf"(?:be\s+(?:so|very)\s+(?:kind|good|nice)(?:\s+(?:as|and))?(?:\s+to)?\s+|be\s+able\s+to\s+)?"
    rf"(?:(?:and\s+)?{_SOFT}\s+)*(?:see\s+|have\s+(?=(?:the|an?|some|any|another)\b)"
    rf"|help\s+me\s+(?:find\s+)?)?"
    r"|do\s+you\s+think\s+(?:you|we)\s+(?:could|can)\s+"
    r"|(?:please\s+)?do\s+me\s+a\s+favou?r\s*,?\s*(?:and\s+)?"
    r"|be\s+so\s+(?:kind|good)\s+(?:as\s+to|and)\s+"
    rf"|(?:i|we)(?:'d|\s+would|\s+should)\s+(?:{_SOFT}\s+)*(?:like|love|be\s+(?:glad|grateful"
    rf"|happy|delighted)"
    rf"|appreciate\s+it)(?:\s+(?:to|if\s+(?:you|i|we)\s+(?:could|would|can))(?:\s+{_SOFT})*"
    rf"(?:\s+{_SEE})?)?\s+"
    r"|i(?:'ll|\s+will|\s+would)\s+(?:take|have)\s+(?=the\b)"
    rf"|(?:i|we)\s+(?:want|wanted|wish|need)(?:\s+to\s+{_SEE})\s+"
    r"|(?:i|we)(?:'m|\s+am|\s+are|\s+was|\s+were)\s+(?:just\s+)?(?:trying\s+to\s+find"
    r"|searching\s+for"
    r"|looking\s+for|wondering|interested\s+in|curious|after(?=\s+an?\b))\s*"
    rf"|(?:i|we)(?:'d|\s+would)\s+rather\s+{_SEE}\s+"
    r"|(?:put|place|set|lay|see)\s+(?=.*\b(?:side\s+by\s+side|next\s+to\s+each\s+other)\W*$)"
    r"|(?:need|want|wanted|looking\s+for|searching\s+for)\s+(?=(?:an?|some|any|the)\b)"
    r"|(?:pull|bring|dig|call|fish|hunt|track|look)\s+(?:me\s+)?(?:up|out|down)\s+(?=\w)"
    r"|(?:that|those)\s+(?=(?!(?:one|ones|is|are|was|were|has|have)\b)[a-z-]+(?:\s+[a-z-]+){1,3}"
    r"\s+(?:in|on|at|of|with|from|where|near)\b)"
    r"|(?:if|whether)\s+(?:you|there|we)\s+(?:might\s+|perhaps\s+)*(?:have|has|is|are|had"
    r"|could\s+(?:find|show))\s+(?:me\s+)?"
    r"|(?:i|we)\s+(?:think|believe|guess|suppose)\s+(?:that\s+)?"
    r"|(?:i|we)\s+(?:remember|recall)\s+(?:(?:that\s+)?there\s+(?:is|was|being)\s+)?"
    rf"|(?:my|our)\s+[a-z]+(?:\s+and\s+(?:i|my\s+[a-z]+))?\s+(?:would|'d)\s+(?:like|love)\s+"
    rf"(?:me\s+)?to\s+{_SEE}\s+"
    r"|(?:my|our)\s+[a-z]+\s+(?:wants|wanted|asks|asked|needs)\s+(?:(?:me\s+)?to\s+(?:see|know"
    r"|hear|find)\s+)?"
    r"|if\s+(?:it|that)\s+(?:is|isn't|is\s+n't|is\s+not|would\s+not\s+be|wouldn't\s+be|was"
    r"|were)\b[^,]*,\s*"
    r"|if\s+(?:you|possible|i\s+may)\b[^,]*,\s*"
    r"|tell\s+me\b\s*,?\s*(?=(?:if\s+you|what|when|where|who|how|which|why|whether)\b)"
    r"|(?:let\s+me|let\s+us|let's)\s+(?:have\s+a\s+look\s+at|take\s+a\s+look\s+at|look\s+at"
    r"|see|hear|watch|know)\s+"
    r"|and\s+(?=(?:now|please|tell|also)\b)"
    r")"
)
_ADVERBS = re.compile(
    r"\b(?:by\s+any\s+chance|happen\s+to|if\s+possible|once\s+again|one\s+more\s+time)\b"
)
_TAIL = re.compile(
    r"(?:[\s,.;!?-]+(?:please|thanks?(?:\s+you)?(?:\s+(?:so|very)\s+much)?|thx"
    r"|(?:do|would)\s+you\s+(?:still\s+)?have\s+(?:that|it|one|any|something\s+like\s+(?:that|it))"
    r"|(?:is|can)\s+(?:that|it)\s+(?:there|be\s+found)|(?:can|could)\s+you\s+find\s+(?:it|that|one)"
    r"|if\s+you\s+(?:do\s+not|don't)\s+mind))+(?=\W*$)"
)
_HAVING = re.compile(r"\b(with|has|have|having)\s+([^,.;?!]+?)\s+(?:in|on)\s+(?:it|them)\b")
_NOT_NOUN = (
    r"(?:what|is|was|does|do|did|in|on|of|at|like|to|and|for|about|than|with|by|as|me|see|know|all"
    r"|are|were|can|show|find|not|but|who|which|say|if|think|so|from|after|before|only|just)"
)
_RELATIVE = re.compile(
    r"(?P<noun>\b[a-z0-9-]+)\s+(?:that|which|who)\s+(?:is|are|was|were|shows?|has|have|contains?"
    r"|depicts?)\s+(?!not\b|n't|no\b|(?:an?|the)\s+\w+\W*$)"
)
_NONE_THAT = re.compile(
    r"(?:\b(?:but|and)\s+)?\bnone\s+(?:that|which|who)\s+(?:(?:are|is|do|does|have|has)\s+)?"
)
_CLAUSE = re.compile(
    r"\b(?P<noun>(?:none|ones?|something|anything|animals?)|[a-z-]+)\s+(?:that|which|who)\s+"
    r"(?!(?:this|was|is|has|does|shows)\b)(?P<verb>[a-z]{2,}(?<!s)s|(?:isn't|aren't|is|are)\s)"
    r"(?=\s*[a-z])"
)
"""A clause of a noun, whose "that" is no pronoun: "a dish that cooks with sunlight"."""
_OWNED = re.compile(
    rf"(?P<noun>\b(?:{THING}))\s+(?:that\s+|which\s+)?(?:you|we|i)\s+(?:might\s+|may\s+)?"
    r"(?:have|own|got|have\s+got|know(?:\s+of)?|keep)(?:\s+(?:here|there))?\b"
)
_PICTURE_OF = re.compile(rf"\b(what\s+is\s+(?:it|this|that))\s+an?\s+(?:{ANY_KIND})\s+of\b")


def bare(text: str) -> str:
    """A request in small letters without what is no part of it.

    Where nothing else would be left, it stays as it is: "thanks" is a turn.
    """
    rest = _ADVERBS.sub(" ", text)
    rest = _TAIL.sub("", rest)
    while (match := _FRAMES.match(rest)) is not None and match.end() > 0:
        left = rest[match.end() :]
        if not re.search(r"\w", left):
            break
        rest = left
    rest = rest if re.search(r"\w", rest) else text
    return " ".join(_PICTURE_OF.sub(r"\1", _OWNED.sub(r"\g<noun>", rest)).split())


def without_relatives(text: str) -> str:
    """A request without "that shows" and "that has", and without "in it" after "with ..."."""
    text = _NONE_THAT.sub("but not ", text)
    text = _HAVING.sub(r"\1 \2", text)
    return _RELATIVE.sub(_without_verb, _CLAUSE.sub(_with_verb, text))


def _with_verb(match: re.Match[str]) -> str:
    if re.fullmatch(_NOT_NOUN, match["noun"]):
        return match[0]
    return f"{match['noun']} {match['verb']}"


def _without_verb(match: re.Match[str]) -> str:
    if re.fullmatch(_NOT_NOUN, match["noun"]):
        return match[0]
    return f"{match['noun']} "
