"""Text that somebody else wrote, before it is printed or stored."""


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
