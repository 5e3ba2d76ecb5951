"""Measures the Flight SQL server: throughput to an ADBC client, point queries, idle sessions.

What is compared is measured in one run on one machine. The same ADBC client reads the same rows from Sluice and from a
server made of pyarrow alone, in turns, with record batches of the same size: once rows of the same Parquet file, and
once rows that both servers hold in memory. Over many connections to each, since a client decides in the first
moments of each how much it lets a server send ahead, by what it happens to measure then. The figure is of all reads
together: where the machine is slower for a while it is so for both servers, but the median of one may fall elsewhere.
The same point queries are asked of Sluice and of a server in Rust that answers them and nothing else, in turns.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Self

import adbc_driver_flightsql.dbapi
import pyarrow as pa
import pyarrow.parquet

COLUMNS = ("a", "b", "c", "d")


def write_rows(path: Path, rows: int) -> None:
    """Writes `rows` rows of four `int64` columns."""
    schema = pa.schema([(name, pa.int64()) for name in COLUMNS])
    step = 1 << 20
    with pa.parquet.ParquetWriter(path, schema, compression="none", use_dictionary=False) as writer:
        for start in range(0, rows, step):
            numbers = pa.array(range(start, min(start + step, rows)), pa.int64())
            writer.write_table(pa.table([numbers] * len(COLUMNS), schema=schema))


def connect(uri: str, token: str | None) -> adbc_driver_flightsql.dbapi.Connection:
    options = {"adbc.flight.sql.authorization_header": f"Bearer {token}"} if token else {}
    return adbc_driver_flightsql.dbapi.connect(uri, db_kwargs=options, autocommit=True)


def read_all(connection: adbc_driver_flightsql.dbapi.Connection, query: str) -> tuple[int, float, int]:
    """Reads every row through ADBC. Answers rows, seconds, and the most rows of a batch."""
    with connection.cursor() as cursor:
        started = time.perf_counter()
        cursor.execute(query)
        rows = largest = 0
        for batch in cursor.fetch_record_batch():
            rows += batch.num_rows
            largest = max(largest, batch.num_rows)
        return rows, time.perf_counter() - started, largest


def hold(connection: adbc_driver_flightsql.dbapi.Connection, parquet: Path, options: argparse.Namespace) -> str:
    """Has the server hold some of the rows in memory; answers a query for as many of them as there are rows."""
    table = pa.parquet.read_table(parquet, memory_map=False).slice(0, options.rows // 4).combine_chunks()
    reader = pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=options.batch_rows))
    with connection.cursor() as cursor:
        cursor.adbc_ingest("held", reader, mode="create", temporary=True)
    return " UNION ALL ".join(["SELECT * FROM held"] * 4)


class Server:
    """A server in a process of its own, called at `uri`."""

    def __init__(self, *command: str) -> None:
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        said = []
        for line in self.process.stdout:
            said.append(line)
            if line.startswith("listening on "):
                self.uri = line.split()[-1]
                break
        else:
            sys.exit(f"{command[0]} does not serve:\n{''.join(said)}")
        threading.Thread(target=self.process.stdout.read, daemon=True).start()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(60)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


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
        self.server = Server(binary, "--home", self.home, "serve", "--listen", "127.0.0.1:0")

    def run(self, *arguments: str, home: bool = True) -> str:
        where = ["--home", self.home] if home else []
        done = subprocess.run([self.binary, *where, *arguments], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(done.stderr)
        return done.stdout

    def sql(self, text: str, *arguments: str) -> str:
        return self.run("sql", "-c", text, *arguments)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sluice", required=True, help="the release binary")
    parser.add_argument("--load", required=True, help="the release build of flight_load")
    parser.add_argument("--bare", required=True, help="the release build of bare_flight")
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--batch-rows", type=int, default=65_536)
    parser.add_argument("--connections", type=int, default=18, help="from the client to each server")
    parser.add_argument("--turns", type=int, default=2, help="how often each connection reads the rows")
    parser.add_argument("--seconds", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        parquet = folder / "rows.parquet"
        write_rows(parquet, options.rows)
        sluice = Sluice(options.sluice, folder, parquet, options.batch_rows)
        plain = [
            sys.executable,
            str(Path(__file__).with_name("plain_server.py")),
            str(parquet),
            f"--batch-rows={options.batch_rows}",
        ]
        with sluice.server:
            with Server(*plain) as from_parquet, Server(*plain, "--from-memory") as from_memory:
                measure_throughput(options, sluice, parquet, from_parquet, from_memory)
            with Server(options.bare) as bare:
                measure_points(options, sluice, bare)


def measure_throughput(
    options: argparse.Namespace, sluice: Sluice, parquet: Path, from_parquet: Server, from_memory: Server
) -> None:
    """Prints how fast an ADBC client reads rows from Sluice and from pyarrow's servers."""

    def connections(server: Server, token: str | None = None) -> list[adbc_driver_flightsql.dbapi.Connection]:
        return [connect(server.uri, token) for _ in range(options.connections)]

    ours = connections(sluice.server, sluice.token)
    readers = {
        "Parquet, sluice": (ours, f"SELECT {', '.join(COLUMNS)} FROM bench.rows"),
        "Parquet, pyarrow": (connections(from_parquet), "every row"),
        "memory, sluice": (ours, hold(ours[0], parquet, options)),
        "memory, pyarrow": (connections(from_memory), "every row"),
    }
    taken: dict[str, float] = dict.fromkeys(readers, 0.0)
    sizes: dict[str, int] = {}
    for turn in range(options.turns + 1):
        for number in range(options.connections):
            for label, (opened, query) in readers.items():
                rows, seconds, largest = read_all(opened[number], query)
                assert rows == options.rows, f"{label} answered {rows} rows"
                # The first turn warms up.
                if turn:
                    taken[label] += seconds
                sizes[label] = largest
    for opened, _ in readers.values():
        for connection in opened:
            connection.close()
    bytes_sent = options.turns * options.connections * options.rows * len(COLUMNS) * 8
    over = f"{options.turns} turns over {options.connections} connections"
    print(f"{options.rows:,} rows of four int64 columns, {over}")
    for label, seconds in taken.items():
        rate = bytes_sent / seconds / 1e9
        print(f"  from {label:18} {rate:5.2f} GB/s   batches of up to {sizes[label]:,} rows")
    for source in ("Parquet", "memory"):
        ratio = taken[f"{source}, pyarrow"] / taken[f"{source}, sluice"]
        print(f"  from {source:8} sluice / pyarrow {ratio:.2f}")


def measure_points(options: argparse.Namespace, sluice: Sluice, bare: Server) -> None:
    """Prints how many point queries Sluice and a bare server answer, and what Sluice's idle sessions take."""
    load = [options.load, "--token", sluice.token, "--seconds", str(options.seconds)]
    load += ["--query", "SELECT id, value FROM bench.points WHERE id = $1"]
    for prefix, server in (("", sluice.server), ("bare-", bare)):
        load += [f"--{prefix}uri", server.uri.replace("grpc://", "http://")]
        load += [f"--{prefix}pid", str(server.process.pid)]
    figures = json.loads(subprocess.run(load, stdout=subprocess.PIPE, text=True, check=True).stdout)
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
