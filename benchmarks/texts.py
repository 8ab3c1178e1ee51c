"""Long texts of every temper: processor seconds of reading and cutting, which grow with the size.

    python -m benchmarks texts [--kinds markdown html] [--shapes titles] [--sizes 1 2 5 10]

Texts are made here, from one seed: prose, what programs write, what has no sentences or no
spaces, and marks of Markdown and HTML without end. Read are bytes, as from a file; nothing is
encoded.
"""

import argparse
import base64
import json
import random
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache

from benchmarks.rows import Row
from sensorium import Document
from sensorium.errors import MediaError

SIZES = (1, 2, 5, 10)
"""Millions of bytes."""

BUDGET = 2.0
"""Processor seconds for 10 MB of any text."""


@cache
def _words() -> list[str]:
    chance = random.Random(19)
    parts = ["ba", "con", "de", "fi", "gra", "in", "lo", "ment", "nor", "pre", "ste", "ti", "ur"]
    return ["".join(chance.choices(parts, k=chance.randint(1, 4))) for _ in range(3000)]


def _prose(chance: random.Random) -> str:
    """One paragraph."""
    sentences = []
    for _ in range(chance.randint(2, 9)):
        words = chance.choices(_words(), k=chance.randint(4, 25))
        sentences.append(" ".join(words).capitalize() + ".")
    return " ".join(sentences) + "\n\n"


def _wrapped(chance: random.Random) -> str:
    """A paragraph in short lines, of which many end within a word."""
    text = _prose(chance)
    lines = [text[at : at + 33] for at in range(0, len(text), 33)]
    ends = ["-\n" if line[-1:].isalpha() else "\n" for line in lines]
    return "".join(line + end for line, end in zip(lines, ends, strict=True))


def _log(chance: random.Random) -> str:
    done = chance.randint(0, 100)
    return f"\r{done:3d}%|{'#' * (done // 4):25}| {done}/100 [00:{done % 60:02d}<00:10, 3.1it/s]"


def _json_line(chance: random.Random) -> str:
    words = chance.choices(_words(), k=8)
    row = {"id": chance.randint(0, 10**9), "text": " ".join(words), "tags": words[:3]}
    return json.dumps(row) + "\n"


def _code(chance: random.Random) -> str:
    one, two, three = chance.choices(_words(), k=3)
    return f'function {one}({two}){{var a={two}?[1,2]:{{}};return!a||{three}(a,"{one}")}};'


def _table(chance: random.Random) -> str:
    return "|" + "|".join(chance.choices(_words(), k=6)) + "|\n"


def _of(*parts: str) -> Callable[[random.Random], str]:
    return lambda chance: chance.choice(parts)


Maker = Callable[[random.Random], str]

TEXTS: dict[str, Maker] = {
    "prose": _prose,
    "hyphenated columns": _wrapped,
    "dot leaders": _of("Chapter " + "." * 60 + " 12\n"),
    "dots alone": _of("."),
    "progress log": _log,
    "Chinese without marks": _of("漢字を学ぶ", "图书馆里没有标点"),
    "Chinese prose": _of("我们去图书馆看书。", "今天天气很好，", "他们都来了！\n"),
    "one word": _of("a"),
    "base64": lambda chance: base64.b64encode(chance.randbytes(57)).decode() + "\n",
    "base64 on one line": lambda chance: base64.b64encode(chance.randbytes(57)).decode(),
    "JSON lines": _json_line,
    "minified code": _code,
    "combining marks": _of("e\u0301\u0327", "a\u0308\u0323\u0304 ", "\u0301"),
    "emoji": _of("👩\u200d👩\u200d👧", "🇩🇪", "👍🏽 ", "❤️"),
    "Arabic and Hebrew": _of("السلام عليكم ", "שלום לכולם. ", "كتاب جديد؟ "),
    "Thai": _of("สวัสดีครับ", "ภาษาไทย "),
    "spaces": _of(" "),
    "line ends": _of("\n"),
    "empty lines": _of("\n \t"),
    "quotes": _of("'\""),
    "hyphens": _of("a-"),
    "hyphens and line ends": _of("a-\n"),
    "initials": _of("A. B. "),
    "soft hyphens": _of("a\u00ad"),
    "ligatures": _of("\ufb01\ufb03 "),
    "short lines": lambda chance: chance.choice(_words()) + "\n",
    "numbers": lambda chance: f"{chance.random():.6f}\t{chance.randint(0, 999)}\n",
}

MARKDOWN: dict[str, Maker] = {
    "prose with marks": lambda chance: (
        f"## {chance.choice(_words())}\n\n{_prose(chance).strip()} *{chance.choice(_words())}* "
        f"[{chance.choice(_words())}](http://example.org/{chance.choice(_words())})\n\n"
    ),
    "titles": lambda chance: f"# {chance.choice(_words())}\n",
    "titles underlined": lambda chance: f"{chance.choice(_words())}\n===\n",
    "table": _table,
    "tables": lambda chance: "|a|b|c|d|e|f|\n|-|-|-|-|-|-|\n" + 5 * _table(chance) + "\n",
    "list": lambda chance: f"- {chance.choice(_words())}\n",
    "numbered list": lambda chance: f"1. {chance.choice(_words())}\n",
    "list within list": lambda chance: f"{'  ' * chance.randint(0, 40)}- a\n",
    "quotes within quotes": lambda chance: f"{'> ' * chance.randint(1, 60)}{_words()[0]}\n",
    "one deep quote": _of("> "),
    "links": lambda chance: f"[{chance.choice(_words())}](/{chance.choice(_words())}) ",
    "brackets": _of("["),
    "brackets of pictures": _of("![a]("),
    "brackets that close": _of("[a]"),
    "definitions": lambda chance: f"[{chance.choice(_words())}]: /{chance.choice(_words())}\n",
    "backticks": lambda chance: "`" * chance.randint(1, 50) + "a ",
    "emphasis": _of("*a **b ", "_c_ "),
    "asterisks": _of("*"),
    "stars and letters": _of("*a_b"),
    "tildes": _of("~~a"),
    "fences": _of("```\ncode\n```\n"),
    "a fence that stays open": lambda chance: "```\n" + _code(chance) + "\n",
    "HTML blocks": lambda chance: f"<div>{chance.choice(_words())}</div>\n\n",
    "HTML in lines": lambda chance: f"<b>{chance.choice(_words())}</b> ",
    "angles": _of("<"),
    "entities": _of("&amp;", "&#x41;", "&lt; "),
    "backslashes": _of("\\"),
    "escapes": _of("\\*", "\\_a"),
    "rules": _of("---\n"),
    "front matter": lambda chance: f"{chance.choice(_words())}: a\n",
    "footnotes": lambda chance: f"a[^{chance.randint(1, 9)}]\n\n[^1]: b\n",
    "addresses": lambda chance: f"<http://example.org/{chance.choice(_words())}> ",
}

HTML: dict[str, Maker] = {
    "pages": lambda chance: f"<h2>{chance.choice(_words())}</h2><p>{_prose(chance)}</p>\n",
    "flat": _of("<p>a</p>"),
    "deep": _of("<div>a"),
    "deep formatting": _of("<b>a<i>"),
    "spans": _of("<span>a</span>"),
    "titles": _of("<title>a</title>"),
    "titles that stay open": _of("<title>"),
    "table": lambda chance: f"<tr><td>{chance.choice(_words())}<td>{chance.choice(_words())}",
    "words in a table": _of("a<tr>"),
    "cells without rows": _of("<td>"),
    "entities": _of("&amp;", "&eacute;", "&#233;", "&nosuch;", "&"),
    "comments": _of("<!-- a -->"),
    "comments that stay open": _of("<!--"),
    "attributes": lambda chance: f"<a href='/{chance.choice(_words())}' class=b id=c>d</a> ",
    "one tag": _of(" a=b"),
    "one value": _of("a"),
    "angles": _of("<"),
    "end tags": _of("</p>", "</div>", "</b>"),
    "scripts": lambda chance: f"<script>{_code(chance)}</script>",
    "rubies": _of("<ruby>漢<rt>かん</ruby>"),
    "line breaks": _of("a<br>\n"),
    "marked sections": _of("<svg><![CDATA[a]]></svg>"),
    "choices": _of("<select><option>a</select>"),
    "list": _of("<li>a"),
    "fields": _of("<input value='a b'>"),
    "preformatted": _of("<pre>a\n  b</pre>"),
}

_STARTS = {
    ("markdown", "table"): "|a|b|c|d|e|f|\n|-|-|-|-|-|-|\n",
    ("markdown", "a fence that stays open"): "",
    ("markdown", "front matter"): "---\n",
    ("html", "one tag"): "<p ",
    ("html", "one value"): "<p title='",
    ("html", "words in a table"): "<table>",
    ("html", "table"): "<table>",
}

SHAPES = {"text": TEXTS, "markdown": {**TEXTS, **MARKDOWN}, "html": {**TEXTS, **HTML}}


def made(kind: str, shape: str, size: int) -> bytes:
    """A text of a kind of documents and a shape, of about so many bytes."""
    chance = random.Random(shape)
    start = "<!doctype html><title>t</title><body>" if kind == "html" else ""
    parts = [start + _STARTS.get((kind, shape), "")]
    make, held = SHAPES[kind][shape], 0
    while held < min(size, 400_000):
        part = make(chance)
        part *= 1 + 64 // (len(part) + 1)
        parts.append(part)
        held += len(part.encode())
    whole = "".join(parts[1:])
    return (parts[0] + whole * (1 + size // max(1, held))).encode()[:size]


def read(kind: str, content: bytes, suffix: str = "") -> tuple[float, int]:
    """Processor seconds of reading all segments and the facts, and how many segments there are.

    Of marks alone nothing may be left; to say that takes its time, too.
    """
    started, count = time.process_time(), 0
    with suppress(MediaError):
        document = Document(content, kind)
        document.metadata()
        count = sum(1 for _ in document.segments())
    return time.process_time() - started, count


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--kinds", nargs="+", choices=list(SHAPES), default=list(SHAPES))
    parser.add_argument("--shapes", nargs="+", metavar="SHAPE", help="all when left out")
    parser.add_argument("--sizes", nargs="+", type=float, metavar="MB", help="1, 2, 5, 10")


def run(arguments: argparse.Namespace) -> list[Row]:
    """Measure each kind and shape at each size; with ``--quick`` at 1 MB."""
    rows = []
    sizes = arguments.sizes or (SIZES[:1] if arguments.quick else SIZES)
    for kind in arguments.kinds:
        read(kind, made(kind, "prose", 1000))  # imports
        for shape in arguments.shapes or SHAPES[kind]:
            for size in sizes:
                seconds, _ = read(kind, made(kind, shape, round(size * 1e6)))
                case = f"{kind}: {shape}"
                rows.append(Row("texts", case, f"{size:g} MB", "processor time", seconds, "s"))
    return rows
