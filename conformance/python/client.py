"""Owns how calls are made with lark-oapi: one call a line on standard input, its answer on standard
output. What is asked and expected is in ../story; ../README.md describes the lines.

Plain calls are sent by requests; with `--async` their twins, whose names start with `a`, by httpx.
"""

import asyncio
import importlib.metadata
import json
import os
import sys
from functools import cache

import lark_oapi as lark
from lark_oapi.api import apaas
from lark_oapi.api.apaas.v1 import QueryUserTaskRequest, QueryUserTaskRequestBody
from lark_oapi.api.approval.v4 import (
    CcSearch,
    CheckExternalInstanceRequest,
    CheckExternalInstanceRequestBody,
    CreateExternalApprovalRequest,
    CreateExternalInstanceRequest,
    ExternalApproval,
    ExternalInstance,
    GetExternalApprovalRequest,
    GetInstanceRequest,
    InstanceSearch,
    ListExternalTaskRequest,
    ListExternalTaskRequestBody,
    ListInstanceRequest,
    QueryInstanceRequest,
    QueryTaskRequest,
    SearchCcInstanceRequest,
    SearchTaskRequest,
    TaskSearch,
)
from lark_oapi.api.auth.v3 import (
    InternalAppAccessTokenRequest,
    InternalAppAccessTokenRequestBody,
    InternalTenantAccessTokenRequest,
    InternalTenantAccessTokenRequestBody,
)
from lark_oapi.core.exception import ObtainAccessTokenException

# The server under test is always reached directly; a proxy would change what is measured.
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "*"
# The async twins make a client for every call, and each would read all root certificates, though
# none is needed for plain http. A folder is looked into only when one is.
os.environ["SSL_CERT_DIR"] = os.path.dirname(os.path.abspath(__file__))

ASYNC = "--async" in sys.argv

# By the name that the story has for it: the resource, its method, the request and the body's model.
CALLS = {
    "tenant_access_token.internal": (
        lambda by: by.auth.v3.tenant_access_token,
        "internal",
        InternalTenantAccessTokenRequest,
        InternalTenantAccessTokenRequestBody,
    ),
    "app_access_token.internal": (
        lambda by: by.auth.v3.app_access_token,
        "internal",
        InternalAppAccessTokenRequest,
        InternalAppAccessTokenRequestBody,
    ),
    "external_approval.create": (
        lambda by: by.approval.v4.external_approval,
        "create",
        CreateExternalApprovalRequest,
        ExternalApproval,
    ),
    "external_approval.get": (lambda by: by.approval.v4.external_approval, "get", GetExternalApprovalRequest, None),
    "external_instance.create": (
        lambda by: by.approval.v4.external_instance,
        "create",
        CreateExternalInstanceRequest,
        ExternalInstance,
    ),
    "external_instance.check": (
        lambda by: by.approval.v4.external_instance,
        "check",
        CheckExternalInstanceRequest,
        CheckExternalInstanceRequestBody,
    ),
    "external_task.list": (
        lambda by: by.approval.v4.external_task,
        "list",
        ListExternalTaskRequest,
        ListExternalTaskRequestBody,
    ),
    "user_task.query": (lambda by: by.apaas.v1.user_task, "query", QueryUserTaskRequest, QueryUserTaskRequestBody),
    "task.query": (lambda by: by.approval.v4.task, "query", QueryTaskRequest, None),
    "task.search": (lambda by: by.approval.v4.task, "search", SearchTaskRequest, TaskSearch),
    "instance.query": (lambda by: by.approval.v4.instance, "query", QueryInstanceRequest, InstanceSearch),
    "instance.search_cc": (lambda by: by.approval.v4.instance, "search_cc", SearchCcInstanceRequest, CcSearch),
    "instance.get": (lambda by: by.approval.v4.instance, "get", GetInstanceRequest, None),
    "instance.list": (lambda by: by.approval.v4.instance, "list", ListInstanceRequest, None),
}


def on_flows(resource, *methods):
    """The calls of one resource; its requests and bodies are named after both."""
    noun = "".join(word.capitalize() for word in resource.split("_"))
    for method in methods:
        request = "".join(word.capitalize() for word in method.split("_")) + noun + "Request"
        models = getattr(apaas.v1, request), getattr(apaas.v1, f"{request}Body")
        CALLS[f"{resource}.{method}"] = (lambda by: getattr(by.apaas.v1, resource), method, *models)


on_flows("application_flow", "execute")
on_flows("approval_task", "agree", "reject", "transfer", "add_assignee")
on_flows("approval_instance", "cancel")
on_flows("user_task", "cc", "expediting", "rollback", "rollback_points", "chat_group")


@cache
def client(app_id, app_secret):
    builder = lark.Client.builder().app_id(app_id).app_secret(app_secret).domain(os.environ["COUNTERSIGN_URL"])
    # A call may bring a token of its own; without one the SDK still fetches it.
    return builder.enable_set_token(True).log_level(lark.LogLevel.ERROR).timeout(60).build()


# --- Calls --------------------------------------------------------------------------------------


def own(asked):
    resource, method, request, model = CALLS[asked["call"]]
    builder = request.builder()
    for name, value in {**asked.get("path", {}), **asked.get("query", {})}.items():
        getattr(builder, name)(value)
    if asked["body"] is not None:
        builder.request_body(said(model, asked["body"]))
    option = lark.RequestOption.builder().tenant_access_token(asked.get("token")).build()
    return send(resource(client(**named(asked["app"]))), method, builder.build(), option)


def raw(asked):
    """The SDK's way to call what it has no method for."""
    request = lark.BaseRequest.builder().http_method(lark.HttpMethod[asked["method"]]).uri(asked["url"])
    request.queries([tuple(pair) for pair in asked["query"]]).headers(asked["headers"]).body(asked["body"])
    request.token_types({lark.AccessTokenType.TENANT} if asked["signed"] else set())
    response = send(client(**named(asked["app"])), "request", request.build())
    if ASYNC and response.raw.content.startswith(b"{"):
        # This twin alone never reads the body: httpx spells header names in small letters, and the
        # SDK looks for `Content-Type`.
        unread, response = response.raw, lark.JSON.unmarshal(response.raw.content.decode(), lark.BaseResponse)
        response.raw = unread
    return response


def send(resource, method, *arguments):
    if ASYNC:
        return asyncio.run(getattr(resource, f"a{method}")(*arguments))
    return getattr(resource, method)(*arguments)


def said(model, body):
    """The body in the SDK's model, which must not lose a part of it."""
    filled = model(body)
    if json.loads(lark.JSON.marshal(filled)) != body:
        raise ValueError(f"{model.__name__} cannot say {body}")
    return filled


def named(app):
    return {"app_id": app["id"], "app_secret": app["secret"]}


# --- Answers ------------------------------------------------------------------------------------


def settled(asked):
    try:
        response = raw(asked) if asked["call"] == "raw" else own(asked)
    except ObtainAccessTokenException as error:
        return {"raised": {"code": error.code}}
    except Exception as error:  # The story says which step it was.
        return {"failed": f"{type(error).__name__}: {error}"}
    answer = {
        "http": response.raw.status_code,
        "code": response.code,
        "msg": response.msg,
        "log_id": response.get_log_id(),
        "content_type": response.raw.headers.get("content-type" if ASYNC else "Content-Type"),
        "error": response.error and json.loads(lark.JSON.marshal(response.error)),
        "text": response.raw.content.decode(),
    }
    if asked["call"] != "raw":
        answer["data"] = json.loads(lark.JSON.marshal(getattr(response, "data", None)) or "null")
    return answer


def tell(line):
    print(json.dumps(line), flush=True)


tell(
    {
        "sdk": "lark-oapi",
        "version": importlib.metadata.version("lark-oapi"),
        "transport": "httpx, async" if ASYNC else "requests",
        "times": "number",
    }
)
for line in sys.stdin:
    tell(settled(json.loads(line)))
