"""Starts AWS's runtime client as Lambda's own bootstrap does: in the task's folder, the handler as its argument.

Each client is forked from this process, which holds an interpreter and what the client imports of others, nothing of
the client itself: a process anew for each costs five times as much. Argument: the descriptor of a socket.
Each request is JSON, {"handler", "variables"}, with two descriptors: stdout and stderr, and the telemetry's. The
answers are numbers of four bytes: the client's pid, then how it ended, negative for a signal. One client at a time.
"""

import json
import os
import socket
import sys
from types import SimpleNamespace


def preload():
    own = "runtime_client"  # its part in C keeps the address that it finds when it is loaded
    sys.modules[own] = SimpleNamespace(initialize_client=lambda agent: None)
    import ast  # noqa: F401 (traceback's)
    import http.client  # noqa: F401 (a failed init's)

    import awslambdaric.__main__  # noqa: F401

    for name in [name for name in sys.modules if name.partition(".")[0] in ("awslambdaric", own)]:
        del sys.modules[name]


def serve(control):
    """Returns in each client."""
    while True:
        request, descriptors, _, _ = socket.recv_fds(control, 65536, 2)
        if not request:
            sys.exit()
        pid = os.fork()
        if pid == 0:
            return json.loads(request), descriptors
        for each in descriptors:
            os.close(each)
        control.sendall(pid.to_bytes(4, "little"))
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        control.sendall(status.to_bytes(4, "little", signed=True))


def become(request, output, telemetry):
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    os.environ.clear()
    os.environ.update(request["variables"], _LAMBDA_TELEMETRY_LOG_FD=str(telemetry))
    sys.argv[1:] = [request["handler"]]
    sys.path[0] = os.environ["LAMBDA_TASK_ROOT"]


def start():
    from awslambdaric.__main__ import main

    main(sys.argv)


if __name__ == "__main__":
    preload()
    with socket.socket(fileno=int(sys.argv[1])) as control:
        asked, (output, telemetry) = serve(control)
    become(asked, output, telemetry)
    start()  # a frame of its own, as there: the depth at which handlers run shows in a RecursionError
