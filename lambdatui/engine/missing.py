"""What to do about an init that failed: the problem that `check` and the screen show. Pure."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from lambdatui.config.handlers import find_module, split_handler
from lambdatui.config.model import Problem
from lambdatui.engine import interpreters

if TYPE_CHECKING:
    from lambdatui.engine.environment import Outcome
    from lambdatui.engine.functions import Function

# Modules whose distribution has another name, among those that functions import most.
_DISTRIBUTIONS = {
    "PIL": "Pillow", "yaml": "PyYAML", "cv2": "opencv-python", "bs4": "beautifulsoup4", "sklearn": "scikit-learn",
    "jwt": "PyJWT", "dotenv": "python-dotenv", "dateutil": "python-dateutil", "Crypto": "pycryptodome",
    "aws_xray_sdk": "aws-xray-sdk", "aws_lambda_powertools": "aws-lambda-powertools", "psycopg2": "psycopg2-binary",
    "MySQLdb": "mysqlclient", "google": "google-api-python-client", "requests_aws4auth": "requests-aws4auth",
}  # fmt: skip
# How the tool of a lock file adds a package.
_ADD = {"Pipfile.lock": "pipenv install {}", "poetry.lock": "poetry add {}", "uv.lock": "uv add {}"}
_MISSING = re.compile(r"No module named '([^']+)'")


def import_problem(function: Function, init: Outcome) -> Problem:
    """The problem of a function whose init ended as `init`; where reading its code has told why already, that."""
    missing = _MISSING.search(init.error_message or "")
    own = init.error_type == "Runtime.HandlerNotFound" or (missing is not None and _is_own(function, missing[1]))
    if own and function.code_problems:
        return function.code_problems[0]
    if missing is not None:
        module = missing[1].split(".")[0]
        message = f"No module named '{missing[1]}'"
        remedy = f"{module} is the handler's: create it, or correct the handler" if own else _install(function, module)
    elif init.kind == "timeout":
        message, remedy = "init took longer than 10 s", "move slow work from the module's top level into the handler"
    else:
        message = f"{init.error_type or 'init failed'}: {init.error_message or 'the process ended'}"
        remedy = "the function's log has the traceback; the next save tries again"
    return Problem(
        severity="error",
        file=function.config.file,
        line=function.config.line,
        message=message,
        remedy=remedy,
        function=function.name,
    )


def _is_own(function: Function, missing: str) -> bool:
    """Whether it is the handler's module, or the package of that."""
    module = (split_handler(function.config.handler) or ("", ""))[0].replace("/", ".")
    return module == missing or module.startswith(missing + ".")


def _install(function: Function, module: str) -> str:
    """The next step: where packages come from decides where it is added."""
    if module == "boto3" and interpreters.boto3(interpreters.own_version()) is None:
        return "pip install 'lambdatui[aws]'"
    if find_module(Path(function.config.code_root), module) is not None:
        return f"{module} is the project's own: correct the import or the handler, or add the file"
    name = _DISTRIBUTIONS.get(module, module)
    python = function.interpreter
    manifest = function.own_manifest
    if manifest is not None:
        how = _ADD.get(manifest.name, f"add {{}} to {manifest.file}").format(name)
        return f"{how}: it is installed when the file is saved"
    if python is not None and python.virtual_env:
        venv = f"{python.virtual_env}/bin/pip install {name}"
        return f"{venv}, or write {name} into {_requirements(function)}, which is installed by itself"
    return f"write {name} into {_requirements(function)}: it is installed by itself when the file is saved"


def _requirements(function: Function) -> Path:
    return Path(function.config.requirements or Path(function.config.code_root) / "requirements.txt")
