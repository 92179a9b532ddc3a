"""Owns what the story sends: definitions, instances, tasks, copies, and the times on them.

Times are fixed, so that the record needs no clock. Here they are numbers; the server answers decimal
strings, which `answered` produces for comparisons.
"""

import json

from stage import RUN

# 2025-10-09T08:53:20Z; any fixed moment would do.
START = 1_760_000_000_000
TRIPS = range(1, 8)

TEXTS = {
    "@i18n@approval.leave": ("请假", "Leave"),
    "@i18n@approval.renamed": ("年假", "Annual leave"),
    "@i18n@approval.trip": ("出差", "Trip"),
    "@i18n@description": ("一致性测试", "Conformance"),
    "@i18n@group.people": ("人事", "People"),
    "@i18n@source": ("办公系统", "Office system"),
    "@i18n@form.days": ("天数", "Days"),
    "@i18n@form.three": ("三天", "Three"),
    "@i18n@node.lead": ("主管", "Lead"),
}


def at(second):
    return START + second * 1000


def own(name):
    """An id of this run."""
    return f"{RUN}-{name}"


def short(own_id):
    return own_id.removeprefix(f"{RUN}-")


def answered(value):
    """The same payload as the server gives it back: times are strings."""
    if isinstance(value, dict):
        return {key: answered(item) for key, item in value.items()}
    if isinstance(value, list):
        return [answered(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value


def unordered(value):
    """Lists sorted, for comparisons in which their order says nothing."""
    if isinstance(value, dict):
        return {key: unordered(item) for key, item in value.items()}
    if isinstance(value, list):
        return sorted((unordered(item) for item in value), key=_sortable)
    return value


def _sortable(item):
    return json.dumps(item, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def only(expected, seen):
    """`seen` without the members that `expected` does not mention."""
    if isinstance(expected, dict) and isinstance(seen, dict):
        return {key: only(item, seen.get(key)) for key, item in expected.items()}
    if isinstance(expected, list) and isinstance(seen, list) and len(expected) == len(seen):
        return [only(*pair) for pair in zip(expected, seen)]
    return seen


def resources():
    return [
        {
            "locale": locale,
            "is_default": locale == "zh-CN",
            "texts": [{"key": key, "value": values[index]} for key, values in TEXTS.items()],
        }
        for index, locale in enumerate(("zh-CN", "en-US"))
    ]


def links(name):
    return {"pc_link": f"https://oa.example.com/{name}", "mobile_link": f"https://m.oa.example.com/{name}"}


def definition(name, **members):
    return {
        "approval_name": f"@i18n@approval.{name}",
        "approval_code": own(name),
        "group_code": own("people"),
        "group_name": "@i18n@group.people",
        "description": "@i18n@description",
        "external": {
            "biz_name": "@i18n@source",
            "biz_type": "office",
            "create_link_pc": "https://oa.example.com/new",
            "create_link_mobile": "https://m.oa.example.com/new",
            "support_pc": True,
            "support_mobile": True,
            "support_batch_read": True,
            "enable_quick_operate": True,
            "action_callback_url": "http://127.0.0.1:9/callback",
            "action_callback_token": "callback-token",
            "action_callback_key": "callback-key",
            "allow_batch_operate": True,
        },
        "viewers": [{"viewer_type": "TENANT"}],
        "i18n_resources": resources(),
        **members,
    }


def instance(code, name, second, **members):
    return {
        "approval_code": code,
        "instance_id": own(name),
        "status": "PENDING",
        "user_id": own("boris"),
        "title": "@i18n@approval.leave",
        "links": links(name),
        "start_time": at(0),
        "end_time": 0,
        "update_time": at(second),
        "i18n_resources": resources(),
        **members,
    }


def task(name, person, second, **members):
    return {
        "task_id": own(name),
        "user_id": own(person),
        "links": links(name),
        "status": "PENDING",
        "create_time": at(1),
        "end_time": 0,
        "update_time": at(second),
        "node_id": "lead",
        "node_name": "@i18n@node.lead",
        **members,
    }


def approved(name, person, second):
    return task(name, person, second, status="APPROVED", end_time=at(second), extra='{"complete_reason":"approved"}')


def copy(name, second):
    """A copy goes to a person who is known by open_id."""
    return {
        "cc_id": own(name),
        "open_id": f"ou_{own('carol')}",
        "links": links(name),
        "read_status": "UNREAD",
        "create_time": at(1),
        "update_time": at(second),
    }


def trip(code, number, second=None):
    """One of seven instances with two tasks: anna's is open in the odd ones, boris's in all."""
    name, second = f"trip-{number}", second or 100 + number
    first = task if number % 2 else approved
    tasks = [first(f"{name}-a", "anna", second), task(f"{name}-b", "boris", second)]
    return instance(code, name, second, task_list=tasks)
