// Owns the first chapters of the Node story: tokens, definitions, instances, check.

import { TASKS, TOKEN, bare, claim, client, counted, define, defined, differing, good } from './calls.mjs';
import { leave, leaveTasks, raw, refused, settled, sync, tasks } from './calls.mjs';
import { approved, at, copy, definition, instance, numbered, only, own, short, task, unordered } from './cast.mjs';
import { alias, step, told, want } from './stage.mjs';

const REAL_CODE = /^[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}$/;

// --- 1 Tokens ------------------------------------------------------------------------------------

async function tenantToken(appId, appSecret) {
  const data = { app_id: appId, app_secret: appSecret };
  const { http, body } = await settled(bare.auth.v3.tenantAccessToken.internal({ data }));
  want('http', 200, http);
  return body;
}

step('the SDK itself says that the secret is wrong', async () => {
  // Before any good token: the SDK caches tokens by app id alone.
  try {
    await tasks({ instance_ids: ['none'] }, { by: client('cli_demo', 'not-the-secret') });
    want('code', 10014, 0);
  } catch (error) {
    // The code is in the text only: failed to get tenant_access_token, code: 10014, msg: ...
    const code = /^failed to get .*, code: (\d+)/.exec(error.message)?.[1];
    if (!code) throw error;
    want('code', 10014, Number(code));
  }
});

step(
  'tenant_access_token/internal',
  async () => {
    const answer = await tenantToken('cli_demo', 'demo-secret');
    want('code', 0, answer.code);
    want('expire is 1800 to 7200', true, answer.expire >= 1800 && answer.expire <= 7200);
    want('starts with t-', true, answer.tenant_access_token.startsWith('t-'));
    told.token = answer.tenant_access_token;
  },
  { vital: true },
);

step('app_access_token/internal answers the same token', async () => {
  const data = { app_id: 'cli_demo', app_secret: 'demo-secret' };
  const { body: answer } = await settled(bare.auth.v3.appAccessToken.internal({ data }));
  want('code', 0, answer.code);
  want('expire is 1800 to 7200', true, answer.expire >= 1800 && answer.expire <= 7200);
  want('app token is the tenant token', true, answer.app_access_token === told.token);
  want('tenant token is the same too', true, answer.tenant_access_token === told.token);
});

step('the token path with a slash at its end', async () => {
  const data = { app_id: 'cli_demo', app_secret: 'demo-secret' };
  const { body } = await raw('POST', `${TOKEN}/`, { data, by: bare });
  want('the same token', true, body.tenant_access_token === told.token);
});

step('a wrong secret', async () => {
  want('code', 10014, (await tenantToken('cli_demo', 'not-the-secret')).code);
});

step('an empty app id', async () => {
  want('code', 10003, (await tenantToken('', 'demo-secret')).code);
});

step('the SDK finds the headers and reads a refusal', async () => {
  const { headers, body } = await raw('GET', TASKS, { params: { page_size: 1 } });
  want('code', 1390001, body.code);
  want('log id', true, Boolean(headers['x-tt-logid']));
  want('content type', 'application/json; charset=utf-8', headers['content-type']);
});

// --- 2 Definitions -------------------------------------------------------------------------------

step(
  'a new definition answers a real code',
  async () => {
    told.leave = good(await define(definition('leave'))).approval_code;
    alias(told.leave, '<leave>');
    want('upper-case UUID', true, REAL_CODE.test(told.leave));
    want('not the custom code', true, told.leave !== own('leave'));
  },
  { vital: true },
);

step('the same custom code again is an update', async () => {
  const again = good(await define(definition('leave', { approval_name: '@i18n@approval.renamed' })));
  want('approval_code', told.leave, again.approval_code);
});

step('get by the real code', async () => {
  const expected = definition('leave', { approval_name: '@i18n@approval.renamed' });
  // Flags that were left out come back as false.
  Object.assign(expected.external, { enable_mark_readed: false, exclude_efficiency_statistics: false });
  const seen = good(await defined(told.leave));
  want('definition', unordered(expected), unordered(only(expected, seen)));
  want('managers', [], seen.managers ?? []);
});

step('get by the custom code', async () => {
  refused(await defined(own('leave')), 1390002);
});

step(
  'a second definition in the same group',
  async () => {
    told.trip = good(await define(definition('trip'))).approval_code;
    alias(told.trip, '<trip>');
    want('a code of its own', true, told.trip !== told.leave);
  },
  { vital: true },
);

// --- 3 Instances ---------------------------------------------------------------------------------

const fullLeave = (members = {}) =>
  leave(10, {
    extra: '{"business_key":"L-1"}',
    form: [{ name: '@i18n@form.days', value: '@i18n@form.three' }],
    task_list: [task('t1', 'anna', 10), task('t2', 'boris', 10), task('t3', 'dora', 10)],
    cc_list: [copy('c1', 10)],
    ...members,
  });

step(
  'the first sync',
  async () => {
    const data = good(await sync(fullLeave()));
    counted(data, [1, 0, 0], [3, 0, 0], [1, 0, 0]);
    const expected = fullLeave();
    want('stored', unordered(expected), unordered(only(expected, data.data)));
  },
  { vital: true },
);

step('the same again as UPDATE is ignored', async () => {
  counted(good(await sync(fullLeave({ update_mode: 'UPDATE' }))));
});

step('UPDATE adds a task and keeps what is absent', async () => {
  const data = good(await sync(leave(20, { update_mode: 'UPDATE', task_list: [task('t4', 'anna', 20)] })));
  counted(data, [0, 1, 0], [1, 0, 0]);
  const kept = fullLeave();
  want('extra', kept.extra, data.data.extra);
  want('form', kept.form, data.data.form);
  want('tasks', ['t1', 't2', 't3', 't4'], data.data.task_list.map((item) => short(item.task_id)).sort());
  want('copies', ['c1'], data.data.cc_list.map((item) => short(item.cc_id)));
});

step('UPDATE skips a stale task', async () => {
  const both = [approved('t1', 'anna', 10), approved('t2', 'boris', 30)];
  counted(good(await sync(leave(30, { update_mode: 'UPDATE', task_list: both }))), [0, 1, 0], [0, 1, 0]);
  want('tasks', ['t1 PENDING 10', 't2 APPROVED 30', 't3 PENDING 10', 't4 PENDING 20'], await leaveTasks());
});

step('UPDATE with an older time is dropped whole', async () => {
  const newer = [approved('t3', 'dora', 35), task('t5', 'anna', 35)];
  counted(good(await sync(leave(25, { update_mode: 'UPDATE', task_list: newer }))));
  want('tasks', ['t1 PENDING 10', 't2 APPROVED 30', 't3 PENDING 10', 't4 PENDING 20'], await leaveTasks());
});

step('REPLACE removes what is absent, also with an older time', async () => {
  const both = [task('t1', 'anna', 10), approved('t2', 'boris', 30)];
  const data = good(await sync(leave(15, { update_mode: 'REPLACE', task_list: both })));
  counted(data, [0, 1, 0], [0, 0, 2], [0, 0, 1]);
  want('update_time', at(15), data.data.update_time);
  want('copies', [], data.data.cc_list ?? []);
  want('tasks', ['t1 PENDING 10', 't2 APPROVED 30'], await leaveTasks());
});

step('approved by another sync', async () => {
  const both = [approved('t1', 'anna', 40), approved('t2', 'boris', 30)];
  const data = good(await sync(leave(40, { status: 'APPROVED', end_time: at(40), task_list: both })));
  counted(data, [0, 1, 0], [0, 1, 0]);
  want('status', 'APPROVED', data.data.status);
  want('tasks', ['t1 APPROVED 40', 't2 APPROVED 30'], await leaveTasks());
});

step('times in the other JSON type are the same times', async () => {
  // The SDK passes on what it is given; elsewhere this suite sends strings.
  const body = instance(told.leave, 'leave-2', 50, { task_list: [task('u1', 'anna', 50)] });
  want('stored', at(50), good(await sync(numbered(body))).data.update_time);
  const asked = [{ instance_id: own('leave-2'), update_time: at(50), tasks: [] }];
  want('differing', [], await differing(asked));
});

step('viewers and managers come back', async () => {
  // By now anna and boris are known, because a sync named them.
  const params = { user_id_type: 'user_id' };
  const viewers = [{ viewer_type: 'USER', viewer_user_id: own('anna') }];
  const body = definition('leave', { viewers, managers: [own('boris')] });
  want('approval_code', told.leave, good(await define(body, { params })).approval_code);
  const seen = good(await defined(told.leave, { params }));
  want('viewers', viewers, only(viewers, seen.viewers));
  want('managers', [own('boris')], seen.managers);
});

// --- 4 Check -------------------------------------------------------------------------------------

step('check: all equal', async () => {
  want('differing', [], await differing([claim('leave-1', 40, { t1: 40, t2: 30 })]));
});

step('check: the instance differs', async () => {
  want('differing', [{ instance: 'leave-1 40', tasks: [] }], await differing([claim('leave-1', 39, { t1: 40 })]));
});

step('check: a task is unknown', async () => {
  want('differing', [{ instance: 'leave-1 40', tasks: ['t9 0'] }], await differing([claim('leave-1', 40, { t9: 40 })]));
});

step('check: a task differs', async () => {
  const asked = [claim('leave-1', 40, { t1: 40, t2: 31 })];
  want('differing', [{ instance: 'leave-1 40', tasks: ['t2 30'] }], await differing(asked));
});

step('check: an instance is unknown', async () => {
  want('differing', [{ instance: 'leave-9 0', tasks: [] }], await differing([claim('leave-9', 40, { t1: 40 })]));
});

step('check: several in one call', async () => {
  const asked = [claim('leave-1', 40, { t1: 40 }), claim('leave-9', 1), claim('leave-2', 51)];
  const expected = [
    { instance: 'leave-9 0', tasks: [] },
    { instance: 'leave-2 50', tasks: [] },
  ];
  want('differing', unordered(expected), unordered(await differing(asked)));
});
