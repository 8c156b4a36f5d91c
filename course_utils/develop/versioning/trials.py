"""Trials on a DVC project: which change reruns which stage, a push to S3, and other tools that version data."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from course_utils import tables
from course_utils.develop.versioning.project import RAW, DvcProject
from course_utils.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["alternatives", "changes", "s3_record", "through_s3", "what_reruns"]


_S3_ACCOUNT = {"aws_access_key_id": "course", "aws_secret_access_key": "course", "region_name": "us-east-1"}


def changes() -> pd.DataFrame:
    """Return the changes of exercise 03.1: a key and a description.

    Examples
    --------
    >>> versioning.changes().loc["comment", "change"]
    'a comment in src/prepare.py'
    """
    import pandas as pd

    rows = tables.read_toml("versioning.toml")["change"]
    return pd.DataFrame({"change": {row["key"]: row["text"] for row in rows}}).rename_axis("key")


def what_reruns(project: DvcProject) -> pd.DataFrame:
    """Make each of `changes` in a `project`, record which stages ``dvc repro`` runs again, and undo it.

    The project needs the lesson's pipeline, run and committed.

    Returns
    -------
    DataFrame
        A row for each change, a column for each stage: 'runs' if the stage ran again, '·' if it did not.

    Raises
    ------
    UsageError
        A command failed, or the project has changes that are not committed.
    """
    import pandas as pd

    if project._call("git status --porcelain"):
        raise UsageError("the project has changes that are not committed", fix="commit them: each trial is undone")
    rows = {}
    for change in tables.read_toml("versioning.toml")["change"]:
        if "old" in change:
            project.edit(change["file"], change["old"], change["new"])
        else:  # the same content saved again, with a new time stamp
            project._write(change["file"], project._path(change["file"]).read_bytes())
        project._quietly("dvc repro")
        rows[change["key"]] = {name: "runs" if done == "ran" else "·" for name, done in project.stages.items()}
        project._quietly("git reset --hard", "dvc checkout")
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("change")


def alternatives() -> pd.DataFrame:
    """Return the deck's tools that version data: what each keeps, when to use it, and what it lacks.

    Returns
    -------
    DataFrame, one row a tool
        The last column has the state of the tool, as of the month in the column's name.

    Examples
    --------
    >>> versioning.alternatives().loc["Git LFS", "versions"]
    'chosen files, on the Git server'
    """
    import pandas as pd

    table = tables.read_toml("versioning.toml")["alternatives"]
    today = f"today ({table['checked']:%B %Y})"
    keys = {"name": "tool", "versions": "versions", "take": "take it when", "lose": "you go without", "today": today}
    frame = pd.DataFrame(table["way"]).rename(columns=keys)
    return frame[list(keys.values())].set_index("tool")


def s3_record() -> pd.DataFrame:
    """Return the committed result of `through_s3`, with date and versions.

    Examples
    --------
    >>> versioning.s3_record().loc["objects in the bucket", "found"]
    1
    """
    import pandas as pd

    record = tables.read_toml("versioning.toml")["s3"]
    names = [name.replace("_", " ") for name in record]
    return pd.DataFrame({"found": list(record.values())}, index=pd.Index(names, name="through S3"))


def through_s3(project: DvcProject) -> None:
    """Push a `project` with `RAW` under DVC to an S3 bucket, pull it back, and print commands and outputs.

    The bucket is moto's, which emulates Amazon's service in the memory of this machine. If moto or dvc-s3 is not
    installed, print how to install them.

    Raises
    ------
    UsageError
        A command failed.
    """
    try:
        import boto3
        import dvc_s3  # noqa: F401
        from moto.server import ThreadedMotoServer
    except ImportError as error:
        print(f"{error.name} is not installed. To try it: uv pip install 'moto[server]' dvc-s3")
        return
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # moto's web server logs each request
    # Port 0 chooses a free one.
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        address = "http://{}:{}".format(*server.get_host_and_port())
        bucket = boto3.resource("s3", endpoint_url=address, **_S3_ACCOUNT).create_bucket(Bucket="flights")
        before = project.recorded(RAW)
        project.run("dvc remote add --local amazon s3://flights/dvc")
        project._quietly(f"dvc remote modify --local amazon endpointurl {address}")
        project.run("dvc push --remote amazon")
        project.delete(RAW, ".dvc/cache")
        project.run("dvc pull --remote amazon")
        print(f"objects in the bucket: {sum(1 for _ in bucket.objects.all())}")
        print(f"{RAW} came back bit for bit: {project.fingerprint(RAW) == before}")
        project._quietly("dvc remote remove --local amazon")
    finally:
        server.stop()
