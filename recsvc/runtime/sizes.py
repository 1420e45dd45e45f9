"""Units of memory and of files."""

MEGABYTE = 1_000_000  # bytes
