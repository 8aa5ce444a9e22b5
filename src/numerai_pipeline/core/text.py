"""Texts in messages: names to suggest, and what somebody else wrote."""

import difflib
from collections.abc import Iterable

# More names than this are no help in one sentence.
_MAX_LISTED = 12


def did_you_mean(
    name: str,
    known: Iterable[str],
    *,
    listing: str = "It has",
    listed: Iterable[str] | None = None,
) -> str:
    """Return a sentence with the nearest known name or, if none is near, all of them.

    Args:
        name: what was given; it is never suggested itself.
        known: what could have been given.
        listing: how the list begins.
        listed: what stands in the list in place of the known names.

    >>> did_you_mean("smal", ["small", "medium"])
    "Did you mean 'small'?"
    >>> did_you_mean("x", ["small", "medium"])
    'It has small, medium.'
    >>> did_you_mean("x", [], listing="There are")
    'There are none.'
    """
    names = list(known)
    # Without regard to capitals, which difflib takes for other letters.
    by_letters = {other.casefold(): other for other in names if other != name}
    nearest = difflib.get_close_matches(name.casefold(), by_letters, n=1)
    if nearest:
        return f"Did you mean '{by_letters[nearest[0]]}'?"
    shown = names if listed is None else list(listed)
    rest = f", … ({len(shown)} in all)" if len(shown) > _MAX_LISTED else ""
    return f"{listing} {', '.join(shown[:_MAX_LISTED]) or 'none'}{rest}."


def printable(text: str) -> str:
    r"""Return a text in which nothing can rewrite a terminal.

    White space becomes a space; other control characters and lone surrogates are
    written as Python writes them.

    >>> printable("two\nlines \x1b[2J")
    'two lines \\x1b[2J'
    """
    return "".join(map(_shown, text))


def _shown(character: str) -> str:
    if character.isprintable():
        return character
    if character.isspace():
        return " "
    return character.encode("unicode_escape").decode()
