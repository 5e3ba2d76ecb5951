"""A query that ends only when somebody stops it, run beside the test."""

import threading

import adbc_driver_manager

from harness.deadline import wait_until

# It counts without end, a row at a time.
SQL = "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
# Every triple of rows, none of which passes: one step of its join takes longer than anybody waits.
STUBBORN = """SELECT count(*) FROM census.adult a CROSS JOIN census.adult b CROSS JOIN census.adult c
              WHERE a.education_num + b.education_num * c.education_num < -1"""


class Endless:
    """The query, running in a thread of its own; a context manager that cancels it at the latest when it ends."""

    def __init__(self, connection, sql=SQL):
        self.error = None
        self._sql = sql
        self._cursor = connection.cursor()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.cancel()
        self._cursor.close()

    def cancel(self):
        """Cancels it and waits until it has ended; answers the error that it ended with.

        It is cancelled again and again, because a cancellation that comes before the query has started does nothing."""

        def ended():
            self._cursor.adbc_cancel()
            self._thread.join(0.05)
            return not self._thread.is_alive()

        if self._thread.is_alive():
            wait_until(ended, "the cancelled query to end")
        return self.error

    def _run(self):
        try:
            self._cursor.execute(self._sql)
            self._cursor.fetchall()
        except adbc_driver_manager.Error as error:
            self.error = error
