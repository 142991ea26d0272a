"""What a person puts on the host: the public key, and the line of authorized_keys that lets it ask and nothing else."""

import re

from exporters.sources.sshauth import load_key

LONGEST_LINE = 4199
"""Bytes of a line of authorized_keys that dropbear reads: the key of a longer one is refused."""
# Not `restrict`, which older dropbears do not know: an option that it does not know makes it refuse the key.
OPTIONS = "no-pty,no-port-forwarding,no-agent-forwarding,no-X11-forwarding"
_KIND = r"(?:ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521))"
_PUBLIC_KEY = re.compile(_KIND + r" [A-Za-z0-9+/]+={0,2}(?: [^\x00-\x1f\x7f]*)?")
_UNFIT = re.compile(r'["\x00-\x1f\x7f]|\\$')


def authorized_keys_line(public_key: str, script: str) -> str:
    """The line, without its end, that runs the script whatever this key asks for. Raises ValueError."""
    key = public_key.strip()
    if not _PUBLIC_KEY.fullmatch(key):
        raise ValueError("the public key is not one line of ssh-ed25519, ssh-rsa or ecdsa-sha2-…, base64 and a comment")
    if _UNFIT.search(script):
        raise ValueError("a forced command holds no double quote and no newline, and does not end in a backslash")
    line = f'command="{script}",{OPTIONS} {key}'
    if (size := len(line.encode(errors="surrogateescape"))) > LONGEST_LINE:
        raise ValueError(
            f"the line of authorized_keys has {size:,} bytes and dropbear reads {LONGEST_LINE:,}: ask for fewer things"
        )
    return line


def public_key_of(private_key: str) -> str:
    """Kind and base64 of the public key that belongs to a private one. Raises Denied where that is none."""
    key = load_key(private_key)
    return f"{key.get_name()} {key.get_base64()}"
