"""A manifest as Croissant metadata (JSON-LD, version 1.0), which search engines and other tools read."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any

from depthlib.data.manifest import Encoding, Generated, Manifest, RemoteFile

VERSION = "http://mlcommons.org/croissant/1.0"
_OWN_TERMS = (
    "citeAs",
    "column",
    "extract",
    "field",
    "fileProperty",
    "fileObject",
    "fileSet",
    "format",
    "includes",
    "isLiveDataset",
    "jsonPath",
    "key",
    "md5",
    "parentField",
    "path",
    "recordSet",
    "references",
    "regex",
    "repeated",
    "replace",
    "separator",
    "source",
    "subField",
    "transform",
    "arrayShape",
    "isArray",
)
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    **{term: f"cr:{term}" for term in _OWN_TERMS},
}
_MEDIA = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "ppm": "image/x-portable-pixmap",
    "pgm": "image/x-portable-graymap",
    "h5": "application/x-hdf5",
    "npz": "application/zip",
    "mat": "application/x-matlab-data",
    "csv": "text/csv",
    "txt": "text/plain",
    "json": "application/json",
    "zip": "application/zip",
    "tar": "application/x-tar",
    "gz": "application/gzip",
    "tgz": "application/gzip",
}


def croissant(manifest: Manifest | Generated) -> dict[str, Any]:
    """The JSON-LD mapping: public files become FileObjects with their sha256, kinds of file FileSets; units, splits and
    traps, for which the format has no field, are part of the descriptions.
    """
    common = {"@context": _CONTEXT, "@type": "sc:Dataset", "name": manifest.name, "conformsTo": VERSION}
    if isinstance(manifest, Generated):
        return common | {"description": manifest.description, "license": manifest.licence, "distribution": []}
    described = [manifest.what]
    if manifest.splits:
        told = (
            f"{name} ({item.lines} entries, sha256 {item.sha256}, {item.source})"
            for name, item in manifest.splits.items()
        )
        described.append(f"Splits: {'; '.join(told)}.")
    if manifest.traps:
        described.append("Known traps: " + " ".join(manifest.traps))
    return common | {
        "alternateName": manifest.title,
        "description": "\n\n".join(described),
        "citeAs": manifest.citation,
        "license": manifest.terms.url or manifest.terms.licence,
        "url": manifest.obtain.where,
        "distribution": [_file_object(file) for file in manifest.obtain.files]
        + [_file_set(manifest, name) for name in manifest.layout],
    }


def _file_object(file: RemoteFile) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": file.to,
        "name": file.to,
        "contentUrl": file.url,
        "contentSize": f"{file.size} B",
        "encodingFormat": _media(file.url),
        "sha256": file.sha256,
    }


def _file_set(manifest: Manifest, name: str) -> dict[str, Any]:
    kind = manifest.layout[name]
    globs = [re.sub(r"\{[^}]*\}", "*", template) for template in kind.paths]
    encoding = manifest.encodings[kind.encoding] if kind.encoding else None
    return {
        "@type": "cr:FileSet",
        "@id": f"layout/{name}",
        "name": name,
        "encodingFormat": _media(kind.paths[0]),
        "includes": globs[0] if len(globs) == 1 else globs,
        "description": kind.what + (f" {_words(encoding)}" if encoding else ""),
    }


def _media(path: str) -> str:
    return _MEDIA.get(path.rpartition(".")[2].lower(), "application/octet-stream")


def _words(encoding: Encoding) -> str:
    """The encoding's non-empty fields: "dtype uint16, unit metre, scale 256, invalid 0"."""
    told = []
    for item in fields(encoding):
        value = getattr(encoding, item.name)
        if item.name != "format" and value != item.default:
            told.append(f"{item.name} {', '.join(f'{x:g}' for x in value) if isinstance(value, tuple) else value}")
    return "Encoding: " + "; ".join(told) + "."
