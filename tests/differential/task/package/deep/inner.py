from . import NAME


def fn(event, context):
    return [__name__, NAME, __file__]
