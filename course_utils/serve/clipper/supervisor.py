"""The process over a cluster: starts front ends and replicas, brings back what dies, ends all of it with its owner.

It is a Python of its own, started by `LocalContainerManager` with a pipe. When the owner ends, however it ends, the
pipe breaks, and the supervisor stops the cluster and removes its files. When the supervisor itself is killed, the
lines to its children break, and they end.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

from course_utils.serve.clipper import wire
from course_utils.serve.clipper.wire import CallError

__all__ = ["main"]

#: For the zygote: no library starts a thread, so that it can be forked; cores are for replicas.
_ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}
#: Seconds that a replica may take to load its model.
_LOADING = 120.0
#: A replica that lives this long has not died from its start.
_SETTLED = 5.0


class _Replica:
    """A replica as its supervisor knows it."""

    def __init__(self, of: _Version, number: int) -> None:
        self.of = of
        self.number = number
        self.pid = 0
        self.line: asyncio.StreamWriter | None = None
        self.ready = False
        self.leaving = False
        self.ended = asyncio.Event()


class _Version:
    """A version of a model: what its replicas run, and how many there shall be."""

    def __init__(self, name: str, version: str, input_type: str, image: str) -> None:
        self.name, self.version, self.input_type, self.image = name, version, input_type, image
        self.wanted = 0
        self.restarts = 0
        self.failures = 0
        self.replicas: dict[int, _Replica] = {}
        #: While somebody waits for replicas: why one of them could not load its model.
        self.starting = False
        self.why = ""
        self.news = asyncio.Event()

    def running(self) -> list[_Replica]:
        """Return the replicas that answer queries."""
        return [one for one in self.replicas.values() if one.ready and not one.leaving]


class _Supervisor:
    """Keeps a cluster running."""

    def __init__(self, folder: Path, secret: str, ports: dict[str, socket.socket]) -> None:
        self.folder = folder
        self.secret = secret
        self.ports = ports
        self.versions: dict[tuple[str, str], _Version] = {}
        self.children: dict[str, asyncio.subprocess.Process] = {}
        self.turn = asyncio.Lock()
        self.stopping = asyncio.Event()
        self.tasks: set[asyncio.Task[Any]] = set()

    def later(self, work: Any) -> asyncio.Task[Any]:
        """Do `work` beside everything else."""
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    # ------------------------------------------------------------------ front ends and zygote

    async def start_child(self, module: str) -> None:
        """Start a front end or the zygote (`module`), wait until it is ready, and start it again whenever it ends."""
        environment = dict(os.environ)
        passed: list[int] = []
        arguments: list[str] = []
        if module == "replicas":
            environment |= _ONE_THREAD
        else:
            passed = [self.ports[module].fileno()]
            arguments = [str(self.folder), str(passed[0])]
        if module == "management":
            environment["CLIPPER_SECRET"] = self.secret
        with (self.folder / "logs" / f"{module}.log").open("ab") as log:
            child = await asyncio.create_subprocess_exec(
                sys.executable, "-m", f"course_utils.serve.clipper.{module}", *arguments,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE if passed else log, stderr=log,
                pass_fds=passed, env=environment,
            )  # fmt: skip
        self.children[module] = child
        self.later(self.keep_child(module, child, time.monotonic()))
        if child.stdout is not None and not await child.stdout.readline():
            raise CallError(
                f"the {module} front end did not start: {_last_line(self.folder / 'logs' / f'{module}.log')}"
            )

    async def keep_child(self, module: str, child: asyncio.subprocess.Process, since: float) -> None:
        """Start a front end or the zygote again when it ends."""
        await child.wait()
        if self.stopping.is_set():
            return
        print(f"{module} ended with {child.returncode}; starting it again", file=sys.stderr, flush=True)
        if time.monotonic() - since < 1:
            await asyncio.sleep(0.5)  # it cannot start: try again, but not all the time
        with contextlib.suppress(CallError):
            await self.start_child(module)
        if module == "replicas":
            for version in self.versions.values():
                for one in version.replicas.values():
                    if one.line is None:
                        self.order(version, one)

    # ------------------------------------------------------------------ replicas

    def start_replica(self, version: _Version) -> _Replica:
        """Start one more replica of a `version`."""
        number = next(n for n in range(len(version.replicas) + 1) if n not in version.replicas)
        version.replicas[number] = replica = _Replica(version, number)
        self.order(version, replica)
        return replica

    def order(self, version: _Version, replica: _Replica) -> None:
        """Have the zygote make a replica."""
        spec = {
            "folder": str(self.folder), "name": version.name, "version": version.version, "image": version.image,
            "input_type": version.input_type, "replica": replica.number, "restarts": version.restarts,
        }  # fmt: skip
        with contextlib.suppress(ConnectionError):  # the zygote has ended: the next one gets this order again
            self.children["replicas"].stdin.write(json.dumps(spec).encode() + b"\n")

    async def attend(self, hello: dict[str, Any], reader: asyncio.StreamReader, line: asyncio.StreamWriter) -> None:
        """Listen to a replica as long as it lives, then start another one in its place; closing the line ends it."""
        version = self.versions.get((hello["name"], hello["version"]))
        replica = version.replicas.get(hello["replica"]) if version else None
        if version is None or replica is None or replica.line is not None or version.image != hello["image"]:
            return  # not wanted any more
        replica.line = line
        since, why = time.monotonic(), ""
        with contextlib.suppress(ConnectionError):
            while written := await reader.readline():
                told = json.loads(written)
                replica.pid = told.get("pid", replica.pid)
                replica.ready = told.get("ready", replica.ready)
                why = told.get("failed", why)
                version.news.set()
        version.replicas.pop(replica.number, None)
        replica.ended.set()
        if why and version.starting:  # who deploys the model shall know; there is no use in trying again
            version.why = why
        elif not (replica.leaving or self.stopping.is_set()):
            print(f"{version.name}:{version.version} replica {replica.number} ended", file=sys.stderr, flush=True)
            version.failures = 0 if time.monotonic() - since > _SETTLED else version.failures + 1
            await self.replace(version)
        version.news.set()

    async def replace(self, version: _Version) -> None:
        """Start replicas of a `version` until there are as many as wanted; wait first if they die again and again."""
        if version.failures > 2:
            await asyncio.sleep(min(5.0, 0.05 * 2**version.failures))
        if self.versions.get((version.name, version.version)) is version and not self.stopping.is_set():
            while len([one for one in version.replicas.values() if not one.leaving]) < version.wanted:
                version.restarts += 1
                self.start_replica(version)

    async def set_number(self, version: _Version, number: int) -> None:
        """Start or stop replicas; return when the new ones are ready, or the old ones have answered what they had."""
        here = sorted((one for one in version.replicas.values() if not one.leaving), key=lambda one: one.number)
        version.wanted = number
        await self.stop_replicas(here[number:])
        version.starting, version.why = True, ""
        try:
            for _ in range(number - len(here)):
                self.start_replica(version)
            async with asyncio.timeout(_LOADING):
                while len(version.running()) < min(number, version.wanted):
                    if version.why:
                        raise CallError(version.why)
                    version.news.clear()
                    await version.news.wait()
        except (CallError, TimeoutError) as error:
            version.wanted = len(version.running())
            await self.stop_replicas([one for one in version.replicas.values() if not one.ready])
            why = "its model was not loaded in time" if isinstance(error, TimeoutError) else str(error)
            raise CallError(f"A replica of {version.name}:{version.version} cannot start. {why}") from None
        finally:
            version.starting = False

    async def stop_replicas(self, leaving: list[_Replica]) -> None:
        """Stop replicas (`leaving`) once they have answered the queries that they have."""
        for one in leaving:
            one.leaving = True
        if leaving:
            names = [[one.of.name, one.of.version, one.number] for one in leaving]
            with contextlib.suppress(OSError, CallError, TimeoutError):
                await wire.ask_async(self.folder / "front.sock", {"retire": names}, seconds=15)
            await self.kill(leaving)

    async def kill(self, replicas: list[_Replica]) -> None:
        """End `replicas`, and return when they have ended."""
        for one in replicas:
            if one.line is None:  # not yet born: it will not be let in
                one.of.replicas.pop(one.number, None)
            elif not one.ended.is_set() and one.pid:  # its model may be doing anything
                with contextlib.suppress(ProcessLookupError):
                    os.kill(one.pid, signal.SIGKILL)
            elif not one.ended.is_set():
                one.line.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5):
                for one in replicas:
                    if one.line is not None:
                        await one.ended.wait()

    # ------------------------------------------------------------------ what managers and the management front end ask

    async def answer(
        self, request: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> dict[str, Any] | None:
        """Do what another process asks for."""
        call = request.get("call")
        if call == "hello":
            await self.attend(request, reader, writer)
            return None
        if call == "replicas":
            return {
                "replicas": [
                    {
                        "name": of.name,
                        "version": of.version,
                        "input_type": of.input_type,
                        "replica": one.number,
                        "pid": one.pid,
                    }
                    for of in self.versions.values()
                    for one in of.running()
                ],
                "children": {module: child.pid for module, child in self.children.items()},
            }
        if call == "stop":
            self.stopping.set()
            return {}
        async with self.turn:
            if call == "scale":
                await self.scale(request)
            elif call == "stop_models":
                models = request["models"]
                going = [of for of in self.versions.values() if models is None or of.version in models.get(of.name, ())]
                for of in going:
                    of.wanted = 0
                await self.stop_replicas([one for of in going for one in of.replicas.values()])
                for of in going:
                    del self.versions[of.name, of.version]
            else:
                raise CallError(f"there is no call {call!r}")
        return {}

    async def scale(self, request: dict[str, Any]) -> None:
        """Bring a version to a number of replicas."""
        key = (request["name"], request["version"])
        version = self.versions.get(key)
        if version is not None and request["replace"]:
            version.wanted = 0
            await self.stop_replicas(list(version.replicas.values()))
            version = None
        if version is None:
            self.versions[key] = version = _Version(*key, request["input_type"], request["image"])
            try:
                await self.set_number(version, request["number"])
            except CallError:
                del self.versions[key]
                raise
        else:
            await self.set_number(version, request["number"])

    # ------------------------------------------------------------------ beginning and end

    async def run(self, owner: int) -> None:
        """Run the cluster until its owner ends or it is told to stop."""
        server = await wire.listen(self.folder / "supervisor.sock", self.answer)
        try:
            await asyncio.gather(*(self.start_child(module) for module in ("frontend", "management", "replicas")))
            ready = {module: port.getsockname()[1] for module, port in self.ports.items()}
            about = ready | {"secret": self.secret, "supervisor": os.getpid()}
            (self.folder / "cluster.json").write_text(json.dumps(about), encoding="utf-8")
            _tell(about)
            broken = self.later(wire.wait_for_parent_exit())
            stopped = self.later(self.stopping.wait())
            while os.getppid() == owner:  # a fork of the owner may keep the pipe open when the owner has gone
                if (await asyncio.wait((broken, stopped), timeout=1.0, return_when=asyncio.FIRST_COMPLETED))[0]:
                    break
        finally:
            self.stopping.set()
            await self.kill([one for of in self.versions.values() for one in of.replicas.values()])
            for child in self.children.values():
                with contextlib.suppress(ProcessLookupError):
                    child.kill()
            for child in self.children.values():
                await child.wait()
            server.close()


def _last_line(log: Path) -> str:
    """Return the last line of a `log`: what an error of Python ends with."""
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "its log is empty"


def _tell(answer: dict[str, Any]) -> None:
    """Write an `answer` for the manager that waits for the start."""
    print(json.dumps(answer), flush=True)


def _open_ports(wanted: dict[str, int]) -> dict[str, socket.socket]:
    """Open the two ports, on loopback only; they stay open when a front end is started anew."""
    ports: dict[str, socket.socket] = {}
    for module, number in wanted.items():
        ports[module] = port = socket.socket()
        port.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            port.bind(("127.0.0.1", number))
            port.listen(1024)
        except OSError as error:
            why = error.strerror or str(error)
            raise CallError({"refused": "port", "port": number, "module": module, "why": why}) from None
    return ports


def main() -> None:
    """Run the supervisor. The first line of its input says what cluster it is; the end of its input ends it."""
    import fcntl

    asked = json.loads(sys.stdin.readline())
    folder = Path(asked["folder"])
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = folder.with_name(f"{folder.name}.lock")
    while True:
        held = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)  # as long as this process lives
        except OSError:
            _tell({"refused": "exists"})
            sys.exit(1)
        if lock.exists() and os.fstat(held).st_ino == lock.stat().st_ino:
            break
        os.close(held)  # who held it before has removed it
    try:
        ports = _open_ports(asked["ports"])
    except CallError as error:
        _tell(error.args[0])
        lock.unlink()
        sys.exit(1)
    shutil.rmtree(folder, ignore_errors=True)  # of a cluster whose supervisor was killed
    (folder / "logs").mkdir(mode=0o700, parents=True)
    folder.chmod(0o700)
    log = os.open(folder / "logs" / "supervisor.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 2)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        asyncio.run(_Supervisor(folder, asked["secret"], ports).run(asked["owner"]))
    except CallError as error:
        _tell({"refused": "start", "why": str(error)})
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.unlink(missing_ok=True)
        os.killpg(0, signal.SIGKILL)  # and whatever a model has started


if __name__ == "__main__":
    main()
