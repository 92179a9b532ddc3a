"""Owns the chapter of the story that searches: one person's tasks by topic, tasks, instances and copies
by a filter, an instance whole, and the codes of a definition's.
"""

from calls import OTHER, READER, good, instance_codes, instance_detail, listed_by_topic, refused, search
from cast import own, short
from stage import alias, note, step, told, want

ANNA = own("anna")


def topics(answer):
    """`trip-7-a 1 1`: the source's id of the task, else of the instance, and both statuses."""
    found = good(answer).get("tasks") or []
    names = [task.get("task_external_id") or task["process_external_id"] for task in found]
    return [f"{short(name)} {task['status']} {task['process_status']}" for name, task in zip(names, found)]


def found(answer, of, status="status"):
    """`trip-7 trip-7-a pending`: the source's ids of the instance and of the task, and a status."""
    [rows] = [value for name, value in good(answer).items() if name.endswith("_list")] or [[]]
    told = []
    for row in rows:
        own_id = row[of].get("task_external_id")
        names = [row["instance"]["external_id"], *([own_id] if own_id else [])]
        told.append(" ".join([*map(short, names), row[of][status]]))
    return told


def open_of_anna(numbers):
    return [f"trip-{n} trip-{n}-a pending" for n in numbers]


@step("tasks/query by topic")
def by_topic():
    answer = listed_by_topic(ANNA, "1")
    # One more is of another definition.
    want("to do", [*sorted(f"trip-{n}-a 1 1" for n in (1, 3, 5, 7)), "u1 1 1"], sorted(topics(answer)))
    want("count", {"total": 5, "has_more": False}, good(answer)["count"])
    want("done", sorted(f"trip-{n}-a 2 1" for n in (2, 4, 6, 8)), sorted(n for n in topics(listed_by_topic(ANNA, "2")) if "trip" in n))
    started = topics(listed_by_topic(own("boris"), "3"))
    want("started", sorted(f"trip-{n} 33 1" for n in range(1, 9)), sorted(n for n in started if "trip" in n))
    want("nobody", [], topics(listed_by_topic(own("nobody"), "1")))


@step("tasks/query page by page")
def by_topic_paged():
    first = listed_by_topic(ANNA, "1", page_size=3)
    want("more", True, good(first)["has_more"])
    second = listed_by_topic(ANNA, "1", page_size=3, page_token=good(first)["page_token"])
    want("rows", 5, len(set(topics(first) + topics(second))))
    want("no more", [False, False], [good(second)["has_more"], "page_token" in good(second)])
    want("counted once", False, "count" in good(second))


@step("tasks/search")
def search_tasks():
    filters = {"approval_code": told.trip, "user_id": ANNA, "order": 3}
    want("open", sorted(open_of_anna((1, 3, 5, 7))), sorted(found(search("task.search", {**filters, "task_status": "PENDING"}), "task")))
    both = {**filters, "task_status_list": ["PENDING", "APPROVED"]}
    answer = search("task.search", both)
    want("both", 8, len(found(answer, "task")))
    want("count", 8, good(answer)["count"])
    first = good(search("task.search", both, page_size=5))
    second = search("task.search", both, page_size=5, page_token=first["page_token"])
    want("pages", [5, 3], [len(first["task_list"]), len(found(second, "task"))])


@step("instances/query")
def search_instances():
    one = search("instance.query", {"instance_external_id": own("trip-3")})
    [row] = good(one)["instance_list"]
    told.trip_instance = row["instance"]["code"]
    alias(told.trip_instance, "code of trip-3")
    want("instance", ["trip-3 pending"], found(one, "instance"))
    want("approval", [told.trip, True], [row["approval"]["code"], row["approval"]["is_external"]])
    note("name", row["approval"]["name"])
    want("group", own("people"), row["group"]["external_id"])
    english = search("instance.query", {"instance_code": told.trip_instance, "locale": "en-US"})
    want("in English", "Trip", good(english)["instance_list"][0]["approval"]["name"])
    want("rejected", [], found(search("instance.query", {"approval_code": told.trip, "instance_status": "REJECT"}), "instance"))


@step("instances/search_cc")
def search_copies():
    want("none", [], found(search("instance.search_cc", {"approval_code": told.trip, "read_status": "ALL"}), "cc", "read_status"))
    note("of the first", found(search("instance.search_cc", {"instance_external_id": own("leave-1")}), "cc", "read_status"))


@step("an instance whole")
def whole():
    data = good(instance_detail(told.trip_instance))
    want("code and source", [told.trip_instance, own("trip-3")], [data["instance_code"], data["uuid"]])
    want("status", "PENDING", data["status"])
    want("tasks", [["PENDING", "AND"]] * 2, [[task["status"], task["type"]] for task in data["task_list"]])
    want("people", [ANNA, own("boris")], [task["user_id"] for task in data["task_list"]])
    want("timeline", ["START"], [event["type"] for event in data["timeline"]])


@step("the codes of a definition's instances")
def codes():
    seen, token = [], {}
    while token is not None:
        data = good(instance_codes(told.trip, page_size=3, **token))
        seen += data["instance_code_list"]
        token = {"page_token": data["page_token"]} if data["has_more"] else None
    want("instances", [8, 8], [len(seen), len(set(seen))])
    want("trip-3 is one of them", True, told.trip_instance in seen)


@step("every app of the tenant searches, no other does")
def whose():
    want("the reader", 5, len(found(search("task.search", {"user_id": ANNA, "task_status": "PENDING"}, by=READER), "task")))
    want("another tenant", [], found(search("task.search", {"user_id": ANNA}, by=OTHER), "task"))
    refused(instance_detail(told.trip_instance, by=OTHER), 1390003, ["instance_code"])


@step("searches are refused")
def refusals():
    refused(listed_by_topic(ANNA, "4"), 99992402, ["topic"], "topic: ")
    refused(search("task.search", {"task_status": "PENDING"}), 1390001, ["user_id"], "nothing named: ")
    refused(search("task.search", {"user_id": ANNA, "task_status": "OPEN"}), 99992402, ["task_status"], "status: ")
    refused(search("instance.query", {"approval_code": "no such"}), 1390002, ["approval_code"], "definition: ")
    refused(search("instance.search_cc", {"instance_code": "77"}), 1390003, ["instance_code"], "instance: ")
    lone = {"user_id": ANNA, "task_start_time_from": 1}
    refused(search("task.search", lone), 1390001, ["task_start_time_to"], "half a range: ")
    refused(search("task.search", {"user_id": ANNA}, page_size=4), 99992402, ["page_size"], "page: ")
    refused(instance_codes(told.trip, start_time="2", end_time="1"), 1390001, ["start_time"], "range: ")
