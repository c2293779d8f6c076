import os
from uuid import uuid4

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.parameters import get_parameter
from boto3.dynamodb.conditions import Key

logger = Logger()
metrics = Metrics()
app = APIGatewayHttpResolver()
orders = boto3.resource("dynamodb").Table(os.environ["ORDERS_TABLE"])
persistence = DynamoDBPersistenceLayer(table_name=os.environ["IDEMPOTENCY_TABLE"])
config = IdempotencyConfig(event_key_jmespath="reference")


@idempotent_function(data_keyword_argument="order", persistence_store=persistence, config=config)
def place(order):
    item = {"customer": order["customer"], "order_id": str(uuid4()), "status": "new", "reference": order["reference"]}
    orders.put_item(Item=item)
    metrics.add_metric(name="OrderPlaced", unit=MetricUnit.Count, value=1)
    return item


@app.post("/orders")
def create():
    item = place(order=app.current_event.json_body)
    logger.info("placed", extra={"order_id": item["order_id"]})
    return Response(status_code=201, content_type="application/json", body=app._serializer(item))


@app.get("/orders/<customer>")
def list_orders(customer: str):
    status = app.current_event.get_query_string_value("status", "new")
    found = orders.query(IndexName="by-status", KeyConditionExpression=Key("status").eq(status))["Items"]
    return {"orders": [order for order in found if order["customer"] == customer]}


@app.get("/key")
def key():
    return {"key": get_parameter("/orders/api-key")}


@app.get("/missing")
def missing():
    raise NotFoundError("no such order")


@logger.inject_lambda_context(correlation_id_path="requestContext.requestId")
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event, context):
    return app.resolve(event, context)
