"""Owns the traversal: one client goes through external_tasks page by page while another, a second
process, keeps syncing. What matched throughout is seen once, whatever else happens.

    COUNTERSIGN_URL=http://127.0.0.1:8080 python3 traversal.py COMMAND OF A CLIENT

The server must have the crowd (crowd.py). Other traversals may run on it at the same time.
"""

import sys
from collections import Counter
from itertools import count
from threading import Condition, Thread

from calls import DEMO, about, good, task_pages, tasks, timed
from client import Client
from crowd import CODE, HOW_MANY, member, names
from stage import RUN, play, step, want

# The most that a page may have.
PAGE_SIZE = 500
# So many syncs at least are answered between two pages; the other client never waits for a page.
BETWEEN_PAGES = 3
CROWD = {"approval_codes": [CODE], "status": "PENDING"}


class Writer:
    """Another client, which syncs as fast as it is answered until it is told to stop."""

    def __init__(self, code):
        self._code = code
        self._client = Client(sys.argv[1:])
        self._written, self._fault, self._stopped = 0, None, False
        self._changed = Condition()
        self._thread = Thread(target=self._write)
        self._thread.start()

    def wait_for(self, more):
        """Until so many more syncs were answered."""
        with self._changed:
            enough = self._written + more
            self._changed.wait_for(lambda: self._fault or self._written >= enough)
        if self._fault:
            raise AssertionError(f"the other client failed: {self._fault}")

    def stop(self):
        self._stopped = True
        self._thread.join()
        self._client.close()

    def _write(self):
        try:
            for turn in count(1):
                if self._stopped:
                    return
                for body in self._turn(turn):
                    asked = {"call": "external_instance.create", "app": DEMO, "body": timed(body)}
                    good(self._client.ask(asked))
                    with self._changed:
                        self._written += 1
                        self._changed.notify_all()
        except Exception as fault:  # The traversal tells it.
            with self._changed:
                self._fault = fault
                self._changed.notify_all()

    def _turn(self, turn):
        """One of the crowd changes and matches on; one comes; one that came leaves or returns."""
        # A prime step visits all of the crowd, near the page that is read and far from it.
        yield member(self._code, f"crowd-{turn * 7919 % HOW_MANY}", update_time=turn + 1)
        yield member(self._code, f"{RUN}-crowd-{turn}")
        status = "APPROVED" if turn % 2 else "PENDING"
        yield member(self._code, f"{RUN}-crowd-{turn // 2 + 1}", status, update_time=turn + 1)


@step("10,000 instances page by page while another client keeps syncing: each is seen once")
def traversal():
    [first] = good(tasks(CROWD, page_size=1))["data"]
    seen, writer = Counter(), Writer(first["approval_code"])
    try:
        for page in task_pages(CROWD, PAGE_SIZE):
            seen.update(row["instance_id"] for row in page)
            writer.wait_for(BETWEEN_PAGES)
    finally:
        writer.stop()
    want("not seen", [], [name for name in names() if not seen[name]][:10])
    want("seen more than once", [], [name for name, times in seen.items() if times > 1][:10])


sys.exit(play(about))
