"""Owns the chapters of the story that are refused: what is refused and how, other apps, and the purge."""

from calls import (
    CHECK,
    INSTANCES,
    OTHER,
    READER,
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
    listed,
    raw,
    refused,
    rows,
    sync,
    tasks,
)
from cast import at, definition, instance, own, task, trip
from chapter_query import MORE_TRIPS, by_status, open_trips
from stage import alias, note, step, told, want

NO_SUCH_CODE = "00000000-0000-4000-8000-000000000000"


# --- 7 Tokens and scopes ------------------------------------------------------------------------


@step("no token")
def no_token():
    refused(raw("GET", TASKS, signed=False), 99991661)


@step("a token without the word Bearer")
def no_bearer():
    refused(raw("GET", TASKS, headers={"Authorization": told.token}, signed=False), 99991661)


@step("a token that nobody issued")
def invalid_token():
    refused(defined(told.leave, token="t-" + "0" * 40), 99991663)


@step("a token of an unknown kind")
def unknown_kind():
    refused(defined(told.leave, token="x-" + "0" * 40), 99991671)


@step("a user's token")
def users_token():
    refused(raw("GET", TASKS, headers={"Authorization": "Bearer u-" + "0" * 40}, signed=False), 99991668)


@step("a scope is missing")
def scope_missing():
    error = refused(sync(leave(60), by=READER), 99991672)
    violations = error.get("permission_violations") or []
    subjects = sorted(violation.get("subject") for violation in violations)
    want("scopes", ["approval:approval", "approval:external_instance"], subjects)
    want("type", ["action_scope_required"], sorted({violation.get("type") for violation in violations}))


@step("an unknown path, and a wrong method on a known one")
def unknown_path():
    for what, answer in {
        "path": raw("GET", "/open-apis/approval/v4/external_nothing"),
        "method": raw("GET", TOKEN, signed=False),
    }.items():
        want(f"{what}: http", 404, answer.http)
        want(f"{what}: text", "404 page not found", answer.text.strip())


# --- 7 Parameters -------------------------------------------------------------------------------


@step("a member of the wrong JSON type")
def wrong_type():
    refused(raw("POST", INSTANCES, leave(60, task_list="t1, t2")), 9499, ["task_list"])


@step("required members are missing")
def members_missing():
    body = {"approval_code": told.leave, "instance_id": own("leave-3"), "user_id": own("anna")}
    refused(sync(body), 99992402, ["end_time", "i18n_resources", "links", "start_time", "status", "update_time"])


@step("required members of a task are missing")
def task_members_missing():
    body = instance(told.leave, "leave-3", 60, task_list=[{"task_id": own("v1"), "user_id": own("anna")}])
    names = ["create_time", "end_time", "links", "status", "update_time"]
    refused(sync(body), 99992402, [f"task_list[*].{name}" for name in names])


@step("check without tasks")
def check_without_tasks():
    asked = {"instances": [{"instance_id": own("leave-1"), "update_time": at(40)}]}
    refused(raw("POST", CHECK, asked), 99992402, ["instances[*].tasks"])


@step("a status that does not exist")
def unknown_status():
    refused(sync(leave(60, status="FINISHED")), 99992402, ["status"])


# --- 7 Rules ------------------------------------------------------------------------------------


@step("a task_id twice in one sync")
def repeated_task():
    refused(sync(leave(60, task_list=[task("t1", "anna", 60), task("t1", "boris", 60)])), 1390001)


@step("an unknown approval_code, and the custom one, in a sync")
def unknown_code():
    refused(sync(instance(NO_SUCH_CODE, "leave-3", 60)), 1390002, about="unknown: ")
    refused(sync(instance(own("leave"), "leave-3", 60)), 1390002, about="custom: ")


@step("an instance does not move to another definition")
def moved_instance():
    refused(sync(instance(told.trip, "leave-1", 60)), 1390001)


@step("a new group needs a name, a new definition a group")
def group_missing():
    for missing in ("group_code", "group_name"):
        body = definition("leave", approval_code=own("groupless"), group_code=own("new-group"))
        del body[missing]
        refused(define(body), 1390001, about=f"{missing}: ")


@step("external_tasks without any filter")
def no_filter():
    refused(tasks(), 1390001)


@step("external_tasks with filters that do not go together")
def filters_alone():
    refused(tasks({"status": "PENDING"}), 1390001, about="status: ")
    refused(tasks({"approval_codes": [told.trip]}), 1390001, about="codes: ")
    refused(tasks({"user_ids": [own("anna")], "status": "PENDING"}), 1390001, about="users and status: ")


@step("external_tasks with 21 instance_ids")
def too_many_ids():
    refused(tasks({"instance_ids": [own(f"trip-{n}") for n in range(1, 22)]}), 1390001, ["instance_ids"])


@step("external_tasks with an unknown status")
def unknown_task_status():
    refused(tasks(by_status("FINISHED")), 1390001, ["status"])


@step("external_tasks with a page_size of 501")
def too_large_page():
    refused(tasks(by_status(), page_size=501), 1390001, ["page_size"])


@step("a forged page_token")
def forged_token():
    refused(tasks(page_token="bm90IGEgdG9rZW4gb2YgdGhpcyBzZXJ2ZXI"), 1390001, ["page_token"])


@step("a page_token with another filter, and of another app")
def foreign_token():
    token = good(tasks(by_status(), page_size=2))["page_token"]
    refused(tasks(by_status("APPROVED"), page_token=token), 1390001, about="filter: ")
    refused(tasks(page_token=token, by=OTHER), 1390001, about="app: ")


@step("nothing that was refused has changed anything")
def nothing_changed():
    want("leave-1", ["t1 APPROVED 40", "t2 APPROVED 30"], leave_tasks())
    want("differing", [{"instance": "leave-3 0", "tasks": []}], differing([claim("leave-1", 40, t1=40), claim("leave-3", 60, v1=60)]))


# --- 7 Other apps and tenants -------------------------------------------------------------------


@step("another tenant sees nothing")
def other_tenant():
    want("rows", [], rows(tasks({"instance_ids": [own("leave-1"), own("trip-1")]}, by=OTHER)))
    want("differing", [{"instance": "leave-1 0", "tasks": []}], differing([claim("leave-1", 40, t1=40)], by=OTHER))
    refused(defined(told.leave, by=OTHER), 1390002)


@step("another app of the same tenant sees nothing")
def other_app():
    want("rows", [], rows(tasks({"instance_ids": [own("leave-1"), own("trip-1")]}, by=READER)))


@step("another tenant may use the same codes and ids")
def same_ids():
    code = good(define(definition("leave"), by=OTHER))["approval_code"]
    alias(code, "<other leave>")
    want("a code of its own", True, code != told.leave)
    body = instance(code, "leave-1", 70, task_list=[task("t1", "anna", 70)])
    counted(good(sync(body, by=OTHER)), (1, 0, 0), (1, 0, 0))
    want("leave-1 here", ["t1 APPROVED 40", "t2 APPROVED 30"], leave_tasks())


# --- 8 Purge ------------------------------------------------------------------------------------


@step("REPLACE, APPROVED and no user makes an instance unreachable")
def purge():
    body = instance(told.trip, "trip-3", 300, status="APPROVED", update_mode="REPLACE", end_time=at(300))
    del body["user_id"]
    note("process_record", good(sync(body))["process_record"])
    want("differing", [{"instance": "trip-3 0", "tasks": []}], differing([claim("trip-3", 300, **{"trip-3-a": 300})]))
    want("by id", [], rows(tasks({"instance_ids": [own("trip-3")]})))
    want("open", open_trips(n for n in MORE_TRIPS if n != 3), listed(rows(tasks(by_status()))))


@step("syncing again brings it back to its place")
def purge_undone():
    note("process_record", good(sync(trip(told.trip, 3, 301)))["process_record"])
    want("differing", [], differing([claim("trip-3", 301, **{"trip-3-a": 301, "trip-3-b": 301})]))
    want("open", open_trips(MORE_TRIPS), listed(rows(tasks(by_status()))))
