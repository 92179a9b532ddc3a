"""Owns the conversation with a client: a program in any language that makes calls with its SDK.

A client is told one call a line, as JSON, and answers with one line; README.md has the members. It
knows no approvals and expects nothing: what is asked, and what must be answered, is in the story.
"""

import json
import subprocess


class Client:
    """A running client. It ends when its input does."""

    def __init__(self, command):
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, encoding="utf-8")
        # What it is: sdk, version, transport, and what it cannot do.
        self.about = self._heard()

    def ask(self, call):
        """One call and its answer."""
        self._tell(call)
        return Answer(self._heard())

    def pages(self, call):
        """The pages that the SDK's own iterator yields; the next is fetched when it is asked for."""
        self._tell({**call, "pages": True})
        while "page" in (heard := self._heard()):
            yield heard["page"]
            self._tell({"more": True})
        if "end" not in heard:
            raise AssertionError(f"the iterator failed: {heard}")

    def close(self):
        self._process.stdin.close()
        self._process.wait()

    def _tell(self, line):
        self._process.stdin.write(json.dumps(line) + "\n")
        self._process.stdin.flush()

    def _heard(self):
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError(f"the client ended: {self._process.wait()}")
        return json.loads(line)


class Answer:
    """An answer as the SDK gives it, and the body as it came."""

    def __init__(self, heard):
        if "failed" in heard:
            raise AssertionError(heard["failed"])
        self.http = heard.get("http")
        self.code = heard.get("code")
        self.msg = heard.get("msg")
        # What the SDK's own accessor says; some have none, or only for refusals.
        self.log_id = heard.get("log_id")
        self.content_type = heard.get("content_type")
        self.error = heard.get("error") or {}
        self.text = heard.get("text")
        # As the SDK's own model has it; the general call has no model.
        modelled = "data" in heard or self.code is None
        self.data = heard.get("data") if modelled else self.body.get("data")
        # The SDK raised an error of its own instead of answering.
        self.raised = heard.get("raised")

    @property
    def body(self):
        return json.loads(self.text)
