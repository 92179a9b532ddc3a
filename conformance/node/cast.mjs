// Owns what the Node suite sends: definitions, instances, tasks, copies, and the times on them.
//
// ../python/cast.py says the same in Python. Times are fixed, so that the record needs no clock.
// The SDK types them as string and passes on what it is given; so does the server's answer.

import { RUN, each, isTree, sorted } from './stage.mjs';

// 2025-10-09T08:53:20Z; any fixed moment would do.
export const START = 1_760_000_000_000;
export const TRIPS = [1, 2, 3, 4, 5, 6, 7];

const TEXTS = {
  '@i18n@approval.leave': ['请假', 'Leave'],
  '@i18n@approval.renamed': ['年假', 'Annual leave'],
  '@i18n@approval.trip': ['出差', 'Trip'],
  '@i18n@description': ['一致性测试', 'Conformance'],
  '@i18n@group.people': ['人事', 'People'],
  '@i18n@source': ['办公系统', 'Office system'],
  '@i18n@form.days': ['天数', 'Days'],
  '@i18n@form.three': ['三天', 'Three'],
  '@i18n@node.lead': ['主管', 'Lead'],
};

export const at = (second) => String(START + second * 1000);

/** An id of this run. */
export const own = (name) => `${RUN}-${name}`;

export const short = (ownId) => (ownId.startsWith(`${RUN}-`) ? ownId.slice(RUN.length + 1) : ownId);

/** The same payload with its times as JSON numbers, which the server must accept too. */
export function numbered(value) {
  if (isTree(value)) return each(value, numbered);
  return /^(0|17\d{11})$/.test(value) ? Number(value) : value;
}

/** Lists sorted, for comparisons in which their order says nothing. */
export function unordered(value) {
  if (!isTree(value)) return value;
  const tree = each(value, unordered);
  if (!Array.isArray(tree)) return tree;
  const texts = new Map(tree.map((item) => [item, JSON.stringify(sorted(item))]));
  return tree.sort((a, b) => (texts.get(a) < texts.get(b) ? -1 : 1));
}

/** `seen` without the members that `expected` does not mention. */
export function only(expected, seen) {
  if (Array.isArray(expected) && Array.isArray(seen) && expected.length === seen.length) {
    return expected.map((item, index) => only(item, seen[index]));
  }
  if (isTree(expected) && !Array.isArray(expected) && isTree(seen) && !Array.isArray(seen)) {
    return Object.fromEntries(Object.entries(expected).map(([key, item]) => [key, only(item, seen[key])]));
  }
  return seen;
}

export function resources() {
  return ['zh-CN', 'en-US'].map((locale, index) => ({
    locale,
    is_default: locale === 'zh-CN',
    texts: Object.entries(TEXTS).map(([key, values]) => ({ key, value: values[index] })),
  }));
}

const links = (name) => ({
  pc_link: `https://oa.example.com/${name}`,
  mobile_link: `https://m.oa.example.com/${name}`,
});

export function definition(name, members = {}) {
  return {
    approval_name: `@i18n@approval.${name}`,
    approval_code: own(name),
    group_code: own('people'),
    group_name: '@i18n@group.people',
    description: '@i18n@description',
    external: {
      biz_name: '@i18n@source',
      biz_type: 'office',
      create_link_pc: 'https://oa.example.com/new',
      create_link_mobile: 'https://m.oa.example.com/new',
      support_pc: true,
      support_mobile: true,
      support_batch_read: true,
      enable_quick_operate: true,
      action_callback_url: 'http://127.0.0.1:9/callback',
      action_callback_token: 'callback-token',
      action_callback_key: 'callback-key',
      allow_batch_operate: true,
    },
    viewers: [{ viewer_type: 'TENANT' }],
    i18n_resources: resources(),
    ...members,
  };
}

export function instance(code, name, second, members = {}) {
  return {
    approval_code: code,
    instance_id: own(name),
    status: 'PENDING',
    user_id: own('boris'),
    title: '@i18n@approval.leave',
    links: links(name),
    start_time: at(0),
    end_time: '0',
    update_time: at(second),
    i18n_resources: resources(),
    ...members,
  };
}

export function task(name, person, second, members = {}) {
  return {
    task_id: own(name),
    user_id: own(person),
    links: links(name),
    status: 'PENDING',
    create_time: at(1),
    end_time: '0',
    update_time: at(second),
    node_id: 'lead',
    node_name: '@i18n@node.lead',
    ...members,
  };
}

export function approved(name, person, second) {
  const extra = '{"complete_reason":"approved"}';
  return task(name, person, second, { status: 'APPROVED', end_time: at(second), extra });
}

/** A copy goes to a person who is known by open_id. */
export function copy(name, second) {
  return {
    cc_id: own(name),
    open_id: `ou_${own('carol')}`,
    links: links(name),
    read_status: 'UNREAD',
    create_time: at(1),
    update_time: at(second),
  };
}

/** One of seven instances with two tasks: anna's is open in the odd ones, boris's in all. */
export function trip(code, number, second = 100 + number) {
  const name = `trip-${number}`;
  const first = number % 2 ? task : approved;
  const tasks = [first(`${name}-a`, 'anna', second), task(`${name}-b`, 'boris', second)];
  return instance(code, name, second, { task_list: tasks });
}
