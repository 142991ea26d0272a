"""Text that came from machines and goes to a terminal."""


def printable(text: str, kept: str = "") -> str:
    """The text with a replacement for every character that a terminal would obey, except those `kept`."""
    return "".join(char if char.isprintable() or char in kept else "\N{REPLACEMENT CHARACTER}" for char in text)
