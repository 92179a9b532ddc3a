"""Owns the chapter of the story about human tasks: user_task/query, its filters and pages.

The tasks are those of the demo company, of which there may be any number. So nothing is counted
here: six lists of one person are read to their ends, and what every other question must answer is
derived from them. The record says whether it was so, and nothing that depends on their number.
"""

from itertools import combinations, product

from calls import OTHER, READER, USER_TASKS, good, raw, refused, user_tasks
from stage import step, told, want

PERSON = "1700000000000001"
NOBODY = "1999999999999999"
TYPES = ("pending", "archived")
SOURCES = ("fromMe", "assignMe", "CCMe")
# A limit for `derived` only, which has none.
ALL = "1000000000"
FILTERS = ("type", "source", "limit", "offset", "start_time", "end_time", "api_ids")
# What the tasks of each flow are called; an answer does not say the api id.
FLOWS = {
    "Leave": "package_demo__c__leave",
    "Travel expenses": "package_demo__c__expense",
    "Contract countersign": "package_demo__c__contract",
    "Purchase approval": "package_demo__c__purchase",
}
LEAVE, EXPENSE, CONTRACT, PURCHASE = FLOWS.values()
STATUSES = "in_process agreed rejected canceled terminated auto_end completed failed unstarted".split()
BOTH = ["text in 2052", "text in 1033"]
FORM = {
    "task_id": "digits",
    "task_start_time": "digits",
    "workflow_instance": {"id": "digits", "label": BOTH, "status": "text"},
    "initiator": {"user_id": "digits", "name": "text"},
    "summarys": [{"file_key": "text in 2052", "file_value": BOTH}] * 2,
}


# --- 9 What must be answered --------------------------------------------------------------------


def mine(**filters):
    return {"kunlun_user_id": PERSON, **filters}


def place(row):
    return (int(row["task_start_time"]), int(row["task_id"]))


def page(answer):
    """The data of a page; models of some SDKs leave out an empty list."""
    return {"tasks": [], **good(answer)}


def ids(found):
    return [row["task_id"] for row in found]


def flow(row):
    label = row["workflow_instance"]["label"]
    return FLOWS.get(next(item["text"] for item in label if item["language_code"] == "1033"))


def whole(filters, limit=50):
    """Every page to the end, and what is wrong with them."""
    found, wrong = [], []
    while True:
        data = page(user_tasks(mine(**filters, limit=str(limit), offset=str(len(found)))))
        if len(data["tasks"]) != min(limit, int(data["count"]) - len(found)):
            wrong.append(f"a page of {limit} after {len(found)} of {data['count']} has {len(data['tasks'])}")
        found += data["tasks"]
        if not data["tasks"] or len(found) >= int(data["count"]):
            break
    if len(found) != int(data["count"]):
        wrong.append(f"{len(found)} tasks, count {data['count']}")
    if len(set(ids(found))) != len(found):
        wrong.append("a task is repeated")
    if ids(found) != ids(sorted(found, key=place, reverse=True)):
        wrong.append("the order is wrong")
    return found, wrong


def derived(asked):
    """What the six lists say to a question."""
    rows = {}
    for (state, source), found in told.lists.items():
        if asked.get("type", state) == state and asked.get("source", source) == source:
            rows.update({row["task_id"]: row for row in found})
    rows = [
        row
        for row in sorted(rows.values(), key=place, reverse=True)
        if int(asked.get("start_time", 0)) <= int(row["task_start_time"])
        and int(row["task_start_time"]) <= int(asked.get("end_time", row["task_start_time"]))
        and flow(row) in asked.get("api_ids", [flow(row)])
    ]
    offset = int(asked.get("offset", 0))
    return {"count": str(len(rows)), "tasks": rows[offset : offset + int(asked.get("limit", 10))]}


def everything(**asked):
    return derived({**asked, "limit": ALL})["tasks"]


def agrees(about, asked, answer):
    """Expects what the six lists say."""
    expected, seen = derived(asked), page(answer)
    said = "as derived"
    if [expected["count"], ids(expected["tasks"])] != [seen["count"], ids(seen["tasks"])]:
        said = f"{seen['count']!r} {ids(seen['tasks'])}, derived {expected['count']!r} {ids(expected['tasks'])}"
    elif expected["tasks"] != seen["tasks"]:
        said = "the same tasks with other members"
    want(about, "as derived", said)


def form(value):
    """What kind of value this is, down to its leaves."""
    if isinstance(value, list):
        return [form(item) for item in value]
    if isinstance(value, dict):
        if sorted(value) == ["language_code", "text"] and form(value["text"]) in ("text", "digits"):
            return f"text in {value['language_code']}"
        return {name: form(item) for name, item in value.items()}
    if isinstance(value, str) and value:
        return "digits" if value.isascii() and value.isdigit() else "text"
    return "neither"


# --- 9 Filters ----------------------------------------------------------------------------------


@step("user_task/query: six lists to their ends", vital=True)
def six_lists():
    told.lists = {}
    for state, source in product(TYPES, SOURCES):
        told.lists[state, source], wrong = whole({"type": state, "source": source})
        want(f"{state} {source}: wrong", [], wrong)
    found = everything()
    want("labels of no flow", [], ids(row for row in found if flow(row) is None))
    told.starts = sorted({int(row["task_start_time"]) for row in found})
    want("three starts or more", True, len(told.starts) >= 3)


@step("user_task/query: the lists agree with each other")
def lists_agree():
    def both(*lists):
        one, two = (set(ids(told.lists[name])) for name in lists)
        return sorted(one & two)

    for source in SOURCES:
        want(f"{source}: pending and archived", [], both(("pending", source), ("archived", source)))
    # Who initiated or was copied sees the state of the task itself.
    for state, opposite in (TYPES, TYPES[::-1]):
        want(f"{state} fromMe and {opposite} CCMe", [], both((state, "fromMe"), (opposite, "CCMe")))
    ended = [row for row in everything(type="pending") if row["workflow_instance"]["status"] != "in_process"]
    want("pending in an instance that has ended", [], ids(ended))
    from_me = set(ids(everything(source="fromMe")))
    odd = [row for row in everything() if (row["initiator"]["user_id"] == PERSON) != (row["task_id"] in from_me)]
    want("fromMe and the initiator differ", [], ids(odd))


@step("user_task/query: what an answer looks like")
def answer_form():
    data = user_tasks(mine(limit="50")).body["data"]
    want("members", ["count", "tasks"], sorted(data))
    want("count", "digits", form(data["count"]))
    forms = [form(row) for row in data["tasks"]]
    want("tasks", [FORM], [seen for index, seen in enumerate(forms) if seen not in forms[:index]])
    statuses = {row["workflow_instance"]["status"] for row in data["tasks"]}
    want("unknown statuses", [], sorted(statuses.difference(STATUSES)))


@step("user_task/query by nothing but the person")
def by_person():
    agrees("tasks", {}, user_tasks(mine()))
    agrees("a limit of 10 is the same", {}, user_tasks(mine(limit="10")))
    agrees("an offset of 0 is the same", {}, user_tasks(mine(offset="0")))


def choices():
    """The values of each filter, by the names that the record has for them."""
    first, middle, last = told.starts[0], told.starts[len(told.starts) // 2], told.starts[-1]
    return {
        "type": {state: state for state in TYPES},
        "source": {source: source for source in SOURCES},
        "limit": {limit: limit for limit in ("1", "2", "50")},
        "offset": {"0": "0", "1": "1", "3": "3", "past the end": derived({})["count"]},
        "start_time": {"first": str(first), "middle": str(middle), "after middle": str(middle + 1)},
        "end_time": {"before middle": str(middle - 1), "middle": str(middle), "last": str(last)},
        "api_ids": {
            "one": [LEAVE],
            "two": [EXPENSE, PURCHASE],
            "one twice, one unknown": [CONTRACT, "package_demo__c__nothing", CONTRACT],
            "unknown": ["package_demo__c__nothing"],
        },
    }


def add_filters(names):
    @step(f"user_task/query by {' and '.join(names)}")
    def by_filters():
        values = choices()
        for picked in product(*(values[name].items() for name in names)):
            asked = {name: value for name, (_, value) in zip(names, picked)}
            about = ", ".join(f"{name} {called}" for name, (called, _) in zip(names, picked))
            answer = user_tasks(mine(**asked))
            if len({"start_time", "end_time"} & set(asked)) == 2 and int(asked["start_time"]) > int(asked["end_time"]):
                refused(answer, 2320001, ["start_time"], about=f"{about}: ")
            else:
                agrees(about, asked, answer)


for how_many in (1, 2):
    for chosen in combinations(FILTERS, how_many):
        add_filters(chosen)


@step("user_task/query by every filter at once")
def by_everything():
    first, last = str(told.starts[0]), str(told.starts[-1])
    rest = {"limit": "2", "offset": "1", "start_time": first, "end_time": last, "api_ids": [LEAVE, CONTRACT, PURCHASE]}
    for state, source in product(TYPES, SOURCES):
        asked = {"type": state, "source": source, **rest}
        agrees(f"{state} {source}", asked, user_tasks(mine(**asked)))


@step("user_task/query: one flow after the other is the whole")
def flow_by_flow():
    found = []
    for api_id in FLOWS.values():
        rows, wrong = whole({"api_ids": [api_id]})
        want(f"{api_id}: wrong", [], wrong)
        found += rows
    want("the whole", True, sorted(ids(found)) == sorted(ids(everything())))


@step("user_task/query by 100 api_ids")
def hundred_flows():
    asked = {"api_ids": [PURCHASE, *(f"package_demo__c__{n}" for n in range(99))]}
    agrees("tasks", asked, user_tasks(mine(**asked)))


# --- 9 Pages ------------------------------------------------------------------------------------


@step("user_task/query: pages are the whole, each task once")
def pages_are_the_whole():
    expected = everything()
    # Three pages or more.
    for name, parts in {"thirds": 3, "fifths": 5}.items():
        found, wrong = whole({}, max(1, min(50, len(expected) // parts)))
        want(f"{name}: wrong", [], wrong)
        want(f"{name}: the whole", True, found == expected)


@step("user_task/query: past the end there are no tasks, and the true count")
def past_the_end():
    for source in SOURCES:
        count = derived({"source": source})["count"]
        for name, offset in {"just": count, "far": "9223372036854775807"}.items():
            asked = {"source": source, "offset": offset, "limit": "50"}
            data = page(user_tasks(mine(**asked)))
            want(f"{source}, {name}: tasks", [], data["tasks"])
            want(f"{source}, {name}: the true count", True, data["count"] == count)


@step("user_task/query: JSON numbers are the same as strings")
def numbers():
    asked = {"limit": "2", "offset": "1", "start_time": str(told.starts[0]), "end_time": str(told.starts[-1])}
    answer = raw("POST", USER_TASKS, mine(**{name: int(value) for name, value in asked.items()}))
    agrees("tasks", asked, answer)


# --- 9 Others -----------------------------------------------------------------------------------


@step("user_task/query of an unknown person")
def unknown_person():
    want("data", {"count": "0", "tasks": []}, page(user_tasks({"kunlun_user_id": NOBODY})))


@step("user_task/query by another app of the tenant, and in another tenant")
def other_apps():
    agrees("reader", {"limit": "50"}, user_tasks(mine(limit="50"), by=READER))
    want("other", {"count": "0", "tasks": []}, page(user_tasks(mine(limit="50"), by=OTHER)))


@step("user_task/query by the general call")
def by_general_call():
    for source in SOURCES:
        asked = {"source": source, "limit": "2", "offset": "1"}
        agrees(source, asked, raw("POST", USER_TASKS, mine(**asked)))


# --- 9 Refusals ---------------------------------------------------------------------------------


@step("user_task/query without a person")
def person_missing():
    refused(user_tasks({}), 2320001, ["kunlun_user_id"], about="missing: ")
    refused(user_tasks({"kunlun_user_id": ""}), 2320001, ["kunlun_user_id"], about="empty: ")


@step("user_task/query with an unknown type and source")
def unknown_words():
    refused(user_tasks(mine(type="finished")), 2320001, ["type"], about="type: ")
    refused(user_tasks(mine(type="Pending")), 2320001, ["type"], about="type in capitals: ")
    refused(user_tasks(mine(source="toMe")), 2320001, ["source"], about="source: ")


@step("user_task/query with a limit, an offset, times that cannot be")
def impossible_numbers():
    impossible = {"limit": ["0", "51", "abc", "-1"], "offset": ["-1", "abc"]}
    impossible.update(start_time=["abc"], end_time=["abc"])
    for name, values in impossible.items():
        for value in values:
            refused(user_tasks(mine(**{name: value})), 2320001, [name], about=f"{name} {value}: ")


@step("user_task/query with a start_time after its end_time")
def times_backwards():
    start, end = str(told.starts[0] + 1), str(told.starts[0])
    refused(user_tasks(mine(start_time=start, end_time=end)), 2320001, ["start_time"])


@step("user_task/query with no api_ids, and with 101")
def too_few_flows():
    refused(raw("POST", USER_TASKS, mine(api_ids=[])), 2320001, ["api_ids"], about="none: ")
    refused(user_tasks(mine(api_ids=[LEAVE] * 101)), 2320001, ["api_ids"], about="101: ")


@step("user_task/query: every bad member is named")
def every_fault():
    asked = {"type": "x", "source": "x", "limit": "0", "offset": "-1", "api_ids": []}
    asked.update(start_time="2", end_time="1")
    names = ["api_ids", "kunlun_user_id", "limit", "offset", "source", "start_time", "type"]
    refused(raw("POST", USER_TASKS, asked), 2320001, names)


@step("user_task/query with members of the wrong JSON type")
def wrong_json_types():
    wrong = {"type": 1, "source": ["fromMe"], "limit": True, "offset": {}, "start_time": [1], "end_time": False}
    wrong.update({"api_ids": LEAVE, "kunlun_user_id": int(PERSON)})
    for name, value in wrong.items():
        refused(raw("POST", USER_TASKS, mine(**{name: value})), 9499, [name], about=f"{name}: ")
    refused(raw("POST", USER_TASKS, mine(api_ids=[LEAVE, 1])), 9499, ["api_ids[*]"], about="one of api_ids: ")
    refused(raw("POST", USER_TASKS, wrong), 9499, sorted(wrong), about="all: ")
    # A wrong type is told before a wrong value.
    refused(raw("POST", USER_TASKS, mine(type=1, limit="0")), 9499, ["type"], about="type and value: ")
