"""The door: HTTP in, HTTP out."""

from recsvc.api import paths

# Before any route is written: a path template with `{…:id}` is compiled where it is written.
paths.register_id_convertor()
