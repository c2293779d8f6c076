from todos.answers import answer
from todos.table import table


def get(event, context):
    item = table.get_item(Key={"id": event["pathParameters"]["id"]}).get("Item")
    return answer(200, item) if item else answer(404, {"error": "not found"})
