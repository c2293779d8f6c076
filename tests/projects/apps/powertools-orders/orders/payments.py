from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.parser import BaseModel
from aws_lambda_powertools.utilities.parser.models import SqsRecordModel
from aws_lambda_powertools.utilities.parser.types import Json

logger = Logger()


class Payment(BaseModel):
    order_id: str
    cents: int


class PaymentRecord(SqsRecordModel):
    body: Json[Payment]


processor = BatchProcessor(event_type=EventType.SQS, model=PaymentRecord)


def pay(record: PaymentRecord):
    if record.body.cents < 0:
        raise ValueError("a payment of less than nothing")
    logger.info("paid", extra={"order_id": record.body.order_id, "cents": record.body.cents})


@logger.inject_lambda_context
def lambda_handler(event, context):
    return process_partial_response(event=event, record_handler=pay, processor=processor, context=context)
