"""Of the same name as the client's own module, whose frames the client leaves out by this name."""

import json


def fn(event, context):
    raise ValueError("mine")


def deeper(event, context):
    return json.loads("{")
