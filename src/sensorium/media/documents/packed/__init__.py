"""Documents that are ZIP archives: EPUB, DOCX, PPTX, and OpenDocument's ODT, ODP and ODS."""
