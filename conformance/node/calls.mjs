// Owns how the Node suite uses @larksuiteoapi/node-sdk: its clients, its calls, and what a good or a
// refused answer must look like. ../python/calls.py does the same for the Python SDK.
//
// Every call is settled into { http, headers, body }: the SDK answers the parsed body of a 2xx alone
// and throws an AxiosError, which has the rest, for everything else.

import lark from '@larksuiteoapi/node-sdk';

import { START, at, instance, own, short } from './cast.mjs';
import { URL, each, isTree, note, told, want } from './stage.mjs';

export const TOKEN = '/open-apis/auth/v3/tenant_access_token/internal';
export const TASKS = '/open-apis/approval/v4/external_tasks';
export const USER_TASKS = '/open-apis/apaas/v1/user_task/query';
const COUNTS = ['insert_num', 'update_num', 'delete_num'];

const silence = { error() {}, warn() {}, info() {}, debug() {}, trace() {} };

export function client(appId, appSecret, settings = {}) {
  return new lark.Client({ appId, appSecret, domain: URL, logger: silence, ...settings });
}

export const demo = client('cli_demo', 'demo-secret');
export const reader = client('cli_reader', 'reader-secret');
export const other = client('cli_other', 'other-secret');
// Brings no token of its own; with the token cache on, a hand-made one would be overwritten.
export const bare = client('cli_demo', 'demo-secret', { disableTokenCache: true });

// --- Calls ---------------------------------------------------------------------------------------

export async function settled(call) {
  try {
    return { http: 200, headers: {}, body: await call };
  } catch (error) {
    if (!error.response) throw error;
    return { http: error.response.status, headers: error.response.headers, body: error.response.data };
  }
}

export const define = (data, { by = demo, params } = {}) =>
  settled(by.approval.v4.externalApproval.create({ data, params }));

export const defined = (code, { by = demo, params, token } = {}) =>
  settled(
    (token ? bare : by).approval.v4.externalApproval.get(
      { path: { approval_code: code }, params },
      token && lark.withTenantToken(token),
    ),
  );

export const sync = (data, { by = demo } = {}) => settled(by.approval.v4.externalInstance.create({ data }));

export const check = (instances, { by = demo } = {}) =>
  settled(by.approval.v4.externalInstance.check({ data: { instances } }));

/** Without a filter the SDK sends the two bytes `{}`. */
export const tasks = (data, { by = demo, ...params } = {}) =>
  settled(by.approval.v4.externalTask.list({ data, params }));

export const userTasks = (data, { by = demo } = {}) => settled(by.apaas.v1.userTask.query({ data }));

/** The SDK's way to call what it has no method for. */
export const raw = (method, url, { by = demo, ...payload } = {}) => settled(by.request({ method, url, ...payload }));

export const leave = (second, members) => instance(told.leave, 'leave-1', second, members);

export function claim(name, second, taskSeconds = {}) {
  const held = Object.entries(taskSeconds).map(([id, when]) => ({ task_id: own(id), update_time: at(when) }));
  return { instance_id: own(name), update_time: at(second), tasks: held };
}

// --- Answers -------------------------------------------------------------------------------------

/** The data of a good answer. */
export function good({ http, body }) {
  if (body.code !== 0) throw new Error(`expected code 0, seen ${http} ${JSON.stringify(body)}`);
  return withoutNulls(body.data);
}

/** Expects HTTP 400 with this code, and these names in field_violations; answers `error`. */
export function refused({ http, headers, body }, code, fields, about = '') {
  const error = body.error ?? {};
  const logId = headers['x-tt-logid'];
  const named = [...new Set((error.field_violations ?? []).map((violation) => violation.field))].sort();
  want(`${about}http`, 400, http);
  want(`${about}code`, code, body.code);
  want(`${about}error.log_id is X-Tt-Logid`, true, Boolean(logId) && error.log_id === logId);
  want(`${about}fields`, fields ? [...fields].sort() : named, named);
  note(`${about}msg`, body.msg);
  return error;
}

/** Expects process_record to say how many were inserted, updated and deleted of each kind. */
export function counted(data, instance = [0, 0, 0], task = [0, 0, 0], cc = [0, 0, 0]) {
  const expected = { instance, task, cc };
  const seen = Object.fromEntries(
    Object.keys(expected).map((kind) => [kind, COUNTS.map((count) => data.process_record?.[kind]?.[count])]),
  );
  want('inserted, updated, deleted', expected, seen);
}

/** The instances of one page, without approval_id, whose value is the server's business. */
export function rows(answer) {
  return pageRows(good(answer).data);
}

export function pageRows(found) {
  return found.map(({ approval_id: id, ...row }) => {
    if (!/^[0-9]+$/.test(id)) throw new Error('approval_id is not a decimal string');
    return row;
  });
}

/** `trip-1: trip-1-a trip-1-b` for each row. */
export function listed(found) {
  return found.map((row) => [`${short(row.instance_id)}:`, ...row.tasks.map((item) => short(item.id))].join(' '));
}

/** The tasks of the first instance as `t1 APPROVED 30`, the last being seconds after START. */
export async function leaveTasks() {
  const [row] = rows(await tasks({ instance_ids: [own('leave-1')] }));
  return row.tasks.map((item) => `${short(item.id)} ${item.status} ${second(item.update_time)}`);
}

/** What check answers, with times as seconds after START and 0 for unknown. */
export async function differing(instances, options) {
  return good(await check(instances, options)).diff_instances.map((found) => ({
    instance: `${short(found.instance_id)} ${second(found.update_time)}`,
    tasks: found.tasks.map((item) => `${short(item.task_id)} ${second(item.update_time)}`),
  }));
}

function second(time) {
  if (typeof time !== 'string') throw new Error(`expected a time as a string, seen ${time}`);
  return time === '0' ? 0 : Math.floor((Number(time) - START) / 1000);
}

/** A member that is null counts as absent, as in the Python SDK's models. */
function withoutNulls(value) {
  if (!isTree(value)) return value;
  if (Array.isArray(value)) return value.map(withoutNulls);
  return each(Object.fromEntries(Object.entries(value).filter(([, item]) => item !== null)), withoutNulls);
}
