"""Refuse connections that leave this machine, in every Python that starts with this folder on its path.

An audit hook sees the sockets of all Python code, whichever library opens them. Each attempt is noted in the file that
``COURSE_GUARD_LOG`` names, so that one which a library swallows is still found.
"""

import os
import sys


def _stays_here(host, *, literal_is_enough=False):
    if isinstance(host, bytes | bytearray):
        host = bytes(host).decode("ascii", "replace")
    if host is None or host.lower().rstrip(".") in ("", "localhost"):
        return True
    import ipaddress

    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        import socket

        return literal_is_enough and host == socket.gethostname()
    address = getattr(address, "ipv4_mapped", None) or address
    return literal_is_enough or address.is_loopback or address.is_unspecified


def _refuse(what):
    log = os.environ.get("COURSE_GUARD_LOG")
    if log:
        with open(log, "a", encoding="utf-8") as file:  # noqa: PTH123 (importing pathlib here would slow every start)
            file.write(what + "\n")
    raise PermissionError(f"refused to {what}: lessons run offline once the course is set up")


def _hook(event, arguments):
    if not event.startswith("socket."):
        return
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        import socket

        opened, address = arguments
        if address is None or opened.family not in (socket.AF_INET, socket.AF_INET6):
            return
        if not _stays_here(address[0]):
            _refuse(f"reach {address[0]} port {address[1]}")
    elif event in ("socket.getaddrinfo", "socket.gethostbyname") and not _stays_here(
        arguments[0], literal_is_enough=True
    ):
        _refuse(f"look up {arguments[0]}")


sys.addaudithook(_hook)
