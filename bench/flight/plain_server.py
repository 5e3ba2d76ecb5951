"""A Flight server made of pyarrow alone: it answers every query with the rows of one Parquet file."""

from __future__ import annotations

import argparse

import pyarrow as pa
import pyarrow.flight
import pyarrow.parquet


class PlainServer(pa.flight.FlightServerBase):
    """What pyarrow gives, with as little around it as a Flight SQL driver can do with."""

    def __init__(self, parquet: str, batch_rows: int, from_memory: bool) -> None:
        super().__init__("grpc://127.0.0.1:0")
        self.parquet, self.batch_rows = parquet, batch_rows
        self.schema = pa.parquet.read_schema(parquet)
        self.table = None
        if from_memory:
            table = pa.parquet.read_table(parquet, memory_map=False).combine_chunks()
            self.table = pa.Table.from_batches(table.to_batches(max_chunksize=batch_rows))

    def get_flight_info(self, context, descriptor):
        # A driver asks what the server can do first; a server that cannot tell is one it knows how to treat.
        if b"CommandGetSqlInfo" in (descriptor.command or b""):
            raise NotImplementedError("nothing is known about this server")
        endpoint = pa.flight.FlightEndpoint(b"rows", [])
        return pa.flight.FlightInfo(self.schema, descriptor, [endpoint], -1, -1)

    def do_get(self, context, ticket):
        if ticket.ticket != b"rows":
            raise NotImplementedError("only rows are served")
        if self.table is not None:
            return pa.flight.RecordBatchStream(self.table)
        source = pa.parquet.ParquetFile(self.parquet)
        return pa.flight.GeneratorStream(self.schema, source.iter_batches(batch_size=self.batch_rows))

    def do_action(self, context, action):
        raise NotImplementedError("statements are not prepared here")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parquet")
    parser.add_argument("--batch-rows", type=int, required=True)
    parser.add_argument("--from-memory", action="store_true")
    options = parser.parse_args()
    server = PlainServer(options.parquet, options.batch_rows, options.from_memory)
    print(f"listening on grpc://127.0.0.1:{server.port}", flush=True)
    server.serve()


if __name__ == "__main__":
    main()
