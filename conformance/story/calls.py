"""Owns the calls of the story: what they are named, and what a good or a refused answer must look
like. A client knows each call by the same name; which endpoint it is, only this file knows.
"""

import json
import re
import sys
from collections import defaultdict

from cast import START, at, instance, own, short
from client import Client
from stage import note, told, want

TOKEN = "/open-apis/auth/v3/tenant_access_token/internal"
TASKS = "/open-apis/approval/v4/external_tasks"
CHECK = "/open-apis/approval/v4/external_instances/check"
INSTANCES = "/open-apis/approval/v4/external_instances"
APAAS = "/open-apis/apaas/v1"
USER_TASKS = f"{APAAS}/user_task/query"
ACTS_ON_APPROVAL = ("agree", "reject", "transfer", "add_assignee")
ACTS_ON_TASK = ("cc", "expediting", "rollback", "rollback_points", "chat_group")

# The endpoint of each call; a client that lacks one of them says so itself.
ENDPOINTS = {
    "tenant_access_token.internal": f"POST {TOKEN}",
    "app_access_token.internal": "POST /open-apis/auth/v3/app_access_token/internal",
    "external_approval.create": "POST /open-apis/approval/v4/external_approvals",
    "external_approval.get": "GET /open-apis/approval/v4/external_approvals/:approval_code",
    "external_instance.create": f"POST {INSTANCES}",
    "external_instance.check": f"POST {CHECK}",
    "external_task.list": f"GET {TASKS}",
    "user_task.query": f"POST {USER_TASKS}",
    "task.query": "GET /open-apis/approval/v4/tasks/query",
    "task.search": "POST /open-apis/approval/v4/tasks/search",
    "instance.query": "POST /open-apis/approval/v4/instances/query",
    "instance.search_cc": "POST /open-apis/approval/v4/instances/search_cc",
    "instance.get": "GET /open-apis/approval/v4/instances/:instance_id",
    "instance.list": "GET /open-apis/approval/v4/instances",
    "application_flow.execute": f"POST {APAAS}/applications/:namespace/flows/:flow_id/execute",
    **{f"approval_task.{name}": f"POST {APAAS}/approval_tasks/:approval_task_id/{name}" for name in ACTS_ON_APPROVAL},
    "approval_instance.cancel": f"POST {APAAS}/approval_instances/:approval_instance_id/cancel",
    **{f"user_task.{name}": f"POST {APAAS}/user_tasks/:task_id/{name}" for name in ACTS_ON_TASK},
}
COUNTS = ("insert_num", "update_num", "delete_num")

# The apps of `countersign dev`.
DEMO = {"id": "cli_demo", "secret": "demo-secret"}
READER = {"id": "cli_reader", "secret": "reader-secret"}
OTHER = {"id": "cli_other", "secret": "other-secret"}

client = Client(sys.argv[1:])
# Its SDK sends a body with GET.
BODY_ON_GET = client.about.get("body_on_get", True)
# Its SDK has an iterator of its own for external_tasks.
ITERATOR = client.about.get("iterator", False)

# By endpoint the ways that led to a good answer, and by code what a refusal carried.
_ways, _refusals = defaultdict(set), defaultdict(set)


def about():
    """What goes into the record beside the story."""
    return {
        "client": client.about,
        "ways": {endpoint: sorted(ways) for endpoint, ways in _ways.items()},
        "refusals": {str(code): sorted(parts) for code, parts in _refusals.items()},
    }


# --- Calls --------------------------------------------------------------------------------------


def own_call(name, body=None, by=DEMO, **more):
    """A call for which the SDK has a method."""
    answer = client.ask({"call": name, "app": by, "body": body, **more})
    if answer.code == 0:
        _ways[ENDPOINTS[name]].add("own call")
    return answer


def raw(method, path, body=None, query=None, headers=None, signed=True, by=DEMO):
    """The SDK's way to call what it has no method for. `query` is a list of pairs or a dict."""
    pairs = list(query.items() if isinstance(query, dict) else query or [])
    more = {"method": method, "url": path, "query": [[name, str(value)] for name, value in pairs]}
    answer = client.ask({"call": "raw", "app": by, "body": body, "headers": headers or {}, "signed": signed, **more})
    if answer.code == 0:
        endpoint, way = f"{method} {path}".rstrip("/"), "general call"
        if path == TASKS:
            endpoint = ENDPOINTS["external_task.list"]
            way = method if method == "POST" else way if body else "query"
        _ways[endpoint].add(way)
    return answer


def define(body, by=DEMO, **query):
    return own_call("external_approval.create", body, by, query=query)


def defined(code, by=DEMO, token=None, **query):
    return own_call("external_approval.get", by=by, path={"approval_code": code}, query=query, token=token)


def sync(body, by=DEMO):
    return own_call("external_instance.create", timed(body), by)


def check(instances, by=DEMO):
    return own_call("external_instance.check", {"instances": timed(instances)}, by)


def tasks(filters=None, by=DEMO, **query):
    """By the SDK's own call, or by POST where it refuses to send a body with GET."""
    if BODY_ON_GET:
        return own_call("external_task.list", filters, by, query=query)
    return raw("POST", TASKS, filters, query, by=by)


def task_pages(filters, page_size):
    """The rows of each page: by the SDK's own iterator, or by a loop over page_token."""
    if ITERATOR:
        query = {"page_size": page_size}
        for page in client.pages({"call": "external_task.list", "app": DEMO, "body": filters, "query": query}):
            _ways[ENDPOINTS["external_task.list"]].add("iterator")
            yield without_ids(page)
    else:
        more = {}
        while more is not None:
            answer = tasks(filters, page_size=page_size, **more)
            yield rows(answer)
            more = {"page_token": answer.data["page_token"]} if answer.data["has_more"] else None


def user_tasks(body, by=DEMO):
    return own_call("user_task.query", body, by)


def listed_by_topic(person, topic, by=DEMO, **query):
    return own_call("task.query", by=by, query={"user_id": person, "topic": topic, "user_id_type": "user_id", **query})


def search(what, body, by=DEMO, **query):
    """`what` is task.search, instance.query or instance.search_cc. An `order` is a number everywhere."""
    body = {name: value if name == "order" else timed(value) for name, value in body.items()}
    return own_call(what, body, by, query={"user_id_type": "user_id", **query})


def instance_codes(code, by=DEMO, **query):
    query = {"approval_code": code, "start_time": "0", "end_time": "9000000000000", **query}
    return own_call("instance.list", by=by, query=query)


def instance_detail(code, by=DEMO, **query):
    return own_call("instance.get", by=by, path={"instance_id": code}, query=query)


def execute(flow, body, by=DEMO):
    return own_call("application_flow.execute", body, by, path={"namespace": "package_demo", "flow_id": flow})


def act(name, task, body, by=DEMO):
    """One of the calls on a task, or on an instance."""
    kind = "approval_instance_id" if name == "cancel" else "task_id" if name in ACTS_ON_TASK else "approval_task_id"
    noun = {"approval_instance_id": "approval_instance", "task_id": "user_task"}.get(kind, "approval_task")
    return own_call(f"{noun}.{name}", body, by, path={kind: task})


def leave(second, **members):
    return instance(told.leave, "leave-1", second, **members)


def claim(name, second, **task_seconds):
    held = [{"task_id": own(task_id), "update_time": at(when)} for task_id, when in task_seconds.items()]
    return {"instance_id": own(name), "update_time": at(second), "tasks": held}


def timed(value):
    """Times as the SDK's models have them: Python's type them as int, all others as string."""
    if client.about.get("times") == "number":
        return value
    if isinstance(value, dict):
        return {key: timed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [timed(item) for item in value]
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


# --- Answers ------------------------------------------------------------------------------------


def good(answer):
    """The data of a good answer, as far as the SDK's models know it."""
    if answer.code != 0:
        raise AssertionError(f"expected code 0, seen {answer.http} {answer.text}")
    return _without_nulls(answer.data)


def refused(answer, code, fields=None, about=""):
    """Expects HTTP 400 with this code, and these names in field_violations; answers `error`."""
    error = answer.error
    named = sorted({violation["field"] for violation in error.get("field_violations") or []})
    # Some SDKs find the log id in one place only.
    log_ids = {value for value in (answer.log_id, error.get("log_id")) if value}
    want(f"{about}http", 400, answer.http)
    want(f"{about}code", code, answer.code)
    want(f"{about}one log id", 1, len(log_ids))
    want(f"{about}fields", named if fields is None else sorted(fields), named)
    note(f"{about}msg", answer.msg)
    surfaced = {
        "code": answer.code == code,
        "msg": bool(answer.msg),
        "log id": bool(answer.log_id),
        "error.log_id": bool(error.get("log_id")),
        "fields": bool(named),
        "permissions": bool(error.get("permission_violations")),
    }
    _refusals[code].update(part for part, there in surfaced.items() if there)
    return error


def refused_by_token(answer, code):
    """The token endpoints refuse with HTTP 200 and a flat body."""
    want("http", 200, answer.http)
    want("code", code, answer.code)
    _refusals[code].update(part for part, there in {"code": answer.code == code, "msg": bool(answer.msg)}.items() if there)


def counted(data, instance=(0, 0, 0), task=(0, 0, 0), cc=(0, 0, 0)):
    """Expects process_record to say how many were inserted, updated and deleted of each kind."""
    record = data.get("process_record") or {}
    seen = {kind: [record.get(kind, {}).get(count) for count in COUNTS] for kind in ("instance", "task", "cc")}
    want("inserted, updated, deleted", {"instance": [*instance], "task": [*task], "cc": [*cc]}, seen)


def rows(answer):
    """The instances of one page, without approval_id, whose value is the server's business."""
    return without_ids(good(answer).get("data"))


def without_ids(found):
    # Models of some SDKs leave out an empty list.
    found = [{"tasks": [], **row} for row in found or []]
    for row in found:
        if not re.fullmatch("[0-9]+", row.pop("approval_id")):
            raise AssertionError("approval_id is not a decimal string")
    return found


def listed(found):
    """`trip-1: trip-1-a trip-1-b` for each row."""
    return [" ".join([short(row["instance_id"]) + ":", *(short(item["id"]) for item in row["tasks"])]) for row in found]


def leave_tasks():
    """The tasks of the first instance as `t1 APPROVED 30`, the last being seconds after START."""
    [row] = rows(tasks({"instance_ids": [own("leave-1")]}))
    return [f"{short(item['id'])} {item['status']} {_second(item['update_time'])}" for item in row["tasks"]]


def differing(instances, by=DEMO):
    """What check answers, with times as seconds after START and 0 for unknown."""
    return [
        {
            "instance": f"{short(found['instance_id'])} {_second(found['update_time'])}",
            "tasks": [f"{short(item['task_id'])} {_second(item['update_time'])}" for item in found.get("tasks") or []],
        }
        for found in good(check(instances, by)).get("diff_instances") or []
    ]


def _second(time):
    if not isinstance(time, str):
        raise AssertionError(f"expected a time as a string, seen {time!r}")
    return 0 if time == "0" else (int(time) - START) // 1000


def _without_nulls(value):
    """A member that is null counts as absent: some models keep it, some do not."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value
