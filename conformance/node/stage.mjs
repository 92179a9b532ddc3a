// Owns how the Node suite is run: settings, steps, comparisons, and the record of what was seen.
//
// ../python/stage.py does the same in Python; two suites that saw the same thing write the same
// record, byte for byte.

import { writeFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';

export const URL = (process.env.COUNTERSIGN_URL ?? '').replace(/\/+$/, '');
if (!URL) {
  console.error('COUNTERSIGN_URL is not set, for example http://127.0.0.1:18080');
  process.exit(1);
}
export const RUN = process.env.COUNTERSIGN_RUN || `node${Date.now().toString(16)}`;
const RECORD = process.env.COUNTERSIGN_SEEN;

// The server under test is always reached directly; a proxy would change what is measured.
process.env.NO_PROXY = process.env.no_proxy = '*';

// What one step learns for later ones: the token, and the real codes `leave` and `trip`.
export const told = {};

const steps = [];
const aliases = [[`${RUN}-`, 'run-']];
let seenNow = {};
let faults = [];

/** Adds a function to the story. When a vital step fails, the steps after it are not tried. */
export function step(name, act, { vital = false } = {}) {
  steps.push({ name, act, vital });
}

/** From here on the record says `name` where the server said `value`. */
export function alias(value, name) {
  if (value) aliases.push([String(value), name]);
}

/** Writes into the record without an opinion. */
export function note(what, seen) {
  seenNow[what] = normal(seen);
}

/** Writes into the record, and fails the step if it is not what was expected. */
export function want(what, expected, seen) {
  note(what, seen);
  if (!isDeepStrictEqual(expected, seen)) {
    faults.push(`${what}: expected ${JSON.stringify(expected)}, seen ${JSON.stringify(seen)}`);
  }
}

/** Plays the story and answers the exit code. */
export async function play() {
  const record = [];
  let passed = 0;
  let broken = null;
  for (const { name, act, vital } of steps) {
    seenNow = {};
    faults = [];
    if (broken) {
      faults.push(`not tried, because "${broken}" failed`);
    } else {
      try {
        await act();
      } catch (error) {
        // One broken step must not hide the ones after it.
        faults.push(String(error));
      }
    }
    if (faults.length > 0) {
      console.log(`FAILED ${name}: ${faults.join('; ')}`.replaceAll('\n', ' '));
      broken ??= vital ? name : null;
    } else {
      console.log(`ok ${name}`);
      passed += 1;
    }
    record.push({ step: name, ok: faults.length === 0, seen: seenNow });
  }
  if (RECORD) writeFileSync(RECORD, `${JSON.stringify(sorted(record), null, 2)}\n`);
  console.log(`${passed} passed, ${steps.length - passed} failed`);
  return passed === steps.length ? 0 : 1;
}

/** Applies `change` to every member of an object, or every item of a list. */
export function each(value, change) {
  if (Array.isArray(value)) return value.map((item) => change(item));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, change(item)]));
}

export function isTree(value) {
  return typeof value === 'object' && value !== null;
}

/** Objects with their members in order, as the record and comparisons of JSON text need them. */
export function sorted(value) {
  if (!isTree(value)) return value;
  const tree = each(value, sorted);
  return Array.isArray(tree) ? tree : Object.fromEntries(Object.entries(tree).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function normal(value) {
  if (isTree(value)) return each(value, normal);
  if (value === undefined) return null;
  if (typeof value !== 'string') return value;
  return aliases.reduce((text, [said, name]) => text.replaceAll(said, name), value);
}
