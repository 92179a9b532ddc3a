"""Owns the first chapters of the story: tokens, definitions, instances, check."""

import re

from calls import (
    DEMO,
    INSTANCES,
    TASKS,
    TOKEN,
    claim,
    counted,
    define,
    defined,
    differing,
    good,
    leave,
    leave_tasks,
    own_call,
    raw,
    refused,
    refused_by_token,
    sync,
    tasks,
)
from cast import answered, approved, at, copy, definition, instance, only, own, short, task, unordered
from stage import alias, step, told, want

REAL_CODE = "[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}"


# --- 1 Tokens -----------------------------------------------------------------------------------


def tenant_token(app_id, app_secret):
    body = {"app_id": app_id, "app_secret": app_secret}
    return own_call("tenant_access_token.internal", body)


@step("the SDK itself says that the secret is wrong")
def wrong_secret_fetch():
    # Before any good token: some SDKs cache tokens by app id alone.
    answer = define(definition("leave"), by={**DEMO, "secret": "not-the-secret"})
    want("code", 10014, (answer.raised or {}).get("code"))


@step("tenant_access_token/internal", vital=True)
def tenant_access_token():
    answer = tenant_token("cli_demo", "demo-secret").body
    want("code", 0, answer["code"])
    want("expire is 1800 to 7200", True, 1800 <= answer["expire"] <= 7200)
    want("starts with t-", True, answer["tenant_access_token"].startswith("t-"))
    told.token = answer["tenant_access_token"]


@step("app_access_token/internal answers the same token")
def app_access_token():
    body = {"app_id": "cli_demo", "app_secret": "demo-secret"}
    answer = own_call("app_access_token.internal", body).body
    want("code", 0, answer["code"])
    want("expire is 1800 to 7200", True, 1800 <= answer["expire"] <= 7200)
    want("app token is the tenant token", True, answer["app_access_token"] == told.token)
    want("tenant token is the same too", True, answer["tenant_access_token"] == told.token)


@step("the token path with a slash at its end")
def token_slash():
    answer = raw("POST", TOKEN + "/", {"app_id": "cli_demo", "app_secret": "demo-secret"}, signed=False)
    want("the same token", True, answer.body.get("tenant_access_token") == told.token)


@step("a wrong secret")
def wrong_secret():
    refused_by_token(tenant_token("cli_demo", "not-the-secret"), 10014)


@step("an empty app id")
def empty_app_id():
    refused_by_token(tenant_token("", "demo-secret"), 10003)


@step("the SDK finds the headers and reads a refusal")
def headers():
    # Some SDKs look headers up by exact spelling: X-Tt-Logid, Content-Type.
    answer = raw("GET", TASKS, query={"page_size": 1})
    refused(answer, 1390001)
    want("content type", "application/json; charset=utf-8", answer.content_type)


# --- 2 Definitions ------------------------------------------------------------------------------


@step("a new definition answers a real code", vital=True)
def new_definition():
    told.leave = good(define(definition("leave")))["approval_code"]
    alias(told.leave, "<leave>")
    want("upper-case UUID", True, bool(re.fullmatch(REAL_CODE, told.leave)))
    want("not the custom code", True, told.leave != own("leave"))


@step("the same custom code again is an update")
def updated_definition():
    again = good(define(definition("leave", approval_name="@i18n@approval.renamed")))
    want("approval_code", told.leave, again["approval_code"])


@step("get by the real code")
def get_by_real_code():
    expected = definition("leave", approval_name="@i18n@approval.renamed")
    # Flags that were left out come back as false.
    expected["external"].update(enable_mark_readed=False, exclude_efficiency_statistics=False)
    seen = good(defined(told.leave))
    want("definition", unordered(expected), unordered(only(expected, seen)))
    want("managers", [], seen.get("managers") or [])


@step("get by the custom code")
def get_by_custom_code():
    refused(defined(own("leave")), 1390002)


@step("a second definition in the same group", vital=True)
def second_definition():
    told.trip = good(define(definition("trip")))["approval_code"]
    alias(told.trip, "<trip>")
    want("a code of its own", True, told.trip != told.leave)


# --- 3 Instances --------------------------------------------------------------------------------


def full_leave(**members):
    return leave(
        10,
        extra='{"business_key":"L-1"}',
        form=[{"name": "@i18n@form.days", "value": "@i18n@form.three"}],
        task_list=[task("t1", "anna", 10), task("t2", "boris", 10), task("t3", "dora", 10)],
        cc_list=[copy("c1", 10)],
        **members,
    )


@step("the first sync", vital=True)
def first_sync():
    data = good(sync(full_leave()))
    counted(data, (1, 0, 0), (3, 0, 0), (1, 0, 0))
    expected = answered(full_leave())
    want("stored", unordered(expected), unordered(only(expected, data["data"])))


@step("the same again as UPDATE is ignored")
def same_update():
    counted(good(sync(full_leave(update_mode="UPDATE"))))


@step("UPDATE adds a task and keeps what is absent")
def update_adds():
    data = good(sync(leave(20, update_mode="UPDATE", task_list=[task("t4", "anna", 20)])))
    counted(data, (0, 1, 0), (1, 0, 0))
    kept = answered(full_leave())
    want("extra", kept["extra"], data["data"].get("extra"))
    want("form", kept["form"], data["data"].get("form"))
    want("tasks", ["t1", "t2", "t3", "t4"], sorted(short(item["task_id"]) for item in data["data"]["task_list"]))
    want("copies", ["c1"], [short(item["cc_id"]) for item in data["data"]["cc_list"]])


@step("UPDATE skips a stale task")
def update_skips():
    both = [approved("t1", "anna", 10), approved("t2", "boris", 30)]
    counted(good(sync(leave(30, update_mode="UPDATE", task_list=both))), (0, 1, 0), (0, 1, 0))
    want("tasks", ["t1 PENDING 10", "t2 APPROVED 30", "t3 PENDING 10", "t4 PENDING 20"], leave_tasks())


@step("UPDATE with an older time is dropped whole")
def update_dropped():
    newer = [approved("t3", "dora", 35), task("t5", "anna", 35)]
    counted(good(sync(leave(25, update_mode="UPDATE", task_list=newer))))
    want("tasks", ["t1 PENDING 10", "t2 APPROVED 30", "t3 PENDING 10", "t4 PENDING 20"], leave_tasks())


@step("REPLACE removes what is absent, also with an older time")
def replace_removes():
    both = [task("t1", "anna", 10), approved("t2", "boris", 30)]
    data = good(sync(leave(15, update_mode="REPLACE", task_list=both)))
    counted(data, (0, 1, 0), (0, 0, 2), (0, 0, 1))
    want("update_time", str(at(15)), data["data"]["update_time"])
    want("copies", [], data["data"].get("cc_list") or [])
    want("tasks", ["t1 PENDING 10", "t2 APPROVED 30"], leave_tasks())


@step("approved by another sync")
def approve():
    both = [approved("t1", "anna", 40), approved("t2", "boris", 30)]
    data = good(sync(leave(40, status="APPROVED", end_time=at(40), task_list=both)))
    counted(data, (0, 1, 0), (0, 1, 0))
    want("status", "APPROVED", data["data"]["status"])
    want("tasks", ["t1 APPROVED 40", "t2 APPROVED 30"], leave_tasks())


@step("times in the other JSON type are the same times")
def other_json_type():
    # The general call says what a model cannot.
    for name, second, written in ("as numbers", 50, lambda body: body), ("as strings", 51, answered):
        body = instance(told.leave, "leave-2", second, task_list=[task("u1", "anna", second)])
        want(name, str(at(second)), good(raw("POST", INSTANCES, written(body)))["data"]["update_time"])
    want("differing", [], differing([claim("leave-2", 51, u1=51)]))


@step("viewers and managers come back")
def viewers_and_managers():
    # By now anna and boris are known, because a sync named them.
    viewers = [{"viewer_type": "USER", "viewer_user_id": own("anna")}]
    body = definition("leave", viewers=viewers, managers=[own("boris")])
    want("approval_code", told.leave, good(define(body, user_id_type="user_id"))["approval_code"])
    seen = good(defined(told.leave, user_id_type="user_id"))
    want("viewers", viewers, only(viewers, seen.get("viewers")))
    want("managers", [own("boris")], seen.get("managers"))


# --- 4 Check ------------------------------------------------------------------------------------


@step("check: all equal")
def check_equal():
    want("differing", [], differing([claim("leave-1", 40, t1=40, t2=30)]))


@step("check: the instance differs")
def check_instance():
    want("differing", [{"instance": "leave-1 40", "tasks": []}], differing([claim("leave-1", 39, t1=40)]))


@step("check: a task is unknown")
def check_unknown_task():
    want("differing", [{"instance": "leave-1 40", "tasks": ["t9 0"]}], differing([claim("leave-1", 40, t9=40)]))


@step("check: a task differs")
def check_task():
    want("differing", [{"instance": "leave-1 40", "tasks": ["t2 30"]}], differing([claim("leave-1", 40, t1=40, t2=31)]))


@step("check: an instance is unknown")
def check_unknown_instance():
    want("differing", [{"instance": "leave-9 0", "tasks": []}], differing([claim("leave-9", 40, t1=40)]))


@step("check: several in one call")
def check_several():
    asked = [claim("leave-1", 40, t1=40), claim("leave-9", 1, t1=1), claim("leave-2", 52, u1=51)]
    expected = [{"instance": "leave-9 0", "tasks": []}, {"instance": "leave-2 51", "tasks": []}]
    want("differing", unordered(expected), unordered(differing(asked)))
