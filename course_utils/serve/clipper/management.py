"""Clipper's management front end: HTTP calls for applications, models, links and versions, protected by a secret.

Every change is saved, then sent to the query front end, then answered. So when a version switch has returned, the next
query is answered by the new version.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

import uvloop

from course_utils.serve.clipper import web, wire
from course_utils.serve.clipper.state import State, StateError

__all__ = ["main"]

#: Calls that change the state, and calls that read it; each is a method of `State`.
_CHANGES = (
    "add_app", "delete_app", "add_model_links", "delete_model_links",
    "add_model", "set_model_version", "delete_versioned_model",
)  # fmt: skip
_READS = ("get_linked_models", "get_application", "get_all_applications", "get_model", "get_all_models")


class _Management:
    """The management front end."""

    def __init__(self, folder: Path, secret: str) -> None:
        self.folder = folder
        self.file = folder / "state.json"
        self.state = State.load(self.file)
        self.lock = asyncio.Lock()
        self.authorization = b"Basic " + base64.b64encode(f"clipper:{secret}".encode())
        self.clients: set[web.Connection] = set()

    async def answer(self, call: str, request: dict[str, Any]) -> Any:
        """Execute a call and return its answer."""
        if call in _READS:
            return getattr(self.state, call)(request)
        if call in ("get_all_containers", "get_container"):
            return await self.replicas(call, request)
        async with self.lock:  # one change at a time
            # A copy: if the rules refuse the call, or saving fails, the state stays as it was.
            changed = State(json.loads(json.dumps(self.state.as_dict())))
            answer = getattr(changed, call)(request)
            changed.save(self.file)
            self.state = changed
            await self.send_state()
        return answer

    async def send_state(self) -> None:
        """Send the state to the query front end until it has accepted it; the front end may be restarting."""
        async with asyncio.timeout(30):
            while True:
                try:
                    await wire.ask_async(self.folder / "front.sock", {"state": self.state.as_dict()})
                    return
                except (OSError, wire.CallError):
                    await asyncio.sleep(0.02)

    async def replicas(self, call: str, request: dict[str, Any]) -> Any:
        """Return the running replicas, which Clipper calls containers."""
        running = (await wire.ask_async(self.folder / "supervisor.sock", {"call": "replicas"}))["replicas"]
        known = [
            {
                "model_id": f"{one['name']}:{one['version']}",
                "model_name": one["name"],
                "model_version": one["version"],
                "model_replica_id": one["replica"],
                "input_type": one["input_type"],
            }
            for one in running
        ]
        if call == "get_all_containers":
            return (
                known if request.get("verbose") else [f"{one['model_id']}:{one['model_replica_id']}" for one in known]
            )
        wanted = (request.get("model_name"), request.get("model_version"), request.get("replica_id"))
        for one in known:
            if (one["model_name"], one["model_version"], one["model_replica_id"]) == wanted:
                return one
        return {}


class _Client(web.Connection):
    """A client of the management front end."""

    __slots__ = ("management",)

    def __init__(self, management: _Management) -> None:
        super().__init__(management.clients, asyncio.get_running_loop())
        self.management = management

    def handle(self, request: web.Request) -> None:
        path = request.path.partition(b"?")[0].decode("ascii", "replace").removeprefix("/admin/").rstrip("/")
        if not hmac.compare_digest(request.headers.get(b"authorization", b""), self.management.authorization):
            self.respond(
                401,
                b"The secret is missing or wrong: use the address that get_admin_addr() returns.\n",
                "text/plain",
            )
        elif request.method == b"GET" and path == "ping":
            self.respond(200, b"PONG", "text/plain")
        elif path not in (*_CHANGES, *_READS, "get_all_containers", "get_container"):
            self.respond(404, b"There is no call of this name.\n", "text/plain")
        elif request.method != b"POST":
            self.respond(405, b"Send a POST request.\n", "text/plain")
        else:
            task = self.loop.create_task(self.reply(path, request.body))
            task.add_done_callback(lambda done: done.exception())

    async def reply(self, call: str, body: bytes) -> None:
        try:
            given = json.loads(body)
            if not isinstance(given, dict):
                raise StateError("Error parsing JSON: not an object")
            answer = await self.management.answer(call, given)
        except ValueError as error:
            self.respond(400, f"Error parsing JSON: {error}".encode(), "text/plain")
        except StateError as error:
            self.respond(400, str(error).encode(), "text/plain")
        except Exception as error:
            print(f"{call}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
            self.respond(500, f"{type(error).__name__}: {error}".encode(), "text/plain")
        else:
            self.respond(200, answer.encode() if isinstance(answer, str) else json.dumps(answer).encode())


async def _serve(folder: Path, secret: str, port: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    management = _Management(folder, secret)
    await loop.create_server(lambda: _Client(management), sock=port)
    web.close_slow_clients(management.clients, loop)
    print("ready", flush=True)
    await wire.wait_for_parent_exit()


def main() -> None:
    """Run the management front end of a folder, on a port that the supervisor has opened."""
    folder, descriptor = sys.argv[1:]
    uvloop.run(_serve(Path(folder), os.environ.pop("CLIPPER_SECRET"), socket.socket(fileno=int(descriptor))))


if __name__ == "__main__":
    main()
