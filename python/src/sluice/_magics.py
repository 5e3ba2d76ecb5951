"""`%sluice` and `%%sluice`, for IPython and Jupyter."""

from __future__ import annotations

import argparse
import getpass
import os
import re
import shlex
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import adbc_driver_manager
import pyarrow as pa
from adbc_driver_manager.dbapi import Connection
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_cell_magic, magics_class, no_var_expand

from ._connect import connect
from ._denials import Denied, server_text
from ._explain import COLUMNS, Explanation, is_explanation
from ._parameters import bindable
from ._progress import NotebookProgress, Progress, TerminalProgress, quantity

FORMATS = ("pandas", "arrow", "polars")

_URI = re.compile(r"[a-z][a-z0-9+]*://", re.IGNORECASE)
_READING = re.compile(
    r"(\s|\(|--[^\n]*\n|/\*.*?\*/)*(SELECT|WITH|VALUES|FROM|TABLE|SHOW|EXPLAIN|DESCRIBE)\b", re.I | re.S
)

USAGE = """\
%sluice connect [URI] [options]    connect; `%sluice URI` does the same. --help lists the options
%sluice close                      close the connection
%sluice                            say what is connected
%sluice SELECT …                   run one line of SQL and give its result
%%sluice [options]                 run the cell as SQL. --help lists the options"""


class StatementFailed(Exception):
    """A statement failed for another reason than being refused. IPython shows the text without a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [f"\x1b[31merror:\x1b[0m {self}"]


class _Parser(argparse.ArgumentParser):
    """Raises instead of ending the process."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}\n{self.format_usage().strip()}")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        raise _HelpShown


class _HelpShown(Exception):
    pass


def connect_parser() -> argparse.ArgumentParser:
    """The options of `%sluice connect`."""
    parser = _Parser(prog="%sluice connect", description="Connect to a Sluice server.")
    parser.add_argument("uri", nargs="?", help="grpc+tls://host:port; $SLUICE_URI if left out")
    parser.add_argument("--connection", metavar="NAME", help="use the open connection in this variable")
    parser.add_argument("--token-env", metavar="VAR", help="the environment variable that holds the token")
    parser.add_argument("--username", help="a user with a password, which is asked for")
    parser.add_argument("--password-env", metavar="VAR", help="the environment variable that holds the password")
    parser.add_argument("--domain", choices=("experiment", "production"))
    parser.add_argument("--purpose", help="what the data is for; policies may ask")
    parser.add_argument("--schema", help="where unqualified names are looked up")
    parser.add_argument("--time-zone", metavar="ZONE", help="such as Europe/Berlin")
    parser.add_argument("--tls-root-certs", metavar="FILE", help="certificates to trust instead of the system's")
    parser.add_argument("--tls-server-name", metavar="NAME", help="the name to expect in the certificate")
    parser.add_argument("--tls-skip-verify", action="store_true", help="accept any certificate")
    parser.add_argument("--client-cert", metavar="FILE")
    parser.add_argument("--client-key", metavar="FILE")
    return parser


def cell_parser() -> argparse.ArgumentParser:
    """The options of `%%sluice`."""
    parser = _Parser(prog="%%sluice", description="Run the cell as SQL.")
    parser.add_argument("-o", "--output", metavar="NAME", help="put the result into a variable and show nothing")
    parser.add_argument(
        "--as", dest="form", choices=FORMATS, help="what the result becomes; pandas where it is installed, else arrow"
    )
    parser.add_argument(
        "-p",
        "--parameters",
        metavar="EXPRESSION",
        help="a Python list or dict with the values of ?, $1 or $name; the rest of the line",
        nargs=argparse.REMAINDER,
    )
    return parser


def split(line: str) -> list[str]:
    """The words of a magic's line."""
    try:
        return shlex.split(line, posix=os.name != "nt")
    except ValueError as error:
        raise UsageError(str(error)) from None


@magics_class
class SluiceMagics(Magics):
    """The magics and their connection."""

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self._shell = shell
        self._connection: Connection | None = None
        self._place = ""

    @no_var_expand
    @line_cell_magic
    def sluice(self, line: str, cell: str | None = None) -> Any:
        """Connect to Sluice and run SQL there; `%sluice --help` says how."""
        try:
            if cell is not None:
                return self._run_cell(line, cell)
            return self._run_line(line.strip())
        except _HelpShown:
            return None

    def close(self) -> None:
        """Close the connection, if it was opened here."""
        if self._connection is not None and self._place:
            self._connection.close()
        self._connection, self._place = None, ""

    def _run_line(self, line: str) -> Any:
        first = line.split(None, 1)[0] if line else ""
        if first in ("--help", "-h", "help"):
            print(USAGE)
            return None
        if not line:
            print(f"connected to {self._place or 'a connection of yours'}" if self._connection else "not connected")
            return None
        if first == "close":
            self.close()
            return None
        if first == "connect":
            return self._connect(split(line)[1:])
        if _URI.match(first):
            return self._connect(split(line))
        result = self._run(line, None, None)
        return None if isinstance(result, str) else result

    def _connect(self, words: Sequence[str]) -> None:
        options = connect_parser().parse_args(words)
        if options.connection is not None:
            if len([word for word in words if not word.startswith("--connection")]) > 1:
                raise UsageError("`--connection` takes an open connection, so no other option goes with it")
            connection = self._shell.user_ns.get(options.connection)
            if not hasattr(connection, "cursor"):
                raise UsageError(f"`{options.connection}` is no connection")
            self.close()
            self._connection = connection
            return
        password = self._secret(options.password_env)
        if options.username is not None and password is None:
            password = getpass.getpass(f"Password of {options.username}: ")
        try:
            connection = connect(
                options.uri,
                token=self._secret(options.token_env),
                username=options.username,
                password=password,
                domain=options.domain,
                purpose=options.purpose,
                schema=options.schema,
                time_zone=options.time_zone,
                tls_root_certs=options.tls_root_certs,
                tls_server_name=options.tls_server_name,
                tls_skip_verify=options.tls_skip_verify,
                client_cert=options.client_cert,
                client_key=options.client_key,
            )
        except ValueError as error:
            raise UsageError(str(error)) from None
        except adbc_driver_manager.Error as error:
            raise self._failure(error) from None
        self.close()
        self._connection = connection
        self._place = options.uri or os.environ.get("SLUICE_URI", "")
        print(f"connected to {self._place}")

    @staticmethod
    def _secret(variable: str | None) -> str | None:
        if variable is None:
            return None
        value = os.environ.get(variable)
        if not value:
            raise UsageError(f"the environment variable `{variable}` is not set")
        return value

    def _run_cell(self, line: str, cell: str) -> Any:
        options = cell_parser().parse_args(split_options(line))
        if options.output is not None and not options.output.isidentifier():
            raise UsageError(f"`{options.output}` is no name of a variable")
        if not cell.strip():
            raise UsageError("the cell is empty")
        parameters = None
        if options.parameters is not None:
            source = " ".join(options.parameters)
            if not source:
                raise UsageError("`-p` takes a Python expression")
            parameters = self._shell.ev(source)  # type: ignore[no-untyped-call]
        result = self._run(cell, options.form, parameters)
        if options.output is not None:
            self._shell.user_ns[options.output] = result
            return None
        return None if isinstance(result, str) else result

    def _run(self, sql: str, form: str | None, parameters: Any) -> Any:
        if self._connection is None:
            raise UsageError("not connected: `%sluice connect URI`")
        progress: Progress = NotebookProgress() if self._in_notebook() else TerminalProgress()
        try:
            table, affected = fetch(self._connection, sql, parameters, progress)
        except KeyboardInterrupt:
            progress.done("interrupted")
            raise
        except adbc_driver_manager.Error as error:
            progress.done("failed")
            raise self._failure(error) from None
        except BaseException:
            progress.done("failed")
            raise
        # Of a statement that answers no rows, the outcome below says all.
        progress.done(None if table.column_names else "done")
        if form is None and is_explanation(sql) and table.column_names == list(COLUMNS):
            return Explanation.of(sql, table)
        said = outcome(sql, table, affected)
        if form is None and said is not None:
            print(said)
            return said
        return converter(form)(table)

    def _failure(self, error: adbc_driver_manager.Error) -> Exception:
        """The exception to raise in place of the driver's; in a notebook a refusal is shown here."""
        refused = Denied.of(error)
        if refused is None:
            return StatementFailed(server_text(error))
        if self._in_notebook():
            from IPython.display import display

            display(refused)  # type: ignore[no-untyped-call]
            refused.shown = True
        return refused

    def _in_notebook(self) -> bool:
        return hasattr(self._shell, "kernel")


def split_options(line: str) -> list[str]:
    """The words of a cell magic's line; what follows `-p` is one word, a Python expression with its quotes."""
    match = re.search(r"(?:^|\s)(-p|--parameters)(?:\s+|=|$)(.*)$", line, re.S)
    if match is None:
        return split(line)
    return [*split(line[: match.start()]), match[1], *([match[2]] if match[2].strip() else [])]


def fetch(connection: Connection, sql: str, parameters: Any, progress: Progress) -> tuple[pa.Table, int]:
    """Run a statement and gather what arrives; with it the number of rows that it affected, -1 if that is not known."""
    with connection.cursor() as cursor:
        cursor.execute(sql, bindable(parameters))
        total = cursor.rowcount if cursor.rowcount > 0 else None
        batches: list[pa.RecordBatch] = []
        rows = byte_count = 0
        reader = cursor.fetch_record_batch()
        for batch in reader:
            batches.append(batch)
            rows += batch.num_rows
            byte_count += batch.nbytes
            progress.arrived(rows, byte_count, total)
        return pa.Table.from_batches(batches, reader.schema), cursor.rowcount


def outcome(sql: str, table: pa.Table, affected: int = -1) -> str | None:
    """What a statement without rows of its own has to say: by the driver's count, or by a row of the server's."""
    if not table.column_names:
        return "done" if affected < 0 else f"{quantity(affected, 'row')} affected"
    if _READING.match(sql) or table.num_rows != 1 or table.num_columns != 1:
        return None
    value = table.column(0)[0].as_py()
    if table.column_names == ["status"]:
        return str(value)
    if table.column_names == ["affected_rows"]:
        return "done; how many rows is withheld" if value is None else f"{quantity(value, 'row')} affected"
    return None


def converter(form: str | None) -> Callable[[pa.Table], Any]:
    """What makes a result out of an Arrow table."""
    if form is None:
        form = "pandas" if _installed("pandas") else "arrow"
    if form == "arrow":
        return lambda table: table
    if not _installed(form):
        raise UsageError(f"`--as {form}` needs {form}, which is not installed")
    if form == "polars":
        import polars

        return polars.from_arrow
    return lambda table: table.to_pandas()


def _installed(module: str) -> bool:
    from importlib.util import find_spec

    return find_spec(module) is not None
