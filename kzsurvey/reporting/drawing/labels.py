"""Labels in lines: Chinese by the rules of its punctuation, words and numbers whole.

No line begins with what closes (a comma, a full stop, a closing bracket or quotation mark) or ends with what opens.
"""

import re
import textwrap
import unicodedata

LABEL = 26  # width of a label in Latin letters; a Chinese character takes two
QUOTES = str.maketrans("“”‘’", "\"\"''")
FULL = "“”‘’—…"  # as wide as a Chinese character in a Chinese font
OPENING = "（《〈「『【〔〖［｛“‘([{"
CLOSING = "，。、；：！？…）》〉」』】〕〗］｝”’·—～％‰℃,.;:!?)]}%"
_WORD = r"[^\W\u1100-\U0010ffff]+"  # letters and digits of scripts that write words apart
_PIECE = re.compile(
    rf"[{re.escape(OPENING)}]*(?:——|……|{_WORD}(?:[-.,/'’]{_WORD})*|.)[{re.escape(CLOSING)}]*",
    re.DOTALL,
)


def wrapped(label: str, width: int = LABEL) -> str:
    """A label in lines of at most so many Latin widths, of about the same length.

    Parameters
    ----------
    label : str
    width : int
        A Chinese character takes two; one closing mark may stand beyond it.

    Returns
    -------
    str
        Lines between line ends. What is longer than a line is broken anywhere.

    Examples
    --------
    >>> print(wrapped("乡镇“七站八所”的编制，有多少空着？", 12))
    乡镇“七站八
    所”的编制，
    有多少空着？
    """
    if not any(unicodedata.east_asian_width(character) in "WF" for character in label):
        return "\n".join(textwrap.wrap(label, width)) or label
    pieces = [part for piece in _PIECE.findall(label) for part in ([piece] if width_of(piece) <= width else piece)]
    total = width_of(label)
    fewest = -(-total // width)
    fair = -(-total // fewest)  # lines of about the same length, none with a single character
    tried = (_filled(pieces, most) for most in range(fair + 1, width + 2))
    return "\n".join(next((lines for lines in tried if len(lines) <= fewest), _filled(pieces, width + 1)))


def width_of(text: str) -> int:
    """Latin widths of a text, as a Chinese font draws it.

    Examples
    --------
    >>> width_of("AB"), width_of("编制"), width_of("“编外”")
    (2, 4, 8)
    """
    return sum(2 if character in FULL or unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def narrow(value: object) -> object:
    """Straight quotation marks: the curly ones of a Chinese font are as wide as a Chinese character."""
    return value.translate(QUOTES) if isinstance(value, str) else value


def _filled(pieces: list[str], most: int) -> list[str]:
    """Lines filled one after the other; a mark that closes a piece may stand beyond the end of the line."""
    lines = [""]
    for piece in pieces:
        inside = piece[:-1] if len(piece) > 1 and piece[-1] in CLOSING else piece
        if lines[-1] and width_of(lines[-1] + inside) > most:
            lines.append("")
        lines[-1] += piece
    return [line.strip() for line in lines]
