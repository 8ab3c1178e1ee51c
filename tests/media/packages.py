"""Documents that are archives, put together from their XML."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence

OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
WORD = (
    'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" '
    f'xmlns:r="{OFFICE}" '
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    'xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing" '
    'xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape" '
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
    'xmlns:v="urn:schemas-microsoft-com:vml" '
    'xmlns:o="urn:schemas-microsoft-com:office:office" '
    'xmlns:pic="http://schemas.openxmlformats.org/drawingml/2006/picture" '
    'xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart" '
    'xmlns:dgm="http://schemas.openxmlformats.org/drawingml/2006/diagram"'
)
SLIDE = (
    'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" '
    f'xmlns:r="{OFFICE}" '
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
)
OPEN = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    'xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0" '
    'xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0" '
    'xmlns:presentation="urn:oasis:names:tc:opendocument:xmlns:presentation:1.0" '
    'xmlns:meta="urn:oasis:names:tc:opendocument:xmlns:meta:1.0" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xlink="http://www.w3.org/1999/xlink"'
)

Parts = Mapping[str, str | bytes]


def packed(parts: Parts, stored: Sequence[str] = ("mimetype",)) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            kind = zipfile.ZIP_STORED if name in stored else zipfile.ZIP_DEFLATED
            archive.writestr(zipfile.ZipInfo(name), content, kind)
    return file.getvalue()


def relations(targets: Mapping[str, tuple[str, str]]) -> str:
    """Ids, and the kind and target of each."""
    rows = "".join(
        f'<Relationship Id="{key}" Type="{OFFICE}/{kind}" Target="{target}"/>'
        for key, (kind, target) in targets.items()
    )
    return f'<Relationships xmlns="{PACKAGE}/relationships">{rows}</Relationships>'


_TYPES = {
    "docx": "wordprocessingml.document.main", "pptx": "presentationml.presentation.main",
    "slide": "presentationml.slide",
}  # fmt: skip


def _types(parts: Mapping[str, str]) -> str:
    rows = "".join(
        f'<Override PartName="/{part}" ContentType="application/vnd.openxmlformats-officedocument.'
        f'{_TYPES[kind]}+xml"/>'
        for part, kind in parts.items()
    )
    defaults = "".join(
        f'<Default Extension="{suffix}" ContentType="{kind}"/>'
        for suffix, kind in (
            ("rels", "application/vnd.openxmlformats-package.relationships+xml"),
            ("xml", "application/xml"),
            ("png", "image/png"),
            ("emf", "image/x-emf"),
        )
    )
    return f'<Types xmlns="{PACKAGE}/content-types">{defaults}{rows}</Types>'


def _core(title: str, author: str) -> str:
    return (
        f'<cp:coreProperties xmlns:cp="{PACKAGE}/metadata/core-properties" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<dc:title>{title}</dc:title><dc:creator>{author}</dc:creator></cp:coreProperties>"
    )


def paragraph(*runs: str) -> str:
    return f"<w:p>{''.join(runs)}</w:p>"


def run(text: str, properties: str = "") -> str:
    properties = properties and f"<w:rPr>{properties}</w:rPr>"
    return f'<w:r>{properties}<w:t xml:space="preserve">{text}</w:t></w:r>'


def drawn(reference: str) -> str:
    """A picture in a run."""
    return (
        '<w:r><w:drawing><wp:inline><wp:extent cx="990000" cy="990000"/>'
        '<wp:docPr id="1" name="Picture"/><a:graphic><a:graphicData '
        'uri="http://schemas.openxmlformats.org/drawingml/2006/picture"><pic:pic><pic:nvPicPr>'
        '<pic:cNvPr id="0" name="a.png"/><pic:cNvPicPr/></pic:nvPicPr><pic:blipFill>'
        f'<a:blip r:embed="{reference}"/></pic:blipFill><pic:spPr/></pic:pic></a:graphicData>'
        "</a:graphic></wp:inline></w:drawing></w:r>"
    )


def docx(
    body: str,
    targets: Mapping[str, tuple[str, str]] | None = None,
    parts: Parts | None = None,
    title: str = "A title",
) -> bytes:
    targets = targets or {}
    return packed({
        "[Content_Types].xml": _types({"word/document.xml": "docx"}),
        "_rels/.rels": relations({"r1": ("officeDocument", "word/document.xml")}),
        "docProps/core.xml": _core(title, "Ann Author"),
        "word/document.xml": f"<w:document {WORD}><w:body>{body}</w:body></w:document>",
        "word/_rels/document.xml.rels": relations(targets),
        **(parts or {}),
    })  # fmt: skip


def shape(text: str, kind: str = "", hidden: bool = False) -> str:
    """A shape on a slide, each line of the text a paragraph."""
    place = f'<p:nvPr><p:ph type="{kind}"/></p:nvPr>' if kind else "<p:nvPr/>"
    shown = ' hidden="1"' if hidden else ""
    lines = "".join(f"<a:p><a:r><a:t>{line}</a:t></a:r></a:p>" for line in text.split("\n"))
    return (
        f'<p:sp><p:nvSpPr><p:cNvPr id="2" name="x"{shown}/><p:cNvSpPr/>{place}</p:nvSpPr><p:spPr/>'
        f"<p:txBody><a:bodyPr/>{lines}</p:txBody></p:sp>"
    )


def picture_shape(reference: str) -> str:
    return (
        '<p:pic><p:nvPicPr><p:cNvPr id="4" name="a"/><p:cNvPicPr/><p:nvPr/></p:nvPicPr><p:blipFill>'
        f'<a:blip r:embed="{reference}"/></p:blipFill><p:spPr/></p:pic>'
    )


def table_frame(rows: Sequence[Sequence[str]]) -> str:
    cells = "".join(
        '<a:tr h="1">'
        + "".join(
            f"<a:tc><a:txBody><a:bodyPr/><a:p><a:r><a:t>{cell}</a:t></a:r></a:p></a:txBody></a:tc>"
            for cell in row
        )
        + "</a:tr>"
        for row in rows
    )
    return (
        '<p:graphicFrame><p:nvGraphicFramePr><p:cNvPr id="5" name="t"/><p:cNvGraphicFramePr/>'
        '<p:nvPr/></p:nvGraphicFramePr><p:xfrm/><a:graphic><a:graphicData uri="http://schemas.'
        'openxmlformats.org/drawingml/2006/table"><a:tbl><a:tblPr/><a:tblGrid/>'
        f"{cells}</a:tbl></a:graphicData></a:graphic></p:graphicFrame>"
    )


def pptx(
    slides: Sequence[str],
    notes: Mapping[int, str] | None = None,
    targets: Mapping[int, Mapping[str, tuple[str, str]]] | None = None,
    parts: Parts | None = None,
) -> bytes:
    """Slides, the files of which are numbered from the last to the first."""
    files = [f"slides/slide{len(slides) - n}.xml" for n in range(len(slides))]
    content: dict[str, str | bytes] = {
        "[Content_Types].xml": _types({
            "ppt/presentation.xml": "pptx", **{f"ppt/{file}": "slide" for file in files},
        }),
        "_rels/.rels": relations({"r1": ("officeDocument", "ppt/presentation.xml")}),
        "docProps/core.xml": _core("A talk", "Ann Author"),
        "ppt/presentation.xml": f"<p:presentation {SLIDE}><p:sldIdLst>"
        + "".join(f'<p:sldId id="{256 + n}" r:id="s{n}"/>' for n in range(len(slides)))
        + '</p:sldIdLst><p:sldSz cx="9144000" cy="6858000"/></p:presentation>',
        "ppt/_rels/presentation.xml.rels": relations(
            {f"s{n}": ("slide", file) for n, file in enumerate(files)}
        ),
    }  # fmt: skip
    for number, (file, body) in enumerate(zip(files, slides, strict=True), 1):
        own = dict((targets or {}).get(number, {}))
        if words := (notes or {}).get(number):
            own["n"] = ("notesSlide", f"../notesSlides/notes{number}.xml")
            inner = shape(words, "body") + shape(str(number), "sldNum")
            content[f"ppt/notesSlides/notes{number}.xml"] = (
                f"<p:notes {SLIDE}><p:cSld><p:spTree>{inner}</p:spTree></p:cSld></p:notes>"
            )
        content[f"ppt/{file}"] = (
            f'<p:sld {SLIDE}><p:cSld><p:spTree><p:nvGrpSpPr><p:cNvPr id="1" name=""/>'
            f"<p:cNvGrpSpPr/><p:nvPr/></p:nvGrpSpPr><p:grpSpPr/>{body}</p:spTree></p:cSld></p:sld>"
        )
        content[f"ppt/slides/_rels/{file.removeprefix('slides/')}.rels"] = relations(own)
    return packed({**content, **(parts or {})})


_OPEN_KINDS = {"odt": "text", "odp": "presentation", "ods": "spreadsheet"}


def open_document(
    body: str, kind: str = "odt", styles: str = "", parts: Parts | None = None
) -> bytes:
    name = _OPEN_KINDS[kind]
    mime = f"application/vnd.oasis.opendocument.{name}"
    return packed({
        "mimetype": mime,
        "content.xml": f'<office:document-content {OPEN} office:version="1.3"><office:body>'
        f"<office:{name}>{body}</office:{name}></office:body></office:document-content>",
        "styles.xml": f'<office:document-styles {OPEN} office:version="1.3"><office:master-styles>'
        f'<style:master-page style:name="Standard">{styles}</style:master-page>'
        "</office:master-styles></office:document-styles>",
        "meta.xml": f"<office:document-meta {OPEN}><office:meta><dc:title>A title</dc:title>"
        "<meta:initial-creator>Ann Author</meta:initial-creator></office:meta>"
        "</office:document-meta>",
        "META-INF/manifest.xml": '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:'
        'opendocument:xmlns:manifest:1.0"><manifest:file-entry manifest:full-path="/" '
        f'manifest:media-type="{mime}"/><manifest:file-entry manifest:full-path="content.xml" '
        'manifest:media-type="text/xml"/><manifest:file-entry manifest:full-path="styles.xml" '
        'manifest:media-type="text/xml"/></manifest:manifest>',
        **(parts or {}),
    })  # fmt: skip


def epub(chapters: Mapping[str, str], order: Sequence[str], parts: Parts | None = None) -> bytes:
    """Chapters by their ids, and the order in which they are read."""
    page = '<html xmlns="http://www.w3.org/1999/xhtml"><head><title>t</title></head><body>{}</body>'
    parts = parts or {}
    items = "".join(
        f'<item id="{key}" href="text/{key}.xhtml" media-type="application/xhtml+xml"/>'
        for key in chapters
    )
    items += "".join(
        f'<item id="i{n}" href="{name.removeprefix("OEBPS/")}" media-type="image/png"/>'
        for n, name in enumerate(parts)
        if name.endswith(".png")
    )
    spine = "".join(f'<itemref idref="{key}"/>' for key in order)
    return packed({
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": '<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:'
        'xmlns:container"><rootfiles><rootfile full-path="OEBPS/book.opf" '
        'media-type="application/oebps-package+xml"/></rootfiles></container>',
        "OEBPS/book.opf": '<package xmlns="http://www.idpf.org/2007/opf" version="3.0" '
        'unique-identifier="id"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">'
        '<dc:identifier id="id">x</dc:identifier><dc:title>A book</dc:title>'
        "<dc:creator>Ann Author</dc:creator><dc:language>en</dc:language></metadata>"
        f"<manifest>{items}</manifest><spine>{spine}</spine></package>",
        **{
            f"OEBPS/text/{key}.xhtml": '<?xml version="1.0" encoding="utf-8"?>'
            f"{page.format(text)}</html>"
            for key, text in chapters.items()
        },
        **parts,
    })  # fmt: skip
