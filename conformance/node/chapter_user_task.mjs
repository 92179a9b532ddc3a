// Owns the chapter of the Node story about human tasks: user_task/query, its filters and pages.
//
// The tasks are those of the demo company, of which there may be any number. So nothing is counted
// here: six lists of one person are read to their ends, and what every other question must answer
// is derived from them. The record says whether it was so, and nothing that depends on their number.

import { isDeepStrictEqual } from 'node:util';

import { USER_TASKS, good, other, raw, reader, refused, userTasks } from './calls.mjs';
import { each, isTree, step, told, want } from './stage.mjs';

const PERSON = '1700000000000001';
const NOBODY = '1999999999999999';
const TYPES = ['pending', 'archived'];
const SOURCES = ['fromMe', 'assignMe', 'CCMe'];
// A limit for `derived` only, which has none.
const ALL = '1000000000';
const FILTERS = ['type', 'source', 'limit', 'offset', 'start_time', 'end_time', 'api_ids'];
// What the tasks of each flow are called; an answer does not say the api id.
const FLOWS = {
  Leave: 'package_demo__c__leave',
  'Travel expenses': 'package_demo__c__expense',
  'Contract countersign': 'package_demo__c__contract',
  'Purchase approval': 'package_demo__c__purchase',
};
const [LEAVE, EXPENSE, CONTRACT, PURCHASE] = Object.values(FLOWS);
const STATUSES = 'in_process agreed rejected canceled terminated auto_end completed failed unstarted'.split(' ');
const BOTH = ['text in 2052', 'text in 1033'];
const SUMMARY = { file_key: 'text in 2052', file_value: BOTH };
const FORM = {
  task_id: 'digits',
  task_start_time: 'digits',
  workflow_instance: { id: 'digits', label: BOTH, status: 'text' },
  initiator: { user_id: 'digits', name: 'text' },
  summarys: [SUMMARY, SUMMARY],
};

// --- 9 What must be answered ---------------------------------------------------------------------

const mine = (filters = {}) => ({ kunlun_user_id: PERSON, ...filters });

/** Later starts first, then greater ids; both are decimal strings of any length. */
function byPlace(one, two) {
  const apart = BigInt(two.task_start_time) - BigInt(one.task_start_time) || BigInt(two.task_id) - BigInt(one.task_id);
  return apart < 0n ? -1 : Number(apart > 0n);
}

const ids = (found) => found.map((row) => row.task_id);

const flow = (row) => FLOWS[row.workflow_instance.label.find((label) => label.language_code === '1033').text];

/** Every page to the end, and what is wrong with them. */
async function whole(filters, limit = 50) {
  const [found, wrong] = [[], []];
  let data;
  do {
    data = good(await userTasks(mine({ ...filters, limit: String(limit), offset: String(found.length) })));
    if (data.tasks.length !== Math.min(limit, Number(data.count) - found.length)) {
      wrong.push(`a page of ${limit} after ${found.length} of ${data.count} has ${data.tasks.length}`);
    }
    found.push(...data.tasks);
  } while (data.tasks.length > 0 && found.length < Number(data.count));
  if (found.length !== Number(data.count)) wrong.push(`${found.length} tasks, count ${data.count}`);
  if (new Set(ids(found)).size !== found.length) wrong.push('a task is repeated');
  if (!isDeepStrictEqual(ids(found), ids([...found].sort(byPlace)))) wrong.push('the order is wrong');
  return [found, wrong];
}

/** What the six lists say to a question. */
function derived(asked) {
  const unique = new Map();
  for (const { state, source, found } of told.lists) {
    if ((asked.type ?? state) === state && (asked.source ?? source) === source) {
      for (const row of found) unique.set(row.task_id, row);
    }
  }
  const rows = [...unique.values()].sort(byPlace).filter((row) => {
    const start = Number(row.task_start_time);
    if (start < Number(asked.start_time ?? 0) || start > Number(asked.end_time ?? start)) return false;
    return (asked.api_ids ?? [flow(row)]).includes(flow(row));
  });
  const offset = Number(asked.offset ?? 0);
  return { count: String(rows.length), tasks: rows.slice(offset, offset + Number(asked.limit ?? 10)) };
}

const everything = (asked = {}) => derived({ ...asked, limit: ALL }).tasks;

/** Expects what the six lists say. */
function agrees(about, asked, answer) {
  const [expected, seen] = [derived(asked), good(answer)];
  let said = 'as derived';
  if (!isDeepStrictEqual([expected.count, ids(expected.tasks)], [seen.count, ids(seen.tasks)])) {
    const [count, due] = [JSON.stringify(seen.count), JSON.stringify(expected.count)];
    said = `${count} ${ids(seen.tasks)}, derived ${due} ${ids(expected.tasks)}`;
  } else if (!isDeepStrictEqual(expected.tasks, seen.tasks)) {
    said = 'the same tasks with other members';
  }
  want(about, 'as derived', said);
}

/** What kind of value this is, down to its leaves. */
function form(value) {
  if (isTree(value)) {
    const isText = isDeepStrictEqual(Object.keys(value).sort(), ['language_code', 'text']);
    if (isText && ['text', 'digits'].includes(form(value.text))) return `text in ${value.language_code}`;
    return each(value, form);
  }
  if (typeof value !== 'string' || value === '') return 'neither';
  return /^[0-9]+$/.test(value) ? 'digits' : 'text';
}

// --- 9 Filters -----------------------------------------------------------------------------------

step(
  'user_task/query: six lists to their ends',
  async () => {
    told.lists = [];
    for (const state of TYPES) {
      for (const source of SOURCES) {
        const [found, wrong] = await whole({ type: state, source });
        told.lists.push({ state, source, found });
        want(`${state} ${source}: wrong`, [], wrong);
      }
    }
    const found = everything();
    want('labels of no flow', [], ids(found.filter((row) => flow(row) === undefined)));
    told.starts = [...new Set(found.map((row) => Number(row.task_start_time)))].sort((one, two) => one - two);
    want('three starts or more', true, told.starts.length >= 3);
  },
  { vital: true },
);

step('user_task/query: the lists agree with each other', () => {
  const list = (type, source) => ids(everything({ type, source }));
  const both = (one, two) => one.filter((id) => two.includes(id)).sort();
  for (const source of SOURCES) {
    want(`${source}: pending and archived`, [], both(list('pending', source), list('archived', source)));
  }
  // Who initiated or was copied sees the state of the task itself.
  for (const [state, opposite] of [TYPES, [...TYPES].reverse()]) {
    want(`${state} fromMe and ${opposite} CCMe`, [], both(list(state, 'fromMe'), list(opposite, 'CCMe')));
  }
  const pending = everything({ type: 'pending' });
  const ended = pending.filter((row) => row.workflow_instance.status !== 'in_process');
  want('pending in an instance that has ended', [], ids(ended));
  const fromMe = ids(everything({ source: 'fromMe' }));
  const odd = everything().filter((row) => (row.initiator.user_id === PERSON) !== fromMe.includes(row.task_id));
  want('fromMe and the initiator differ', [], ids(odd));
});

step('user_task/query: what an answer looks like', async () => {
  const { data } = (await userTasks(mine({ limit: '50' }))).body;
  want('members', ['count', 'tasks'], Object.keys(data).sort());
  want('count', 'digits', form(data.count));
  const forms = data.tasks.map(form);
  const isFirst = (seen, index) => !forms.slice(0, index).some((before) => isDeepStrictEqual(before, seen));
  want('tasks', [FORM], forms.filter(isFirst));
  const statuses = new Set(data.tasks.map((row) => row.workflow_instance.status));
  want('unknown statuses', [], [...statuses].filter((status) => !STATUSES.includes(status)).sort());
});

step('user_task/query by nothing but the person', async () => {
  agrees('tasks', {}, await userTasks(mine()));
  agrees('a limit of 10 is the same', {}, await userTasks(mine({ limit: '10' })));
  agrees('an offset of 0 is the same', {}, await userTasks(mine({ offset: '0' })));
});

/** The values of each filter, by the names that the record has for them. */
function choices() {
  const [first, middle] = [told.starts[0], told.starts[Math.floor(told.starts.length / 2)]];
  const last = told.starts.at(-1);
  const themselves = (...words) => Object.fromEntries(words.map((word) => [word, word]));
  return {
    type: themselves(...TYPES),
    source: themselves(...SOURCES),
    limit: themselves('1', '2', '50'),
    offset: { ...themselves('0', '1', '3'), 'past the end': derived({}).count },
    start_time: { first: String(first), middle: String(middle), 'after middle': String(middle + 1) },
    end_time: { 'before middle': String(middle - 1), middle: String(middle), last: String(last) },
    api_ids: {
      one: [LEAVE],
      two: [EXPENSE, PURCHASE],
      'one twice, one unknown': [CONTRACT, 'package_demo__c__nothing', CONTRACT],
      unknown: ['package_demo__c__nothing'],
    },
  };
}

/** Every choice of one value for each of these filters: [about, asked]. */
function questions(names) {
  const values = choices();
  let picked = [[[], {}]];
  for (const name of names) {
    const more = Object.entries(values[name]);
    picked = picked.flatMap(([about, asked]) =>
      more.map(([called, value]) => [[...about, `${name} ${called}`], { ...asked, [name]: value }]),
    );
  }
  return picked.map(([about, asked]) => [about.join(', '), asked]);
}

function addFilters(names) {
  step(`user_task/query by ${names.join(' and ')}`, async () => {
    for (const [about, asked] of questions(names)) {
      const answer = await userTasks(mine(asked));
      if (Number(asked.start_time) > Number(asked.end_time)) {
        refused(answer, 2320001, ['start_time'], `${about}: `);
      } else {
        agrees(about, asked, answer);
      }
    }
  });
}

for (const name of FILTERS) addFilters([name]);
FILTERS.forEach((one, index) => {
  for (const two of FILTERS.slice(index + 1)) addFilters([one, two]);
});

step('user_task/query by every filter at once', async () => {
  const times = { start_time: String(told.starts[0]), end_time: String(told.starts.at(-1)) };
  const rest = { limit: '2', offset: '1', ...times, api_ids: [LEAVE, CONTRACT, PURCHASE] };
  for (const type of TYPES) {
    for (const source of SOURCES) {
      const asked = { type, source, ...rest };
      agrees(`${type} ${source}`, asked, await userTasks(mine(asked)));
    }
  }
});

step('user_task/query: one flow after the other is the whole', async () => {
  const found = [];
  for (const apiId of Object.values(FLOWS)) {
    const [rows, wrong] = await whole({ api_ids: [apiId] });
    want(`${apiId}: wrong`, [], wrong);
    found.push(...rows);
  }
  want('the whole', true, isDeepStrictEqual(ids(found).sort(), ids(everything()).sort()));
});

step('user_task/query by 100 api_ids', async () => {
  const unknown = Array.from({ length: 99 }, (_, n) => `package_demo__c__${n}`);
  const asked = { api_ids: [PURCHASE, ...unknown] };
  agrees('tasks', asked, await userTasks(mine(asked)));
});

// --- 9 Pages -------------------------------------------------------------------------------------

step('user_task/query: pages are the whole, each task once', async () => {
  const expected = everything();
  // Three pages or more.
  for (const [name, parts] of Object.entries({ thirds: 3, fifths: 5 })) {
    const limit = Math.max(1, Math.min(50, Math.floor(expected.length / parts)));
    const [found, wrong] = await whole({}, limit);
    want(`${name}: wrong`, [], wrong);
    want(`${name}: the whole`, true, isDeepStrictEqual(found, expected));
  }
});

step('user_task/query: past the end there are no tasks, and the true count', async () => {
  for (const source of SOURCES) {
    const { count } = derived({ source });
    for (const [name, offset] of Object.entries({ just: count, far: '9223372036854775807' })) {
      const data = good(await userTasks(mine({ source, offset, limit: '50' })));
      want(`${source}, ${name}: tasks`, [], data.tasks);
      want(`${source}, ${name}: the true count`, true, data.count === count);
    }
  }
});

step('user_task/query: JSON numbers are the same as strings', async () => {
  const times = { start_time: String(told.starts[0]), end_time: String(told.starts.at(-1)) };
  const asked = { limit: '2', offset: '1', ...times };
  agrees('tasks', asked, await userTasks(mine(each(asked, Number))));
});

// --- 9 Others ------------------------------------------------------------------------------------

step('user_task/query of an unknown person', async () => {
  want('data', { count: '0', tasks: [] }, good(await userTasks({ kunlun_user_id: NOBODY })));
});

step('user_task/query by another app of the tenant, and in another tenant', async () => {
  agrees('reader', { limit: '50' }, await userTasks(mine({ limit: '50' }), { by: reader }));
  want('other', { count: '0', tasks: [] }, good(await userTasks(mine({ limit: '50' }), { by: other })));
});

step('user_task/query again, another way', async () => {
  for (const source of SOURCES) {
    const asked = { source, limit: '2', offset: '1' };
    agrees(source, asked, await raw('POST', USER_TASKS, { data: mine(asked) }));
  }
});

// --- 9 Refusals ----------------------------------------------------------------------------------

step('user_task/query without a person', async () => {
  refused(await userTasks({}), 2320001, ['kunlun_user_id'], 'missing: ');
  refused(await userTasks({ kunlun_user_id: '' }), 2320001, ['kunlun_user_id'], 'empty: ');
});

step('user_task/query with an unknown type and source', async () => {
  refused(await userTasks(mine({ type: 'finished' })), 2320001, ['type'], 'type: ');
  refused(await userTasks(mine({ type: 'Pending' })), 2320001, ['type'], 'type in capitals: ');
  refused(await userTasks(mine({ source: 'toMe' })), 2320001, ['source'], 'source: ');
});

step('user_task/query with a limit, an offset, times that cannot be', async () => {
  const impossible = { limit: ['0', '51', 'abc', '-1'], offset: ['-1', 'abc'], start_time: ['abc'], end_time: ['abc'] };
  for (const [name, values] of Object.entries(impossible)) {
    for (const value of values) {
      refused(await userTasks(mine({ [name]: value })), 2320001, [name], `${name} ${value}: `);
    }
  }
});

step('user_task/query with a start_time after its end_time', async () => {
  const times = { start_time: String(told.starts[0] + 1), end_time: String(told.starts[0]) };
  refused(await userTasks(mine(times)), 2320001, ['start_time']);
});

step('user_task/query with no api_ids, and with 101', async () => {
  refused(await userTasks(mine({ api_ids: [] })), 2320001, ['api_ids'], 'none: ');
  refused(await userTasks(mine({ api_ids: Array(101).fill(LEAVE) })), 2320001, ['api_ids'], '101: ');
});

step('user_task/query: every bad member is named', async () => {
  const times = { start_time: '2', end_time: '1' };
  const asked = { type: 'x', source: 'x', limit: '0', offset: '-1', ...times, api_ids: [] };
  const names = ['api_ids', 'kunlun_user_id', 'limit', 'offset', 'source', 'start_time', 'type'];
  refused(await userTasks(asked), 2320001, names);
});

step('user_task/query with members of the wrong JSON type', async () => {
  const times = { start_time: [1], end_time: false };
  const ids = { api_ids: LEAVE, kunlun_user_id: Number(PERSON) };
  const wrong = { type: 1, source: ['fromMe'], limit: true, offset: {}, ...times, ...ids };
  const post = (data) => raw('POST', USER_TASKS, { data });
  for (const [name, value] of Object.entries(wrong)) {
    refused(await post(mine({ [name]: value })), 9499, [name], `${name}: `);
  }
  refused(await post(mine({ api_ids: [LEAVE, 1] })), 9499, ['api_ids[*]'], 'one of api_ids: ');
  refused(await post(wrong), 9499, Object.keys(wrong), 'all: ');
  // A wrong type is told before a wrong value.
  refused(await post(mine({ type: 1, limit: '0' })), 9499, ['type'], 'type and value: ');
});
