"""Starts AWS's runtime client as Lambda's own bootstrap does: in the task's folder, the handler as its argument."""

import os
import sys


def start() -> None:
    # Only here so that stdout is as under Lambda's LANG, a locale that few machines have; handlers do not see them.
    for name in ("PYTHONIOENCODING", "PYTHONCOERCECLOCALE"):
        os.environ.pop(name, None)
    sys.path[0] = os.environ["LAMBDA_TASK_ROOT"]
    from awslambdaric.__main__ import main

    main(sys.argv)


if __name__ == "__main__":
    start()  # a frame of its own, as there: the depth at which handlers run shows in a RecursionError
