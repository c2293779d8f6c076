"""Handlers that end their process, or try to."""

import atexit
import os
import signal
import sys
import threading
import time


class Unspeakable(Exception):
    def __str__(self):
        raise RuntimeError("no words")


class Worse(Exception):
    def __str__(self):
        sys.exit(9)


class Abrupt(BaseException):
    pass


class Broken(Exception):
    def __str__(self):
        return 5


def surrogate_message():
    raise ValueError("caf\udce9.txt")


def base_exception():
    raise Abrupt("not an Exception")


def base_group():
    raise BaseExceptionGroup("several", [KeyboardInterrupt(), ValueError("a")])


def interrupt():
    raise KeyboardInterrupt


def generator_exit():
    raise GeneratorExit("over")


def unspeakable():
    raise Unspeakable


def unspeakable_cause():
    raise ValueError("outer") from Unspeakable()


def broken_text():
    raise Broken


def worse():
    raise Worse


def exits():
    print("last words", end="")
    sys.exit()


def exits_with_zero():
    sys.exit(0)


def exits_with_three():
    print("last line")
    sys.exit(3)


def exits_with_text():
    sys.exit("a reason é")


def exits_with_none():
    raise SystemExit(None)


def exits_with_256():
    sys.exit(256)


def exits_with_minus_one():
    sys.exit(-1)


def exits_with_a_list():
    sys.exit([1, 2])


def exits_with_atexit():
    atexit.register(print, "at exit")
    sys.exit(2)


def builtin_exit():
    exit(4)


def quits():
    quit("gone")


def exits_at_once():
    print("buffered?", end="")
    os._exit(5)


def exits_in_finally():
    try:
        raise ValueError("lost")
    finally:
        sys.exit(6)


def exits_in_a_thread():
    thread = threading.Thread(target=sys.exit, args=(7,))
    thread.start()
    thread.join()
    return "the thread only"


def exits_while_a_thread_runs():
    def work():
        time.sleep(0.05)
        print("thread's last")

    threading.Thread(target=work).start()
    sys.exit(8)


def aborts():
    os.abort()


def killed():
    os.kill(os.getpid(), signal.SIGKILL)


def terminated():
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(5)


def segmentation():
    os.kill(os.getpid(), signal.SIGSEGV)


def interrupted_by_signal():
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(5)


def pipe_closed():
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    reader, writer = os.pipe()
    os.close(reader)
    os.write(writer, b"x")


def handler(event, context):
    return globals()[event]()
