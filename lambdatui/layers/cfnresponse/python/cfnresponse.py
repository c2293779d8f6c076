"""The module that CloudFormation gives to inline code: answers a custom resource's request at its ResponseURL.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-lambda-function-code-cfnresponsemodule.html
"""

import json
import urllib.request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SUCCESS = "SUCCESS"
FAILED = "FAILED"


def send(
    event: "dict[str, Any]",
    context: "Any",
    responseStatus: str,  # noqa: N803 (the names are AWS's)
    responseData: "Any",  # noqa: N803
    physicalResourceId: "str | None" = None,  # noqa: N803
    noEcho: bool = False,  # noqa: N803
    reason: "str | None" = None,
) -> None:
    """PUT the outcome; what goes wrong is printed, as AWS's module does, and never raised."""
    body = {
        "Status": responseStatus,
        "Reason": reason or f"See the details in CloudWatch Log Stream: {context.log_stream_name}",
        "PhysicalResourceId": physicalResourceId or context.log_stream_name,
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "NoEcho": noEcho,
        "Data": responseData,
    }
    print("Response body:\n" + json.dumps(body))
    request = urllib.request.Request(
        event["ResponseURL"], json.dumps(body).encode(), {"content-type": ""}, method="PUT"
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            print("Status code:", answer.status)
    except OSError as error:
        print("send(..) failed executing http.request(..):", error)
