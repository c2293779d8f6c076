"""Things that can stand behind a handler's name."""

import functools


class Service:
    def __init__(self, name):
        self.name = name

    def method(self, event, context):
        return [self.name, event]

    @classmethod
    def of_class(cls, event, context):
        return [cls.__name__, event]

    @staticmethod
    def static(event, context):
        return event

    def __call__(self, event, context):
        return [self.name, "called", event]


service = Service("orders")
method = service.method
of_class = Service.of_class
static = Service.static
short = lambda event, context: [event]  # noqa: E731
partial = functools.partial(lambda extra, event, context: [extra, event], "extra")
number = 5
nothing = None
built_in = print
klass = Service


def no_arguments():
    return 1


def one_argument(event):
    return event


def three_arguments(event, context, more):
    return event


def any_arguments(*args, **kwargs):
    return [len(args), sorted(kwargs)]


def generator(event, context):
    yield 1


async def coroutine(event, context):
    return event


async def async_generator(event, context):
    yield 1


def decorated(function):
    @functools.wraps(function)
    def wrapper(event, context):
        return function(event, context)

    return wrapper


@decorated
def wrapped(event, context):
    raise ValueError("inside")
