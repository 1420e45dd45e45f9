"""Whether this process is about to end and asks its clients to connect anew."""

from threading import Event

# Set when the process stops; every later response closes its connection.
is_draining = Event()
