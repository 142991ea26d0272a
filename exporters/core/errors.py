"""The base of the errors that the command line tells in one line and never as a traceback."""


class PersonError(Exception):
    """Something a person did and can mend: its text says, in one line, what, where and how."""
