"""Owns how a story is run: settings, steps, comparisons, and the record of what was seen.

Knows nothing of approvals, and nothing of what kind of client is being tried.
"""

import json
import os
import sys
import time
from types import SimpleNamespace

URL = os.environ.get("COUNTERSIGN_URL", "").rstrip("/")
if not URL:
    sys.exit("COUNTERSIGN_URL is not set, for example http://127.0.0.1:8080")
RUN = os.environ.get("COUNTERSIGN_RUN") or f"run{time.time_ns() // 1_000_000:x}"
RECORD = os.environ.get("COUNTERSIGN_SEEN")

# What one step learns for later ones: the token, and the real codes `leave` and `trip`.
told = SimpleNamespace()

_steps = []
_aliases = [(f"{RUN}-", "run-")]
_seen = {}
_faults = []


def step(name, vital=False):
    """Adds a function to the story. When a vital step fails, the steps after it are not tried."""

    def add(act):
        _steps.append((name, act, vital))
        return act

    return add


def alias(value, name):
    """From here on the record says `name` where the server said `value`."""
    if value:
        _aliases.append((str(value), name))


def note(what, seen):
    """Writes into the record without an opinion."""
    _seen[what] = _normal(seen)


def want(what, expected, seen):
    """Writes into the record, and fails the step if it is not what was expected."""
    note(what, seen)
    if expected != seen:
        _faults.append(f"{what}: expected {_text(expected)}, seen {_text(seen)}")


def play(about):
    """Plays the story and answers the exit code. `about` says at the end what else to record."""
    record, passed, broken = [], 0, None
    for name, act, vital in _steps:
        _seen.clear()
        _faults.clear()
        if broken:
            _faults.append(f'not tried, because "{broken}" failed')
        else:
            try:
                act()
            except Exception as error:  # One broken step must not hide the ones after it.
                _faults.append(f"{type(error).__name__}: {error}")
        if _faults:
            print(f"FAILED {name}: {'; '.join(_faults)}".replace("\n", " "), flush=True)
            broken = broken or (name if vital else None)
        else:
            print(f"ok {name}", flush=True)
            passed += 1
        record.append({"step": name, "ok": not _faults, "seen": dict(_seen)})
    if RECORD:
        with open(RECORD, "w", encoding="utf-8") as file:
            json.dump({**about(), "story": record}, file, ensure_ascii=False, indent=2, sort_keys=True)
            file.write("\n")
    print(f"{passed} passed, {len(_steps) - passed} failed")
    return 0 if passed == len(_steps) else 1


def _normal(value):
    if isinstance(value, dict):
        return {key: _normal(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_normal(item) for item in value]
    if isinstance(value, str):
        for said, name in _aliases:
            value = value.replace(said, name)
    return value


def _text(value):
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
