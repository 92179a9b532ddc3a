"""Owns how the Python suite uses lark-oapi: its clients, its calls, and what a good or a refused
answer must look like. ../node/calls.mjs does the same for the Node SDK.
"""

import json
import re

import lark_oapi as lark
from lark_oapi.api.apaas.v1 import QueryUserTaskRequest, QueryUserTaskRequestBody
from lark_oapi.api.approval.v4 import (
    CheckExternalInstanceRequest,
    CheckExternalInstanceRequestBody,
    CreateExternalApprovalRequest,
    CreateExternalInstanceRequest,
    ExternalApproval,
    ExternalInstance,
    GetExternalApprovalRequest,
    ListExternalTaskRequest,
    ListExternalTaskRequestBody,
)

from cast import START, at, instance, own, short
from stage import URL, note, told, want

TOKEN = "/open-apis/auth/v3/tenant_access_token/internal"
TASKS = "/open-apis/approval/v4/external_tasks"
USER_TASKS = "/open-apis/apaas/v1/user_task/query"
COUNTS = ("insert_num", "update_num", "delete_num")


def client(app_id, app_secret):
    builder = lark.Client.builder().app_id(app_id).app_secret(app_secret).domain(URL)
    # A call may bring a hand-made token; without one the SDK still fetches its own.
    return builder.enable_set_token(True).log_level(lark.LogLevel.ERROR).timeout(20).build()


demo = client("cli_demo", "demo-secret")
reader = client("cli_reader", "reader-secret")
other = client("cli_other", "other-secret")


# --- Calls --------------------------------------------------------------------------------------


def define(body, by=demo, **query):
    request = CreateExternalApprovalRequest.builder().request_body(ExternalApproval(body))
    return by.approval.v4.external_approval.create(_built(request, query))


def defined(code, by=demo, token=None, **query):
    request = GetExternalApprovalRequest.builder().approval_code(code)
    option = lark.RequestOption.builder().tenant_access_token(token).build()
    return by.approval.v4.external_approval.get(_built(request, query), option)


def sync(body, by=demo):
    model = body if isinstance(body, ExternalInstance) else ExternalInstance(body)
    request = CreateExternalInstanceRequest.builder().request_body(model).build()
    return by.approval.v4.external_instance.create(request)


def check(instances, by=demo):
    body = CheckExternalInstanceRequestBody({"instances": instances})
    request = CheckExternalInstanceRequest.builder().request_body(body).build()
    return by.approval.v4.external_instance.check(request)


def tasks(filters=None, by=demo, **query):
    return by.approval.v4.external_task.list(tasks_request(filters, **query))


def tasks_request(filters=None, **query):
    request = ListExternalTaskRequest.builder()
    if filters is not None:
        request.request_body(ListExternalTaskRequestBody(filters))
    return _built(request, query)


def user_tasks(body, by=demo):
    return by.apaas.v1.user_task.query(user_tasks_request(body))


def user_tasks_request(body):
    return QueryUserTaskRequest.builder().request_body(QueryUserTaskRequestBody(body)).build()


def raw(method, path, body=None, query=None, headers=None, signed=True):
    """The SDK's way to call what it has no method for."""
    request = lark.BaseRequest.builder().http_method(lark.HttpMethod[method]).uri(path).body(body)
    request.headers(headers or {}).queries(list((query or {}).items()))
    request.token_types({lark.AccessTokenType.TENANT} if signed else set())
    response = demo.request(request.build())
    # The SDK finds Content-Type by its exact spelling only, and otherwise leaves the body unread.
    # One step is about the spelling; the others are about what was answered.
    if response.code is None and response.raw.content.startswith(b"{"):
        answer, response = response.raw, lark.BaseResponse(content(response))
        response.raw = answer
    return response


def _built(request, query):
    for name, value in query.items():
        getattr(request, name)(value)
    return request.build()


def leave(second, **members):
    return instance(told.leave, "leave-1", second, **members)


def claim(name, second, **task_seconds):
    held = [{"task_id": own(task_id), "update_time": at(when)} for task_id, when in task_seconds.items()]
    return {"instance_id": own(name), "update_time": at(second), "tasks": held}


# --- Answers ------------------------------------------------------------------------------------


def content(response):
    """The body as it came, with the members that the SDK's models do not know."""
    return json.loads(response.raw.content)


def good(response):
    """The data of a good answer, as far as the SDK's models know it."""
    if not response.success():
        raise AssertionError(f"expected code 0, seen {response.raw.status_code} {response.raw.content.decode()}")
    return json.loads(lark.JSON.marshal(response.data))


def refused(response, code, fields=None, about=""):
    """Expects HTTP 400 with this code, and these names in field_violations; answers `error`."""
    error = response.error or {}
    log_ids = [value for name, value in response.raw.headers.items() if name.lower() == "x-tt-logid"]
    named = sorted({violation["field"] for violation in error.get("field_violations") or []})
    want(f"{about}http", 400, response.raw.status_code)
    want(f"{about}code", code, response.code)
    want(f"{about}error.log_id is X-Tt-Logid", True, bool(log_ids) and log_ids == [error.get("log_id")])
    want(f"{about}fields", named if fields is None else sorted(fields), named)
    note(f"{about}msg", response.msg)
    return error


def counted(data, instance=(0, 0, 0), task=(0, 0, 0), cc=(0, 0, 0)):
    """Expects process_record to say how many were inserted, updated and deleted of each kind."""
    record = data.get("process_record") or {}
    seen = {kind: [record.get(kind, {}).get(count) for count in COUNTS] for kind in ("instance", "task", "cc")}
    want("inserted, updated, deleted", {"instance": [*instance], "task": [*task], "cc": [*cc]}, seen)


def rows(response):
    """The instances of one page, without approval_id, whose value is the server's business."""
    found = good(response)["data"]
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


def differing(instances, by=demo):
    """What check answers, with times as seconds after START and 0 for unknown."""
    return [
        {
            "instance": f"{short(found['instance_id'])} {_second(found['update_time'])}",
            "tasks": [f"{short(item['task_id'])} {_second(item['update_time'])}" for item in found["tasks"]],
        }
        for found in good(check(instances, by))["diff_instances"]
    ]


def _second(time):
    if not isinstance(time, str):
        raise AssertionError(f"expected a time as a string, seen {time!r}")
    return 0 if time == "0" else (int(time) - START) // 1000
