"""Imported before nbformat: spares every process that touches a notebook four of the five seconds which that takes.

jsonschema, behind nbformat, builds a grammar of international web addresses (RFC 3987) on import, for a format that no notebook
has. Without the package it leaves that one format unchecked.
"""

import sys

sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
