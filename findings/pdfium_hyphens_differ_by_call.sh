#!/usr/bin/env bash
# PDFium writes the hyphen at the end of a line as one control character or another, by the call.
#
# A word that is hyphenated at the end of a line: pypdfium2 5.15.2 gives U+FFFE for the hyphen from
# get_text_range() and U+0002 from get_text_bounded(). Neither is a hyphen or a letter, so the word is
# found by no search unless both are taken out.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check 'pypdfium2==5.15.2'
cd "$work"
"$work/env/bin/python" - <<'PYTHON'
import pypdfium2


def pdf(content):
    """A page of Helvetica with this content stream."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 200] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    file, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(file))
        file += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return file + (
        b"xref\n0 6\n0000000000 65535 f \n%strailer << /Size 6 /Root 1 0 R >>\n"
        b"startxref\n%d\n%%%%EOF" % (table, len(file))
    )


lines = b"BT /F1 12 Tf 20 150 Td 14 TL (the steam-) Tj T* (ship sails) Tj ET"
page = pypdfium2.PdfDocument(pdf(lines))[0].get_textpage()
texts = {"get_text_range": page.get_text_range(), "get_text_bounded": page.get_text_bounded()}
for call, text in texts.items():
    print(f"pypdfium2 {pypdfium2.PYPDFIUM_INFO}: {call} {text!r}")
assert "\ufffe" in texts["get_text_range"] and "\x02" not in texts["get_text_range"]
assert "\x02" in texts["get_text_bounded"] and "\ufffe" not in texts["get_text_bounded"]
PYTHON
