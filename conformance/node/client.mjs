// Owns how calls are made with @larksuiteoapi/node-sdk: one call a line on standard input, its answer
// on standard output. What is asked and expected is in ../story; ../README.md describes the lines.

import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

import lark from '@larksuiteoapi/node-sdk';

// The server under test is always reached directly; a proxy would change what is measured.
process.env.NO_PROXY = process.env.no_proxy = '*';

const { version } = createRequire(import.meta.url)('@larksuiteoapi/node-sdk/package.json');
const silence = { error() {}, warn() {}, info() {}, debug() {}, trace() {} };

// --- Calls ---------------------------------------------------------------------------------------

// By the name that the story has for it; `listWithIterator` is asked for by `pages`.
const CALLS = {
  'tenant_access_token.internal': (by) => by.auth.v3.tenantAccessToken.internal,
  'app_access_token.internal': (by) => by.auth.v3.appAccessToken.internal,
  'external_approval.create': (by) => by.approval.v4.externalApproval.create,
  'external_approval.get': (by) => by.approval.v4.externalApproval.get,
  'external_instance.create': (by) => by.approval.v4.externalInstance.create,
  'external_instance.check': (by) => by.approval.v4.externalInstance.check,
  'external_task.list': (by) => by.approval.v4.externalTask.list,
  'user_task.query': (by) => by.apaas.v1.userTask.query,
  'task.query': (by) => by.approval.v4.task.query,
  'task.search': (by) => by.approval.v4.task.search,
  'instance.query': (by) => by.approval.v4.instance.query,
  'instance.search_cc': (by) => by.approval.v4.instance.searchCc,
  'instance.get': (by) => by.approval.v4.instance.get,
  'instance.list': (by) => by.approval.v4.instance.list,
  'application_flow.execute': (by) => by.apaas.v1.applicationFlow.execute,
  'approval_task.agree': (by) => by.apaas.v1.approvalTask.agree,
  'approval_task.reject': (by) => by.apaas.v1.approvalTask.reject,
  'approval_task.transfer': (by) => by.apaas.v1.approvalTask.transfer,
  'approval_task.add_assignee': (by) => by.apaas.v1.approvalTask.addAssignee,
  'approval_instance.cancel': (by) => by.apaas.v1.approvalInstance.cancel,
  'user_task.cc': (by) => by.apaas.v1.userTask.cc,
  'user_task.expediting': (by) => by.apaas.v1.userTask.expediting,
  'user_task.rollback': (by) => by.apaas.v1.userTask.rollback,
  'user_task.rollback_points': (by) => by.apaas.v1.userTask.rollbackPoints,
  'user_task.chat_group': (by) => by.apaas.v1.userTask.chatGroup,
};

function own({ call, app, path, query, body, token }) {
  const method = CALLS[call](client(app, !token));
  return method({ path, params: query, data: body ?? undefined }, token && lark.withTenantToken(token));
}

/** The SDK's way to call what it has no method for. */
function raw({ app, method, url, query, body, headers, signed }) {
  return client(app, signed).request({ method, url, params: Object.fromEntries(query), data: body ?? undefined, headers });
}

const clients = new Map();

/** With the token cache on, a token or header that a call brings would be overwritten. */
function client({ id, secret }, signed) {
  const key = JSON.stringify([id, secret, signed]);
  if (!clients.has(key)) {
    const settings = { domain: process.env.COUNTERSIGN_URL, logger: silence, disableTokenCache: !signed };
    clients.set(key, new lark.Client({ appId: id, appSecret: secret, ...settings }));
  }
  return clients.get(key);
}

// --- Answers -------------------------------------------------------------------------------------

/** The SDK answers the parsed body of a 2xx alone, and throws an AxiosError for everything else. */
async function settled(made) {
  try {
    return answer(200, {}, await made);
  } catch (error) {
    if (error.response) return answer(error.response.status, error.response.headers, error.response.data);
    // The code is in the text only: failed to get tenant_access_token, code: 10014, msg: ...
    const code = /^failed to get .*, code: (\d+)/.exec(error.message)?.[1];
    return code ? { raised: { code: Number(code) } } : { failed: String(error) };
  }
}

function answer(http, headers, body) {
  if (typeof body !== 'object') return { http, text: String(body) };
  return {
    http,
    code: body.code,
    msg: body.msg,
    log_id: headers['x-tt-logid'],
    content_type: headers['content-type'],
    error: body.error,
    data: body.data,
    text: JSON.stringify(body),
  };
}

// --- Conversation --------------------------------------------------------------------------------

const tell = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const heard = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** The SDK's own iterator: the next page is fetched when the story asks for it. */
async function pages({ app, query, body }) {
  const iterator = await client(app, true).approval.v4.externalTask.listWithIterator({ params: query, data: body });
  for await (const page of iterator) {
    // It yields null where a call failed.
    if (!page) return tell({ failed: 'the iterator yielded null' });
    tell({ page: page.data });
    await heard.next();
  }
  return tell({ end: true });
}

tell({ sdk: '@larksuiteoapi/node-sdk', version, iterator: true });
for (;;) {
  const { value: line, done } = await heard.next();
  if (done) break;
  const asked = JSON.parse(line);
  if (asked.pages) await pages(asked);
  else tell(await settled(asked.call === 'raw' ? raw(asked) : own(asked)));
}
