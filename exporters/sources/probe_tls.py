"""The TLS handshake of a check, verified as Python does it, and until when the certificate is valid.

A browser may see it otherwise: no keychain is asked, and a certificate of an authority that the server left out is not
fetched.
"""

import datetime as dt
import errno
import socket
import ssl
from pathlib import Path

from exporters.sources.base import Failed
from exporters.sources.probe_check import REASONS, Check, Fault, reason_of
from exporters.sources.probe_connect import Address, connected

SYSTEM_BUNDLE = Path("/etc/ssl/cert.pem")
"""Where macOS keeps Apple's authorities as a file; builds of Python that look elsewhere would know none."""
_LONG_FORM = 0x80
_VERSION, _UTC_TIME, _GENERALIZED_TIME = 0xA0, 0x17, 0x18
_BEFORE_VALIDITY = 3
"""Serial number, algorithm and issuer."""
_CENTURY = 50
"""Two digits of a year below it are of the 21st century (RFC 5280)."""


def trusted() -> ssl.SSLContext:
    """Verifies names, and certificates by the system's authorities; `SSL_CERT_FILE` and `SSL_CERT_DIR` name others."""
    context, paths = ssl.create_default_context(), ssl.get_default_verify_paths()
    if not paths.cafile and not paths.capath and SYSTEM_BUNDLE.exists():
        context.load_verify_locations(SYSTEM_BUNDLE)
    return context


def secured(check: Check, sock: socket.socket, host: str, trust: ssl.SSLContext | None) -> ssl.SSLSocket:
    """The connection after the handshake, in place of `sock`; `trust` is what `trusted` gave.

    Of a certificate that is refused the expiry is asked for.
    """
    peer = _peer(sock)
    try:
        with check.phase("tls"):
            secure = _handshake(check, sock, host, trust or trusted())
    except ssl.SSLCertVerificationError as error:
        check.stop()
        _tell_expiry(check, _refused(check, peer, host))
        raise Fault("certificate") from error
    except ssl.SSLError as error:  # also a connection that ends: TLS is not spoken there, or not as we do
        raise Fault("tls") from error
    except OSError as error:
        raise Fault(_reason(error)) from error
    _tell_expiry(check, secure.getpeercert(binary_form=True))
    return secure


def _peer(sock: socket.socket) -> Address:
    """Whom it is connected to; a connection that was reset meanwhile is to nobody."""
    try:
        return Address(sock.family, sock.getpeername())
    except OSError as error:
        raise Fault("reset") from error


def _reason(error: OSError) -> str:
    """As everywhere; macOS calls a connection that was reset an invalid argument, and some ends have no number."""
    if error.errno == errno.EINVAL:
        return "reset"
    known = isinstance(error, TimeoutError) or error.errno in REASONS
    return reason_of(error) if known else "tls"


def _handshake(check: Check, sock: socket.socket, host: str, context: ssl.SSLContext) -> ssl.SSLSocket:
    """Apart from the wrapping, which would leave it out of a connection that was reset before it."""
    sock.settimeout(check.left())
    try:
        secure = context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
    except ssl.SSLError:  # of which the one about certificates is a ValueError, too
        raise
    except ValueError as error:
        raise Failed("no certificate can be for this host") from error
    try:
        secure.do_handshake()
    except BaseException:
        secure.close()
        raise
    return secure


def _refused(check: Check, peer: Address, host: str) -> bytes | None:
    """The certificate that was refused, by a second connection that takes whatever comes and sends nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        again = Check(check.left())
        with connected(again, [peer]) as sock, _handshake(again, sock, host, context) as secure:
            return secure.getpeercert(binary_form=True)
    except (Fault, OSError):
        return None


def _tell_expiry(check: Check, certificate: bytes | None) -> None:
    moment = expiry(certificate or b"")
    if moment is not None:
        check.facts["certificate_expiry"] = moment


def expiry(certificate: bytes) -> float | None:
    """`notAfter` of a DER certificate as Unix time; None where it cannot be read.

    Python tells it only of a certificate that it trusts.
    """
    try:
        _, fields = _element(_element(certificate)[1])
        if fields[0] == _VERSION:
            fields = _after(fields)
        for _ in range(_BEFORE_VALIDITY):
            fields = _after(fields)
        tag, text = _element(_after(_element(fields)[1]))
        return _moment(tag, text.decode("ascii"))
    except (IndexError, ValueError):  # a UnicodeDecodeError too
        return None


def _moment(tag: int, text: str) -> float | None:
    if tag not in {_UTC_TIME, _GENERALIZED_TIME}:
        return None
    century = "" if tag == _GENERALIZED_TIME else "20" if int(text[:2]) < _CENTURY else "19"
    return dt.datetime.strptime(f"{century}{text}", "%Y%m%d%H%M%SZ").replace(tzinfo=dt.UTC).timestamp()


def _element(data: bytes) -> tuple[int, bytes]:
    """Tag and content of the first DER element."""
    begin, end = _bounds(data)
    return data[0], data[begin:end]


def _after(data: bytes) -> bytes:
    """What follows the first DER element."""
    return data[_bounds(data)[1] :]


def _bounds(data: bytes) -> tuple[int, int]:
    """Where the content of the first element begins and ends; beyond 127 bytes the length has a length itself."""
    length, begin = data[1], 2
    if length & _LONG_FORM:
        begin += length & ~_LONG_FORM
        length = int.from_bytes(data[2:begin])
    if len(data) < begin + length:
        raise ValueError("cut")
    return begin, begin + length
