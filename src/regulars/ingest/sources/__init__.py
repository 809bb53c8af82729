"""One module a kind of source. Each offers `queries(shop)`: DuckDB SQL that reads raw into canonical columns.

A query only renames, casts and groups; what is refused, and why, is decided in `regulars.ingest.cleaning`.
"""
