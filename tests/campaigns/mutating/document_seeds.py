"""Documents: text in several encodings, Markdown, HTML, kinds of PDF, books and office files."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import PIL.Image

from tests.campaigns.mutating.seeds import Seed
from tests.media import packages
from tests.media.packages import WORD, paragraph, run
from tests.media.pdfs import Pdf, lines, text_pdf
from tests.media.small_pictures import encode, red_blue

PLAIN = """The pear tree was planted in 2019 beside the well. It bears fruit every other year.

In the shed are two ladders; the long one is for the roof. Ask before you take it.

1. Water the beds at six.
2. Close the gate - the dog is old, but quick!
"""

_CHINESE = (
    "梨树在二〇一九年种在井边。它隔年结果。工棚里有两架梯子，长的一架用于屋顶。用之前请先问一下。\n"
    * 3
)
_RUSSIAN = (
    "Грушу посадили в 2019 году рядом с колодцем. Она плодоносит через год. Спросите сторожа.\n" * 3
)
_JAPANESE = (
    "梨の木は二〇一九年に井戸のそばに植えられました。一年おきに実をつけます。はしごは小屋にあります。\n"
    * 3
)

MARKDOWN = """---
title: Garden
---
# Garden

The *pear* tree was planted in [2019](http://example.org/a "b").[^1]

| bed | what |
|---|---|
| 1 | beans |
| 2 | peas ~~and~~ |

- [x] water
- [ ] gate
  > quoted **twice** `code`

```sh
rm -r weeds
```

<p align=center>Inner <b>HTML</b> &amp; more</p>

![A tree](tree.png)

[^1]: By Ann.
"""

HTML = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Garden</title>
<style>p { color: red }</style></head><body><h1>Garden</h1>
<p>The pear tree was planted in <a href="a.html">2019</a> &amp; bears fruit.</p>
<table><tr><th>bed</th><td>beans</td></tr><tr><td colspan=2>peas</td></tr></table>
<ul><li>water<li>gate</ul><details><summary>More</summary>ladders</details>
<select><option>one<option selected>two</select><input type=text value="typed">
<img src="t.png" alt="A tree"><ruby>\u6f22<rt>kan</rt></ruby>
<script>var a = "<p>never</p>";</script><!-- and no comment --><p hidden>hidden</p>
<svg><title>Drawing</title><text>words</text></svg><pre>
  kept   as it is
</pre></body></html>
"""

_PHOTO = encode(red_blue((96, 80)), "PNG")


def seeds() -> Iterator[Seed]:
    for name, text, charset in (
        ("utf-8.txt", PLAIN, "utf-8-sig"), ("utf-16.txt", PLAIN, "utf-16"),
        ("utf-32.txt", PLAIN, "utf-32"), ("windows.txt", PLAIN.replace("quick", "\u00e9lan"),
        "cp1252"), ("chinese.txt", _CHINESE, "gb18030"), ("chinese-8.txt", _CHINESE, "utf-8"),
        ("japanese.txt", _JAPANESE, "shift_jis"), ("euc.txt", _JAPANESE, "euc_jp"),
        ("russian.txt", _RUSSIAN, "cp1251"), ("koi.txt", _RUSSIAN, "koi8-r"),
    ):  # fmt: skip
        yield Seed(name, "plain text", text.encode(charset))
    yield Seed("plain.md", "Markdown", MARKDOWN.encode())
    yield Seed("plain.html", "HTML", HTML.encode())
    strict = HTML.replace("<!DOCTYPE html>", '<?xml version="1.0"?>')
    yield Seed("plain.xhtml", "HTML", strict.encode())
    yield from _pdfs()
    yield from _packages()


def _pdfs() -> Iterator[Seed]:
    yield Seed("two.pdf", "PDF", text_pdf("The pear tree is old", "The well is dry in August"))
    book = Pdf()
    photo = book.picture(red_blue((120, 90)))
    mask = book.stream(bytes(range(64)) * 2, "/Type/XObject/Subtype/Image/Width 16/Height 8"
                       "/ColorSpace/DeviceGray/BitsPerComponent 8")  # fmt: skip
    raw = zlib.compress(red_blue((16, 8)).tobytes())
    masked = book.stream(
        raw, "/Type/XObject/Subtype/Image/Width 16/Height 8/ColorSpace/DeviceRGB"
        f"/BitsPerComponent 8/Filter/FlateDecode/SMask {mask} 0 R",
    )  # fmt: skip
    drawn = lines("The pear tree was planted in 2019", "beside the well, which is dry")
    drawn += "q 300 0 0 200 100 300 cm /P Do Q q 90 0 0 60 400 100 cm /M Do Q "
    book.page(drawn, {"P": photo, "M": masked})
    book.page("0 0 1 rg 50 50 m 200 300 l 300 90 500 400 80 700 c h f " + lines("A drawing"))
    yield Seed("pictures.pdf", "PDF", book.content())
    packed = Pdf()
    content = zlib.compress(lines("Packed words of the pear tree", "and of the well").encode())
    number = packed.stream(content, "/Filter/FlateDecode")
    page = packed.add(
        f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents {number} 0 R"
        "/Resources<</Font<</F1 3 0 R>>>>>>"
    )
    packed.pages.append(page)
    note = packed.add("<</Type/Annot/Subtype/Text/Rect[10 10 30 30]/Contents(a note)/T(Ann)>>")
    field = packed.add(
        "<</Type/Annot/Subtype/Widget/FT/Tx/T(name)/V(Ann Author)/Rect[50 50 200 70]"
        "/DA(/F1 12 Tf 0 g)>>"
    )
    packed.page(lines("A form"), entries=f"/Annots[{note} 0 R {field} 0 R]")
    info = f"/AcroForm<</Fields[{field} 0 R]/DR<</Font<</F1 3 0 R>>>>/DA(/F1 12 Tf 0 g)>>"
    yield Seed("form.pdf", "PDF", packed.content(info))
    scan = Pdf()
    only = scan.picture(PIL.Image.linear_gradient("L").resize((100, 140)))
    scan.page("q 595 0 0 842 0 0 cm /P Do Q", {"P": only})
    yield Seed("scan.pdf", "PDF", scan.content())


def _packages() -> Iterator[Seed]:
    body = paragraph(run("Garden", "<w:b/>")) + paragraph(run("The pear tree is old."))
    body += (
        "<w:tbl><w:tr><w:tc><w:p><w:r><w:t>Pears</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>4"
        "</w:t></w:r></w:p></w:tc></w:tr></w:tbl>"
    )
    body += paragraph(packages.drawn("p1"), '<w:r><w:footnoteReference w:id="1"/></w:r>')
    notes = f'<w:footnotes {WORD}><w:footnote w:id="1"><w:p><w:r><w:t>By Ann.</w:t></w:r></w:p>'
    yield Seed("plain.docx", "DOCX, PPTX", packages.docx(
        body,
        {"p1": ("image", "media/a.png"), "f": ("footnotes", "footnotes.xml")},
        {"word/media/a.png": _PHOTO, "word/footnotes.xml": f"{notes}</w:footnote></w:footnotes>"},
    ))  # fmt: skip
    table = packages.table_frame([["bed", "what"], ["1", "beans"]])
    yield Seed("plain.pptx", "DOCX, PPTX", packages.pptx(
        [packages.shape("Garden\nThe pear tree", "title") + packages.picture_shape("p"),
         table + packages.shape("The well is dry")],
        {1: "Say it slowly"}, {1: {"p": ("image", "../media/a.png")}},
        {"ppt/media/a.png": _PHOTO},
    ))  # fmt: skip
    words = "<text:h>Garden</text:h><text:p>The pear tree<text:note><text:note-body><text:p>By Ann"
    words += "</text:p></text:note-body></text:note> is old.</text:p><text:list><text:list-item>"
    words += "<text:p>water</text:p></text:list-item></text:list>"
    yield Seed("plain.odt", "ODT, ODP, ODS", packages.open_document(words))
    slide = '<draw:page draw:name="one"><draw:frame><draw:text-box><text:p>The well is dry</text:p>'
    slide += '</draw:text-box></draw:frame><draw:frame><draw:image xlink:href="Pictures/a.png"/>'
    slide += "</draw:frame></draw:page>"
    yield Seed(
        "plain.odp", "ODT, ODP, ODS",
        packages.open_document(slide, "odp", parts={"Pictures/a.png": _PHOTO}),
    )  # fmt: skip
    sheet = '<table:table table:name="Beds"><table:table-row><table:table-cell '
    sheet += 'table:number-columns-repeated="2"><text:p>beans</text:p></table:table-cell>'
    sheet += '</table:table-row><table:table-row table:number-rows-repeated="3"><table:table-cell>'
    sheet += "<text:p>4.20</text:p></table:table-cell></table:table-row></table:table>"
    yield Seed("plain.ods", "ODT, ODP, ODS", packages.open_document(sheet, "ods"))
    yield Seed("plain.epub", "EPUB", packages.epub(
        {"one": '<h1>One</h1><p>The pear tree.</p><img src="../a.png" alt="a"/>',
         "two": "<p>The well is dry.</p>"},
        ["one", "two"], {"OEBPS/a.png": _PHOTO},
    ))  # fmt: skip
