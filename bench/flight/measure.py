"""Measures the Flight SQL server: throughput to an ADBC client, point queries, idle sessions.

What is compared is measured in one run on one machine: the same ADBC client reads the same rows from Sluice and from a
server made of pyarrow alone, in turns, with record batches of the same size. pyarrow serves once from memory, which
is the hardest to match, and once from the same Parquet file.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import adbc_driver_flightsql.dbapi
import pyarrow as pa
import pyarrow.flight
import pyarrow.parquet

COLUMNS = ("a", "b", "c", "d")


class PlainServer(pa.flight.FlightServerBase):
    """What pyarrow gives: a Flight server that answers every question with the same rows."""

    def __init__(self, schema: pa.Schema, batches) -> None:
        super().__init__("grpc://127.0.0.1:0")
        self.schema = schema
        self.batches = batches

    def get_flight_info(self, context, descriptor):
        endpoint = pa.flight.FlightEndpoint(b"rows", [])
        return pa.flight.FlightInfo(self.schema, descriptor, [endpoint], -1, -1)

    def do_get(self, context, ticket):
        if ticket.ticket != b"rows":
            raise NotImplementedError("only rows are served")
        return self.batches()

    def do_action(self, context, action):
        raise NotImplementedError("statements are not prepared here")


def write_rows(path: Path, rows: int) -> pa.Schema:
    """Writes `rows` rows of four `int64` columns."""
    schema = pa.schema([(name, pa.int64()) for name in COLUMNS])
    step = 1 << 20
    with pa.parquet.ParquetWriter(path, schema, compression="none", use_dictionary=False) as writer:
        for start in range(0, rows, step):
            numbers = pa.array(range(start, min(start + step, rows)), pa.int64())
            writer.write_table(pa.table([numbers] * len(COLUMNS), schema=schema))
    return schema


def read_all(uri: str, query: str, token: str | None) -> tuple[int, float, int]:
    """Reads every row through ADBC. Answers rows, seconds, and the most rows of a batch."""
    options = {"adbc.flight.sql.authorization_header": f"Bearer {token}"} if token else {}
    with adbc_driver_flightsql.dbapi.connect(uri, db_kwargs=options, autocommit=True) as connection:
        with connection.cursor() as cursor:
            started = time.perf_counter()
            cursor.execute(query)
            rows = largest = 0
            for batch in cursor.fetch_record_batch():
                rows += batch.num_rows
                largest = max(largest, batch.num_rows)
            return rows, time.perf_counter() - started, largest


class Sluice:
    """A home with the rows, and a server on it."""

    def __init__(self, binary: str, folder: Path, parquet: Path, batch_rows: int) -> None:
        self.binary, self.home = binary, str(folder / "home")
        self.run("init", self.home, home=False)
        settings = folder / "home" / "sluice.toml"
        text = settings.read_text(encoding="utf-8").replace("batch_rows = 0", f"batch_rows = {batch_rows}")
        settings.write_text(text + "\n[server]\nmax_statements_per_principal = 16\n", encoding="utf-8")
        self.sql(
            f"""CREATE SCHEMA bench;
            CREATE EXTERNAL TABLE bench.rows STORED AS PARQUET LOCATION '{parquet}';
            SET TAG ON COLUMNS bench.rows ({", ".join(f"{name} public" for name in COLUMNS)});
            CREATE TABLE bench.points AS SELECT a AS id, a * 2 AS value FROM bench.rows WHERE a < 1000;
            CREATE TAG bench_private;
            SET TAG ON COLUMN bench.points.value bench_private;
            CREATE USER reader; GRANT SELECT ON SCHEMA bench TO USER reader;
            GRANT READ ON TAG bench_private TO USER reader"""
        )
        output = self.sql("CREATE TOKEN FOR reader", "--format", "csv")
        self.token = output.splitlines()[-1]
        command = [binary, "--home", self.home, "serve", "--listen", "127.0.0.1:0"]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if line.startswith("listening on "):
                self.uri = line.split()[-1]
                break
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def run(self, *arguments: str, home: bool = True) -> str:
        where = ["--home", self.home] if home else []
        done = subprocess.run([self.binary, *where, *arguments], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(done.stderr)
        return done.stdout

    def sql(self, text: str, *arguments: str) -> str:
        return self.run("sql", "-c", text, *arguments)

    def stop(self) -> None:
        self.process.terminate()
        assert self.process.wait(60) == 0, "the server did not end well"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sluice", required=True, help="the release binary")
    parser.add_argument("--load", required=True, help="the release build of flight_load")
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--batch-rows", type=int, default=65_536)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        parquet = folder / "rows.parquet"
        schema = write_rows(parquet, options.rows)
        sluice = Sluice(options.sluice, folder, parquet, options.batch_rows)
        table = pa.parquet.read_table(parquet, memory_map=False)
        in_memory = pa.Table.from_batches(table.combine_chunks().to_batches(max_chunksize=options.batch_rows))
        del table

        def from_file():
            source = pa.parquet.ParquetFile(parquet)
            return pa.flight.GeneratorStream(schema, source.iter_batches(batch_size=options.batch_rows))

        servers = {
            "pyarrow from memory": PlainServer(schema, lambda: pa.flight.RecordBatchStream(in_memory)),
            "pyarrow from Parquet": PlainServer(schema, from_file),
        }
        taken: dict[str, list[float]] = {}
        sizes: dict[str, int] = {}
        query = f"SELECT {', '.join(COLUMNS)} FROM bench.rows"
        for turn in range(options.turns + 1):
            for label, (uri, token) in {
                "sluice": (sluice.uri, sluice.token),
                **{label: (f"grpc://127.0.0.1:{server.port}", None) for label, server in servers.items()},
            }.items():
                rows, seconds, largest = read_all(uri, query, token)
                assert rows == options.rows, f"{label} answered {rows} rows"
                # The first turn warms up.
                if turn:
                    taken.setdefault(label, []).append(seconds)
                sizes[label] = largest
        for server in servers.values():
            server.shutdown()
        bytes_sent = options.rows * len(COLUMNS) * 8
        medians = {label: statistics.median(seconds) for label, seconds in taken.items()}
        print(f"{options.rows:,} rows of four int64 columns, medians of {options.turns} turns")
        for label, seconds in medians.items():
            ratio = seconds / medians["sluice"]
            rate = bytes_sent / seconds / 1e9
            print(f"  {label:22} {rate:5.2f} GB/s   sluice is {ratio:.2f} of it   batches of {sizes[label]:,} rows")
        load = [options.load, "--uri", sluice.uri.replace("grpc://", "http://"), "--token", sluice.token]
        load += ["--query", "SELECT id, value FROM bench.points WHERE id = $1", "--pid", str(sluice.process.pid)]
        load += ["--seconds", str(options.seconds)]
        figures = json.loads(subprocess.run(load, capture_output=True, text=True, check=True).stdout)
        print(json.dumps(figures, indent=2))
        sluice.stop()


if __name__ == "__main__":
    main()
