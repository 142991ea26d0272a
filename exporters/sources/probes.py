"""Active network checks from this machine: the answers to `Probe`, several at once, each within its own time.

An address is `http(s)://HOST[:PORT]/PATH` of kind http, `HOST:PORT` of tcp and tls, a name of dns, `HOST` or
`HOST:PORT` of ping; an IPv6 address with a port stands in brackets. A check that fails is a result; what cannot be
asked at all (an unknown kind, an address without a port or with a password) is a `SourceError`. The answer is JSON:

    {"success": bool,           name found, connected, verified, answered as a whole; of http with 200 to 299 and `pattern`
     "reason": str,             "" or why not, the first of them that holds:
                                  "dns"          no address for the name, or none in time
                                  "refused"      nothing listens there
                                  "unreachable"  no route, or a router said so
                                  "denied"       this machine forbids it: a packet filter, a sandbox
                                  "timeout"      the time of the check is over
                                  "reset"        closed or reset before the answer was whole
                                  "certificate"  the certificate is expired, of another name, or of no known authority
                                  "tls"          any other failure of the handshake
                                  "protocol"     the answer is no HTTP
                                  "status"       of http: not 200 to 299
                                  "body"         of http: `pattern` is not in the first 64 KiB
     "seconds": float,          from the begin to the last byte that was read, or to the failure
     "phases": {str: float},    seconds of those that ended well, in this order: "dns" (0 for an address), "connect"
                                (TCP), "tls", "first_byte" (request sent to first byte), "transfer", "echo" (ICMP)
     "family": "ipv4"|"ipv6",   of the address that answered; of dns, of the first address; absent before
     "method": "icmp"|"tcp",    of ping: how it was asked, TCP (port 443 if none is named) where ICMP is not allowed; a
                                refused connection is an answer
     "status": int,             of http: once the head of the answer was read
     "matched": bool,           of http with `pattern`: once the body was read
     "value": scalar,           of http with `field` ("a.b.0.c"), if the body is JSON and a scalar stands there
     "certificate_expiry": float}  of tls and https: Unix time; also of a certificate that was refused, if it can be had

Keys that do not apply are absent. With the reasons "status" and "body" the answer came as a whole: whoever expects
another status judges by `status` and `matched`. No redirect is followed, no proxy asked; a body is read up to 64 KiB.
"""
