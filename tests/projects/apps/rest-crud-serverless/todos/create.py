import json
import time
import uuid

from todos.answers import answer
from todos.table import table


def create(event, context):
    data = json.loads(event["body"])
    if "text" not in data:
        return answer(400, {"error": "text is missing"})
    item = {"id": str(uuid.uuid4()), "text": data["text"], "checked": False, "createdAt": int(time.time())}
    table.put_item(Item=item)
    return answer(201, item)
