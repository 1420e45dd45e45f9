"""The door: HTTP in, HTTP out."""

from recsvc.api.middleware import raw_path

# Before any route is written: a path template with `{…:id}` is compiled where it is written.
raw_path.register_id_convertor()
