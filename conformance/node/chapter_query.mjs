// Owns the chapters of the Node story that query: external_tasks, its filters and its paging.

import { TASKS, counted, demo, good, listed, pageRows, raw, rows, sync, tasks } from './calls.mjs';
import { TRIPS, at, own, trip } from './cast.mjs';
import { step, told, want } from './stage.mjs';

// --- 5 and 6 external_tasks ----------------------------------------------------------------------

// The eighth arrives while the others are being paged through.
export const MORE_TRIPS = [...TRIPS, 8];

export const openTrips = (numbers = TRIPS) =>
  numbers.map((n) => (n % 2 ? `trip-${n}: trip-${n}-a trip-${n}-b` : `trip-${n}: trip-${n}-b`));

export const byStatus = (status = 'PENDING', filters = {}) => ({ approval_codes: [told.trip], status, ...filters });

const annas = (...numbers) => numbers.map((n) => `trip-${n}: trip-${n}-a`);

const taskRow = (id, status, second) => ({ id: own(id), status, update_time: at(second) });

step('external_tasks by instance_ids', async () => {
  const answer = await tasks({ instance_ids: [own('leave-1')] });
  const row = {
    instance_id: own('leave-1'),
    approval_code: told.leave,
    status: 'APPROVED',
    update_time: at(40),
    tasks: [taskRow('t1', 'APPROVED', 40), taskRow('t2', 'APPROVED', 30)],
  };
  want('rows', [row], rows(answer));
  want('has_more', false, answer.body.data.has_more);
  want('page_token is absent', true, !('page_token' in answer.body.data));
});

step(
  'seven more instances',
  async () => {
    for (const number of TRIPS) {
      counted(good(await sync(trip(told.trip, number))), [1, 0, 0], [2, 0, 0]);
    }
  },
  { vital: true },
);

step('external_tasks by approval_codes and status', async () => {
  const found = rows(await tasks(byStatus()));
  want('codes', [told.trip], [...new Set(found.map((row) => row.approval_code))].sort());
  want('open', openTrips(), listed(found));
  want('approved', annas(2, 4, 6), listed(rows(await tasks(byStatus('APPROVED')))));
  want('rejected', [], listed(rows(await tasks(byStatus('REJECTED')))));
});

step('external_tasks by approval_codes, user_ids and status', async () => {
  const [anna, both] = [[own('anna')], [own('anna'), own('boris')]];
  want('anna, open', annas(1, 3, 5, 7), listed(rows(await tasks(byStatus('PENDING', { user_ids: anna })))));
  want('anna, approved', annas(2, 4, 6), listed(rows(await tasks(byStatus('APPROVED', { user_ids: anna })))));
  want('both, open', openTrips(), listed(rows(await tasks(byStatus('PENDING', { user_ids: both })))));
  want('nobody', [], listed(rows(await tasks(byStatus('PENDING', { user_ids: [own('nobody')] })))));
});

step('external_tasks by instance_ids: all tasks, or narrowed by status', async () => {
  const two = { instance_ids: [own('trip-4'), own('trip-2'), own('trip-99')] };
  want('all', ['trip-2: trip-2-a trip-2-b', 'trip-4: trip-4-a trip-4-b'], listed(rows(await tasks(two))));
  want('approved', annas(2, 4), listed(rows(await tasks({ ...two, status: 'APPROVED' }))));
});

step('external_tasks over two definitions', async () => {
  const found = rows(await tasks({ approval_codes: [told.trip, told.leave], status: 'APPROVED' }));
  want('rows', ['leave-1: t1 t2', ...annas(2, 4, 6)], listed(found));
});

step('the custom code works as a filter, the real one is answered', async () => {
  const found = rows(await tasks(byStatus('PENDING', { approval_codes: [own('trip')] })));
  want('rows', openTrips(), listed(found));
  want('codes', [told.trip], [...new Set(found.map((row) => row.approval_code))].sort());
});

/** Follows page_token; `first` asks for the first page, `more(token)` for the next ones. */
async function pages(first, more) {
  const found = [];
  let answer = await first;
  for (;;) {
    found.push(listed(rows(answer)));
    const { data } = answer.body;
    if (!data.has_more) {
      if ('page_token' in data) throw new Error('the last page has a page_token');
      return found;
    }
    if (found.length > TRIPS.length) throw new Error('the paging does not end');
    answer = await more(data.page_token);
  }
}

step('paging two by two', async () => {
  // The iterator takes page_token and has_more out of what it yields, and repeats the filter with
  // each token; it yields null where a call failed.
  const found = [];
  const iterator = await demo.approval.v4.externalTask.listWithIterator({ params: { page_size: 2 }, data: byStatus() });
  for await (const page of iterator) {
    if (!page?.data) throw new Error('a page could not be read');
    found.push(listed(pageRows(page.data)));
    if (found.length > TRIPS.length) throw new Error('the paging does not end');
  }
  want('pages', [[1, 2], [3, 4], [5, 6], [7]].map(openTrips), found);
});

step('page_token alone continues', async () => {
  const more = (token) => tasks(undefined, { page_token: token, page_size: 2 });
  const found = await pages(tasks(byStatus(), { page_size: 3 }), more);
  want('pages', [[1, 2, 3], [4, 5], [6, 7]].map(openTrips), found);
});

step('a page that ends with the list is the last one', async () => {
  const more = (token) => tasks(undefined, { page_token: token, page_size: 7 });
  want('pages', [openTrips()], await pages(tasks(byStatus(), { page_size: 7 }), more));
});

step('paging while instances change and come', async () => {
  const more = async (token) => {
    for (const number of [1, 5, 8]) good(await sync(trip(told.trip, number, 200)));
    return tasks(undefined, { page_token: token, page_size: 2 });
  };
  const found = (await pages(tasks(byStatus(), { page_size: 2 }), more)).flat();
  want('each once', openTrips(), found.filter((row) => !row.startsWith('trip-8:')));
});

step('external_tasks again, another way', async () => {
  const answer = await raw('GET', TASKS, { data: byStatus() });
  want('rows', openTrips(MORE_TRIPS), listed(rows(answer)));
});

step('external_tasks with its filters in the query', async () => {
  const { body } = await raw('GET', TASKS, { params: { instance_ids: `${own('trip-1')},${own('trip-2')}` } });
  want('code', 0, body.code);
  want('rows', ['trip-1: trip-1-a trip-1-b', 'trip-2: trip-2-a trip-2-b'], listed(body.data.data));
});

step('external_tasks by POST', async () => {
  const { body } = await raw('POST', TASKS, { data: byStatus('APPROVED') });
  want('code', 0, body.code);
  want('rows', annas(2, 4, 6, 8), listed(body.data.data));
});
