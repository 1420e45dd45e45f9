"""Use cases of imports: file formats, parsing and the import job."""
