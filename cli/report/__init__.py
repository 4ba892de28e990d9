"""The plan as an explanation: one document, shown as text, as a page and as data.

`sections` turns a plan into the document; `text`, `html` and `data` show it and decide nothing, so that the three
cannot disagree.
"""

from cli.report.data import document_data
from cli.report.document import Document
from cli.report.html import document_html
from cli.report.sections import planned_document, refused_document
from cli.report.text import WIDTH, document_text

__all__ = [
    "WIDTH",
    "Document",
    "document_data",
    "document_html",
    "document_text",
    "planned_document",
    "refused_document",
]
