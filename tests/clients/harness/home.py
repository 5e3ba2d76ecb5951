"""A Sluice home in a folder, driven by the command line."""

import itertools
import json
import os
import pathlib
import shutil
import subprocess

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
CENSUS = REPOSITORY / "datasets" / "census" / "classification.sql"
CENSUS_DATA = REPOSITORY / "datasets" / "census" / "adult.parquet"
HIDDEN_DATA = REPOSITORY / "datasets" / "flights" / "airlines.parquet"
COMMAND_LIMIT_S = 120

# `scratch` is where the tests write, as wanda. `hidden.airlines` exists, and nobody but an admin may know of it.
# wanda sets `public` on what she uploads, because an uploader reads nothing back that is unclassified.
EXTRA = f"""
CREATE SCHEMA scratch DOMAIN experiment;
CREATE SCHEMA hidden DOMAIN experiment;
CREATE EXTERNAL TABLE hidden.airlines STORED AS PARQUET LOCATION '{HIDDEN_DATA}';
CREATE USER wanda;
GRANT SELECT, INSERT, MODIFY, CREATE ON SCHEMA scratch TO USER wanda;
GRANT CLASSIFY ON TAG public TO USER wanda;
"""
PEOPLE = ("admin", "ana", "rolf", "dora", "wanda")


def binary():
    """The server and command line under test: `SLUICE_BIN`, else the debug build."""
    named = os.environ.get("SLUICE_BIN")
    if named:
        return named
    cache = pathlib.Path.home() / ".cache" / "sluice" / "target"
    return str(pathlib.Path(os.environ.get("CARGO_TARGET_DIR", cache)) / "debug" / "sluice")


def password_of(principal):
    """The password that every home of these tests gives to `principal`."""
    return f"correct horse {principal} staple"


class CommandFailed(Exception):
    """The command line refused; `code` is its exit status and `text` its standard error."""

    def __init__(self, code, text):
        super().__init__(f"exit {code}: {text}")
        self.code = code
        self.text = text


class Home:
    """A home, with the tokens of its people."""

    def __init__(self, folder, tokens=None):
        self.folder = pathlib.Path(folder)
        self.tokens = dict(tokens or {})
        self._names = itertools.count(1)

    @classmethod
    def make(cls, folder):
        """Makes a home with the classified census, a place to write, and a token and a password for each person."""
        home = cls(folder)
        home._run("init", str(folder))
        home._run("sql", "-f", str(CENSUS))
        home.sql(EXTRA)
        for person in PEOPLE:
            home.tokens[person] = home.create_token(person)
            if person != "admin":
                home.sql(f"ALTER USER {person} SET PASSWORD '{password_of(person)}'")
        return home

    def copy(self, folder):
        """The same home in another folder: what one test changes there, no other test sees."""
        shutil.copytree(self.folder, folder)
        return Home(folder, self.tokens)

    def sql(self, statements, principal=None, domain=None):
        """Runs statements by the command line; answers the rows of each statement that has rows, as dictionaries."""
        options = ["--as", principal] if principal else []
        options += ["--domain", domain] if domain else []
        out = self._run("sql", *options, "--format", "json", "-c", statements)
        results, decoder, at = [], json.JSONDecoder(), 0
        while at < len(out):
            rows, end = decoder.raw_decode(out, at)
            results.append(rows)
            at = end + len(out[end:]) - len(out[end:].lstrip())
        return results

    def rows(self, statement, principal=None, domain=None):
        """The rows of the one statement given."""
        (rows,) = self.sql(statement, principal, domain)
        return rows

    def create_token(self, principal, expires=None):
        """A new token that authenticates as `principal`."""
        until = f" EXPIRES '{expires}'" if expires else ""
        (row,) = self.rows(f"CREATE TOKEN FOR {principal}{until}")
        return row["token"]

    def new_user(self, *grants):
        """Creates a user of its own for one test, grants it what is given, and answers its name and its token.

        Each grant is what stands between `GRANT` and `TO`, such as `READ ON TAG personal`."""
        name = f"guest{next(self._names)}"
        granted = "".join(f"; GRANT {grant} TO USER {name}" for grant in grants)
        self.sql(f"CREATE USER {name}{granted}")
        return name, self.create_token(name)

    def write_settings(self, toml):
        """Adds lines to the home's `sluice.toml`; a server reads them when it starts."""
        with open(self.folder / "sluice.toml", "a", encoding="utf-8") as settings:
            settings.write("\n" + toml)

    def version_of(self, table):
        """The latest version of a managed table."""
        return max(row["version"] for row in self.rows(f"SHOW HISTORY OF {table}"))

    def _run(self, *arguments):
        command = [binary(), "--home", str(self.folder), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_LIMIT_S)
        if done.returncode != 0:
            raise CommandFailed(done.returncode, done.stderr)
        return done.stdout
