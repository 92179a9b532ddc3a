"""Owns the order of the story, which a client tells to a Countersign server:

    COUNTERSIGN_URL=http://127.0.0.1:8080 python3 story.py COMMAND OF A CLIENT

How steps are run and recorded is in stage.py, what is sent in cast.py, what calls there are and what
their answers must look like in calls.py, how a client is talked to in client.py.
"""

import sys

# Importing a chapter adds its steps, so the order here is the order of the story.
import chapter_sync  # noqa: F401
import chapter_query  # noqa: F401
import chapter_search  # noqa: F401
import chapter_refusals  # noqa: F401
import chapter_user_task  # noqa: F401
import chapter_flows  # noqa: F401
from calls import about
from stage import play

sys.exit(play(about))
