"""The English words of requests, in classes.

Nothing here is a list of sentences. Each pattern is of one class (what is wanted, kinds of media,
references, what is not wanted, orders), and a request is any of them in any order.
"""

from __future__ import annotations

import re

from sensorium.dialogue.understanding.numbers import ENGLISH_NUMBER, ENGLISH_ORDINAL

KINDS = {
    "image": r"photo(?:graph)?s?|pic(?:ture)?s?|images?|snaps?(?:hots?)?|drawings?|paintings?"
    r"|shots?",
    "video": r"films?|videos?|movies?|clips?|footage",
    "audio": r"recordings?|sounds?|audios?|songs?|sound\s+files?|audio\s+files?|voice\s+memos?"
    r"|tracks?|noises?",
    "text": r"documents?|pdfs?|texts?|articles?|pages?",
    "mesh": r"3-?d\s*(?:objects?|models?|shapes?|scenes?|files?)?|meshes|mesh",
}
"""Words for kinds of media. "Music", "speech", "invoice" are subjects as well and stay."""

KIND = "|".join(f"(?P<{kind}>{words})" for kind, words in KINDS.items())
ANY_KIND = "|".join(KINDS.values())
THING = rf"(?:ones?|items?|files?|results?|hits?|things?|{ANY_KIND})"


def kind_of(word: str) -> str:
    """The kind of media that a word names; empty for "one", "hits" and no word."""
    word = word.strip()
    return next((kind for kind, said in KINDS.items() if word and re.fullmatch(said, word)), "")


def _of(*patterns: str) -> re.Pattern[str]:
    # A pattern may end with the space before a word.
    return re.compile(rf"\b(?:{'|'.join(patterns)})(?:(?<!\w)|(?!\w))")


SAME = _of(r"(?:the\s+)?same(?:\s+(?:ones?|thing|again|search|question|kind|photos?|pictures?))?"
            r"(?:\s*,?\s*(?:but|only|just|with|for))?")  # fmt: skip

GREETING = re.compile(
    r"^(?:hi|hello|hey|good\s+(?:morning|evening|afternoon))\b(?:\s+there)?[\s,!.]*"
)
THANKS = re.compile(
    r"^(?:(?:ok(?:ay)?|great|perfect|nice|cool|good|wonderful|lovely|fine|well|yes|no)[\s,!.]*)*"
    r"(?:(?:many\s+)?thanks?|thank\s+you|thx|cheers|bye|goodbye"
    r"|see\s+you|that\s+is\s+(?:all|it))\b[^?]*$"
    r"|^(?:(?:ok(?:ay)?|great|perfect|nice|cool|wonderful|lovely)[\s,!.]*)+$"
)
ENOUGH = 14
"""Words from which on a turn that begins with thanks may hold a request as well."""

HELP = _of(
    r"what\s+can\s+(?:you|i)\s+(?:do|ask)(?:\s+(?:here|for\s+me|you))?", r"help(?:\s+me)?$",
    r"how\s+does\s+(?:this|it)\s+work", r"how\s+do\s+i\s+use\s+(?:this|it|you)",
)  # fmt: skip

IF = re.compile(
    r"[\s,;.]*(?:(?:just\s+)?(?P<n>one|two|three|four|five)\s*,?\s*)?\bif\s+(?:you"
    r"|we|there|it|possible)\b"
    r"(?:\s+(?:can|could|have|find|are|is|any|some|them|it|one|possible|please))*"
)
COUNT = _of(r"how\s+many(?:\s+(?:different|of))?", r"(?:the\s+)?(?:total\s+)?number\s+of",
             r"count(?:\s+of)?", r"how\s+often")  # fmt: skip
HOLDS = _of(
    r"what(?:'s|\s+is|\s+do\s+(?:you|i|we)\s+have|\s+does\s+(?:it"
    r"|the\s+\w+)\s+(?:hold|contain|have)"
    r"|\s+are)?\s+(?:there\s+)?(?:all\s+)?(?:in|inside)\s+(?:this"
    r"|the|my|your|our)\s+(?:collection|library|archive)",
    r"what\s+(?:do|have)\s+(?:you|we|i)\s+(?:have|got|hold)(?=\W*$)",
    r"what\s+is\s+(?:in\s+)?here(?=\W*$)", r"what\s+kinds?\s+of\s+(?:media|files|things|items)",
)  # fmt: skip
MORE = re.compile(
    rf"^(?!\W*the\s+others)\W*(?:(?:show|give)\s+(?:me\s+)?|any\s+|some\s+|the\s+|"
    rf"(?:{ENGLISH_NUMBER}|\d+)\s+)*"
    r"(?:more|next(?!\s+one\b)|others?(?=\W*$)|further|anything\s+else)"
    r"(?:\s+(?:of\s+(?:them|these|those)|please|results?|ones?|hits?|page))*\W*$"
    r"|^\W*(?:are\s+there|is\s+there|do\s+(?:you|i)\s+have|what)\s+(?:any\s+|anything\s+)?"
    r"(?:more|else|others?)"
    r"(?:\s+of\s+(?:them|these|those))?\W*$|^\W*(?:go\s+on|continue|keep\s+going"
    r"|(?:is|was)\s+(?:that|this|it)\s+(?:all|everything))\W*$"
)
SIMILAR = _of(
    r"(?:(?:something|anything|others?|ones?|more)\s+)?(?:similar|alike)(?:\s+(?:to|ones?))?",
    r"(?:more|most|others?|another|something|anything|ones?|looks?|looking"
    r"|much|just|is|are)\s+(?:\w+\s+)?like(?=\s+(?:it|this|that|these|those|them|the)\b)",
    r"resembl(?:es|ing|e)", r"of\s+the\s+same\s+kind(?:\s+as)?",
)  # fmt: skip
EXPLAIN = _of(
    r"why(?:\s+(?:is|are|was|were|did|do|does))?(?:\s+(?:you"
    r"|it|this|that))?(?:\s+(?:find|found|show|shown|pick|choose|chosen|there|here|match|a\s+match"
    r"|think|say|believe|suppose|so|sure))*",
    r"explain(?:\s+(?:why|the\s+match|how))?",
    r"what\s+made\s+you",
)
MATCHED = _of(
    r"(?:an?\s+|the\s+)?(?:hit|match|result|answer)",
    r"(?:found|listed|shown|included|chosen|picked|relevant|there|here)",
    r"(?:in|on)\s+(?:the\s+)?(?:lists?|results?|top|hits)",
)
"""What "why" asks about an item that was found, which is no subject."""
QUOTE = _of(
    r"(?:quote|repeat|cite)(?:\s+(?:me|it|that|the|this|exactly|again|sentence|words?|passage))*",
    r"(?:in\s+)?(?:the\s+)?exact\s+(?:words?|wording|sentence)",
    r"what\s+(?:exactly\s+)?(?:does|did)\s+it\s+say\s+exactly",
    r"word\s+for\s+word",
)
WHEN = (
    ("after", _of(
        r"(?:what\s+)?(?:else\s+)?(?:comes?|came|(?:is|was)\s+(?:said"
        r"|shown)|happens|happened|follows)\s+(?:right\s+)?"
        r"(?:after|next)(?:\s+(?:it|that"
        r"|this))?(?:wards)?", r"what\s+(?:is\s+)?next", r"what\s+follows",
        r"after\s+(?:it|that|this)(?=\W*$)", r"afterwards|later\s+on", r"the\s+(?:next"
        r"|following)\s+page|the\s+page\s+after",
    )),
    ("before", _of(
        r"(?:what\s+)?(?:comes?|came|(?:is|was)\s+(?:said|shown)|happens|happened)\s+"
        r"(?:right\s+|just\s+)?"
        r"before(?:\s+(?:it|that|this))?",
        r"before\s+(?:it|that|this)(?=\W*$)", r"the\s+previous\s+page|the\s+page\s+before",
    )),
    ("at", _of(
        r"(?:at|in|during)\s+(?:that|this)\s+(?:very\s+)?(?:moment|point|second|time|scene|part)",
        r"(?:said|shown|heard|seen)\s+(?:there|then)\b",
    )),
    ("start", _of(
        r"(?:at|in|from)\s+the\s+(?:very\s+)?(?:beginning|start|opening)(?:\s+of)?",
        r"(?:the\s+)?(?:opening|first)\s+(?:scene|sentence|words?|seconds?)(?:\s+of)?",
    )),
    ("end", _of(
        r"(?:at|in|towards)\s+the\s+(?:very\s+)?(?:end|close)(?:\s+of)?",
        r"(?:the\s+)?(?:closing|final|last)\s+(?:scene|sentence|words?|seconds?)(?:\s+of)?",
    )),
)  # fmt: skip
SECOND = re.compile(
    r"\b(?:(?:at|to|from|around|after)\s+)?(?:(?:(?P<h>\d{1,2}):)?(?P<m>\d{1,2}):(?P<s>\d\d)\b"
    r"|(?:the\s+)?(?:(?P<minute>minute)|second)\s+(?P<n>\d{1,4})\b"
    r"|(?P<n2>\d{1,4})\s+(?:seconds?|(?P<minutes>minutes?))(?:\s+in)?\b)"
)
"""A moment of a film or recording: "at 1:20", "second 40"."""
SECOND_ALONE = re.compile(
    r"(?:\W|\b(?:what|is|are|was|do|does|did|said|says?|shown|show|happens?|happening|happened"
    r"|we|you|i"
    r"|they|one|see|seen|hear|heard|go|jump|skip|take|me|play|to|at|in|on|it|this|that|film"
    r"|video|movie"
    r"|clip|recording|audio|the|can|be|there|then|and|from|start|say)\b)*"
)
"""What may stand beside a moment that is meant; where more does, the numbers are of a text."""
PAGE = _of(r"(?:on\s+|of\s+)?(?:the\s+)?page\s+(?P<n>\d{1,4}|" + ENGLISH_NUMBER[2:] + r")",
            r"(?:on\s+)?(?:the|its)\s+(?P<o>" + ENGLISH_ORDINAL + r"|last)\s+page")  # fmt: skip
NAMED_ITEM = _of(
    r"(?:in|on|from|of|by|per|at)\s+(?:the|this|that|my|our)\s+(?P<name>(?!film\b|photo\b|picture\b"
    r"|first\b|second\b|third\b|last\b|collection\b|folder\b|same\b|beginning\b|end\b)"
    r"[a-z]+(?:\s+[a-z]+)?)(?=\W*$)",
)
TRANSCRIBE = _of(r"transcri(?:be|bes|pt|ption|pts)(?:\s+(?:of|for))?",
                  r"write\s+down\s+(?:what\s+is\s+said|every\s+word|everything)")  # fmt: skip
READ = _of(
    r"what(?:'s|\s+is|\s+was|\s+does|\s+are|\s+do)?\s+(?:(?:the\s+)?(?:text"
    r"|writing|words?|inscription|letters?)\s+)?"
    r"(?:written|printed|it\s+say|the\s+(?:writing|text|inscription|label|sign|words?)(?:\s+say)?)",
    r"(?:the\s+)?(?:writing|inscription|lettering)(?=\s+(?:on|in))",
    r"read(?:\s+(?:out|me|aloud|it\s+out))?",
    r"what\s+(?:text|words?|writing|letters?)\s+(?:is|are|stands?)(?:\s+(?:there|written))?",
    r"what\s+does\s+(?:its\s+\w+|it|this|that|(?:the\s+)?(?P<doc>\w+))\s+say",
)
SAYS_ABOUT = re.compile(
    r"\bwhat\s+(?:does|do|did)\s+(?:the|this|that|my|our)\s+(?P<name>(?!film\b|first\b"
    r"|second\b|third"
    rf"\b|last\b|(?:{ANY_KIND})\b)[a-z-]+(?:\s+[a-z-]+)?)\s+(?:say|tell(?:\s+(?:me|us))?"
    rf"|mention|write)"
    r"\s+(?:about|of|on)\b"
)
"""What an item that is named says about something."""
ANYTHING = frozenset({"collection", "library", "archive", "folder", "text", "writing", "speaker"})
LISTEN = _of(
    r"what(?:'s|\s+is|\s+was|\s+does|\s+did|\s+do|\s+are|\s+can)?\s+(?:being\s+)?"
    r"(?:(?:he|she|they|people|somebody|someone|the\s+speaker|the\s+voice|one|you|we|i|be)\s+)?"
    r"(?:said|say|saying|says|spoken|talk(?:ed|ing)?|told|tell|hear|heard|mentioned|mention)",
    r"what\s+(?:can\s+be|is\s+to\s+be)\s+heard",
    r"(?:is|was|were|are)\s+said",
    r"what\s+is\s+it\s+talking",
    r"(?:says?|said|mentions?|mentioned|talk(?:s|ed|ing)?|speaks?"
    r"|spoken|spoke)\s+(?:something\s+)?(?=about|of)",
    r"(?:who|does\s+(?:anyone|anybody|someone|somebody))\s+(?:says?|said|mentions?|talks?|speaks?)",
    r"listen\s+to",
    r"(?:does|do|did)\s+(?:he|she|it|they|anyone|anybody|someone|somebody)\s+(?:say|mention"
    r"|speak|talk)"
    r"(?:\s+(?:anything|something|a\s+word))?(?=\s)",
)
MOMENT = _of(
    r"(?:and\s+)?when\s+(?:exactly\s+)?(?:(?:does|do|did|is"
    r"|are|was|were|can)\s+)?(?:(?:we|you|i|one)\s+)?(?=.*\b(?:appear"
    r"|seen?|shown|heard|said|mentioned|come|visible|in\s+(?:the\s+)?(?:film"
    r"|video|movie|clip|recording)|talk|speak|say|hear|show)s?\b)",
    r"(?:at|in|from)\s+(?:which|what)\s+(?:second|minute|time"
    r"|moment|point)s?(?:\s+(?:is|are|does|do|in))?",
    r"how\s+(?:far|late)\s+into",
    r"[,\s]*\band\s+(?:when|where|at\s+(?:what|which)\s+\w+)(?=\W*$)",
    r"(?:at\s+)?(?:what|which)\s+(?:second|minute|time)(?=\W*$)",
)
MOMENT_VERBS = _of(
    r"(?:to\s+be\s+)?(?:appear|appears|seen|see|shown|heard"
    r"|said|mentioned|comes?(?:\s+(?:up|on|in))?|visible|talk(?:ed"
    r"|s)?(?:\s+about)?|hear|speak|say|show)",
)
FACT = (
    ("page", _of(r"(?:on\s+)?(?:which|what)\s+page(?:\s+(?:is|are|does|do))?")),
    ("date", _of(
        r"when\s+(?:(?:was|were|is|did|do|have)\s+)?(?:(?:you"
        r"|i|we)\s+)?(?=.*\b(?:taken|made|shot|recorded|photographed"
        r"|take|filmed|from|created)\b)",
        r"(?:what|which)\s+(?:year|date|day|month)(?:\s+(?:is|was|were|are))?",
        r"how\s+old\s+(?:is|are)(?=\s+(?:it|this|that|the|these|those)\b)",
        r"(?:what\s+is\s+)?(?:the\s+)?date\s+(?:of|on)", r"^\W*(?:and\s+|but\s+)?when(?=\W*$)",
        r"when\s+is(?=\W*$)",
        r"when\s+(?:was|were|is)(?=\s+(?:it|this|that|these"
        r"|those|the\s+(?:photo|picture|film|recording|first"
        r"|second|third|last))\b)",
    )),
    ("place", _of(
        r"where\s+(?:(?:was|were|is|did|do|have)\s+)?(?:(?:you"
        r"|i|we)\s+)?(?=.*\b(?:taken|made|shot|recorded|photographed"
        r"|take|filmed|from)\b)",
        r"(?:what|which)\s+(?:place|city|country|location)(?:\s+(?:is|was|were|are))?",
        r"where\s+(?:was|were|is)(?=\s+(?:it|this|that|these|those)\W*$)",
        r"^\W*(?:and\s+|but\s+)?where(?=\W*$)", r"where\s+is(?=\W*$)",
    )),
    ("length", _of(
        r"how\s+long(?:\s+(?:is|are|does|do|was))?(?=.*\b(?:it|this"
        r"|that|last|film|video|recording|clip|talk|audio|sound"
        r"|movie)\b)",
                   r"(?:the\s+)?(?:duration|length)\s+of", r"how\s+many\s+pages(?:\s+(?:has"
                   r"|does|are))?")),
    ("size", _of(
        r"how\s+(?:large|big|wide|high)\s+(?:is|are)(?=\s+(?:it"
        r"|this|that|the\s+(?:photo|picture|image|film|file))\b)",
                 r"(?:the\s+)?(?:resolution|dimensions"
                 r"|pixel\s+size)\s+of", r"how\s+many\s+pixels(?:\s+(?:has|does))?",
                 r"what\s+(?:resolution|size)\s+(?:is|has|does)")),
    ("author", _of(r"who\s+(?:took|made|shot|photographed|recorded|filmed|is\s+the\s+(?:author"
    r"|photographer)\s+of|(?:is|was)\s+it\s+(?:taken|made)\s+by)",
                   r"(?:the\s+)?(?:author|photographer)\s+of")),
    ("camera", _of(r"(?:what|which)\s+camera(?:\s+(?:was|is|took))?", r"with\s+(?:what"
    r"|which)\s+camera")),
    ("license", _of(r"(?:what|which)\s+licen[cs]e(?:\s+(?:is|has"
    r"|does))?", r"(?:the\s+)?licen[cs]e\s+of")),
    ("name", _of(r"(?:what|which)\s+(?:is\s+)?(?:the\s+|its\s+)?(?:file\s*name|path"
    r"|name\s+of\s+the\s+file)", r"where\s+is\s+the\s+file")),
)  # fmt: skip
FACT_NOUNS = {
    "date": r"date|year|day|time",
    "place": r"place|location|city|country",
    "author": r"author|photographer|maker",
    "camera": r"camera",
    "size": r"size|resolution|dimensions",
    "length": r"length|duration",
    "license": r"licen[cs]e|copyright",
    "name": r"file\s*name|path",
}
FACT_NOUN = re.compile(
    r"^\W*(?:what\s+(?:is|was|are|about)\s+)?(?:(?P<its>its|their)|the)\s+(?:exact\s+)?(?:"
    + "|".join(f"(?P<{fact}>{nouns})" for fact, nouns in FACT_NOUNS.items())
    + r")(?:\s+of(?=\s+(?:it|them)\b)|(?=\W*$))"
)
"""A fact that is named by a noun: "its date", "the location of the third"."""
_PAIR = r"(?:both|(?:these|those|the)\s+two|them|these|those)(?:\s+[a-z]+)?"
APART = _of(
    r"(?:by\s+)?how\s+(?:many\s+(?:years?|months?|weeks?|days?|hours?)|much(?:\s+time)?|long|far)\s+"
    r"(?:(?:lie|lies|are|is|was|were|passed|went\s+by|they|it|did)\s+)*(?:in\s+)?(?:between|apart"
    r"|older|newer|earlier|later)(?:\s+(?:them|the\s+two|these|those))?",
    r"(?<!\w\s)by\s+how\s+(?:many\s+(?:years|months|weeks|days|hours)|much)",
)
"""How far what was compared lies apart in time."""
COMPARE = _of(
    r"(?:what(?:'s|\s+is|\s+are)\s+)?(?:the\s+)?differences?(?:\s+between)?",
    r"compare",
    r"(?:side\s+by\s+side|next\s+to\s+(?:each|one)\s+(?:an)?other)(?=\W*$)",
    r"what\s+(?:do|have|is)\s+(?=.*\bin\s+common\b)",
    rf"(?:of\s+{_PAIR}\s*,?\s*)?(?:which|who)(?:\s+(?:one|of\s+{_PAIR}|{ANY_KIND}))?\s+(?:runs?"
    r"|ran|lasts?|lasted|goes\s+on|went\s+on|plays?|came|comes|is|was)\s+(?:for\s+|the\s+)*"
    r"(?P<more2>longer|longest|shorter|shortest|older|newer|oldest|newest|earlier|later"
    r"|(?<=came\s)(?:first|last)|(?<=comes\s)(?:first|last))",
    r"how\s+(?:alike|similar|different)\s+(?:is|are)",
    r"(?:do|does|are|is)\s+(?:they|these|those|the\s+two)\s+(?:look\s+)?(?:alike"
    r"|similar|the\s+same)",
    rf"which\s+(?:(?:(?:one|{ANY_KIND})\s+)?(?:is|was)|of\s+(?:them|these|those"
    r"|the\s+two)\s+(?:is|was))\s+(?:the\s+)?(?P<more>older"
    r"|newer|oldest|newest|larger|largest|bigger|biggest|smaller"
    r"|smallest|longer|longest|shorter|shortest|taken\s+first"
    r"|earlier|later)",
)
WHICH_IN = _of(
    r"which\s+(?:one\s+)?of\s+(?:these|those|them|the)(?:\s+(?:two"
    r"|three|photos|pictures))?(?:\s+(?:is|are"
    r"|appears?|can\s+be\s+seen|comes?))*(?:\s+(?:in|on))?",
                r"(?:is|are)\s+(?:any|one)\s+of\s+(?:these|those|them)\s+(?:in|on)")  # fmt: skip
FILM_WORD = _of(KINDS["video"], KINDS["audio"])
LOOK = _of(
    r"(?:what|who)(?:'s|\s+is|\s+are|\s+do(?:es)?|\s+can)?\s+(?:(?:you"
    r"|we|i|one|it)\s+)?(?:shown?|seen?|depicted?|visible|to\s+be\s+seen"
    r"|be\s+seen|(?=(?:it|this|that|these|those)\b))",
    r"what\s+(?:do(?:es)?|can)\s+(?=(?:it|this|that"
    r"|the)\b.*\bshow)", r"describe", r"what\s+(?:is|are)\s+(?:on|in)(?=\s+(?:it|this|that"
    r"|the\s+(?:photo|picture|image|film|video|first|second|third|last))\b)",
    r"tell\s+me\s+(?:(?:more|something|everything|all)\s+)?(?:(?:that\s+)?you\s+know\s+)?about"
    r"(?=\s+(?:it"
    r"|this|that|these|those|the\s+(?:first|second|third|last"
    r"|photo|picture|film))\b)",
    r"what\s+(?:animal|thing|object|building|bird|kind\s+of\s+\w+"
    r"|sort\s+of\s+\w+)\s+is(?=\s+(?:it|this|that)\b)",
    r"what\s+(?:is|are)\s+(?=(?:it|that|this)\b.*\bcalled)",
    r"caption", r"(?:the\s+)?contents?\s+of",
)  # fmt: skip
REFERRED = (
    r"it|this|that|(?:the|this|that)\s+(?:(?:first|second|third|fourth|fifth|last)\s+)?(?:one|"
    + ANY_KIND
    + ")"
)
IS = re.compile(
    rf"^\W*(?:is|are|was)\s+(?P<ref>{REFERRED})\s+(?:really\s+)?"
    r"(?P<what>(?:an?|the|some|of)\s+.+?|[a-z-]+)\W*$"
    r"|^\W*(?:is|are)\s+there\s+(?:an?\s+|any\s+|some\s+)?(?P<there>.+?)\s+(?:in|on)\s+"
    rf"(?P<ref2>{REFERRED})\W*$"
    rf"|^\W*(?:do(?:es)?|can)\s+(?P<ref3>{REFERRED})\s+(?:show|contain|have|depict|include)\s+"
    r"(?:an?\s+|any\s+)?(?P<shows>.+?)\W*$"
    r"|^\W*(?:can\s+(?:you|we|i|one)|do\s+(?:you|we))\s+see\s+(?:an?\s+|any\s+)?(?P<see>.+?)\s+"
    rf"(?:in|on)\s+(?P<ref4>{REFERRED})\W*$"
    r"|^\W*do(?:es)?\s+(?:an?\s+|any\s+|the\s+)?(?P<app>.+?)\s+(?:appear|occur|show\s+up|come\s+up)"
    rf"\s+(?:in|on)\s+(?P<ref5>{REFERRED})\W*$"
)
LABEL = re.compile(
    r"(?:^|[.!,;])\W*(?:please\s+)?(?:remember|note|mark|tag|label|judge)\b(?:\s+that)?|"
    r"^\W*(?:the\s+)?(?P<which>.*?)\s*\b(?:is|are|was|were)\s+(?:not\s+(?:right"
    r"|correct|what\s+i\s+(?:mean|meant|wanted))|wrong|right"
    r"|correct|relevant|irrelevant|not\s+relevant)\W*$"
)
LABEL_VERB = re.compile(
    r"(?:^|[.!,;])\W*(?:please\s+)?(?:remember|note|mark|tag|label|judge)\b(?:\s+that)?"
)
WRONG = _of(
    r"wrong",
    r"irrelevant",
    r"not\s+(?:right|correct|relevant|what\s+i\s+(?:mean|meant|wanted)|an?\b.*)",
    r"incorrect",
)
RIGHT = _of(r"(?:as\s+)?(?:right|correct|relevant)")

ORDER = (
    ("newest", _of(r"(?:the\s+)?(?:newest|latest|most\s+recent)(?:\s+first)?")),
    ("oldest", _of(r"(?:the\s+)?(?:oldest|earliest)(?:\s+first)?")),
    ("largest", _of(r"(?:the\s+)?(?:largest|biggest|highest[\s-]resolution)")),
    ("smallest", _of(r"(?:the\s+)?smallest")),
    ("longest", _of(r"(?:the\s+)?longest")),
    ("shortest", _of(r"(?:the\s+)?shortest")),
)
THAN = (
    (
        "older",
        _of(
            r"(?:(?:an?|any|something|anything)\s+)?(?:older"
            r"|earlier)(?:\s+ones?)?(?:\s+than(?:\s+(?:it|this"
            r"|that|these|those))?)?",
            r"from\s+before(?=\W*$)",
        ),
    ),
    (
        "newer",
        _of(
            r"(?:(?:an?|any|something|anything)\s+)?(?:newer"
            r"|later|more\s+recent|younger)(?:\s+ones?)?(?:\s+than(?:\s+(?:it"
            r"|this|that|these|those))?)?"
        ),
    ),
)
BESIDE = (
    ("day before", _of(r"(?:(?:on|from)\s+)?the\s+(?:day\s+before|(?:previous|preceding)\s+day)"
                       r"(?:\s+(?:that|this|it))?")),
    ("day after", _of(r"(?:(?:on|from)\s+)?the\s+(?:day\s+after|(?:next|following)\s+day)"
                      r"(?:\s+(?:that|this|it))?")),
    *((f"same {unit}", _of(rf"(?:(?:on|in|from|of)\s+)?(?:the\s+)?same\s+{unit}(?:\s*,?\s*but)?"))
      for unit in ("day", "month", "year")),
)  # fmt: skip
"""Dates that are said by the date of what was shown."""
TAKEN = _of(r"(?:(?:was|were|did|i|we)\s+)*(?:taken|shot|photographed|filmed|recorded|take|shoot)",
            r"(?:(?:did|i|we)\s+)+(?:photograph|film|record)")  # fmt: skip
NOT = re.compile(
    r"(?:\b(?:that|which|who)\s+(?:are|is|have|has|do|does|show"
    r"|shows)\s*(?:not|n't|no)\s*(?:show|have|contain)?|"
    r"\b(?:without|excluding|except(?:\s+for)?|other\s+than"
    r"|apart\s+from|minus|but\s+(?:not|no)|and\s+no|with\s+no"
    r"|not\s+(?:of|with|in)|no|not|leave\s+out|leaving\s+out"
    r"|rather\s+than|instead\s+of|(?:anything|everything|all)\s+but|(?:do|does|is|are)(?:n't"
    r"|\s+not)(?:\s+(?:show"
    r"|have|contain))?))"
    r"\s+(?:any\s+|an?\s+|the\s+|of\s+)*(?P<what>[^\x1f,;.?!]+?)(?=\s+(?:but"
    r"|and\s+(?:with|from|in)|from|taken|please|as\s+well|either)\b|[\x1f,;.?!]"
    r"|$)"
)
BOTH = _of(
    rf"(?:both|each)(?:\s+of\s+(?:them|these|those|the\s+two))?(?:\s+{THING})?",
    r"(?:of\s+)?the\s+two(?=\s+(?:is|are|was|were|of)\b|\W*$)",
)
THOSE = _of(
    rf"(?:all\s+)?(?:of\s+|among\s+)?(?:these|those|them|they)(?:\s+(?:two|three|four|five))?"
    rf"(?:\s+(?:{THING}))?(?:\s+(?:(?:that"
    rf"|which)\s+are|with(?=\s+no\b)))?",
    r"(?:the\s+)?ones(?=\s+(?:without|with|from|that|which)\b)",
)
ANOTHER_ONE = _of(r"an?\s+(?P<what>(?!good\b|nice\b|new\b|other\b|similar\b)[a-z-]+)\s+one(?!s)")
"""One of the kind that was asked for, described by another word: "an empty one"."""
IT = _of(
    rf"(?:this|that)(?:\s+(?:very\s+)?(?P<ikind>{THING}))?(?:\s+here)?(?!\s+(?:is"
    rf"|are|has|have|shows?|contains?)\s+(?:an?|the|no)\b)",
    r"it(?:s|self)?",
    r"the\s+(?:same\s+)?one(?!s)(?=\W*$)",
    r"(?:he|she|him|her)(?=\s|$)",
)
THE_KIND = _of(rf"the\s+(?:{KIND})(?!\s+(?:of|with|showing|from|in\s+which|that|taken|where)\b)")
KIND_WORD = _of(
    rf"(?:(?:an?|any|all|some|every|each|the|my|our|your|few"
    rf"|several|many)\s+)*(?:{KIND})(?:\s+(?:of|showing|that\s+shows?"
    rf"|which\s+shows?|with|depicting|where|in\s+which|about"
    rf"|from))?"
)
OF_TEXT = re.compile(
    rf"^\W*how\s+many\s+(?!(?:{ANY_KIND})\b)[a-z-]+(?:\s+[a-z-]+)?\s+(?:does|do|did|has|can"
    rf"|will|must|should|may)"
    r"\s+(?!(?:you|we|i|it|they|the\s+(?:collection|library|archive))\b)\w"
)
"""A number that a text tells, and nobody counts here: "how many members does the club have"."""
MANY = _of(rf"(?P<n>\d{{1,2}}|{ENGLISH_NUMBER[2:]})(?=\s+(?:(?:\w+\s+)?(?:{THING})|\w+s)\b)",
            r"(?:a\s+)?(?P<few>few|couple(?:\s+of)?|several)")  # fmt: skip

OF_THINGS = re.compile(
    r"\b(?:with|of|has|have|having|showing|and|where|that|are|by|between|for|in)\s*$"
)
"""Before a number that is of things in an item, and not of items: "with two dogs"."""
ASKING = _of(
    r"please",
    r"pls",
    r"(?:can|could|would|will)\s+(?:you|we|i)(?:\s+(?:please|kindly|help\s+me))?(?:\s+(?:to))?",
    r"(?:i|we)(?:'d|\s+would|\s+do)?\s+(?:also\s+)?(?:like|want"
    r"|need|wish)(?:\s+to\s+(?:see|find|have|know|hear|look\s+at))?",
    r"(?:i|we)(?:'m|\s+am|\s+are)\s+(?:looking|searching)\s+for",
    r"let\s+(?:me|us)\s+(?:see|hear|have)",
    r"(?:show|give|find|get|fetch|bring|play|display|present"
    r"|list|open|tell)(?:\s+(?:me|us))?(?:\s+(?:up|again|out))?",
    r"(?:what\s+)?(?:did|have|do)\s+(?:i|we)\s+(?:shoot|photograph|film|record|take|took|see)"
    r"(?:\s+(?:photos?|pictures?)\s+of)?(?=\s)",
    r"(?:search|look)(?:\s+(?:for|at|through|up))?",
    r"(?:do|did|have|has)\s+(?:i|we|you)(?:\s+(?:have|got|take|own|keep))?(?:\s+(?:got))?",
    r"(?:is|are|was|were)\s+there",
    r"there\s+(?:is|are)",
    r"(?:does|do)\s+(?:the|this|my)\s+(?:collection|library|archive)\s+(?:have|hold|contain)",
    r"(?:in|from|of|through)\s+(?:the|this|my|our|your)\s+(?:whole\s+"
    r"|entire\s+)?(?:collection|library|archive|folder|files?"
    r"|media)(?:\s+(?:here))?",
    r"(?:what|which)\s+(?=\w+(?:\s+\w+)?\s+(?:do|are|is|can)\b)",
    r"(?:goes|belongs)\s+(?:with|to)(?=\s*\x1f)|(?:have\s+|has\s+)?in\s+common(?=\W*$)",
    r"at\s+all|still|as\s+well",
    r"zoom(?:\s+in(?:to|\s+on)?)?|enlarge",
    r"in\s+total|altogether|in\s+all|overall",
    r"(?:have\s+you\s+)?got|something\s+else(?=\W)",
    r"(?:anything|something)\s+(?:on|about|with|showing|of)(?=\s)",
    r"maybe|perhaps|just|only|again|instead|too|also|then|now"
    r"|well|ok(?:ay)?|so|oh|hm+|really|exactly|actually",
    r"(?:that|which)\s+(?:show|shows|contain|contains|depict|depicts|have|has|are|is)(?=\s)",
    r"(?:that|which)\s+(?:you|i|we)\s+(?:have|know|took)",
    r"do\s+you\s+know",
    r"you\s+know",
    r"anywhere|somewhere|here(?=\W*$)",
    r"who\s+(?:is|are)(?=\s+in\b)",
)
EDGES = re.compile(
    r"^(?:(?:an?|the|any|all|anything|something|could|might|would|taken|made|where|shows?|some"
    r"|every|my|our|your|of|for|about"
    r"|with|from|in|on|at|is|are|was|were|be|been|to|do|does"
    r"|did|and|or|but|what|which|who|whose|that|there|have|has"
    r"|one|ones|me|us|showing|by|it|out|as|have\s+been|being"
    r"|contain(?:s|ing)?|than)(?:\s+|$))+"
    r"|(?:\s+|^)(?:(?:an?|the|of|for|about|with|from|in|on|at"
    r"|is|are|was|were|be|been|to|do|does|did|and|or|but|that"
    r"|there|have|has|one|ones|any|all|show|shows|say|said|i"
    r"|you|we|me|us|than|as|called|made|taken|come|exist)(?:\s+|$))+$"
)
QUESTION_WORD = re.compile(
    r"^\W*(?:(?:and|but|so|then)\s+)?(?:who(?:se|m)?|what|when"
    r"|where|why|which|how|is|are|was|were|do|does|did|can|has"
    r"|have)\b"
)
OPEN = re.compile(
    r"^\W*(?:(?:and|but|so|then)\s+)?(?:who(?:se|m)?|when|where"
    r"|how\s+much|how\s+(?:old|tall|far|fast|big|large|long"
    r"|often)|what|which|by\s+when|until\s+when|why|how)\b"
)
MAY = re.compile(r"^\W*(?:can|may|must|should)\s+(?!(?:you|we|i|one|it|this|that|these|those)\b)\w")
FIND_WHAT = re.compile(
    r"^\W*(?:and\s+)?what\s+(?:did|have|do)\s+(?:i|we)\s+(?:shoot"
    r"|photograph|film|record|take|took|see|got|have)\b|"
    r"^\W*(?:what|which)\s+(?:kinds?\s+of\s+)?(?P<s>[\w-]+(?:\s+[\w-]+)?)\s+(?:are\s+there"
    r"|do\s+(?:i|you|we)\s+have|is\s+there|can\s+(?:i|you|we)\s+(?:find"
    r"|see))|"
    rf"^\W*(?:what|which)\s+(?:one\s+)?(?:of\s+\w+\s+)?(?:{THING})\b"
)
BARE = re.compile(r"^\W*(?:and\s+|but\s+)?(where|when)(?:\s+(?:is|was)\s+(?:it|that|this))?\W*$")
QUOTED = re.compile(r'["“”]([^"“”]+)["“”]')
NO_THING = frozenset({"true", "right", "correct", "wrong", "all", "ok", "okay", "possible"})
COMPARISON = re.compile(r"\b(?:older|newer|larger|bigger|longer|shorter|smaller|than)\b")
OPEN_END = re.compile(r"\b(?:when|where|how\s+much|how\s+long|who|until\s+when|why)\W*$")
