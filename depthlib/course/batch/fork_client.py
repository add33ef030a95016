"""Client of the fork server of a batch. Imports only fast modules, since each job starts with it."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

SOCKET = ".fork_server"
BEGUN = b"b"  # the first byte of an answer; the second one is the exit status


def ask(kind: str, plan_file: str, name: str) -> int | None:
    """Request a job ("run" or "notebook") and wait for it: its exit status, or None if it was not accepted. Uses the
    batch's folder.
    """
    os.chdir(Path(plan_file).parent)  # the address of a socket is limited in length, so it is relative
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(SOCKET)
            socket.send_fds(connection, [f"{kind} {name}".encode()], [1, 2])
            begun = connection.recv(1) == BEGUN
        except OSError:
            return None
        if not begun:
            return None
        if status := connection.recv(1):
            return status[0]
    print("the process of this job was ended from outside", file=sys.stderr)
    return 1
