// Owns the order of the story that the official Node SDK tells to a Countersign server.
//
// ../python/story.py tells the same story step by step; change both together. How steps are run and
// recorded is in stage.mjs, what is sent in cast.mjs, how the SDK is used in calls.mjs.

// Importing a chapter adds its steps, so the order here is the order of the story.
import './chapter_sync.mjs';
import './chapter_query.mjs';
import './chapter_refusals.mjs';
import './chapter_user_task.mjs';
import { play } from './stage.mjs';

process.exitCode = await play();
