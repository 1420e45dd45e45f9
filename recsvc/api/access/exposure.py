"""Who can reach the socket that an API process serves."""

import ipaddress
import socket
from enum import StrEnum


class Exposure(StrEnum):
    """Who can open a connection to the service.

    PRIVATE   processes of this user: a Unix socket in a folder of its own
    LOOPBACK  programs of this machine
    NETWORK   other machines
    """

    PRIVATE = "private"
    LOOPBACK = "loopback"
    NETWORK = "network"

    @classmethod
    def from_socket(cls, listening: socket.socket) -> "Exposure":
        """Return the exposure of a listening socket."""
        if listening.family == socket.AF_UNIX:
            return cls.PRIVATE
        return cls.from_host(str(listening.getsockname()[0]))

    @classmethod
    def from_host(cls, host: str) -> "Exposure":
        """Return the exposure of a service that listens on this address or name."""
        if host == "localhost":
            return cls.LOOPBACK
        try:
            is_loopback = ipaddress.ip_address(host).is_loopback
        except ValueError:
            is_loopback = False
        return cls.LOOPBACK if is_loopback else cls.NETWORK
