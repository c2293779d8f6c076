"""Text in the XML of AWS's query protocol. Pure."""

from __future__ import annotations

import re
from xml.sax.saxutils import escape

_NONE_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def escaped(text: str) -> str:
    """Between two tags; characters that XML cannot hold become U+FFFD."""
    return escape(_NONE_IN_XML.sub("\ufffd", text), {"\r": "&#xD;"})
