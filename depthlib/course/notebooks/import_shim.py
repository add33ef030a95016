"""Imported before nbformat, to save four of the five seconds of its import.

jsonschema, a dependency of nbformat, builds a grammar of international web addresses (RFC 3987) on import, for a format
that no notebook has. Without that package it skips the format.
"""

import sys

sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
