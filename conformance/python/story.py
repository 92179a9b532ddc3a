"""Owns the order of the story that the official Python SDK, lark-oapi, tells to a Countersign server.

../node/story.mjs tells the same story step by step; change both together. How steps are run and
recorded is in stage.py, what is sent in cast.py, how the SDK is used in calls.py.
"""

import sys

# Importing a chapter adds its steps, so the order here is the order of the story.
import chapter_sync  # noqa: F401
import chapter_query  # noqa: F401
import chapter_refusals  # noqa: F401
import chapter_user_task  # noqa: F401
from stage import play

sys.exit(play())
