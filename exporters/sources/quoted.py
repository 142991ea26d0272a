"""How an error shows what somebody wrote in a configuration."""

LONGEST = 60
"""Characters, as many as a line can hold."""


def quoted(value: object, most: int | None = LONGEST) -> str:
    """Its begin in quotes, without line ends; of a URL nothing, because it may hold a password or a token."""
    return "a URL" if "://" in str(value) else repr(value)[:most]
