"""Documents against other readers: HTML and Markdown against Chromium, PDF against Poppler."""

from __future__ import annotations

import io
import itertools
import random
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from sensorium import Document, Image
from sensorium.media import Text
from sensorium.media.documents.html import html_text
from sensorium.media.documents.markdown import markdown_text
from tests.differential.browser import browser
from tests.differential.page_texts import inner_texts, printed
from tests.media.pdfs import Pdf, lines

pytestmark = pytest.mark.slow

needs_browser = pytest.mark.skipif(browser() is None, reason="Chromium is not installed")
needs_poppler = pytest.mark.skipif(shutil.which("pdftotext") is None, reason="Poppler is missing")

# HTML ------------------------------------------------------------------------

PAGES = {
    "tags left out": "<!doctype html><title>t</title><h1>Garden<p>Pear<p>Well<ul><li>a<li>b",
    "an open head": "<html><head><title>t</title><meta name=a><link rel=b><p>Words begin the body",
    "text in the head": "<head><title>t</title>Words<p>more",
    "nothing but text": "Just words &amp; more",
    "lists": "<ol><li>one<ul><li>two<li>three</ul><li>four</ol><dl><dt>a<dd>b<dd>c<dt>d</dl>",
    "a table": "<table><caption>c</caption><thead><tr><th>1<th>2<tbody><tr><td>3<td>4</table>",
    "words in a table": "<!doctype html><p>a<table>loose<tr>more<td>cell</td>again</tr></table>b",
    "tables in tables": "<table><tr><td>a<table><tr><td>b<td>c</table><td>d</table>e",
    "lines": "one<br>two<br/>three</br>four<hr>five",
    "preformatted": "<pre>\n  a\n\tb  c\n\nd</pre>x<textarea>\n y\n z</textarea>",
    "inline": "<b>a</b><i>b</i> <span>c</span><em> d</em><code>e</code> f",
    "blocks in inlines": "<b>a<div>b</div>c</b>d<a href=x><p>e</p>f</a>",
    "misnested": "<b>one<i>two</b>three</i>four<p><b>five<p>six</b>seven",
    "stray ends": "a</div>b</p>c</span>d</b></table>e</li>f",
    "scripts": "a<script>if (1<2) b</script>c<style>d{}</style>e<template><p>f</template>g",
    "no script": "a<noscript><p>b</p></noscript>c<noframes>d</noframes>e",
    "hidden": "a<p hidden>b<p>c<div hidden><p>d</div>e<li hidden>f<li>g",
    "hidden by style": "a<p style='color:red; display:none'>b</p>c<i style=DISPLAY:NONE>d</i>e",
    "invisible": "<p style='visibility:hidden'>a<b style='visibility:visible'>b</b>c</p>d",
    "hidden and misnested": "<b hidden><p>a</b>b</p>c<p hidden><b>d</p>e</b>",
    "dialogs": "a<dialog>b</dialog><dialog open>c</dialog><div popover>d</div>e",
    "media": "a<video>b</video><audio>c</audio><canvas>d</canvas><iframe>e</iframe>g",
    "a drawing": "a<svg><title>b</title><desc>c</desc><text>d</text><metadata>e</metadata></svg>f",
    "a page in a drawing": "<svg><foreignObject><p>a<p>b</foreignObject></svg>c",
    "definitions of a drawing": "a<svg><defs><text>b</text></defs></svg>c",
    "a formula": "<p>a <math><mi>bb</mi><mo>=</mo><mn>1</mn></math> c",
    "opened details": "<details open><summary>a</summary>b</details>c",
    "closed details": "<details><summary>a</summary>b</details>c",
    "hidden until found": "<div hidden=until-found>a</div>b",
    "a ruby": "<p><ruby>漢<rp>(</rp><rt>かん</rt><rp>)</rp>字<rt>じ</rt></ruby>を学ぶ<p>b",
    "pictures": "<img src=x alt='a boat'> at <img src=y alt=''>sea <input type=image alt=go>",
    "fields": "<label>Name <input value=Ann></label><input type=hidden value=a>",
    "passwords": "<input type=password value=a><input type=file><input type=range value=3>b",
    "choices": "<select><option>a<option selected>b</select><select multiple><option>c</select>",
    "buttons": "a <button>b</button> <input type=submit value=c> d",
    "field sets": "<fieldset><legend>a</legend>b<p>c</fieldset>d",
    "sections": "<article><header>a</header><section>b<aside>c</aside></section><footer>d</footer>",
    "figures": "<figure>a<figcaption>b</figcaption></figure><address>c</address><blockquote>d",
    "old elements": "<center>a</center><font>b</font><dir><li>d</dir><tt>e</tt>",
    "raw old elements": "<listing>a\nb</listing><xmp>c <b>d</b></xmp>e",
    "plain text": "a<plaintext>b <b>c</b> &amp;",
    "comments": "a<!-- <p>b -->c<!---->d<!-->e<!--->f<!-- g --!>h<!-- i -- j -->k",
    "marked sections": "a<![CDATA[b]]>c<?d e?>f<!DOCTYPE g>h</ i>j<!k>l",
    "a comment without end": "a<!-- b <p>c",
    "entities": "&lt;a&gt; &amp; &AMP &copy2 &notit; &#65;&#x42; &#x80; &hellip &unknown; &nbsp;b",
    "less than": "1 < 2, 3<4, a<b>c</b>, <3",
    "attributes": "<p title='a > b' data-x=\"<p>c\" e>d<p\nclass=f\n>g",
    "upper case": "<P>a<BR>b<DIV HIDDEN>c</DIV><SCRIPT>d</SCRIPT>",
    "unknown elements": "<my-tag>a</my-tag><foo>b<bar>c</foo>d",
    "white space": "  a \n\t b   <b> c </b>  d&#10;e\u00a0f  ",
    "other scripts": "<p>花园里的梨树<p>שלום <b>עולם</b><p>สวัสดี<p>हिन्दी",
    "quirks": "<html><p>a<table><tr><td>b</table>c",
    "a body in the middle": "a<body class=x>b</body>c</html>d",
    "nested lists": "<ul><li>a<ol><li>b<li>c<ul><li>d</ul></ol><li>e</ul>f",
    "options left open": "<select><option>a<option>b<optgroup label=''><option>c</select>d",
}  # fmt: skip

EXPLAINED_PAGES = {
    "definitions of a drawing": "innerText has what a drawing only defines and nobody sees",
    "closed details": "a click shows the body, so it is read",
    "hidden until found": "the browser's own search finds and shows it, so it is read",
    "a ruby": "readings stand behind their paragraph, so that the words they cut in two are found",
    "invisible": "innerText ends no line at a paragraph that is invisible itself",
    "a page in a drawing": "innerText ends no line behind a drawing that ends with a paragraph",
    "a formula": "the browser shows the letters of formulas as mathematical alphabets",
}

# What innerText leaves out though it is shown: alternative texts, what fields hold.
PREPARE = """
for (const one of shown.querySelectorAll('img, input[type=image]'))
  one.replaceWith(' ' + (one.getAttribute('alt') || '') + ' ');
for (const one of shown.querySelectorAll('input'))
  if (['text', 'submit', 'reset', 'button', 'search', 'email', 'number', 'date'].includes(one.type))
    one.replaceWith(' ' + one.value + ' ');
for (const one of shown.querySelectorAll('textarea')) one.replaceWith(' ' + one.value + ' ');
for (const one of shown.querySelectorAll('button')) { one.before(' '); one.after(' '); }
"""


def _words(text: str) -> list[str]:
    return re.sub("[\u00ad\u200b]", "", text).split()


def _compare(name: str, ours: list[str], right: list[str], wrong: list[str]) -> None:
    if ours != right:
        wrong.append(f"{name}: {' '.join(ours)!r}, right is {' '.join(right)!r}")


def _composed(parts: list[tuple[str, str]], count: int) -> dict[str, list[tuple[str, str]]]:
    """Some of the parts after each other, in random order."""
    order = random.Random(0)
    return {f"composed {n}": order.sample(parts, 4) for n in range(count)}


@needs_browser
def test_html_as_chromium_shows_it() -> None:
    plain = [
        (name, page)
        for name, page in PAGES.items()
        if name not in EXPLAINED_PAGES
        and not re.search("comment without|plain|frames|head|quirks|tags left|middle|stray", name)
    ]
    pages = dict(PAGES)
    for name, some in _composed(plain, 40).items():
        pages[name] = "<!doctype html>" + "".join(f"<div>{page}</div>" for _, page in some)
    wrong: list[str] = []
    differs = set()
    for (name, page), right in zip(
        pages.items(), inner_texts([*pages.values()], PREPARE), strict=True
    ):
        ours = _words(html_text(page))
        if ours != _words(right) and name in EXPLAINED_PAGES:
            differs.add(name)
            continue
        _compare(name, ours, _words(right), wrong)
    print(f"{len(pages)} pages compared")
    assert not wrong, "\n".join(wrong)
    assert differs == set(EXPLAINED_PAGES), "explained differences that no longer occur"


# Markdown --------------------------------------------------------------------

MARKED = [
    ("# The *garden* `x_y`", "<h1>The <em>garden</em> <code>x_y</code></h1>"),
    ("Pears\n=====\n\nFigs\n---", "<h1>Pears</h1><h2>Figs</h2>"),
    ("Call `__init__` of **it** and __that__", "Call <code>__init__</code> of it and that"),
    ("snake_case_word and 2 * 3 * 4", "snake_case_word and 2 * 3 * 4"),
    ("a*b*c, *d*e, f__g__h", "abc, de, f__g__h"),
    ("[map](http://x.y/a_(b)) there", "<a href='x'>map</a> there"),
    ('![a boat](b.png "t") [c](<d e> (f))', "<img alt='a boat'> <a href=x>c</a>"),
    ("[one][r1] [two][] [three]\n\n[r1]: u\n[two]: v 'w'\n[three]: <x>", "one two three"),
    ("<http://a.b/c?d=e&f> g", "http://a.b/c?d=e&amp;f g"),
    ("- a\n- b\n  - c\n\n1. d\n2) e", "<ul><li>a<li>b<ul><li>c</ul></ul><p>d<p>e"),
    ("> a\n> b\n>> c", "<blockquote>a b<blockquote>c"),
    ("```\na *b* <c>\n\nd\n```", "<pre>a *b* &lt;c&gt;\n\nd</pre>"),
    ("    x __y__\n    z", "<pre>x __y__\nz</pre>"),
    ("~~~py\n`a`\n~~~", "<pre>`a`</pre>"),
    (r"\*a\* \[b\] \\ c\_d \# e", r"*a* [b] \ c_d # e"),
    ("&copy; &lt;a&gt; &#65; &unknown;", "&copy; &lt;a&gt; A &amp;unknown;"),
    ("|a|b|\n|-|:-:|\n|c|`d|`|\n|e \\| f|", "<table><tr><td>a<td>b<tr><td>c<td>`d<tr><td>e | f"),
    ("<div>a <b>b</b></div>\n\n*c*", "<div>a b</div><p>c"),
    ("<details open><summary>a</summary>\n\n- b\n\n</details>", "<p>a<p>b"),
    ("a <kbd>b</kbd><!-- c --> d<br>e", "a b d<br>e"),
    ("<!--\n*a*\n\nb\n-->\n\nc", "c"),
    ("~~a~~ b", "a b"),
    ("a  \nb\\\nc\nd", "a<br>b<br>c d"),
    ("***\n\na\n\n- - -", "a"),
    ("a `` b`c `` d", "a b`c d"),
    ("**a*b*c** *d**e**f*", "abc def"),
    ("[not a link] (x) and [a](b c)", "[not a link] (x) and [a](b c)"),
    ("1986\\. A year\n\n#hashtag and # not\n\n+1", "1986. A year #hashtag and # not +1"),
]  # fmt: skip


@needs_browser
def test_markdown_as_chromium_shows_it() -> None:
    cases = dict(MARKED)
    for some in _composed(MARKED, 20).values():
        # A comment parts lists and quotes that would be one.
        cases["\n\n<!-- -->\n\n".join(source for source, _ in some)] = "".join(
            f"<div>{html}</div>" for _, html in some
        )
    wrong: list[str] = []
    shown = inner_texts([f"<!doctype html><div>{html}" for html in cases.values()], PREPARE)
    for source, right in zip(cases, shown, strict=True):
        _compare(repr(source), markdown_text(source).split(), _words(right), wrong)
    print(f"{len(cases)} texts compared")
    assert not wrong, "\n".join(wrong)


# PDF -------------------------------------------------------------------------


def _poppler(path: Path, page: int) -> list[str]:
    shown = subprocess.run(
        ["pdftotext", "-f", str(page), "-l", str(page), str(path), "-"],
        capture_output=True, check=True,
    ).stdout.decode()  # fmt: skip
    return _words(shown)


def _drawn(path: Path, page: int, size: tuple[int, int]) -> PIL.Image.Image:
    content = subprocess.run(
        ["pdftoppm", "-f", str(page), "-l", str(page), "-cropbox", "-scale-to", str(max(size)),
         str(path)],
        capture_output=True, check=True,
    ).stdout  # fmt: skip
    return PIL.Image.open(io.BytesIO(content)).convert("RGB").resize(size)


def _texts(path: Path) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for one in Document(path).segments():
        if isinstance(one.media, Text):
            found.setdefault(one.details["page"], []).extend(one.media.text.split())
    return found


STYLES = [
    "", "columns: 2", "columns: 3; font-size: 9pt", "text-align: justify; width: 7cm",
    "hyphens: manual; width: 5cm; text-align: justify", "direction: ltr; font-family: monospace",
    "font-family: serif; letter-spacing: 1pt", "text-indent: 2cm", "line-height: 2",
    "font-variant-ligatures: common-ligatures; font-family: 'DejaVu Serif', serif",
    "transform: rotate(90deg); width: 8cm; margin: 2cm", "writing-mode: vertical-rl; height: 12cm",
    "opacity: 0.5", "text-transform: uppercase", "columns: 2; column-gap: 2cm; width: 16cm",
]  # fmt: skip
LEFTWARDS = [
    "זה גן יפה עם עץ אגס. הבאר יבשה באוגוסט.",
    "هذه حديقة جميلة مع شجرة كمثرى. البئر جافة في أغسطس.",
]
PROSE = (
    "The office was on the first floor of the house behind the garden. Every afternoon the fish "
    "were fed, and the official wrote the figures down with difficulty. The flowers were "
    "affected by frost, the wells were dry, and nobody could find the difference. "
)


@needs_browser
@needs_poppler
def test_pages_that_chromium_prints(tmp_path: Path) -> None:
    """Each style of a paragraph is a page; Poppler reads the same words in the same order."""
    path = tmp_path / "printed.pdf"
    shy = PROSE.replace("afternoon", "after&shy;noon").replace("difficulty", "diffi&shy;culty")
    pages = []
    for style in STYLES:
        text = shy if "hyphens" in style else PROSE
        pages.append(f'<div style="{style}; break-after: page"><p>{text * 2}</div>')
    pages += [f"<p dir=rtl style='break-after: page'>{text}" for text in LEFTWARDS]
    pages.append(
        "<table border=1><tr><th>Tree<th>Year<th>Fruit<tr><td>Pear<td>1986<td>many"
        "<tr><td>Quince<td>2001<td>few<tr><td>Medlar tree<td>1999<td>none</table>"
    )
    path.write_bytes(printed(f"<!doctype html><meta charset=utf-8>{''.join(pages)}"))
    found = _texts(path)
    wrong: list[str] = []
    for page in range(1, len(pages) + 1):
        # Poppler does not put words together at U+2010, writes marks of direction, and lets a full
        # stop of Hebrew and Arabic begin the next sentence.
        right = re.sub("\u2010 |[\u202a-\u202e]", "", " ".join(_poppler(path, page)))
        right = re.sub(r" \.(?=\w)", ". ", right)
        _compare(str(page), found.get(page, []), right.split(), wrong)
    print(f"{len(pages)} printed pages compared")
    assert not wrong, "\n".join(wrong)


EXPLAINED_TEXTS = {
    f"crop {turn} 100 100 400 500": "Poppler reads what lies outside of the crop box, unseen"
    for turn in (0, 90, 180, 270)
} | {"hyphen the years 1914-": "Poppler leaves the hyphen out between years, too"}


@needs_poppler
def test_text_as_poppler_reads_it(tmp_path: Path) -> None:
    """Columns drawn row by row, hyphens, crops, turns, layers and forms."""
    files: dict[str, bytes] = {}
    for count, size, turn in itertools.product((1, 2, 3), (8, 10), (0, 90, 180, 270)):
        width = 535 / count
        rows = "".join(
            lines(f"This is column {place}, row {row}, of pears"[: int(width / size * 1.9)],
                  left=30 + width * place, top=780 - 1.3 * size * row, size=size)
            for row in range(8) for place in range(count)
        )  # fmt: skip
        pdf = Pdf()
        pdf.page(rows, entries=f"/Rotate {turn}")
        files[f"columns {count} {size} {turn}"] = pdf.content()
    for first, rest in (
        ("Donaudampf-", "schifffahrt ist lang"), ("the horticul-", "tural society"),
        ("the years 1914-", "1918 and on"), ("a plain line", "and the next one"),
    ):  # fmt: skip
        pdf = Pdf()
        pdf.page(lines(first, rest))
        files[f"hyphen {first}"] = pdf.content()
    for turn, box in itertools.product((0, 90, 180, 270), ("0 0 595 842", "100 100 400 500")):
        pdf = Pdf()
        outside = lines("outside", left=20, top=50) if box.startswith("100") else ""
        pdf.page(lines("inside of it", "and more", left=150, top=300) + outside,
                 entries=f"/CropBox[{box}]/Rotate {turn}")  # fmt: skip
        files[f"crop {turn} {box}"] = pdf.content()
    for state in ("OFF", "ON "):
        pdf = Pdf()
        group = pdf.add("<</Type/OCG/Name(a)>>")
        pdf.page(f"/OC /A BDC {lines('in a layer')} EMC {lines('in none', top=600)}",
                 resources=f"/Properties<</A {group} 0 R>>")  # fmt: skip
        files[f"layer {state}"] = pdf.content(
            f"/OCProperties<</OCGs[{group} 0 R]/D<</{state}[{group} 0 R]>>>>"
        )
    for number, field in enumerate(
        ("/FT/Tx/V(typed in)", "/FT/Tx/Ff 4096/V(two\nlines)", "/FT/Ch/Ff 131072/V(b)/Opt[(a)(b)]")
    ):
        pdf = Pdf()
        widget = pdf.add(
            f"<</Type/Annot/Subtype/Widget/F 4/T(n){field}/Rect[60 600 260 660]/DA(/F1 12 Tf 0 g)>>"
        )
        pdf.page(lines("Your name:"), entries=f"/Annots[{widget} 0 R]")
        files[f"field {number}"] = pdf.content(
            f"/AcroForm<</NeedAppearances true/Fields[{widget} 0 R]/DR<</Font<</F1 3 0 R>>>>>>"
        )
    wrong: list[str] = []
    for number, (name, content) in enumerate(files.items()):
        path = tmp_path / f"{number}.pdf"
        path.write_bytes(content)
        right = _poppler(path, 1)
        if name in EXPLAINED_TEXTS:
            assert _texts(path).get(1, []) != right, f"{name}: no longer differs"
            continue
        _compare(name, _texts(path).get(1, []), right, wrong)
    print(f"{len(files)} files compared")
    assert not wrong, "\n".join(wrong)


def _apart(one: PIL.Image.Image, two: PIL.Image.Image) -> float:
    """The mean difference of two pictures of the same size, of 255."""
    return float(np.abs(np.asarray(one, float) - np.asarray(two, float)).mean())


def _photo(seed: int) -> PIL.Image.Image:
    small = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), dtype=np.uint8)
    return PIL.Image.fromarray(small).resize((320, 240), PIL.Image.Resampling.BICUBIC)


@needs_poppler
def test_photos_as_poppler_draws_them(tmp_path: Path) -> None:
    """Photos plain, turned, behind clips, in forms: their boxes show what Poppler draws."""
    text = lines(
        *[f"Line {n} tells about the garden." for n in range(8)], left=160, top=480, size=6
    )
    placed = {
        "plain": "q 200 0 0 150 160 260 cm /P Do Q ",
        "turned": "q 0 150 -200 0 360 260 cm /P Do Q ",
        "mirrored": "q -200 0 0 150 360 260 cm /P Do Q ",
        "clipped": "q 160 260 200 150 re W n 400 0 0 300 100 200 cm /P Do Q ",
        "in a form": "q 1 0 0 1 160 260 cm /X Do Q ",
    }
    wrong = []
    count = 0
    for (name, content), turn, box in itertools.product(
        placed.items(), (0, 90, 180, 270), ("0 0 595 842", "100 200 500 500")
    ):
        pdf = Pdf()
        photo = pdf.picture(_photo(turn + len(name)))
        form = pdf.stream(
            "/P Do", "/Type/XObject/Subtype/Form/BBox[0 0 1 1]/Matrix[200 0 0 150 0 0]"
            f"/Resources<</XObject<</P {photo} 0 R>>>>",
        )  # fmt: skip
        pdf.page(content + text, {"P": photo, "X": form},
                 entries=f"/CropBox[{box}]/Rotate {turn}")  # fmt: skip
        path = tmp_path / f"{count}.pdf"
        path.write_bytes(pdf.content())
        count += 1
        found = [one for one in Document(path).segments() if isinstance(one.media, Image)]
        left, lower, right, upper = map(int, box.split())
        sides = (right - left, upper - lower)[:: 1 if turn in (0, 180) else -1]
        page = _drawn(path, 1, (sides[0], sides[1]))
        if len(found) != 1 or "box" not in found[0].details:
            wrong.append(f"{name} {turn} {box}: {[one.details for one in found]}")
            continue
        (one,) = found
        edges = [share * side for share, side in zip(one.details["box"], sides * 2, strict=True)]
        shown = page.crop([round(edge) for edge in edges])
        assert isinstance(one.media, Image)
        ours = one.media.load().resize(shown.size)
        apart = _apart(ours, shown)
        area = (edges[2] - edges[0]) * (edges[3] - edges[1])
        if apart > 6 or abs(area / (200 * 150) - 1) > 0.02:
            wrong.append(f"{name} {turn} {box}: {apart:.1f} apart, {area:.0f} points")
    print(f"{count} files compared")
    assert not wrong, "\n".join(wrong)


EXPLAINED_SCANS = {
    "LA": "Poppler 22.12 shows a JPEG 2000 with opacity as if it were colours",
    "RGBA": "Poppler 22.12 shows a JPEG 2000 with opacity as if it were colours",
}


@needs_poppler
def test_scans_as_poppler_draws_them(tmp_path: Path) -> None:
    """Scans that Pillow writes, of all its kinds of pixels, are drawn as by Poppler."""
    page = PIL.Image.effect_mandelbrot((600, 800), (-2, -1.3, 1, 1.3), 60).convert("RGB")
    wrong = []
    modes = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK")
    for mode, dpi in itertools.product(modes, (72, 100)):
        path = tmp_path / f"{mode}{dpi}.pdf"
        page.convert(mode).save(path, resolution=dpi)
        (one,) = Document(path).segments()
        assert isinstance(one.media, Image)
        ours = one.media.load()
        right = _drawn(path, 1, ours.size)
        if mode in EXPLAINED_SCANS:
            assert _apart(page.resize(ours.size), right) > 40, f"{mode}: no longer differs"
            right = page.resize(ours.size)
        apart = _apart(ours, right)
        if apart > (20 if mode == "1" else 8):  # dots of black and white are made smaller
            wrong.append(f"{mode} {dpi}: {apart:.1f} apart")
    print(f"{2 * len(modes)} scans compared")
    assert not wrong, "\n".join(wrong)
