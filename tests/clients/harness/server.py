"""A running `sluice serve`, started and stopped by the test that uses it."""

import ctypes
import queue
import re
import signal
import subprocess
import threading

from harness.home import binary

START_LIMIT_S = 60
STOP_LIMIT_S = 60
PR_SET_PDEATHSIG = 1
LISTENING = re.compile(r"^listening on (grpc(?:\+tls)?://127\.0\.0\.1:(\d+))$")


class Server:
    """A server process on a home; a context manager that stops it and asserts that it went well."""

    def __init__(self, home, certificates=None, arguments=()):
        self.home = home
        self.certificates = certificates
        self.uri = None
        self.port = None
        self.log = []
        self._listening = queue.Queue()
        command = [binary(), "--home", str(home.folder), "serve", "--listen", "127.0.0.1:0", *arguments]
        if certificates:
            command += ["--tls-cert", str(certificates.server_cert), "--tls-key", str(certificates.server_key)]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=_end_with_parent,
        )
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()

    def __enter__(self):
        try:
            found = self._listening.get(timeout=START_LIMIT_S)
        except queue.Empty:
            found = None
        if found is None:
            self._process.kill()
            self._process.wait()
            raise AssertionError("the server did not start:\n" + "\n".join(self.log))
        self.uri, self.port = found[1], int(found[2])
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def tls(self):
        """Whether it speaks TLS."""
        return self.certificates is not None

    def token(self, principal):
        """The token of one of the home's people."""
        return self.home.tokens[principal]

    def begin_stop(self):
        """Sends SIGTERM, and waits for nothing."""
        self._process.send_signal(signal.SIGTERM)

    def stop(self):
        """Sends SIGTERM; the server must drain and exit with 0, without a panic on its way."""
        self.begin_stop()
        try:
            code = self._process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise AssertionError(f"the server did not stop within {STOP_LIMIT_S} s of SIGTERM") from None
        self._reader.join(STOP_LIMIT_S)
        text = "\n".join(self.log)
        assert code == 0, f"the server exited with {code}:\n{text}"
        assert "panicked at" not in text, text

    def _read_log(self):
        for line in self._process.stderr:
            line = line.rstrip("\n")
            self.log.append(line)
            found = LISTENING.match(line)
            if found:
                self._listening.put(found)
        self._listening.put(None)


def _end_with_parent():
    """Has the kernel end this process with the thread that started it, should the tests be killed."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
