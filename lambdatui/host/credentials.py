"""Real credentials for functions, where the user asks for them: `--pass-credentials`, `--aws PROFILE`.

They come from botocore, as the AWS CLI finds them (files, SSO, roles, processes), and go into variables, as on Lambda:
functions never see the files that they are from.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from typing import Any

from lambdatui.errors import LambdaTuiError, UsageError

# botocore renews what expires within 15 minutes when it is asked.
_EVERY_S = 240.0
_NAMES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_INSTALL = "install lambdatui[aws], whose botocore finds them"

Source = Callable[[], Mapping[str, str]]  # blocking; the variables as they are to be now


class Credentials:
    """The variables of one user's credentials, kept as new as they have to be."""

    def __init__(self, source: Source) -> None:
        """Blocking. Raises UsageError where there are none."""
        self._source = source
        self._task: asyncio.Task[None] | None = None
        self.variables: dict[str, str] = dict(source())

    def keep(self, renewed: Callable[[], None], failed: Callable[[str], None]) -> None:
        """From now on look for new ones; `renewed` is called when `variables` hold them."""
        self._task = asyncio.create_task(self._keep(renewed, failed))

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _keep(self, renewed: Callable[[], None], failed: Callable[[str], None]) -> None:
        said = ""
        while True:
            await asyncio.sleep(_EVERY_S)
            said = await self.renew(renewed, failed, said)

    async def renew(self, renewed: Callable[[], None], failed: Callable[[str], None], said: str = "") -> str:
        """Look once; what keeps from it, which is told to `failed` when it is not what was `said` before."""
        try:
            found = dict(await asyncio.to_thread(self._source))
        except LambdaTuiError as error:
            if str(error) != said:
                failed(str(error))
            return str(error)
        if found != self.variables:
            self.variables.clear()
            self.variables.update(found)
            renewed()
        return ""


def source(profile: str | None, shell: Mapping[str, str]) -> Source:
    """Where a profile's credentials come from; None: those that the user's shell stands for. Raises UsageError."""
    if profile is None and all(shell.get(name) for name in _NAMES[:2]):
        return lambda: {name: shell[name] for name in _NAMES if shell.get(name)}
    option = "--pass-credentials" if profile is None else f"--aws {profile}"
    try:
        import botocore.session
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError:
        raise UsageError(f"{option}: {_INSTALL}") from None
    login = "`aws configure`" if profile is None else f"`aws sso login --profile {profile}` or `aws configure`"

    def frozen() -> Mapping[str, str]:
        try:
            found: Any = held.get_credentials()
            now = None if found is None else found.get_frozen_credentials()
        except (BotoCoreError, ClientError, OSError) as error:
            raise UsageError(f"{option}: no credentials were found ({error}); see to that with {login}") from error
        if now is None or not now.access_key:
            raise UsageError(f"{option}: no credentials were found; see to that with {login}")
        values = zip(_NAMES, (now.access_key, now.secret_key, now.token), strict=True)
        return {name: value for name, value in values if value}

    held = botocore.session.Session(profile=profile)
    return frozen
