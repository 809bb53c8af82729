"""Apache Spark behind the same few methods as DuckDB, for shops whose tables outgrow one machine.

What leaves Spark leaves through DuckDB, which sorts it and writes one file: a table is the same whichever engine made it.
pyspark is imported when an engine is made, never before.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import Any

import narwhals as nw
import pandas as pd

from regulars.engine import Engine, EngineError, Frame, in_pandas

BYTES = {
    f"{unit}{i}b": base**power
    for i, base in (("", 1000), ("i", 1024))
    for power, unit in enumerate("kmgt", 1)
}
SETTINGS = {
    "spark.sql.session.timeZone": "UTC",  # staged times have no zone, and none may be laid over them
    "spark.sql.adaptive.enabled": "true",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}
# A small table must not be cut into Spark's 200 pieces; what is too large for one of these spills to disk.
LOCAL = {"spark.driver.host": "localhost", "spark.sql.shuffle.partitions": str(8 * (os.cpu_count() or 2))}


class SparkEngine:
    """One Spark session; a process has one, so that the master and the memory of the first engine hold for all.

    On a cluster every worker must see the shop's data folder under the same path.

    Args:
        engine: the DuckDB engine that sorts, writes and collects what Spark has computed.
        master: `local[*]` for all cores of this machine, `local[4]` for four, or `spark://host:7077`.
        spill: the folder for what does not fit, and for Spark's log; a temporary one unless given.
        memory: how much the driver and each worker may use, such as "4GB"; Spark's own choice unless given.

    Raises:
        EngineError: if pyspark or Java is not there, or the master does not answer.
    """

    def __init__(
        self, engine: Engine, master: str = "local[*]", spill: Path | None = None, memory: str | None = None
    ) -> None:
        self.engine = engine
        self.session = _session(master, spill or Path(tempfile.mkdtemp(prefix="spark-")), memory)
        self._kept: dict[str, Any] = {}

    def scan(self, path: Path) -> Frame:
        """A Parquet file as a lazy frame; a name with a star in it is no pattern."""
        return nw.from_native(self.session.read.option("__globPaths__", "false").parquet(_url(path)))

    def materialise(self, frame: Frame, name: str) -> Frame:
        """`frame` computed once and kept, in memory or on disk: a Spark frame runs again at every use."""
        kept = frame.to_native().persist()
        kept.count()
        self.release(name)  # only now: the frame may be made from what had this name before
        self._kept[name] = kept
        return nw.from_native(kept)

    def release(self, name: str) -> None:
        """Forget what `materialise` kept under a name."""
        if name in self._kept:
            self._kept.pop(name).unpersist()

    def write(self, frame: Frame, path: Path, *sort_by: str) -> None:
        """Write `frame` to a Parquet file in the order of `sort_by`, rounded, by rename.

        Spark writes a folder of parts beside the file, in parallel; DuckDB makes one file of them.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        parts = path.with_name(f".{path.name}.{os.getpid()}.parts")
        try:
            frame.to_native().write.mode("overwrite").parquet(_url(parts))
            files = [str(part) for part in sorted(parts.glob("*.parquet"))]
            self.engine.write(nw.from_native(self.engine.connection.read_parquet(files)), path, *sort_by)
        finally:
            shutil.rmtree(parts, ignore_errors=True)

    def collect(self, frame: Frame, *sort_by: str) -> pd.DataFrame:
        """`frame` in pandas, in the order of `sort_by`: for aggregates and samples only."""
        return in_pandas(frame.sort(*sort_by, nulls_last=True) if sort_by else frame)


def _url(path: Path) -> str:
    """A local path as Spark wants it, so that a cluster's own file system is not searched for it."""
    return f"file://{path.resolve()}"


def spark_memory(memory: str) -> str:
    """An amount of memory as Spark writes it.

    Raises:
        EngineError: if it is none.

    >>> spark_memory("4GB"), spark_memory("1.5 GiB"), spark_memory("800mb")
    ('3814m', '1536m', '762m')
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]i?b)\s*", memory.lower())
    if not found:
        raise EngineError(f"REGULARS_MEMORY is '{memory}', which is no amount of memory: write it as 4GB.")
    return f"{int(float(found[1]) * BYTES[found[2]] / BYTES['mib'])}m"


def _session(master: str, folder: Path, memory: str | None) -> Any:
    """The process's session, begun if there is none."""
    settings = SETTINGS | {"spark.local.dir": str(folder.resolve())}
    if master.startswith("local"):
        settings |= LOCAL
    if memory:
        settings |= dict.fromkeys(("spark.driver.memory", "spark.executor.memory"), spark_memory(memory))
    try:
        from pyspark import SparkConf
        from pyspark.logger import PySparkLogger
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise EngineError(
            "engine: spark needs pyspark, which is not installed: run pip install 'regulars[spark]', or write engine: duckdb."
        ) from error
    conf = SparkConf().setMaster(master).setAppName("regulars").setAll(list(settings.items()))
    for name in (
        "DataFrameQueryContextLogger",
        "SQLQueryContextLogger",
    ):  # errors are raised, and need no print besides
        PySparkLogger.getLogger(name).disabled = True
    if SparkSession.getActiveSession() is None:
        require_java()
        _start(conf, folder)
    return SparkSession.builder.config(conf=conf).getOrCreate()


def require_java() -> None:
    """Say what to do if there is no Java for Spark to run in.

    Raises:
        EngineError: if neither JAVA_HOME nor PATH has one.
    """
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else "java"
    if shutil.which(java) is None:
        raise EngineError(
            f"engine: spark needs Java 17 or later, but there is no {java}: install it (such as openjdk-17-jre-headless), "
            "set JAVA_HOME to its folder, or write engine: duckdb."
        )


def _start(conf: Any, folder: Path) -> None:
    """Begin Java, and Spark in it. Java cannot be told to be quiet, so what it says goes to `folder/spark.log`.

    Raises:
        EngineError: if Java is too old, or the master does not answer.
    """
    from pyspark import SparkContext
    from pyspark.java_gateway import launch_gateway
    from pyspark.sql import SparkSession

    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "spark.log"
    try:
        with log.open("wb") as talk, warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of pandas 3, which it never gets to see
            # Java outlives a stopped session, and serves the next.
            java = SparkContext._gateway or launch_gateway(conf, {"stderr": talk})
            SparkSession(SparkContext(conf=conf, gateway=java))
    except Exception as error:
        raise EngineError(
            f"Spark did not start with spark_master: {conf.get('spark.master')}. It needs Java 17 or later, and a master "
            f"that answers; {log} says more."
        ) from error
