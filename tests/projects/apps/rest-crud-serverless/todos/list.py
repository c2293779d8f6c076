import os

from todos.answers import answer
from todos.table import table


def list(event, context):
    return answer(200, table.scan(Limit=int(os.environ["PAGE_SIZE"]))["Items"])
