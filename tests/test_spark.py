"""Spark writes, reads and gives what DuckDB does, and both compute the same features and segments."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TypeAlias

import duckdb
import narwhals as nw
import numpy as np
import pandas as pd
import pytest

from regulars import Shop
from regulars.config import ConfigError, ShopConfig, read_config
from regulars.engine import Engine, EngineError
from regulars.features import build_snapshots
from regulars.ingest import stage
from regulars.segments import ClusterModel, overlapping_segments, segment_by_rules
from regulars.spark import SparkEngine, require_java, spark_memory

Shops: TypeAlias = tuple[Shop, Shop]

ROWS = """FROM (VALUES
    (2, 1.2345::DECIMAL(18, 4), TIMESTAMP '2017-03-26 02:30:00', 'b', true, 3::INTEGER, 0.1::DOUBLE),
    (NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    (1, -0.0001, TIMESTAMP '1969-12-31 23:59:59.999999', 'Ä', false, -1, 1 / 3),
    (2, 99999999999999.9999, TIMESTAMP '2017-10-29 02:30:00', 'a', NULL, 0, 1e300)
) t(n, money, ordered_at, word, flag, day, x)"""


def staged(folder: Path, query: str = ROWS) -> Path:
    path = folder / "staged.parquet"
    duckdb.sql(query).write_parquet(str(path))
    return path


@pytest.mark.slow
def test_what_spark_writes_is_what_duckdb_writes_byte_for_byte(spark: SparkEngine, tmp_path: Path) -> None:
    path = staged(tmp_path)
    for name, engine in {"by-duckdb": Engine(), "by-spark": spark}.items():
        engine.write(engine.scan(path), tmp_path / "new" / name, "n", "money")
    one, other = (tmp_path / "new" / name for name in ("by-duckdb", "by-spark"))
    assert duckdb.read_parquet(str(other)).types == duckdb.read_parquet(str(one)).types
    assert duckdb.read_parquet(str(other)).fetchall() == duckdb.read_parquet(str(one)).fetchall()
    assert [row[0] for row in duckdb.read_parquet(str(other)).fetchall()] == [1, 2, 2, None]
    assert one.read_bytes() == other.read_bytes()
    assert sorted(path.name for path in one.parent.iterdir()) == ["by-duckdb", "by-spark"]


@pytest.mark.slow
def test_what_spark_collects_is_what_duckdb_collects(spark: SparkEngine, tmp_path: Path) -> None:
    path = staged(tmp_path)
    one, other = (engine.collect(engine.scan(path), "n", "money") for engine in (Engine(), spark))
    assert other.equals(one)
    assert other.dtypes.tolist() == one.dtypes.tolist()
    assert Engine().collect(spark.scan(path), "n", "money").equals(one)


@pytest.mark.slow
def test_staged_times_have_no_zone_in_spark(spark: SparkEngine, tmp_path: Path) -> None:
    hours = spark.scan(staged(tmp_path)).select("n", "money", hour=nw.col("ordered_at").dt.hour())
    assert spark.collect(hours, "n", "money")["hour"].tolist()[:3] == [23, 2, 2]


@pytest.mark.slow
def test_nothing_to_write_is_a_file_without_rows(spark: SparkEngine, tmp_path: Path) -> None:
    frame = spark.scan(staged(tmp_path)).filter(nw.col("n") > 9)
    spark.write(frame, tmp_path / "none.parquet", "n")
    written = duckdb.read_parquet(str(tmp_path / "none.parquet"))
    assert (written.fetchall(), written.columns[:2]) == ([], ["n", "money"])
    assert len(spark.collect(frame)) == 0


@pytest.mark.slow
def test_a_failing_write_leaves_the_old_file_and_nothing_else(spark: SparkEngine, tmp_path: Path) -> None:
    home = tmp_path / "home"
    spark.write(spark.scan(staged(tmp_path)), home / "t.parquet", "n")
    before = (home / "t.parquet").read_bytes()
    bad = spark.scan(staged(tmp_path)).with_columns(n=nw.col("word").cast(nw.Int64))
    with pytest.raises(Exception, match="CAST_INVALID_INPUT"):
        spark.write(bad, home / "t.parquet", "n")
    assert (home / "t.parquet").read_bytes() == before
    assert list(home.iterdir()) == [home / "t.parquet"]


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["a[b]", "star*", "why?", "{x,y}", "two words", "per%20cent", "für"])
def test_odd_folder_names_are_no_patterns(spark: SparkEngine, tmp_path: Path, folder: str) -> None:
    path = tmp_path / folder / "t.parquet"
    spark.write(spark.scan(staged(tmp_path)), path, "n")
    assert len(spark.collect(spark.scan(path))) == 4


@pytest.mark.slow
def test_what_is_materialised_is_computed_once_and_can_be_released(spark: SparkEngine) -> None:
    frame = nw.from_native(spark.session.sql("SELECT id, uuid() AS x FROM range(5)"))
    kept = spark.materialise(frame, "kept")
    assert spark.collect(kept, "x").equals(spark.collect(kept, "x"))
    again = spark.materialise(kept.filter(nw.col("id") > 2), "kept")
    assert len(spark.collect(again)) == 2
    assert [one.to_native().storageLevel.useMemory for one in (kept, again)] == [False, True]
    spark.release("kept")
    spark.release("kept")
    assert not again.to_native().storageLevel.useMemory


@pytest.fixture(scope="module", params=["demo", "simulated"])
def shops(
    request: pytest.FixtureRequest, spark: SparkEngine, tmp_path_factory: pytest.TempPathFactory
) -> Shops:
    """One shop staged once, and opened twice: computing on DuckDB, and computing on Spark."""
    home = {"REGULARS_HOME": str(tmp_path_factory.mktemp(request.param))}
    one, other = Shop.open(request.param, home), Shop.open(request.param, home)
    stage(one)
    other.__dict__["compute"] = spark
    return one, other


def largest_difference(one: pd.DataFrame, other: pd.DataFrame) -> pd.Series:
    """For each column, by how much its values differ; 1 where one of two is missing, or where texts or flags differ."""
    assert other.columns.tolist() == one.columns.tolist()
    assert other["customer_id"].tolist() == one["customer_id"].tolist()
    found = {}
    for name in one:
        a, b = one[name], other[name]
        if a.dtype.kind == "f" and b.dtype.kind in "fi":
            found[name] = (a - b).abs().where(a.notna() & b.notna(), 1.0 * (a.notna() | b.notna())).max()
        else:
            found[name] = float(not a.equals(b))
    return pd.Series(found)


@pytest.mark.slow
def test_features_and_segments_are_the_same_on_both_engines(shops: Shops) -> None:
    one, other = shops
    month = one.months()[-1]
    tables = []
    for shop in (one, other):
        build_snapshots(shop, [month])
        features = shop.snapshot(month, prospects=True)
        kept = shop.engine.scan(shop.monthly("features", month)).collect_schema()
        flags = overlapping_segments(features, config=shop.config.segments)
        frames = (features, segment_by_rules(features), flags.frame)
        tables.append((kept, flags.table, [shop.compute.collect(frame, "customer_id") for frame in frames]))
    (schema, statuses, found), (schema_too, statuses_too, found_too) = tables
    assert dict(schema_too) == dict(schema)
    assert statuses_too.equals(statuses)
    for table, table_too in zip(found, found_too, strict=True):
        differences = largest_difference(table, table_too)
        assert differences[differences > 1e-9].to_dict() == {}
        assert len(table) > 2000


@pytest.mark.slow
@pytest.mark.parametrize("k", [1, 4, 8])
def test_kept_clusters_are_the_same_on_both_engines_and_in_pandas(
    spark: SparkEngine, tmp_path: Path, k: int
) -> None:
    rng = np.random.default_rng(0)
    n = 20_000
    frequency = rng.geometric(0.4, n)
    table = pd.DataFrame({"customer_id": np.arange(n), "recency_days": rng.integers(1, 400, n).astype(float)})
    table = table.assign(frequency=frequency, revenue=frequency * rng.lognormal(3, 1, n).round(2) - 5)
    table.loc[:9, "recency_days"] = np.nan
    model = ClusterModel(k, random_state=0).fit(table)
    staged_table = tmp_path / "base.parquet"
    duckdb.connect().from_df(table).write_parquet(str(staged_table))
    log = (nw.col("revenue").clip(lower_bound=0) + 1).log()
    one, other = (
        engine.collect(
            model.label(engine.scan(staged_table)).select("customer_id", "cluster", log=log),
            "customer_id",
        )
        for engine in (Engine(), spark)
    )
    assert (one["log"] - other["log"]).abs().max() < 1e-9
    assert other["cluster"].equals(one["cluster"])
    assert one["cluster"].isna().tolist() == [True] * 10 + [False] * (n - 10)
    assert one["cluster"].astype("Int64").tolist() == model.predict(table).tolist()


@pytest.mark.slow
def test_sparks_talk_is_in_its_log_and_not_on_the_screen(
    spark: SparkEngine, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    spark.collect(spark.scan(staged(tmp_path)))
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_an_engine_after_a_stopped_session_begins_in_the_same_java(
    spark: SparkEngine, tmp_path: Path
) -> None:
    from pyspark import SparkContext

    java = SparkContext._gateway
    spark.session.stop()
    spark.session = SparkEngine(Engine(), "local[2]", tmp_path / "spill", "1GB").session
    assert SparkContext._gateway is java
    assert len(spark.collect(spark.scan(staged(tmp_path)))) > 0


def test_an_amount_of_memory_that_is_none_is_said() -> None:
    with pytest.raises(
        EngineError, match="REGULARS_MEMORY is 'much', which is no amount of memory: write it as 4GB"
    ):
        spark_memory("much")


def test_without_pyspark_the_remedy_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "pyspark", None)
    with pytest.raises(EngineError, match=r"needs pyspark, .* run pip install 'regulars\[spark\]'"):
        SparkEngine(Engine(), spill=tmp_path)


def test_without_java_the_remedy_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(EngineError, match=r"needs Java 17 or later, but there is no .*: install it"):
        require_java()


BOTH = """name: corner
title: Corner shop
currency: EUR
time_zone: Europe/Berlin
source: {kind: completejourney}
margin_rate: 0.25
"""


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ("engine: sparc", "'engine' is 'sparc', but it should be 'duckdb' or 'spark'"),
        ("spark_master: local[2]", "only Spark has a master: write engine: spark, or leave spark_master out"),
        ("engine: spark\nspark_master: yarn", "it should be local[*], local[4] or like spark://host:7077"),
        ("engine: spark\nspark_master: local[0]", "'spark_master' is 'local[0]', but it should be local[*]"),
        ("engine: spark\nspark_master: spark://host", "'spark_master' is 'spark://host', but it should be"),
    ],
)
def test_a_wrong_engine_or_master_is_named(tmp_path: Path, lines: str, sentence: str) -> None:
    (tmp_path / "corner.yml").write_text(BOTH + lines)
    with pytest.raises(ConfigError) as error:
        read_config(tmp_path / "corner.yml", ShopConfig)
    assert sentence in str(error.value)


@pytest.mark.parametrize(
    "master", ["local[*]", "local[4]", "local", "spark://host:7077", "spark://10.0.0.7:7077"]
)
def test_masters_that_there_are(tmp_path: Path, master: str) -> None:
    (tmp_path / "corner.yml").write_text(f"{BOTH}engine: spark\nspark_master: {master}")
    assert read_config(tmp_path / "corner.yml", ShopConfig).spark_master == master


def test_a_shop_computes_on_duckdb_unless_it_says_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop.open("demo", {"REGULARS_HOME": str(tmp_path)})
    assert shop.compute is shop.engine
    asked = {}

    def begun(*wishes: object) -> str:
        asked["wishes"] = wishes
        return "Spark"

    monkeypatch.setattr("regulars.spark.SparkEngine", begun)
    monkeypatch.setenv("REGULARS_MEMORY", "3GB")
    config = shop.config.model_copy(update={"engine": "spark", "spark_master": "local[3]"})
    other = Shop(config, tmp_path, tmp_path)
    assert other.compute == "Spark"
    assert asked["wishes"] == (other.engine, "local[3]", other.data / ".spill", "3GB")
