"""Units of memory and file sizes."""

MEGABYTE = 1_000_000  # bytes
