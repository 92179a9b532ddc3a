"""Owns the chapters of the story that query: external_tasks, its filters and its paging."""

from calls import BODY_ON_GET, TASKS, counted, good, listed, raw, rows, sync, task_pages, tasks
from cast import TRIPS, at, own, trip
from stage import step, told, want


# --- 5 and 6 external_tasks ---------------------------------------------------------------------


# The eighth arrives while the others are being paged through.
MORE_TRIPS = range(1, 9)


def open_trips(numbers=TRIPS):
    return [f"trip-{n}: trip-{n}-a trip-{n}-b" if n % 2 else f"trip-{n}: trip-{n}-b" for n in numbers]


def by_status(status="PENDING", **filters):
    return {"approval_codes": [told.trip], "status": status, **filters}


def task_row(task_id, status, second):
    return {"id": own(task_id), "status": status, "update_time": str(at(second))}


@step("external_tasks by instance_ids")
def tasks_by_instance():
    answer = tasks({"instance_ids": [own("leave-1")]})
    row = {
        "instance_id": own("leave-1"),
        "approval_code": told.leave,
        "status": "APPROVED",
        "update_time": str(at(40)),
        "tasks": [task_row("t1", "APPROVED", 40), task_row("t2", "APPROVED", 30)],
    }
    want("rows", [row], rows(answer))
    want("has_more", False, answer.data["has_more"])
    want("page_token is absent", True, "page_token" not in answer.body["data"])


@step("seven more instances", vital=True)
def seven_trips():
    for number in TRIPS:
        counted(good(sync(trip(told.trip, number))), (1, 0, 0), (2, 0, 0))


@step("external_tasks by approval_codes and status")
def tasks_by_status():
    found = rows(tasks(by_status()))
    want("codes", [told.trip], sorted({row["approval_code"] for row in found}))
    want("open", open_trips(), listed(found))
    want("approved", [f"trip-{n}: trip-{n}-a" for n in (2, 4, 6)], listed(rows(tasks(by_status("APPROVED")))))
    want("rejected", [], listed(rows(tasks(by_status("REJECTED")))))


@step("external_tasks by approval_codes, user_ids and status")
def tasks_by_user():
    anna, both = [own("anna")], [own("anna"), own("boris")]
    want("anna, open", [f"trip-{n}: trip-{n}-a" for n in (1, 3, 5, 7)], listed(rows(tasks(by_status(user_ids=anna)))))
    done = listed(rows(tasks(by_status("APPROVED", user_ids=anna))))
    want("anna, approved", [f"trip-{n}: trip-{n}-a" for n in (2, 4, 6)], done)
    want("both, open", open_trips(), listed(rows(tasks(by_status(user_ids=both)))))
    want("nobody", [], listed(rows(tasks(by_status(user_ids=[own("nobody")])))))


@step("external_tasks by instance_ids: all tasks, or narrowed by status")
def tasks_narrowed():
    two = {"instance_ids": [own("trip-4"), own("trip-2"), own("trip-99")]}
    want("all", ["trip-2: trip-2-a trip-2-b", "trip-4: trip-4-a trip-4-b"], listed(rows(tasks(two))))
    narrowed = listed(rows(tasks({**two, "status": "APPROVED"})))
    want("approved", ["trip-2: trip-2-a", "trip-4: trip-4-a"], narrowed)


@step("external_tasks over two definitions")
def tasks_two_definitions():
    found = rows(tasks({"approval_codes": [told.trip, told.leave], "status": "APPROVED"}))
    want("rows", ["leave-1: t1 t2", *(f"trip-{n}: trip-{n}-a" for n in (2, 4, 6))], listed(found))


@step("the custom code works as a filter, the real one is answered")
def tasks_custom_code():
    found = rows(tasks(by_status(approval_codes=[own("trip")])))
    want("rows", open_trips(), listed(found))
    want("codes", [told.trip], sorted({row["approval_code"] for row in found}))


def pages(first, more):
    """Follows page_token; `first` asks for the first page, `more(token)` for the next ones."""
    found, answer = [], first
    while True:
        found.append(listed(rows(answer)))
        data = answer.body["data"]
        if not data["has_more"]:
            break
        if len(found) > len(TRIPS):
            raise AssertionError("the paging does not end")
        answer = more(data["page_token"])
    if "page_token" in data:
        raise AssertionError("the last page has a page_token")
    return found


@step("paging two by two, by the SDK's own iterator where it has one")
def paging():
    found = []
    for page in task_pages(by_status(), page_size=2):
        found.append(listed(page))
        if len(found) > len(TRIPS):
            raise AssertionError("the paging does not end")
    want("pages", [open_trips(pair) for pair in ([1, 2], [3, 4], [5, 6], [7])], found)


@step("page_token alone continues")
def paging_by_token():
    found = pages(tasks(by_status(), page_size=3), lambda token: tasks(page_token=token, page_size=2))
    want("pages", [open_trips(some) for some in ([1, 2, 3], [4, 5], [6, 7])], found)


@step("a page that ends with the list is the last one")
def exact_page():
    found = pages(tasks(by_status(), page_size=7), lambda token: tasks(page_token=token, page_size=7))
    want("pages", [open_trips()], found)


@step("paging while instances change and come")
def paging_meanwhile():
    def more(token):
        for number in (1, 5, 8):
            good(sync(trip(told.trip, number, 200)))
        return tasks(page_token=token, page_size=2)

    found = sum(pages(tasks(by_status(), page_size=2), more), [])
    want("each once", open_trips(), [row for row in found if not row.startswith("trip-8:")])


def in_query(filters):
    """The filters as parameters of the query, for an SDK that refuses to send a body with GET."""
    return [(name, ",".join(value) if isinstance(value, list) else value) for name, value in filters.items()]


@step("external_tasks by the general call")
def tasks_by_general_call():
    # With a body where the SDK sends one with GET.
    said = {"body": by_status()} if BODY_ON_GET else {"query": in_query(by_status())}
    want("rows", open_trips(MORE_TRIPS), listed(rows(raw("GET", TASKS, **said))))


@step("external_tasks with its filters in the query")
def tasks_in_query():
    two = {"instance_ids": [own("trip-1"), own("trip-2")]}
    expected = ["trip-1: trip-1-a trip-1-b", "trip-2: trip-2-a trip-2-b"]
    want("with commas", expected, listed(rows(raw("GET", TASKS, query=in_query(two)))))


@step("external_tasks by POST")
def tasks_by_post():
    answer = raw("POST", TASKS, by_status("APPROVED"))
    want("rows", [f"trip-{n}: trip-{n}-a" for n in (2, 4, 6, 8)], listed(rows(answer)))
