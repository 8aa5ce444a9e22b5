"""HTML and SVG made of elements, in which every text is escaped."""

import json
from collections.abc import Iterable
from html import escape

from numerai_pipeline.core import printable

_VOID = {"meta", "br", "col", "path", "rect", "line", "circle"}


class Html(str):
    """A text that is markup already, so that it is not escaped again."""

    __slots__ = ()


def tag(name: str, /, *children: str | None, **attributes: object) -> Html:
    """Return an element.

    Args:
        name: of the element.
        *children: markup as ``Html``; every other text is escaped. None is left out.
        **attributes: None is left out; ``class_`` is class, ``data_era`` is data-era.

    >>> tag("p", "a < b", tag("b", "c"), class_="note", title=None)
    '<p class="note">a &lt; b<b>c</b></p>'
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{text(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID and not children:
        return Html(f"<{name}{given}/>")
    return Html(f"<{name}{given}>{join(children)}</{name}>")


def join(children: Iterable[str | None]) -> Html:
    """Return markup one after the other; texts are escaped."""
    return Html("".join(text(child) for child in children if child is not None))


def text(value: str) -> Html:
    r"""Return a text as markup; what is markup already stays.

    >>> text('<img src="x">\x00')
    '&lt;img src=&quot;x&quot;&gt;\\x00'
    """
    return value if isinstance(value, Html) else Html(escape(printable(value)))


def json_script(identity: str, value: object) -> Html:
    """Return data for programs and scripts; nothing in it can end the element.

    Args:
        identity: the element's id.
        value: what JSON can hold.
    """
    content = json.dumps(value, allow_nan=False, separators=(",", ":"))
    # In JSON these occur inside of strings only.
    for character in "<>&":
        content = content.replace(character, f"\\u{ord(character):04x}")
    return tag("script", Html(content), type="application/json", id=identity)
