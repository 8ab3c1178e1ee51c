"""PDF files written by hand, in a millisecond."""

from __future__ import annotations

import io

import PIL.Image


def text_pdf(*pages: str) -> bytes:
    """A PDF with a line of Latin letters on each page; "" makes a page of nothing."""
    first = 4  # objects 1 to 3 are the catalogue, the tree of pages and the font
    kids = " ".join(f"{first + 2 * n} 0 R" for n in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Count {len(pages)} /Kids [{kids}] >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for n, text in enumerate(pages):
        drawn = f"BT /F1 12 Tf 40 100 Td ({text}) Tj ET" if text else ""
        objects += [
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 400 200] "
            f"/Resources << /Font << /F1 3 0 R >> >> /Contents {first + 2 * n + 1} 0 R >>",
            f"<< /Length {len(drawn)} >>\nstream\n{drawn}\nendstream",
        ]
    content = b"%PDF-1.4\n"
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(content))
        content += f"{number} 0 obj\n{body}\nendobj\n".encode("ascii")
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    return content + (
        f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
        f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(content)}\n%%EOF\n"
    ).encode("ascii")


class Pdf:
    """A PDF that is put together object by object: 1 is its catalogue, 2 its pages, 3 a font."""

    def __init__(self) -> None:
        self.objects: list[bytes] = [b"", b"", b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"]
        self.pages: list[int] = []

    def add(self, body: str | bytes) -> int:
        """Append an object; returns its number."""
        self.objects.append(body.encode("latin-1") if isinstance(body, str) else body)
        return len(self.objects)

    def stream(self, content: str | bytes, entries: str = "") -> int:
        """Append a stream with entries of its dictionary; returns its number."""
        data = content.encode("latin-1") if isinstance(content, str) else content
        head = f"<<{entries}/Length {len(data)}>>stream\n".encode("latin-1")
        return self.add(head + data + b"\nendstream")

    def picture(self, picture: PIL.Image.Image, entries: str = "") -> int:
        """Append a picture as JPEG; returns its number."""
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=90)
        space = "DeviceGray" if picture.mode == "L" else "DeviceRGB"
        return self.stream(
            file.getvalue(),
            f"/Type/XObject/Subtype/Image/Width {picture.width}/Height {picture.height}"
            f"/ColorSpace/{space}/BitsPerComponent 8/Filter/DCTDecode{entries}",
        )

    def page(
        self, drawn: str, pictures: dict[str, int] | None = None, resources: str = "",
        entries: str = "", box: str = "0 0 595 842",
    ) -> int:  # fmt: skip
        """Append a page of what is drawn, with the font F1; returns its number."""
        named = "".join(f"/{name} {number} 0 R" for name, number in (pictures or {}).items())
        content = self.stream(drawn)
        number = self.add(
            f"<</Type/Page/Parent 2 0 R/MediaBox[{box}]/Contents {content} 0 R"
            f"/Resources<</Font<</F1 3 0 R>>/XObject<<{named}>>{resources}>>{entries}>>"
        )
        self.pages.append(number)
        return number

    def content(self, catalogue: str = "") -> bytes:
        """The file, with entries of its catalogue."""
        kids = " ".join(f"{number} 0 R" for number in self.pages)
        self.objects[0] = f"<</Type/Catalog/Pages 2 0 R{catalogue}>>".encode("latin-1")
        self.objects[1] = f"<</Type/Pages/Count {len(self.pages)}/Kids[{kids}]>>".encode()
        content, places = b"%PDF-1.7\n", []
        for number, body in enumerate(self.objects, 1):
            places.append(len(content))
            content += b"%d 0 obj\n%b\nendobj\n" % (number, body)
        table = b"".join(b"%010d 00000 n \n" % place for place in places)
        size = len(self.objects) + 1
        return content + (
            b"xref\n0 %d\n0000000000 65535 f \n%btrailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n"
            b"%%%%EOF\n" % (size, table, size, len(content))
        )


def lines(*texts: str, left: float = 60, top: float = 700, size: float = 12) -> str:
    """What draws lines of Latin letters below each other."""
    shown = " ".join(f"({text}) Tj 0 {-1.2 * size:g} Td" for text in texts)
    return f"BT /F1 {size:g} Tf {left:g} {top:g} Td {shown} ET "
