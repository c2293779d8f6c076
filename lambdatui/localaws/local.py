"""The local AWS as the engine has it: started at the first call, filled with what the project declares, kept filled.

It is in memory: when its server ends, what it held is gone, and the next call finds a new one with the declared
resources in it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from urllib.parse import quote

from lambdatui.config.model import Project, ResourceConfig
from lambdatui.errors import LambdaTuiError, OperationFailed
from lambdatui.localaws import calls, create
from lambdatui.localaws.server import MotoServer
from lambdatui.localaws.tables import Place, TablePump, changes_tables, replaces_tables
from lambdatui.sources.ports import Engine
from lambdatui.sources.timer import SystemTimer, Timer

Key = tuple[str, str]  # type and name


class LocalAws:
    """One engine's moto server and what is in it."""

    def __init__(self, engine: Engine, server: MotoServer, timer: Timer | None = None) -> None:
        self._engine = engine
        self._server = server
        self._timer = timer or SystemTimer(engine.clock)
        self._filled: str | None = None  # the server's URL, once the resources are there
        self._made: dict[Key, ResourceConfig] = {}
        self._pumps: dict[str, TablePump] = {}  # by the stream's name
        self._places: dict[str, Place] = {}  # where they are, by table
        self._work = asyncio.Lock()
        self.on_end: Callable[[], None] = lambda: None  # called when all that was in it is gone
        server.on_end = self._ended
        engine.on_project(self.configure)

    @property
    def running_at(self) -> str | None:
        """The server's URL; None where it does not run."""
        return self._server.url

    async def url(self) -> str:
        """The server's URL, with every declared resource in place; OperationFailed where it does not start."""
        url = await self._server.start()
        async with self._work:  # also waits for what a save has just declared
            if self._filled != url:
                made = await self._fill(url, self._engine.project)
                if self._server.url != url:
                    raise OperationFailed("the local AWS (moto) ended while it was being filled; try again")
                self._filled = url
                self._say(f"local AWS (moto) started: {told(made)}; it keeps everything in memory")
                await self._pump(url, self._engine.project)
        return url

    async def put_object(self, bucket: str, key: str, content: bytes) -> None:
        """An object into a bucket. Raises LambdaTuiError, OSError."""
        call = calls.Call(service="s3", method="PUT", path=f"/{quote(bucket)}/{quote(key)}", body=content)
        await calls.send(await self.url(), self._engine.project.region, call)

    async def configure(self, project: Project) -> None:
        """Create what a save has added; what it has changed or removed stays as it is until the server starts anew."""
        async with self._work:
            url = self._filled
            if url is None:
                return
            again: set[Key] = set()
            for resource in _declared(project):
                before = self._made.get(_key(resource))
                if before is None or before.properties == resource.properties:
                    continue
                if resource.type == create.RULE:
                    del self._made[_key(resource)]  # put again, which changes it
                    again.add(_key(resource))
                else:
                    self._made[_key(resource)] = resource
                    self._say(
                        f"{_named(resource)} has changed: the local AWS takes that over when the engine starts anew"
                    )
            made = await self._fill(url, project)
            if self._filled != url:
                return  # it has ended meanwhile
            if new := [one for one in made if _key(one) not in again]:
                self._say(f"in the local AWS: {told(new)}")
            await self._pump(url, project)

    def passed(self, target: str) -> None:
        """A call with this X-Amz-Target was answered: a write may have left records in a table's stream."""
        if self._pumps and changes_tables(target):
            for pump in self._pumps.values():
                if replaces_tables(target):
                    pump.replaced()
                else:
                    pump.wake()

    async def stop(self) -> None:
        """End the pumps; the server ends with the spawner."""
        pumps, self._pumps = self._pumps, {}
        await asyncio.gather(*(pump.stop(0) for pump in pumps.values()))

    async def _fill(self, url: str, project: Project) -> list[ResourceConfig]:
        """Create what is not there yet; one that cannot be is named, the others follow."""
        made = []
        there = self._made  # the server that ends meanwhile takes its own away
        for resource in _declared(project):
            if _key(resource) in there or create.kind_of(resource) is None:
                continue
            try:
                for call in create.calls_for(resource, project.region):
                    await calls.send(url, project.region, call)
            except (LambdaTuiError, OSError, ValueError, TypeError) as error:
                where = f"{resource.file}:{resource.line} " if resource.file and resource.line else ""
                self._notice(f"{where}{_named(resource)} could not be created in the local AWS: {error}")
                continue
            there[_key(resource)] = resource
            made.append(resource)
        return made

    async def _pump(self, url: str, project: Project) -> None:
        """A pump for each table with a stream, and none for others."""
        wanted = {
            stream.name: stream
            for stream in project.streams
            if stream.table and ("AWS::DynamoDB::Table", stream.table) in self._made
        }
        for name in [name for name in self._pumps if name not in wanted]:
            await self._pumps.pop(name).stop(0)
        for name, stream in wanted.items():
            if name in self._pumps:
                self._pumps[name].stream = stream
            else:
                self._pumps[name] = TablePump(self._engine, self._timer, stream, url, self._places)
                self._pumps[name].start()

    def _ended(self) -> None:
        """The server is gone: the next call starts one, and what it held is created again."""
        self._filled = None
        self._made = {}
        self._places = {}
        self.on_end()
        pumps, self._pumps = self._pumps, {}
        for pump in pumps.values():
            pump.abandon()
        if not self._engine.stopping:
            self._notice("the local AWS (moto) has ended, and what it held is gone; the next call starts it anew")

    def _say(self, sentence: str) -> None:
        self._engine.telemetry.say("engine", None, sentence)

    def _notice(self, sentence: str) -> None:
        self._engine.telemetry.say("notice", None, sentence)


def _declared(project: Project) -> list[ResourceConfig]:
    return [*project.resources, *create.schedule_rules(project)]


def told(made: list[ResourceConfig]) -> str:
    """`2 tables, 1 bucket created`."""
    counts = Counter(kind for resource in made if (kind := create.kind_of(resource)))
    words = [f"{count} {kind if count == 1 else _plural(kind)}" for kind, count in counts.items()]
    return ", ".join(words) + " created" if words else "nothing is declared for it"


def _plural(kind: str) -> str:
    return f"{kind}es" if kind.endswith("s") else f"{kind}s"


def _key(resource: ResourceConfig) -> Key:
    return resource.type, resource.name


def _named(resource: ResourceConfig) -> str:
    return f"{create.kind_of(resource) or resource.type} {resource.name}"
