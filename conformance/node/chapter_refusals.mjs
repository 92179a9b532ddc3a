// Owns the last chapters of the Node story: what is refused and how, other apps, and the purge.

import { TASKS, TOKEN, bare, claim, counted, define, defined, differing, good, leave, leaveTasks } from './calls.mjs';
import { listed, other, raw, reader, refused, rows, sync, tasks } from './calls.mjs';
import { at, definition, instance, own, task, trip } from './cast.mjs';
import { MORE_TRIPS, byStatus, openTrips } from './chapter_query.mjs';
import { alias, note, step, told, want } from './stage.mjs';

const NO_SUCH_CODE = '00000000-0000-4000-8000-000000000000';

// --- 7 Tokens and scopes -------------------------------------------------------------------------

step('no token', async () => {
  refused(await raw('GET', TASKS, { by: bare }), 99991661);
});

step('a token without the word Bearer', async () => {
  refused(await raw('GET', TASKS, { by: bare, headers: { Authorization: told.token } }), 99991661);
});

step('a token that nobody issued', async () => {
  refused(await defined(told.leave, { token: `t-${'0'.repeat(40)}` }), 99991663);
});

step('a token of an unknown kind', async () => {
  refused(await defined(told.leave, { token: `x-${'0'.repeat(40)}` }), 99991671);
});

step('a scope is missing', async () => {
  const error = refused(await sync(leave(60), { by: reader }), 99991672);
  const violations = error.permission_violations ?? [];
  const subjects = violations.map((violation) => violation.subject).sort();
  want('scopes', ['approval:approval', 'approval:external_instance'], subjects);
  want('type', ['action_scope_required'], [...new Set(violations.map((violation) => violation.type))]);
});

step('an unknown path, and a wrong method on a known one', async () => {
  const path = await raw('GET', '/open-apis/approval/v4/external_nothing');
  const method = await raw('GET', TOKEN, { by: bare });
  for (const [what, { http, body }] of Object.entries({ path, method })) {
    want(`${what}: http`, 404, http);
    want(`${what}: text`, '404 page not found', String(body).trim());
  }
});

// --- 7 Parameters --------------------------------------------------------------------------------

step('a member of the wrong JSON type', async () => {
  refused(await sync(leave(60, { task_list: 't1, t2' })), 9499, ['task_list']);
});

step('required members are missing', async () => {
  const body = { approval_code: told.leave, instance_id: own('leave-3'), user_id: own('anna') };
  const names = ['end_time', 'i18n_resources', 'links', 'start_time', 'status', 'update_time'];
  refused(await sync(body), 99992402, names);
});

step('required members of a task are missing', async () => {
  const body = instance(told.leave, 'leave-3', 60, { task_list: [{ task_id: own('v1'), user_id: own('anna') }] });
  const names = ['create_time', 'end_time', 'links', 'status', 'update_time'];
  refused(await sync(body), 99992402, names.map((name) => `task_list[*].${name}`));
});

step('check without tasks', async () => {
  const data = { instances: [{ instance_id: own('leave-1'), update_time: at(40) }] };
  const answer = await raw('POST', '/open-apis/approval/v4/external_instances/check', { data });
  refused(answer, 99992402, ['instances[*].tasks']);
});

step('a status that does not exist', async () => {
  refused(await sync(leave(60, { status: 'FINISHED' })), 99992402, ['status']);
});

// --- 7 Rules -------------------------------------------------------------------------------------

step('a task_id twice in one sync', async () => {
  const twice = [task('t1', 'anna', 60), task('t1', 'boris', 60)];
  refused(await sync(leave(60, { task_list: twice })), 1390001);
});

step('an unknown approval_code, and the custom one, in a sync', async () => {
  refused(await sync(instance(NO_SUCH_CODE, 'leave-3', 60)), 1390002, undefined, 'unknown: ');
  refused(await sync(instance(own('leave'), 'leave-3', 60)), 1390002, undefined, 'custom: ');
});

step('an instance does not move to another definition', async () => {
  refused(await sync(instance(told.trip, 'leave-1', 60)), 1390001);
});

step('a new group needs a name, a new definition a group', async () => {
  for (const missing of ['group_code', 'group_name']) {
    const body = definition('leave', { approval_code: own('groupless'), group_code: own('new-group') });
    delete body[missing];
    refused(await define(body), 1390001, undefined, `${missing}: `);
  }
});

step('external_tasks without any filter', async () => {
  refused(await tasks(), 1390001);
});

step('external_tasks with filters that do not go together', async () => {
  refused(await tasks({ status: 'PENDING' }), 1390001, undefined, 'status: ');
  refused(await tasks({ approval_codes: [told.trip] }), 1390001, undefined, 'codes: ');
  const usersAndStatus = { user_ids: [own('anna')], status: 'PENDING' };
  refused(await tasks(usersAndStatus), 1390001, undefined, 'users and status: ');
});

step('external_tasks with 21 instance_ids', async () => {
  const ids = Array.from({ length: 21 }, (_, index) => own(`trip-${index + 1}`));
  refused(await tasks({ instance_ids: ids }), 1390001, ['instance_ids']);
});

step('external_tasks with an unknown status', async () => {
  refused(await tasks(byStatus('FINISHED')), 1390001, ['status']);
});

step('external_tasks with a page_size of 501', async () => {
  refused(await tasks(byStatus(), { page_size: 501 }), 1390001, ['page_size']);
});

step('a forged page_token', async () => {
  const answer = await tasks(undefined, { page_token: 'bm90IGEgdG9rZW4gb2YgdGhpcyBzZXJ2ZXI' });
  refused(answer, 1390001, ['page_token']);
});

step('a page_token with another filter, and of another app', async () => {
  const token = (await tasks(byStatus(), { page_size: 2 })).body.data.page_token;
  refused(await tasks(byStatus('APPROVED'), { page_token: token }), 1390001, undefined, 'filter: ');
  refused(await tasks(undefined, { page_token: token, by: other }), 1390001, undefined, 'app: ');
});

step('nothing that was refused has changed anything', async () => {
  want('leave-1', ['t1 APPROVED 40', 't2 APPROVED 30'], await leaveTasks());
  const asked = [claim('leave-1', 40), claim('leave-3', 60)];
  want('differing', [{ instance: 'leave-3 0', tasks: [] }], await differing(asked));
});

// --- 7 Other apps and tenants --------------------------------------------------------------------

step('another tenant sees nothing', async () => {
  want('rows', [], rows(await tasks({ instance_ids: [own('leave-1'), own('trip-1')] }, { by: other })));
  const differs = await differing([claim('leave-1', 40)], { by: other });
  want('differing', [{ instance: 'leave-1 0', tasks: [] }], differs);
  refused(await defined(told.leave, { by: other }), 1390002);
});

step('another app of the same tenant sees nothing', async () => {
  want('rows', [], rows(await tasks({ instance_ids: [own('leave-1'), own('trip-1')] }, { by: reader })));
});

step('another tenant may use the same codes and ids', async () => {
  const code = good(await define(definition('leave'), { by: other })).approval_code;
  alias(code, '<other leave>');
  want('a code of its own', true, code !== told.leave);
  const body = instance(code, 'leave-1', 70, { task_list: [task('t1', 'anna', 70)] });
  counted(good(await sync(body, { by: other })), [1, 0, 0], [1, 0, 0]);
  want('leave-1 here', ['t1 APPROVED 40', 't2 APPROVED 30'], await leaveTasks());
});

// --- 8 Purge -------------------------------------------------------------------------------------

step('REPLACE, APPROVED and no user makes an instance unreachable', async () => {
  const members = { status: 'APPROVED', update_mode: 'REPLACE', end_time: at(300) };
  const { user_id: nobody, ...body } = instance(told.trip, 'trip-3', 300, members);
  note('process_record', good(await sync(body)).process_record);
  want('differing', [{ instance: 'trip-3 0', tasks: [] }], await differing([claim('trip-3', 300)]));
  want('by id', [], rows(await tasks({ instance_ids: [own('trip-3')] })));
  want('open', openTrips(MORE_TRIPS.filter((n) => n !== 3)), listed(rows(await tasks(byStatus()))));
});

step('syncing again brings it back to its place', async () => {
  note('process_record', good(await sync(trip(told.trip, 3, 301))).process_record);
  want('differing', [], await differing([claim('trip-3', 301, { 'trip-3-a': 301, 'trip-3-b': 301 })]));
  want('open', openTrips(MORE_TRIPS), listed(rows(await tasks(byStatus()))));
});
