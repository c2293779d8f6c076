"""The module that the plugin serverless-wsgi packs: hands each request to the service's WSGI application.

It runs inside an environment, as a layer's. SERVERLESS_WSGI is JSON: `app`, as `custom.wsgi.app` has it, and
`text_mime_types`, whose bodies are answered as text.
"""

import importlib
import json
import os
import sys

import serverless_wsgi  # type: ignore[import-not-found]  # the layer's requirements.txt brings it

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def _application(path: str) -> "Any":
    """`api.app` is `app` of the module api; `web/api.app` the same with the folder web on sys.path."""
    folder, _, name = path.rpartition("/")
    if folder:
        sys.path.insert(0, os.path.join(os.environ["LAMBDA_TASK_ROOT"], folder))
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


_settings = json.loads(os.environ["SERVERLESS_WSGI"])
_app = _application(_settings["app"])
serverless_wsgi.TEXT_MIME_TYPES.extend(_settings["text_mime_types"])


def handler(event: "Any", context: "Any") -> "Any":
    """API Gateway's, a load balancer's or a function URL's event."""
    return serverless_wsgi.handle_request(_app, event, context)
