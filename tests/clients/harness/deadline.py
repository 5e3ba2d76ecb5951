"""Waiting for something to become true, with a limit, so that no test sleeps for a fixed time."""

import time

INTERVAL_S = 0.05


def wait_until(question, what, limit_s=30.0):
    """Asks `question` until it answers something true, and returns that; fails naming `what` after `limit_s`."""
    end = time.monotonic() + limit_s
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() >= end:
            raise AssertionError(f"waited {limit_s} s in vain for {what}")
        time.sleep(INTERVAL_S)
