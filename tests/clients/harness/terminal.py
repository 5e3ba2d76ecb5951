"""A program on a terminal of its own, by tmux: type into it and read what its screen shows."""

import re
import shlex
import subprocess

from harness.deadline import wait_until

WIDTH, HEIGHT = 220, 50
LIMIT_S = 60
_FRAMES = re.compile(r"[\u2500-\u25ff]")


class Terminal:
    """A tmux server of this test's own, with one window that runs the command; a context manager."""

    def __init__(self, command, folder, environment):
        self._socket = str(folder / "tmux")
        assignments = [f"{name}={value}" for name, value in environment.items()]
        # Its size is the terminal's, whatever size the tests themselves run at.
        self._command = shlex.join(["env", "-u", "COLUMNS", "-u", "LINES", *assignments, *command])

    def __enter__(self):
        size = ["-x", str(WIDTH), "-y", str(HEIGHT)]
        self._tmux("-f", "/dev/null", "new-session", "-d", "-s", "window", *size, self._command)
        # What the program wrote last stays readable after it has ended.
        self._tmux("set-option", "-t", "window", "remain-on-exit", "on")
        return self

    def __exit__(self, *_):
        self._tmux("kill-server")

    def type(self, text):
        """Types the text as it stands."""
        self._tmux("send-keys", "-t", "window", "-l", text)

    def press(self, *keys):
        """Presses keys by tmux's names for them, such as `C-j` and `F6`."""
        self._tmux("send-keys", "-t", "window", *keys)

    def screen(self):
        """What stands on the screen, line by line."""
        return self._tmux("capture-pane", "-p", "-t", "window")

    def words(self):
        """What stands on the screen without frames, in one line with single spaces: wrapping does not matter."""
        return " ".join(_FRAMES.sub(" ", self.screen()).split())

    def wait_for(self, text):
        """Waits until the words on the screen hold the text; answers them."""

        def words_if_shown():
            words = self.words()
            return words if text in words else None

        return self._wait(words_if_shown, f"{text!r} on the screen")

    def shows(self, text, limit_s):
        """Whether the words on the screen come to hold the text within so many seconds."""
        try:
            wait_until(lambda: text in self.words(), text, limit_s)
        except AssertionError:
            return False
        return True

    def wait_until_gone(self, text):
        """Waits until the words on the screen hold the text no more."""
        self._wait(lambda: text not in self.words(), f"{text!r} to go from the screen")

    def _wait(self, question, what):
        try:
            return wait_until(question, what, LIMIT_S)
        except AssertionError as error:
            raise AssertionError(f"{error}:\n{self.screen()}") from None

    def _tmux(self, *arguments):
        done = subprocess.run(["tmux", "-S", self._socket, *arguments], capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, f"tmux {arguments}: {done.stderr}"
        return done.stdout
