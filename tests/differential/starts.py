"""Modules whose import is the point: what stands in them, by the module's name below `starts`."""

from __future__ import annotations

SOURCES: dict[str, str | bytes] = {
    "chain": """\
try:
    import there_is_no_such_module
except ImportError as error:
    raise RuntimeError("needs it") from error
""",
    "codec": "# -*- coding: nonsense -*-\n",
    "dynamic": """\
def __getattr__(name):
    if name == "fn":
        return lambda event, context: ["dynamic", event]
    raise AttributeError(name)
""",
    "encoding": b'x = "\xff"\n',
    "exits": """\
import sys

print("leaving", end="")
sys.exit(3)
""",
    "exits_silently": "raise SystemExit\n",
    "imports_syntax": "import starts.syntax\n",
    "indentation": """\
def fn(event, context):
return 1
""",
    "interrupts": "raise KeyboardInterrupt\n",
    "killed": """\
import os

os.kill(os.getpid(), 9)
""",
    "logs": """\
import logging

logging.getLogger().setLevel(logging.INFO)
logging.info("in the init")
logging.getLogger("shop").warning("a warning é")
print("printed")


def fn(event, context):
    logging.info("in the handler")
""",
    "missing_module": "import there_is_no_such_module.at_all\n",
    "missing_name": "from json import no_such_name\n",
    "no_attributes": """\
def __getattr__(name):
    raise ValueError(name)
""",
    "no_handler": "other = 1\n",
    "null_byte": "x = 1\x00\n",
    "python_two": 'print "old"\n',
    "raises": """\
def connect():
    raise RuntimeError("no database")


print("importing")
connect()
""",
    "raises_group": 'raise ExceptionGroup("at import", [ValueError("a")])\n',
    "raises_import_error": 'raise ImportError("by hand é")\n',
    "recurses": """\
def again():
    return again()


again()
""",
    "relative_beyond": "from ....beyond import x\n",
    "surrogate": 'raise ValueError("caf\\udce9")\n',
    "syntax": """\
def fn(event, context):
    return (
""",
    "tabs": "def fn(event, context):\n\tif 1:\n        return 1\n",
    "unspeakable": """\
class Unspeakable(Exception):
    def __str__(self):
        raise RuntimeError("no words")


raise Unspeakable
""",
    "unterminated": """\
def fn(event, context):
    return "café
""",
    "warns": r"""
import warnings

warnings.warn("at import")
text = "\d"


def fn(event, context):
    return text
""",
}
