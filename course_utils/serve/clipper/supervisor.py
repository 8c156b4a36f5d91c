"""The supervisor of a cluster: starts front ends and replicas, restarts those that end, stops all with its owner.

`LocalContainerManager` starts it as a Python process of its own, with a pipe. When the owner ends, for any reason, the
pipe breaks, and the supervisor stops the cluster and removes its files. When the supervisor itself is killed, the
connections to its children break, and they end.
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

#: Environment of the zygote: a library that starts threads would make it unsafe to fork.
_ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}
#: Seconds that a replica may take to load its model.
_LOAD_TIMEOUT = 120.0
#: Seconds after which the end of a replica no longer counts as a failed start.
_SETTLED = 5.0


class _Replica:
    """A replica, from its order to its end."""

    def __init__(self, of: _Version, number: int) -> None:
        self.of = of
        self.number = number
        self.pid = 0
        self.connection: asyncio.StreamWriter | None = None
        self.ready = False
        self.stopping = False
        self.ended = asyncio.Event()


class _Version:
    """A version of a model: what its replicas run, and how many there should be."""

    def __init__(self, name: str, version: str, input_type: str, image: str) -> None:
        self.name, self.version, self.input_type, self.image = name, version, input_type, image
        self.wanted = 0
        self.restarts = 0
        #: Replicas that ended soon after their start, one after the other.
        self.failures = 0
        self.replicas: dict[int, _Replica] = {}
        #: Whether a caller is waiting for replicas, and why one of them could not load its model.
        self.starting = False
        self.load_error = ""
        #: Set when anything about the replicas has changed.
        self.changed = asyncio.Event()

    def running(self) -> list[_Replica]:
        """Return the replicas that answer queries."""
        return [one for one in self.replicas.values() if one.ready and not one.stopping]


class _Supervisor:
    """Keeps the processes of a cluster running."""

    def __init__(self, folder: Path, secret: str, ports: dict[str, socket.socket]) -> None:
        self.folder = folder
        self.secret = secret
        self.ports = ports
        self.versions: dict[tuple[str, str], _Version] = {}
        self.children: dict[str, asyncio.subprocess.Process] = {}
        self.lock = asyncio.Lock()
        self.stopping = asyncio.Event()
        self.tasks: set[asyncio.Task[Any]] = set()

    def run_in_background(self, work: Any) -> asyncio.Task[Any]:
        """Run `work`, a coroutine, as a task that is kept until it ends."""
        # The event loop keeps only weak references to tasks.
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    # ------------------------------------------------------------------ front ends and zygote

    async def start_child(self, module: str) -> None:
        """Start a front end or the zygote (`module`), wait until it is ready, and restart it whenever it ends."""
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
        self.run_in_background(self.restart_when_ended(module, child, time.monotonic()))
        if child.stdout is not None and not await child.stdout.readline():
            raise CallError(
                f"the {module} front end did not start: {_last_line(self.folder / 'logs' / f'{module}.log')}"
            )

    async def restart_when_ended(self, module: str, child: asyncio.subprocess.Process, since: float) -> None:
        """Wait until a front end or the zygote ends, and restart it unless the cluster is stopping."""
        await child.wait()
        if self.stopping.is_set():
            return
        print(f"{module} ended with status {child.returncode}; restarting it", file=sys.stderr, flush=True)
        if time.monotonic() - since < 1:
            await asyncio.sleep(0.5)  # it cannot start: try again, but do not keep a core busy with that
        with contextlib.suppress(CallError):
            await self.start_child(module)
        if module == "replicas":
            for version in self.versions.values():
                for one in version.replicas.values():
                    if one.connection is None:  # ordered from the zygote that ended
                        self.request_replica(version, one)

    # ------------------------------------------------------------------ replicas

    def start_replica(self, version: _Version) -> _Replica:
        """Start one more replica of a `version`."""
        number = next(n for n in range(len(version.replicas) + 1) if n not in version.replicas)
        version.replicas[number] = replica = _Replica(version, number)
        self.request_replica(version, replica)
        return replica

    def request_replica(self, version: _Version, replica: _Replica) -> None:
        """Ask the zygote to start a replica."""
        spec = {
            "folder": str(self.folder), "name": version.name, "version": version.version, "image": version.image,
            "input_type": version.input_type, "replica": replica.number, "restarts": version.restarts,
        }  # fmt: skip
        with contextlib.suppress(ConnectionError):  # the zygote has ended: the next one gets this request
            self.children["replicas"].stdin.write(json.dumps(spec).encode() + b"\n")

    async def follow_replica(
        self, hello: dict[str, Any], reader: asyncio.StreamReader, connection: asyncio.StreamWriter
    ) -> None:
        """Read the messages of a replica until it ends, then replace it; closing the connection ends it."""
        version = self.versions.get((hello["name"], hello["version"]))
        replica = version.replicas.get(hello["replica"]) if version else None
        if version is None or replica is None or replica.connection is not None or version.image != hello["image"]:
            return  # it is no longer wanted
        replica.connection = connection
        since, load_error = time.monotonic(), ""
        with contextlib.suppress(ConnectionError):
            while written := await reader.readline():
                message = json.loads(written)
                replica.pid = message.get("pid", replica.pid)
                replica.ready = message.get("ready", replica.ready)
                load_error = message.get("failed", load_error)
                version.changed.set()
        version.replicas.pop(replica.number, None)
        replica.ended.set()
        if load_error and version.starting:  # the caller that deploys the model gets the error; a retry would not help
            version.load_error = load_error
        elif not (replica.stopping or self.stopping.is_set()):
            print(f"{version.name}:{version.version} replica {replica.number} ended", file=sys.stderr, flush=True)
            version.failures = 0 if time.monotonic() - since > _SETTLED else version.failures + 1
            await self.restore_replicas(version)
        version.changed.set()

    async def restore_replicas(self, version: _Version) -> None:
        """Start replicas of a `version` until there are as many as wanted, after a pause if several have failed."""
        if version.failures > 2:  # exponential backoff
            await asyncio.sleep(min(5.0, 0.05 * 2**version.failures))
        if self.versions.get((version.name, version.version)) is version and not self.stopping.is_set():
            while len([one for one in version.replicas.values() if not one.stopping]) < version.wanted:
                version.restarts += 1
                self.start_replica(version)

    async def set_number(self, version: _Version, number: int) -> None:
        """Start or stop replicas; return when new ones are ready, or old ones have answered their queries."""
        existing = sorted((one for one in version.replicas.values() if not one.stopping), key=lambda one: one.number)
        version.wanted = number
        await self.stop_replicas(existing[number:])
        version.starting, version.load_error = True, ""
        try:
            for _ in range(number - len(existing)):
                self.start_replica(version)
            async with asyncio.timeout(_LOAD_TIMEOUT):
                while len(version.running()) < min(number, version.wanted):
                    if version.load_error:
                        raise CallError(version.load_error)
                    version.changed.clear()
                    await version.changed.wait()
        except (CallError, TimeoutError) as error:
            version.wanted = len(version.running())
            await self.stop_replicas([one for one in version.replicas.values() if not one.ready])
            why = "its model was not loaded in time" if isinstance(error, TimeoutError) else str(error)
            raise CallError(f"A replica of {version.name}:{version.version} cannot start. {why}") from None
        finally:
            version.starting = False

    async def stop_replicas(self, replicas: list[_Replica]) -> None:
        """Stop `replicas` after they have answered the queries that they already have."""
        for one in replicas:
            one.stopping = True
        if replicas:
            names = [[one.of.name, one.of.version, one.number] for one in replicas]
            with contextlib.suppress(OSError, CallError, TimeoutError):
                await wire.ask_async(self.folder / "front.sock", {"retire": names}, seconds=15)
            await self.kill(replicas)

    async def kill(self, replicas: list[_Replica]) -> None:
        """End `replicas` without waiting for their models, and return when they have ended."""
        for one in replicas:
            if one.connection is None:  # requested, but not started: it will be turned away when it connects
                one.of.replicas.pop(one.number, None)
            elif not one.ended.is_set() and one.pid:  # its model may ignore everything but SIGKILL
                with contextlib.suppress(ProcessLookupError):
                    os.kill(one.pid, signal.SIGKILL)
            elif not one.ended.is_set():
                one.connection.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5):
                for one in replicas:
                    if one.connection is not None:
                        await one.ended.wait()

    # ------------------------------------------------------------------ calls of managers and the management front end

    async def answer(
        self, request: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> dict[str, Any] | None:
        """Execute the call of another process and return the answer."""
        call = request.get("call")
        if call == "hello":
            await self.follow_replica(request, reader, writer)
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
        async with self.lock:  # one change at a time
            if call == "scale":
                await self.scale(request)
            elif call == "stop_models":
                models = request["models"]
                stopped = [
                    of for of in self.versions.values() if models is None or of.version in models.get(of.name, ())
                ]
                for of in stopped:
                    of.wanted = 0
                await self.stop_replicas([one for of in stopped for one in of.replicas.values()])
                for of in stopped:
                    del self.versions[of.name, of.version]
            else:
                raise CallError(f"there is no call {call!r}")
        return {}

    async def scale(self, request: dict[str, Any]) -> None:
        """Bring a version to a number of replicas, as the call (`request`) says."""
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

    # ------------------------------------------------------------------ start and stop

    async def run(self, owner: int) -> None:
        """Run the cluster until its owner ends or a call stops it."""
        server = await wire.listen(self.folder / "supervisor.sock", self.answer)
        try:
            await asyncio.gather(*(self.start_child(module) for module in ("frontend", "management", "replicas")))
            ready = {module: port.getsockname()[1] for module, port in self.ports.items()}
            about = ready | {"secret": self.secret, "supervisor": os.getpid()}
            (self.folder / "cluster.json").write_text(json.dumps(about), encoding="utf-8")
            _report(about)
            broken = self.run_in_background(wire.wait_for_parent_exit())
            stopped = self.run_in_background(self.stopping.wait())
            while os.getppid() == owner:  # a fork of the owner may hold the pipe open after the owner ended
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
    """Return the last line of a `log`, which is the message if a Python error ended the process."""
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "its log is empty"


def _report(answer: dict[str, Any]) -> None:
    """Write an `answer` to the manager that is waiting for the start."""
    print(json.dumps(answer), flush=True)


def _open_ports(wanted: dict[str, int]) -> dict[str, socket.socket]:
    """Open the two ports, on the loopback interface only; they stay open while a front end restarts."""
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
    """Run the supervisor: the first line of its input describes the cluster, the end of the input stops it."""
    import fcntl

    request = json.loads(sys.stdin.readline())
    folder = Path(request["folder"])
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = folder.with_name(f"{folder.name}.lock")
    while True:
        held = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the system releases it when this process ends
        except OSError:
            _report({"refused": "exists"})
            sys.exit(1)
        if lock.exists() and os.fstat(held).st_ino == lock.stat().st_ino:
            break
        os.close(held)  # the previous holder removed the file between open and flock: lock the new one
    try:
        ports = _open_ports(request["ports"])
    except CallError as error:
        _report(error.args[0])
        lock.unlink()
        sys.exit(1)
    shutil.rmtree(folder, ignore_errors=True)  # left by a supervisor that was killed
    (folder / "logs").mkdir(mode=0o700, parents=True)
    folder.chmod(0o700)
    log = os.open(folder / "logs" / "supervisor.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 2)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        asyncio.run(_Supervisor(folder, request["secret"], ports).run(request["owner"]))
    except CallError as error:
        _report({"refused": "start", "why": str(error)})
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.unlink(missing_ok=True)
        os.killpg(0, signal.SIGKILL)  # this process too, and programs that a model has started


if __name__ == "__main__":
    main()
