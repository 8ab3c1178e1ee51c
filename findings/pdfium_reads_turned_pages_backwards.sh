#!/usr/bin/env bash
# PDFium gives the lines of a page with /Rotate 90 from the last to the first.
#
# Three lines of text, drawn from top to bottom, on a page that is shown turned by 90 degrees (a table that lies on its
# side): FPDFText_GetText and FPDFText_GetBoundedText (pypdfium2 5.15.2) give the third line first. With the
# same content and /Rotate 0 or 180, or after FPDFPage_SetRotation(page, 0), the order is that of the page. Poppler's pdftotext
# gives the first line first in all four.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check 'pypdfium2==5.15.2'
cd "$work"
"$work/env/bin/python" - <<'PYTHON'
import pypdfium2

DRAWN = b"BT /F1 12 Tf 60 700 Td (one) Tj 0 -15 Td (two) Tj 0 -15 Td (three) Tj ET"


def pdf(rotate):
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Rotate %d"
        b"/Resources<</Font<</F1 5 0 R>>>>>>" % rotate,
        b"<</Length %d>>stream\n%b\nendstream" % (len(DRAWN), DRAWN),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    content, places = b"%PDF-1.7\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(content))
        content += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return content + b"xref\n0 6\n0000000000 65535 f \n%btrailer\n<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (
        table, len(content),
    )


found = {}
for rotate in (0, 90, 180, 270):
    with pypdfium2.PdfDocument(pdf(rotate)) as document:
        found[rotate] = document[0].get_textpage().get_text_range().split()
    print(f"pypdfium2 {pypdfium2.version.PYPDFIUM_INFO} /Rotate {rotate}: {' '.join(found[rotate])}")
assert found[0] == found[180] == found[270] == ["one", "two", "three"]
assert found[90] == ["three", "two", "one"]
PYTHON
