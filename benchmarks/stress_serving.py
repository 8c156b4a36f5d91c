"""Query a cluster while its versions switch, roll back and are replaced, and its replicas are killed.

    uv run python benchmarks/stress_serving.py --seconds 600

What goes wrong is counted. Each answer says which version gave it, so a wrong one is found, and a stale one: given by
a version that was not current any more when the query was sent. Every fifth query has three rows, which must come from
one version. At the end the cluster is stopped, another one's owner is killed, and what is left of processes, ports and
files is named.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
from clipper_admin import ClipperConnection
from clipper_admin.deployers.python import deploy_python_closure

from course_utils.serve.clipper import LocalContainerManager

APP, MODEL = "stress", "stress-model"
IMAGE = "clipper/python36-closure-container:0.4.1"


class Answers:
    """What may be answered now, and what was.

    Attributes
    ----------
    begun : list of str
        The versions in the order in which switches to them began.
    settled : int
        Where the version stands whose switch has returned.
    """

    def __init__(self, version: str) -> None:
        self.begun = [version]
        self.settled = 0
        self.counts: Counter[str] = Counter()

    def judge(self, sent: int, status: int, body: bytes, value: int) -> None:
        """Count an answer to a query for `value`, sent when the version at place `sent` was the current one."""
        self.counts["queries"] += 1
        try:
            answer = json.loads(body)
            rows = answer.get("batch_predictions", [answer]) if status == 200 else []
            if any(row["default"] for row in rows):
                self.counts["defaulted"] += 1
                return
            versions = {row["output"]["version"] for row in rows}
            good = rows and [row["output"]["value"] for row in rows] == [value + place for place in range(len(rows))]
        except (ValueError, KeyError, TypeError, AttributeError):
            self.counts["failed"] += 1
            return
        if not rows:
            self.counts["failed"] += 1
        elif not good or len(versions) != 1:
            self.counts["wrong"] += 1
        elif not versions & set(self.begun[sent:]):
            self.counts["stale"] += 1


async def client(port: int, answers: Answers, end: float, pause: float) -> None:
    """Send one query after the other over one connection until the end."""
    chance = random.Random()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.monotonic() < end:
        value = chance.randrange(10**6)
        rows = [[value], [value + 1], [value + 2]]
        body = json.dumps({"input_batch": rows} if value % 5 == 0 else {"input": rows[0]}).encode()
        sent = answers.settled
        head = f"POST /{APP}/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
        try:
            writer.write(head.encode() + body)
            lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            length = next(int(line.split(":")[1]) for line in lines if line.lower().startswith("content-length"))
            answers.judge(sent, int(lines[0].split()[1]), await reader.readexactly(length), value)
        except (OSError, EOFError):
            answers.counts["queries"] += 1
            answers.counts["failed"] += 1
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.sleep(chance.random() * pause)
    writer.close()


def deploy(clipper: ClipperConnection, version: str) -> None:
    """Deploy a version whose answers say that they are its own."""

    def predict(inputs: list[Any]) -> list[str]:
        time.sleep(0.003)  # so that many queries are on their way when a replica is killed
        return [json.dumps({"version": version, "value": int(row[0])}) for row in inputs]

    deploy_python_closure(clipper, MODEL, version, "integers", predict, base_image=IMAGE, num_replicas=2)


def disturb(clipper: ClipperConnection, answers: Answers, events: Counter[str], number: int) -> None:
    """Do the next thing that must not be noticed: kill, switch, kill, roll back, kill, replace a version."""
    current = answers.begun[-1]
    known = sorted(
        (one["model_version"] for one in clipper.get_all_models(verbose=True) if one["model_name"] == MODEL), key=int
    )
    if number % 2 == 0:
        victims = [one["pid"] for one in clipper.cm.replicas() if one["version"] == current]
        os.kill(random.choice(victims), signal.SIGKILL)
        events["kills"] += 1
    elif number % 6 == 5:
        fresh = str(int(known[-1]) + 1)
        answers.begun.append(fresh)
        deploy(clipper, fresh)
        answers.settled = len(answers.begun) - 1
        oldest = known[0]
        clipper.stop_versioned_models({MODEL: [oldest]})
        events["versions replaced"] += 1
    else:
        other = next(version for version in known if version != current)
        answers.begun.append(other)
        clipper.set_model_version(MODEL, other)
        answers.settled = len(answers.begun) - 1
        events["rollbacks" if int(other) < int(current) else "switches"] += 1


def left(group: int, ports: list[int], folder: Path) -> list[str]:
    """Name what is left of a cluster: processes of its group, open ports, files."""
    found = []
    for process in psutil.process_iter(["pid", "status"]):
        try:
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                found.append(f"process {process.pid}")
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    for port in ports:
        with socket.socket() as line:
            if line.connect_ex(("127.0.0.1", port)) == 0:
                found.append(f"port {port}")
    found += [str(path) for path in (folder, folder.with_name(f"{folder.name}.lock")) if path.exists()]
    return found


def left_in_the_end(group: int, ports: list[int], folder: Path, seconds: float) -> list[str]:
    """Wait until nothing is left of a cluster; name what is left in the end."""
    deadline = time.monotonic() + seconds
    while (found := left(group, ports, folder)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def start(name: str) -> ClipperConnection:
    """Start a cluster with an application and two versions of a model, the first of them current."""
    logging.getLogger().setLevel(logging.ERROR)
    clipper = ClipperConnection(LocalContainerManager(name, clipper_query_port=0, clipper_management_port=0))
    clipper.start_clipper()
    clipper.register_application(APP, "integers", "none", 2_000_000)
    for version in ("2", "1"):
        deploy(clipper, version)
    clipper.link_model_to_app(APP, MODEL)
    return clipper


def about(clipper: ClipperConnection) -> dict[str, Any]:
    """Return what `left` looks for."""
    manager = clipper.cm
    ports = [manager.clipper_query_port, manager.clipper_management_port]
    return {"group": manager.processes()["supervisor"], "ports": ports, "folder": str(manager.folder)}


def stress(seconds: float, *, clients: int, pause: float, every: float, patience: float) -> dict[str, Any]:
    """Query, disturb and count; then stop, and name what is left."""
    clipper = start(f"stress-{os.getpid()}")
    seen = about(clipper)
    answers, events = Answers("1"), Counter()
    begin = time.monotonic()
    end = begin + seconds

    async def load() -> None:
        await asyncio.gather(*(client(seen["ports"][0], answers, end, pause) for _ in range(clients)))

    thread = threading.Thread(target=asyncio.run, args=(load(),))
    try:
        thread.start()
        number = 0
        while time.monotonic() < end:
            time.sleep(min(every, max(0.0, end - time.monotonic())))
            disturb(clipper, answers, events, number)
            number += 1
        thread.join()
        text = "".join(Path(log).read_text() for log in clipper.get_clipper_logs(f"{seen['folder']}/copied"))
        events["errors in logs"] = text.count("Traceback")
    finally:
        clipper.stop_all()
    counts = {what: answers.counts[what] for what in ("queries", "failed", "wrong", "stale", "defaulted")}
    after = left_in_the_end(seen["group"], seen["ports"], Path(seen["folder"]), patience)
    return {"seconds": round(time.monotonic() - begin, 1), **counts, **events, "left after stop": after}


def orphan(patience: float) -> list[str]:
    """Kill the owner of a cluster, and name what is left."""
    code = (
        "import json, signal, stress_serving as s; clipper = s.start('orphan'); "
        "print(json.dumps(s.about(clipper)), flush=True); signal.pause()"
    )
    owner = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=Path(__file__).parent)
    seen = json.loads(owner.stdout.readline())
    owner.kill()
    owner.wait()
    owner.stdout.close()
    return left_in_the_end(seen["group"], seen["ports"], Path(seen["folder"]), patience)


def main() -> None:
    """Stress a cluster and print what was counted, as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--pause", type=float, default=0.1, help="the longest pause of a client between two queries")
    parser.add_argument("--every", type=float, default=3.0, help="seconds between two disturbances")
    parser.add_argument("--patience", type=float, default=30, help="seconds until what is left of a cluster counts")
    options = vars(parser.parse_args())
    found = stress(options.pop("seconds"), **options)
    print(json.dumps(found | {"left after the owner was killed": orphan(options["patience"])}, indent=1))


if __name__ == "__main__":
    main()
