"""The HTTP API."""

from recsvc.api.middleware import raw_path

# Before the import of any route, whose path template with `{…:id}` is compiled there.
raw_path.register_id_convertor()
