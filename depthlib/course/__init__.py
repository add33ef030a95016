"""The course: its lessons, the batch that makes their runs, their notebooks. Needs the packages of the extra
`course`.
"""

from importlib.util import find_spec

for package in ("nbformat", "papermill", "snakemake"):
    if find_spec(package) is None:
        raise ImportError(f"depthlib.course: found no {package}, expected it: pip install 'depthlib[course]'")
