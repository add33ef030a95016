"""The life of a notebook: written in `notebooks/` without outputs, executed into `results/<profile>/`, checked there.

`strip` cleans sources, `execute` runs one, `check_executed` checks whether a result is current, and `student_copy`
removes the solutions. Jupyter is imported only to run a notebook.
"""

import depthlib.course.notebooks.import_shim  # noqa: F401  (first)
from depthlib.course.notebooks.clean import check_source, strip, strip_file, student_copy
from depthlib.course.notebooks.execute import NotebookFailed, execute
from depthlib.course.notebooks.gate import check_executed, is_current
from depthlib.course.notebooks.key import Key, notebook_key
from depthlib.course.notebooks.parameters import declared_parameters

__all__ = [
    "Key",
    "NotebookFailed",
    "check_executed",
    "check_source",
    "declared_parameters",
    "execute",
    "is_current",
    "notebook_key",
    "strip",
    "strip_file",
    "student_copy",
]
