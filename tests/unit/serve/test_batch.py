"""Batches are scored whole or not at all, published by a switch, and looked up."""

from __future__ import annotations

import json
import os
import pickle
import re
import shutil
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from course_utils.data import datasets, features, splits
from course_utils.errors import DataError, UsageError
from course_utils.model import training
from course_utils.serve import batch
from course_utils.serve.batch import files, scoring
from course_utils.serve.batch import table as prediction_table

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def fit() -> training.Fit:
    """Return a small model of the timetable, fitted on one flight of thirty."""
    flights = datasets.load_flights().iloc[::30]
    split = splits.split_by_time(flights)
    return training.train_xgboost(split, features.schedule(flights), rounds=5, early_stopping=None)


@pytest.fixture(scope="module")
def flights(fit) -> pd.DataFrame:
    """Return 600 flights of the test months."""
    return datasets.load_flights().loc[fit.inputs.index].tail(600)


@pytest.fixture
def source(fit, flights, tmp_path) -> Path:
    """Return a good batch of 600 flights in four pieces."""
    return batch.write_batch(flights, fit.inputs, tmp_path / "rows.parquet", rows=150)


@pytest.fixture
def store(tmp_path) -> batch.PredictionStore:
    """Return an empty store."""
    return batch.PredictionStore(tmp_path / "store")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def table(store: batch.PredictionStore, version: str) -> dict[str, float]:
    with sqlite3.connect(store.path(version) / "table.sqlite") as connection:
        return dict(connection.execute("SELECT flight, score FROM predictions"))


def spoiled(fit, flights, file: Path, **columns) -> Path:
    """Write a batch in which some columns have other values."""
    inputs = fit.inputs.loc[flights.index].assign(**columns)
    return batch.write_batch(flights, inputs, file, rows=150)


# --------------------------------------------------------------------------- rows


def test_keys_sort_by_day_and_tell_flights_apart(flights):
    """I can name any flight of the batch, and no two have the same name."""
    keys = batch.flight_keys(flights)
    assert keys.is_unique
    assert re.fullmatch(r"2013-1[12]-\d\d \w\w \d+ (EWR|JFK|LGA) \d{4}", keys.iloc[0])
    assert keys.str[:10].is_monotonic_increasing
    floats = flights.astype({"CRSDepTime": float, "FlightNum": float})
    assert batch.flight_keys(floats).tolist() == keys.tolist()


def test_a_row_has_one_score_wherever_it_is_computed(fit, flights, source, store):
    """Training, batch and single-row code give each flight the same score, bit for bit."""
    store.publish(store.build("v1", source, fit.scorer))
    ways = batch.compare_scoring_paths(fit, flights.head(100), batch.Lookup(store, 0.2))
    assert (ways["batch"] == ways["training"]).all()
    assert (ways["batch"] == ways["one by one"]).all()
    import xgboost

    encoder = fit.scorer.encoder
    matrix = xgboost.DMatrix(
        encoder.transform(fit.inputs.loc[flights.index]),
        feature_names=list(encoder.columns),
        feature_types=encoder.feature_types,
        enable_categorical=True,
    )
    stored = [table(store, "v1")[key] for key in batch.flight_keys(flights)]
    assert (fit.scorer.booster.predict(matrix) == np.array(stored, dtype=np.float32)).all()


@pytest.mark.nightly
@pytest.mark.slow
def test_ten_thousand_rows_have_one_score_wherever_it_is_computed(tmp_path):
    """The course's own model gives 10,000 flights the same score in training, in a batch and one by one."""
    model = training.course_model()
    flights = splits.split_by_time(datasets.load_flights()).test.iloc[::5].head(10_000)
    assert len(flights) == 10_000
    store = batch.PredictionStore(tmp_path / "store")
    source = batch.write_batch(flights, model.inputs, tmp_path / "rows.parquet")
    store.publish(store.build("v1", source, model.scorer))
    assert batch.compare_scoring_paths(model, flights, batch.Lookup(store, 0.2)).nunique(axis=1).eq(1).all()


BAD = {
    "a word": ("soon", "CRSDepTime: 'soon' is not a number"),
    "an empty text": ("", "CRSDepTime: '' is not a number"),
    "a list": ([615], "CRSDepTime: [615] is not a number"),
    "no clock time": (675, "CRSDepTime: 675 is not a clock time (hhmm)"),
    "out of range": (4000, "CRSDepTime: 4000 is outside the range 0 to 2359"),
    "negative": (-5, "CRSDepTime: -5 is outside the range 0 to 2359"),
    "infinite": (np.inf, "CRSDepTime: infinite"),
}


@pytest.mark.parametrize(("value", "reason"), BAD.values(), ids=BAD)
def test_a_bad_value_goes_to_the_rejects_with_its_reason_and_the_rest_is_scored(fit, flights, value, reason):
    """A bad row is rejected with its reason, and all other rows are scored."""
    rows = fit.inputs.loc[flights.index].assign(flight=batch.flight_keys(flights))
    rows["CRSDepTime"] = pd.Series([value, *rows["CRSDepTime"].iloc[1:]], index=rows.index)
    scored = batch.score_rows(rows, fit.scorer)
    assert scored["reason"].iloc[0] == reason
    assert (scored["reason"].iloc[1:] == "").all()
    assert scored["score"].notna().tolist() == [False, *[True] * 599]


def test_a_column_that_one_word_turned_into_texts_is_still_scored(fit, flights, store, tmp_path):
    """One word in a column turns its numbers into texts; they are still read as numbers and scored."""
    clock = fit.inputs.loc[flights.index, "CRSDepTime"]
    texts = clock.astype(str).tolist()
    store.build("v1", spoiled(fit, flights, tmp_path / "b", CRSDepTime=["soon", *texts[1:]]), fit.scorer)
    assert store.rejects("v1")["reason"].tolist() == ["CRSDepTime: 'soon' is not a number"]
    keys = batch.flight_keys(flights).iloc[1:]
    assert [table(store, "v1")[key] for key in keys] == fit.predict(flights.iloc[1:]).astype(float).tolist()


def test_rows_in_are_rows_scored_and_rows_rejected(fit, flights, store, tmp_path):
    """In a batch with several kinds of faults, each row is scored or is in the rejects once, by its number."""
    keys = batch.flight_keys(flights).tolist()
    keys[7], keys[8], keys[590] = "", None, keys[3]
    elapsed = fit.inputs.loc[flights.index, "CRSElapsedTime"].astype(float).to_numpy()
    elapsed[[20, 21]] = 5, -3
    source = spoiled(fit, flights.assign(flight=keys), tmp_path / "bad.parquet", CRSElapsedTime=elapsed)
    store.build("v1", source, fit.scorer)
    rejects = store.rejects("v1").set_index("row")["reason"]
    assert sorted(rejects.index) == [7, 8, 20, 21, 590]
    assert rejects[7] == rejects[8] == "no flight key"
    assert rejects[590] == "duplicate of an earlier row"
    assert rejects[20].startswith("CRSElapsedTime: 5 is outside")
    rows = store.manifest("v1")["rows"]
    assert (rows["in"], rows["scored"], rows["rejected"]) == (600, 595, 5)
    assert len(table(store, "v1")) == 595
    assert store.report("v1")["rows"].to_dict() == {
        "rows in": 600,
        "scored": 595,
        "rejected: CRSElapsedTime": 2,
        "rejected: no flight key": 2,
        "rejected: duplicate of an earlier row": 1,
    }


def test_a_key_whose_first_row_is_bad_is_scored_by_its_second(fit, flights, store, tmp_path):
    """If the first row of a flight is bad, the second one is scored."""
    keys = batch.flight_keys(flights).tolist()
    keys[1] = keys[0]
    elapsed = fit.inputs.loc[flights.index, "CRSElapsedTime"].astype(float).to_numpy()
    elapsed[0] = np.inf
    store.build("v1", spoiled(fit, flights.assign(flight=keys), tmp_path / "b", CRSElapsedTime=elapsed), fit.scorer)
    assert store.rejects("v1")["row"].tolist() == [0]
    assert keys[0] in table(store, "v1")


def test_an_unseen_category_is_scored_and_counted(fit, flights, store, tmp_path):
    """A carrier that training never saw gets a score, and the manifest says how many there were."""
    carrier = flights["UniqueCarrier"].astype(object).mask(np.arange(600) < 60, "ZZ")
    store.build("v1", spoiled(fit, flights, tmp_path / "b", UniqueCarrier=carrier), fit.scorer)
    manifest = store.manifest("v1")
    assert manifest["unseen"]["UniqueCarrier"] == 0.1
    assert manifest["rows"]["rejected"] == 0


@pytest.mark.parametrize("column", ["flight", "Distance"])
def test_a_batch_that_lacks_a_column_is_refused_as_a_whole(fit, source, store, tmp_path, column):
    """Without one of the model's columns nothing is scored, and the error names it."""
    datasets.read_parquet(source).drop(columns=column).to_parquet(tmp_path / "less.parquet")
    with pytest.raises(DataError, match=f"column {column}: the batch lacks this column"):
        store.build("v1", tmp_path / "less.parquet", fit.scorer)
    assert not any(store.folder.iterdir())


def test_what_is_no_batch_is_refused(fit, flights, source, store, tmp_path):
    """A missing file, another format, no rows, or a path as a name: each has its own error."""
    with pytest.raises(DataError, match="not a readable Parquet file"):
        store.build("v1", tmp_path / "nothing", fit.scorer)
    (tmp_path / "text").write_text("flight\n")
    with pytest.raises(DataError, match="not a readable Parquet file"):
        store.build("v1", tmp_path / "text", fit.scorer)
    with pytest.raises(DataError, match="has no rows"):
        store.build("v1", batch.write_batch(flights.iloc[:0], fit.inputs, tmp_path / "none"), fit.scorer)
    for name in ("", "../v1", ".hidden", "a b"):
        with pytest.raises(UsageError, match="cannot name a table"):
            store.build(name, source, fit.scorer)
    with pytest.raises(UsageError, match="rows=0"):
        batch.write_batch(flights, fit.inputs, tmp_path / "x", rows=0)


def test_a_piece_is_read_and_scored_once(fit, flights, source, tmp_path):
    """A worker scores one row group into a file of its own; a second call keeps the file."""
    assert files.count_pieces(source, fit.scorer) == 4
    rows, first = files.read_piece(source, 3)
    assert (first, len(rows), rows.index[0]) == (450, 150, 450)
    assert rows[batch.KEY].tolist() == batch.flight_keys(flights).tolist()[450:]
    part = Path(scoring.score_piece(str(source), fit.scorer, str(tmp_path), 3))
    written = part.stat().st_mtime_ns
    assert datasets.read_parquet(part)["score"].tolist() == fit.predict(flights.iloc[450:]).tolist()
    assert scoring.score_piece(str(source), fit.scorer, str(tmp_path), 3) == str(part)
    assert part.stat().st_mtime_ns == written
    files.check_columns(rows.columns, fit.scorer)
    with pytest.raises(DataError, match="lacks this column"):
        files.check_columns(rows.columns[1:], fit.scorer)


def test_a_table_is_written_and_verified_without_a_store(fit, source, tmp_path):
    """The files of a table have the checksum that the manifest records, and another file is refused."""
    folder = tmp_path / "table"
    folder.mkdir()
    part = scoring.score_piece(str(source), fit.scorer, str(tmp_path), 0)
    prediction_table.write_table(folder, "v1", [part], {"model": "m", "data": "d"})
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["sha256"] == prediction_table.file_hash(folder / "table.sqlite")
    prediction_table.verify(folder, manifest)
    rows = datasets.read_parquet(part).sort_values(batch.KEY)
    again = tmp_path / "again.sqlite"
    prediction_table.write_sqlite(again, rows)
    prediction_table.sync(again)
    with sqlite3.connect(again) as one, sqlite3.connect(folder / "table.sqlite") as other:
        query = "SELECT * FROM predictions"
        assert one.execute(query).fetchall() == other.execute(query).fetchall()
    prediction_table.write_sqlite(folder / "new.sqlite", rows.head(3))
    (folder / "new.sqlite").replace(folder / "table.sqlite")
    with pytest.raises(DataError, match="differs from the checksum"):
        prediction_table.verify(folder, manifest)


# --------------------------------------------------------------------------- the same bytes


def test_the_same_batch_gives_the_same_bytes(fit, flights, source, tmp_path):
    """Rows and model decide every byte of a table, however large the pieces and in whatever order the rows come."""
    made = []
    for place, rows in enumerate((150, 150, 600)):
        store = batch.PredictionStore(tmp_path / f"store{place}")
        piece = batch.write_batch(flights, fit.inputs, tmp_path / f"rows{place}", rows=rows)
        store.build("v1", piece, fit.scorer)
        made.append(contents(store.folder))
    assert made[0] == made[1]
    assert made[0]["v1/table.sqlite"] == made[2]["v1/table.sqlite"]
    store = batch.PredictionStore(tmp_path / "shuffled")
    shuffled = flights.sample(frac=1, random_state=0)
    store.build("v1", batch.write_batch(shuffled, fit.inputs, tmp_path / "shuffled.parquet"), fit.scorer)
    assert contents(store.folder)["v1/table.sqlite"] == made[0]["v1/table.sqlite"]


def test_another_engine_gives_the_same_bytes(fit, source, tmp_path):
    """The table is the same whether the pieces are scored one after the other or two at a time."""
    one, two = batch.PredictionStore(tmp_path / "one"), batch.PredictionStore(tmp_path / "two")
    one.build("v1", source, fit.scorer)
    with ThreadPoolExecutor(2) as pool:
        two.build("v1", source, fit.scorer, engine=pool.map)
    assert contents(one.folder) == contents(two.folder)


class Cluster:
    """A client that works like Dask's: map returns futures, gather waits for them."""

    def __init__(self, **_):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def map(self, work, pieces):
        """Return the pickled work for each piece."""
        return [(pickle.loads(pickle.dumps(work)), piece) for piece in pieces]

    def run(self, work):
        """Let each worker do some work."""
        return {"worker": work()}

    def gather(self, promises):
        """Run the work, last piece first, and return the results in order."""
        done = {piece: work(piece) for work, piece in reversed(promises)}
        return [done[piece] for _, piece in promises]


def test_dask_is_tried_where_it_is_installed_and_named_where_not(fit, source, monkeypatch, capsys):
    """With Dask I see both times and that the bytes are the same; without it, how to install it."""
    monkeypatch.setitem(sys.modules, "dask.distributed", None)
    batch.try_dask(source, fit.scorer)
    assert 'pip install "dask[distributed]"' in capsys.readouterr().out
    monkeypatch.setitem(sys.modules, "dask", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "dask.distributed", SimpleNamespace(Client=Cluster))
    batch.try_dask(source, fit.scorer)
    said = re.sub(r"\d+(\.\d)?", "N", capsys.readouterr().out).splitlines()
    assert said == [
        "One process: N s.",
        "N workers: N s to start, N s to build, at most N MB of memory each.",
        "The tables have the same bytes.",
    ]


def test_a_cluster_gives_the_same_bytes(fit, source, tmp_path):
    """One changed argument hands the pieces to a cluster's workers; what they send back makes the same table."""
    one, two = batch.PredictionStore(tmp_path / "one"), batch.PredictionStore(tmp_path / "two")
    one.build("v1", source, fit.scorer)
    two.build("v1", source, fit.scorer, engine=batch.cluster_engine(Cluster()))
    assert contents(one.folder) == contents(two.folder)


def test_a_spoilt_batch_has_rejects_of_three_kinds(flights, fit, store, tmp_path):
    """The lesson's dirty week has impossible values, wrong times and duplicates, and is the same in every run."""
    rows = batch.corrupt(flights, fit.inputs)
    assert rows.equals(batch.corrupt(flights, fit.inputs))
    store.build("v1", batch.write_batch(rows, rows[fit.inputs.columns], tmp_path / "b"), fit.scorer)
    kinds = store.manifest("v1")["reasons"]
    assert {"CRSElapsedTime", "duplicate of an earlier row"} <= set(kinds)


def test_the_lessons_batches_follow_one_another():
    """The lesson's two batches are the weeks from 4 and from 11 November, and no flight is in both."""
    first, second = batch.example_batches(datasets.load_flights())
    days = [splits.day(rows).dt.strftime("%m-%d") for rows in (first, second)]
    assert [(day.min(), day.max()) for day in days] == [("11-04", "11-10"), ("11-11", "11-17")]
    assert not set(first.index) & set(second.index)


def test_a_store_for_a_lesson_is_empty_and_its_inbox_is_outside():
    """A temporary store is empty at first; its inbox is outside, where `publish` removes nothing."""
    store = batch.open_prediction_store()
    assert store.current is None
    assert repr(store) == "PredictionStore(0 tables, none is current)"
    assert store.folder not in store.inbox("week").parents


def test_the_steps_of_a_publication_are_not_in_their_order():
    """The table of exercise 14.1 does not give the order away."""
    assert list(batch.publication_steps().index) == sorted(batch.publication_steps().index)


class Killed(BaseException):
    """Simulates the end of the process."""


def test_killed_at_any_step_readers_see_the_old_table_and_the_next_run_makes_the_same_bytes(
    fit, flights, source, tmp_path, monkeypatch
):
    """Wherever the process ends, readers see a complete table, and a second run finishes the job."""
    wanted = batch.PredictionStore(tmp_path / "wanted")
    for version, rows in (("v1", flights.head(300)), ("v2", flights)):
        file = batch.write_batch(rows, fit.inputs, tmp_path / f"{version}.parquet", rows=150)
        wanted.publish(wanted.build(version, file, fit.scorer))
    steps = 0
    while True:
        store = batch.PredictionStore(tmp_path / f"store{steps}")
        store.publish(store.build("v1", tmp_path / "v1.parquet", fit.scorer))
        left = [steps]

        def counted(work, left=left):
            def call(*arguments, **options):
                if left[0] == 0:
                    raise Killed
                left[0] -= 1
                return work(*arguments, **options)

            return call

        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", counted(os.fsync))
            patched.setattr(Path, "replace", counted(Path.replace))
            patched.setattr(shutil, "rmtree", counted(shutil.rmtree))
            try:
                store.publish(store.build("v2", tmp_path / "v2.parquet", fit.scorer))
                finished = True
            except Killed:
                finished = False
        seen = batch.Lookup(store, 0)
        assert seen.all() == table(wanted, seen.version)
        store.publish(store.build("v2", tmp_path / "v2.parquet", fit.scorer))
        assert contents(store.folder) == contents(wanted.folder)
        if finished:
            break
        steps += 1
    assert steps > 10


def killed(kills: int) -> dict:
    command = [sys.executable, str(HERE / "killing.py"), str(kills)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.parametrize(
    "kills",
    [pytest.param(20, marks=pytest.mark.slow), pytest.param(200, marks=[pytest.mark.slow, pytest.mark.nightly])],
)
def test_readers_see_whole_tables_while_publishers_are_killed(kills):
    """However often a publisher is killed, readers see one version at a time, whole, and never an older one again."""
    seen = killed(kills)
    assert seen["kills"] == kills
    assert seen["readers failed"] == 0
    assert [reader["bad"] for reader in seen["readers"]] == [[], []]
    assert seen["left over"] == [".lock", "CURRENT"]
    assert seen["same bytes"]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the largest memory of a process from /proc")
def test_a_larger_batch_needs_no_more_memory(tmp_path):
    """Ten times the rows, in pieces of the same size, take no more memory: rows are sorted on the disk."""
    few, many = (
        int(subprocess.run([sys.executable, HERE / "growing.py", str(rows)], capture_output=True, check=True).stdout)
        for rows in (60_000, 600_000)
    )
    assert many - few < 40


def test_two_publishers_at_once_are_one_and_an_error(fit, flights, source, store, tmp_path):
    """While another process publishes I get an error at once; after it ends, I can publish."""
    batch.run_job(store, "v1", source, fit.scorer)
    other = batch.write_batch(flights.iloc[1:], fit.inputs, tmp_path / "other", rows=150)
    code = (
        "import sys; from course_utils.serve import batch\n"
        "with batch.PredictionStore(sys.argv[1])._exclusive(): print('in', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(store.folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as publisher:
        assert publisher.stdout.readline() == "in\n"
        before = contents(store.folder)
        tries = [
            lambda: store.build("v2", other, fit.scorer),
            lambda: batch.run_job(store, "v2", other, fit.scorer),
            lambda: store.publish("v1"),
            store.rollback,
        ]
        for attempt in tries:
            with pytest.raises(UsageError, match="another process is building or publishing"):
                attempt()
        assert contents(store.folder) == before
        assert batch.Lookup(store, 0.2).version == "v1"
        publisher.kill()
    assert batch.run_job(store, "v2", other, fit.scorer) == []


# --------------------------------------------------------------------------- publish and roll back


def publish(store, fit, flights, tmp_path, *versions):
    """Publish versions of the batch, each of some flights fewer."""
    for place, version in enumerate(versions):
        rows = flights.iloc[place:]
        store.publish(store.build(version, batch.write_batch(rows, fit.inputs, tmp_path / version), fit.scorer))


def test_nothing_is_seen_before_it_is_published(fit, source, store):
    """A table that was built but not published is invisible to readers."""
    store.build("v1", source, fit.scorer)
    assert store.current is None
    with pytest.raises(UsageError, match="nothing was published"):
        batch.Lookup(store, 0.2)
    store.publish("v1")
    assert batch.Lookup(store, 0.2).version == "v1"


def test_a_rollback_brings_the_same_bytes_back(fit, flights, store, tmp_path):
    """I go back to the table before, or to any that is kept, and forward again."""
    publish(store, fit, flights, tmp_path, "v1", "v2", "v3")
    before = contents(store.path("v2"))
    assert store.rollback() == store.current == "v2"
    assert contents(store.path("v2")) == before
    assert store.rollback("v3") == "v3"
    assert store.rollback("v1") == "v1"
    with pytest.raises(UsageError, match="no table before"):
        store.rollback()
    with pytest.raises(UsageError, match="is not kept"):
        store.rollback("v9")


def test_old_tables_are_cleared_away_and_the_last_ones_kept(fit, flights, store, tmp_path):
    """Three published tables are kept by default; older ones are removed from the disk."""
    publish(store, fit, flights, tmp_path, "v1", "v2", "v3", "v4")
    assert store.kept == ["v2", "v3", "v4"]
    assert not (store.folder / "v1").exists()
    store.publish("v4", keep=1)
    assert store.kept == ["v4"]
    with pytest.raises(UsageError, match="would leave no table"):
        store.publish("v4", keep=0)


def test_a_table_never_changes(fit, flights, source, store, tmp_path):
    """The same rows under the same name change nothing; other rows need another name."""
    store.publish(store.build("v1", source, fit.scorer))
    before = contents(store.folder)
    store.build("v1", source, fit.scorer)
    assert contents(store.folder) == before
    other = batch.write_batch(flights.head(10), fit.inputs, tmp_path / "other")
    with pytest.raises(UsageError, match="tables never change"):
        store.build("v1", other, fit.scorer)


def test_a_damaged_table_is_neither_published_nor_read(fit, source, store):
    """If a byte of a table has changed, there is an error before any answer comes from it."""
    store.publish(store.build("v1", source, fit.scorer))
    file = store.path("v1") / "table.sqlite"
    damaged = bytearray(file.read_bytes())
    damaged[-1] ^= 1
    file.write_bytes(damaged)
    with pytest.raises(DataError, match="differs from the checksum in its manifest"):
        store.publish("v1")
    with pytest.raises(DataError, match="differs from the checksum in its manifest"):
        batch.Lookup(store, 0.2)


# --------------------------------------------------------------------------- lookups


def test_a_missing_flight_gets_the_default_and_is_told(fit, flights, source, store):
    """An answer says whether it is a prediction or the default, and which table it is from."""
    store.publish(store.build("v1", source, fit.scorer))
    lookup = batch.Lookup(store, 0.22)
    assert lookup.get("2031-01-01 XX 1 EWR 0600") == batch.Answer(0.22, "v1", default=True)
    found = lookup.get(batch.flight_keys(flights).iloc[0])
    assert found == (float(fit.scorer.score(fit.inputs.loc[flights.index[:1]])[0]), "v1", False)


def test_a_cache_answers_what_was_asked_lately_and_counts(fit, flights, source, store):
    """A cache of two answers drops the one that was used least recently."""
    store.publish(store.build("v1", source, fit.scorer))
    lookup = batch.Lookup(store, 0.2, cache=2)
    one, two, three = batch.flight_keys(flights).iloc[:3]
    for key in (one, two, one, three, one, two, "none"):
        lookup.get(key)
    assert lookup.counts().to_dict() == {"reads": 7, "from the cache": 2, "default answers": 1}


def test_a_reader_is_stale_until_it_looks_again(fit, flights, store, tmp_path):
    """A lookup that checks every third read answers from the old table until then, and empties its cache."""
    publish(store, fit, flights, tmp_path, "v1")
    lookup = batch.Lookup(store, 0.2, cache=10, look_every=3)
    key = batch.flight_keys(flights).iloc[0]
    assert lookup.get(key).version == "v1"
    publish(store, fit, flights.iloc[1:], tmp_path, "v2")
    assert [lookup.get(key) for _ in range(3)][-1] == (0.2, "v2", True)
    assert lookup.counts()["from the cache"] == 2


def test_a_reader_keeps_its_table_though_it_was_cleared_away(fit, flights, store, tmp_path):
    """A slow reader goes on reading the old table, whole, after newer ones pushed it out."""
    publish(store, fit, flights, tmp_path, "v1")
    lookup = batch.Lookup(store, 0.2, look_every=1000)
    before = lookup.all()
    publish(store, fit, flights.iloc[1:], tmp_path, "v2", "v3", "v4")
    assert not (store.folder / "v1").exists()
    assert lookup.all() == before
    lookup.refresh()
    assert lookup.version == "v4"


@pytest.mark.parametrize("options", [{"cache": -1}, {"look_every": 0}])
def test_a_lookup_that_cannot_be_is_refused(store, options):
    """A negative cache size and a check before every zeroth read are refused."""
    with pytest.raises(UsageError, match="out of range"):
        batch.Lookup(store, 0.2, **options)


# --------------------------------------------------------------------------- the gate


def test_a_good_batch_passes_and_is_published(fit, flights, source, store, tmp_path):
    """A batch like the last one passes the gate, and readers see it."""
    assert batch.run_job(store, "v1", source, fit.scorer) == []
    later = batch.write_batch(flights.iloc[5:], fit.inputs, tmp_path / "later")
    assert batch.run_job(store, "v2", later, fit.scorer) == []
    assert store.current == "v2"


@pytest.mark.slow
def test_each_of_five_bad_batches_is_refused_for_its_own_reason(tmp_path):
    """Five faulty batches are refused, each for its own reason, and readers see none of them."""
    model, flights = training.course_model(), datasets.load_flights()
    day = splits.day(flights)
    store = batch.PredictionStore(tmp_path / "store")
    for version, first, last in (("w1", "2013-11-04", "2013-11-10"), ("w2", "2013-11-11", "2013-11-17")):
        rows = flights[(day >= first) & (day <= last)]
        source = batch.write_batch(rows, model.inputs, tmp_path / "rows")
        assert batch.run_job(store, version, source, model.scorer) == []
    before = contents(store.folder)
    said = batch.try_bad_batches(store, rows, model.inputs, model.scorer)["reason"]
    assert len(said) == 5
    assert [reason.split(":")[0] for reason in said] == ["missing", "unseen", "rejected", "scores", "spot check"]
    assert not any(";" in reason for reason in said)
    assert contents(store.folder) == before


def test_a_refused_batch_leaves_readers_with_the_last_one(fit, flights, source, store, tmp_path):
    """A batch that is too small is refused, its table is removed, and the answers stay the same."""
    batch.run_job(store, "v1", source, fit.scorer)
    before = contents(store.folder)
    short = batch.write_batch(flights.head(100), fit.inputs, tmp_path / "short")
    assert batch.run_job(store, "v2", short, fit.scorer) == ["rows: 100 in this batch, 600 in the previous one"]
    assert contents(store.folder) == before


def test_the_gate_finds_a_table_of_another_model(fit, source, store):
    """A table that the current model would not have made is refused, even if it is the first one."""
    from dataclasses import replace

    other = replace(fit.scorer, booster=fit.scorer.booster[:2])
    store.build("v1", source, other)
    assert batch.publication_gate(store, "v1", source, fit.scorer) == [
        "spot check: 100 of 100 rows with a different score when scored one at a time"
    ]


# --------------------------------------------------------------------------- for the lesson


def test_more_detailed_keys_find_fewer_flights():
    """I see how many keys each design has, and how many flights would find theirs."""
    flights = datasets.load_flights()
    found = batch.key_coverage(flights)
    assert found.index[0] == "carrier × route"
    assert found["found"].is_monotonic_decreasing
    seen = flights[flights["DepTime"].notna()]
    route = seen["UniqueCarrier"].astype(str) + seen["Origin"].astype(str) + seen["Dest"].astype(str)
    assert found["keys"].iloc[0] == route.nunique()
    late = seen["Month"] >= 9
    assert found["found"].iloc[0] == round(100 * route[late].isin(route[~late]).mean(), 1)


def test_every_limit_of_the_gate_is_there():
    """All limits of the gate are in the table."""
    assert set(batch.gate_limits()) == {"rows", "rejected", "missing", "unseen", "psi", "spot"}
