"""Owns the chapter of the story about flows that the hub runs: the four of the demo company, from their
start to each end that people can bring about, and every action on the way.

After every step the inboxes of everybody who has to do with the flow are read. Other clients act on the
same people at the same time, so of a list only the tasks of the own instance are looked at. They are
called by the order in which they opened, so that the record is the same for everybody. Nobody here is
the person whose lists the chapter on human tasks compares.
"""

import json
from time import time_ns

from calls import act, client, execute, good, refused, user_tasks
from cast import own
from stage import alias, step, want

# Everybody by name, with their kunlun_user_id.
PEOPLE = {
    name: str(1_700_000_000_000_001 + place)
    for name, place in {
        "liwei": 1,
        "zhangmin": 2,
        "chenjing": 4,
        "yanglei": 5,
        "huangqiang": 7,
        "wuting": 9,
        "xuhao": 10,
        "sunli": 11,
        "machao": 12,
        "zhulin": 13,
        "linxiao": 15,
        "heping": 16,
        "gaoxiang": 17,
        "luoman": 18,
    }.items()
}
# What an inbox is called here.
VIEWS = {
    "from": ("fromMe", "pending"),
    "from-done": ("fromMe", "archived"),
    "todo": ("assignMe", "pending"),
    "done": ("assignMe", "archived"),
    "cc": ("CCMe", "pending"),
    "cc-done": ("CCMe", "archived"),
}
INITIATOR = "chenjing"


class Instance:
    """An instance on its way."""

    def __init__(self, flow, people, **params):
        self.flow = f"package_demo__c__{flow}"
        self.people = [INITIATOR, *people]
        self.since = str(time_ns() // 1_000_000 - 60_000)
        body = {"operator": operator(INITIATOR), "params": json.dumps(params, ensure_ascii=False)}
        data = good(execute(self.flow, body))
        self.id = data["execution_id"]
        self.tasks = []

    def look(self):
        """Who sees which tasks where, and how the instance stands."""
        seen, status = {}, set()
        for person in self.people:
            for name, (source, state) in VIEWS.items():
                for row in self.listed(person, source=source, type=state):
                    seen.setdefault((person, name), []).append(row["task_id"])
                    status.add(row["workflow_instance"]["status"])
        self.tasks = sorted({task for found in seen.values() for task in found})
        number = {task: str(place) for place, task in enumerate(self.tasks, 1)}
        lines = {f"{person} {name} {' '.join(sorted(map(number.get, found)))}" for (person, name), found in seen.items()}
        return {"status": " ".join(sorted(status)), "views": sorted(lines)}

    def listed(self, person, **filters):
        asked = {"kunlun_user_id": PEOPLE[person], "api_ids": [self.flow], "start_time": self.since, **filters}
        found = []
        while True:
            data = {"tasks": [], **good(user_tasks({**asked, "limit": "50", "offset": str(len(found))}))}
            found += data["tasks"]
            if not data["tasks"] or len(found) >= int(data["count"]):
                return [row for row in found if row["workflow_instance"]["id"] == self.id]

    def shows(self, after, status, *views):
        want(f"after {after}", {"status": status, "views": sorted(views)}, self.look())

    def task(self, number):
        if len(self.tasks) < number:
            self.look()
        return self.tasks[number - 1]

    def decide(self, name, number, person, **more):
        return act(name, self.task(number), {"user_id": PEOPLE[person], **more})

    def agree(self, number, *people):
        for person in people:
            good(self.decide("agree", number, person, opinion="同意"))

    def reject(self, number, person):
        good(self.decide("reject", number, person, opinion="不同意"))

    def on_task(self, name, number, person, **more):
        return act(name, self.task(number), {"operator_user_id": PEOPLE[person], **more})

    def cancel(self):
        return act("cancel", self.id, {"user_id": PEOPLE[INITIATOR], "opinion": "不需要了"})


def operator(person):
    return json.dumps({"_id": PEOPLE[person]})


def ids(*people):
    return [PEOPLE[person] for person in people]


def leave(days, *people):
    return Instance("leave", ["zhangmin", *people], kind="annual", **{"from": "2026-03-02"}, days=days)


# --- 10 Leave -----------------------------------------------------------------------------------


@step("a short leave is the leader's to agree to")
def short_leave():
    trip = leave(2)
    trip.shows("the start", "in_process", "chenjing from 1", "zhangmin todo 1")
    trip.agree(1, "zhangmin")
    trip.shows("the end", "agreed", "chenjing from-done 1", "zhangmin done 1")
    trip.agree(1, "zhangmin")
    trip.shows("agreeing once more", "agreed", "chenjing from-done 1", "zhangmin done 1")


@step("a short leave is the leader's to reject")
def rejected_leave():
    trip = leave(1)
    trip.reject(1, "zhangmin")
    trip.shows("the end", "rejected", "chenjing from-done 1", "zhangmin done 1")
    answer = trip.decide("agree", 1, "zhangmin")
    want("code", 2320001, answer.code)
    want("it is told who decided what", True, "already rejected by 张敏" in answer.msg)


@step("who started a leave withdraws it")
def canceled_leave():
    trip = leave(1)
    good(trip.cancel())
    trip.shows("the end", "canceled", "chenjing from-done 1", "zhangmin done 1")
    good(trip.cancel())


@step("a long leave starts over where the department rejects it")
def long_leave():
    trip = leave(12, "luoman", "wuting", "xuhao")
    trip.agree(1, "zhangmin")
    trip.shows("the leader", "in_process", "chenjing from 2", "chenjing from-done 1", "luoman todo 2", "zhangmin done 1")
    trip.reject(2, "luoman")
    back = ["chenjing from 3", "chenjing from-done 1 2", "chenjing todo 3", "luoman done 2", "zhangmin done 1"]
    trip.shows("the department", "in_process", *back)
    trip.agree(3, "chenjing")
    trip.agree(4, "zhangmin")
    trip.agree(5, "luoman")
    over = ["chenjing done 3", "luoman done 2 5", "zhangmin done 1 4"]
    office = ["chenjing from 6", "chenjing from-done 1 2 3 4 5", "wuting todo 6", "xuhao todo 6"]
    trip.shows("all over again", "in_process", *over, *office)
    trip.agree(6, "xuhao")
    trip.shows("the end", "agreed", *over, "chenjing from-done 1 2 3 4 5 6", "wuting done 6", "xuhao done 6")


# --- 11 Expenses --------------------------------------------------------------------------------


def expense(amount, *people):
    people = ["zhangmin", "heping", "gaoxiang", *people]
    return Instance("expense", people, amount=amount, currency="CNY", destination="成都")


@step("a small expense is paid by a cashier, and copied to who started it")
def small_expense():
    bill = expense(100)
    bill.agree(1, "zhangmin")
    paying = ["chenjing cc 2", "chenjing from 2", "chenjing from-done 1"]
    bill.shows("the leader", "in_process", *paying, "gaoxiang todo 2", "heping todo 2", "zhangmin done 1")
    bill.agree(2, "gaoxiang")
    paid = ["chenjing cc-done 2", "chenjing from-done 1 2", "gaoxiang done 2", "heping done 2", "zhangmin done 1"]
    bill.shows("the end", "agreed", *paid)


@step("a large expense goes back a step, then to the start, and is given up")
def large_expense():
    bill = expense(60_000, "liwei")
    bill.agree(1, "zhangmin")
    bill.reject(2, "heping")
    back = ["chenjing from 3", "chenjing from-done 1 2", "heping done 2", "liwei done 2", "zhangmin done 1"]
    bill.shows("the finance office", "in_process", *back, "zhangmin todo 3")
    bill.agree(3, "zhangmin")
    bill.agree(4, "liwei")
    bill.reject(5, "liwei")
    start = ["chenjing from 6", "chenjing from-done 1 2 3 4 5", "chenjing todo 6"]
    done = ["heping done 2 4", "liwei done 2 4 5", "zhangmin done 1 3"]
    bill.shows("the head of finance", "in_process", *start, *done)
    bill.reject(6, "chenjing")
    bill.shows("the end", "rejected", *done, "chenjing done 6", "chenjing from-done 1 2 3 4 5 6")


# --- 12 Contract --------------------------------------------------------------------------------

SIDES = ["heping", "huangqiang", "liwei", "linxiao", "machao", "sunli"]


def contract():
    paper = Instance(
        "contract",
        ["zhangmin", *SIDES],
        title="框架合同",
        partner="乙方",
        amount=10,
        reviewers=ids("huangqiang"),
    )
    paper.agree(1, "zhangmin")
    paper.shows(
        "the leader",
        "in_process",
        "chenjing from 2 3 4",
        "chenjing from-done 1",
        "heping todo 3",
        "huangqiang todo 4",
        "liwei todo 3",
        "machao todo 2",
        "sunli todo 2",
        "zhangmin done 1",
    )
    return paper


@step("a contract is sealed when every side has agreed")
def sealed_contract():
    paper = contract()
    paper.agree(4, "huangqiang")
    paper.agree(3, "liwei", "heping")
    paper.agree(2, "machao")
    done = ["heping done 3", "huangqiang done 4", "liwei done 3", "machao done 2", "sunli done 2", "zhangmin done 1"]
    copies = ["chenjing cc 5", "machao cc 5", "sunli cc 5"]
    paper.shows("all sides", "in_process", *done, *copies, "chenjing from 5", "chenjing from-done 1 2 3 4", "linxiao todo 5")
    paper.agree(5, "linxiao")
    kept = ["chenjing cc-done 5", "machao cc-done 5", "sunli cc-done 5", "linxiao done 5"]
    paper.shows("the end", "agreed", *done, *kept, "chenjing from-done 1 2 3 4 5")


@step("a contract that one side rejects is at its end for all")
def rejected_contract():
    paper = contract()
    paper.reject(3, "heping")
    done = ["heping done 3", "huangqiang done 4", "liwei done 3", "machao done 2", "sunli done 2", "zhangmin done 1"]
    paper.shows("the end", "rejected", *done, "chenjing from-done 1 2 3 4")
    answer = paper.decide("agree", 2, "sunli")
    want("code", 2320001, answer.code)
    want("it is told who ended it", True, "already auto_end by 何平" in answer.msg)


# --- 13 Purchase, with every other action -------------------------------------------------------


def purchase(*people):
    return Instance(
        "purchase",
        ["zhulin", "gaoxiang", "yanglei", *people],
        goods="笔记本",
        quantity=2,
        price=4_000.5,
        payer="research",
        buyer=PEOPLE["zhulin"],
    )


@step("a purchase is signed in turn, and paid for")
def signed_purchase():
    order = purchase()
    order.shows("the start", "in_process", "chenjing from 1", "gaoxiang done 1", "zhulin todo 1")
    answer = order.decide("agree", 1, "gaoxiang")
    want("not in turn", 2320001, answer.code)
    want("it is told whom it waits for", True, "it waits for 朱琳" in answer.msg)
    order.agree(1, "zhulin")
    order.shows("the buyer", "in_process", "chenjing from 1", "gaoxiang todo 1", "zhulin done 1")
    order.agree(1, "gaoxiang")
    signed = ["chenjing from-done 1", "gaoxiang done 1", "zhulin done 1"]
    order.shows("the warehouse", "in_process", *signed, "chenjing from 2", "yanglei todo 2", "zhulin cc 2")
    order.agree(2, "yanglei")
    end = ["chenjing from-done 1 2", "gaoxiang done 1", "yanglei done 2", "zhulin cc-done 2", "zhulin done 1"]
    order.shows("the end", "agreed", *end)


@step("a purchase is given away, added to, copied, urged and rolled back")
def changed_purchase():
    order = purchase("huangqiang", "machao", "sunli")
    good(order.decide("transfer", 1, "zhulin", to_user_ids=ids("sunli"), opinion="代我看"))
    order.shows("giving it away", "in_process", "chenjing from 1", "gaoxiang done 1", "sunli todo 1", "zhulin done 1")
    number = [int(one) for one in ids("machao")] if client.about.get("times") == "number" else ids("machao")
    good(order.decide("add_assignee", 1, "sunli", approvers=number, add_assignee_type="currentAndAddAssign"))
    number = [int(one) for one in ids("huangqiang")] if client.about.get("times") == "number" else ids("huangqiang")
    good(order.decide("add_assignee", 1, "sunli", approvers=number, add_assignee_type="afterAndAddAssign"))
    good(order.on_task("cc", 1, "sunli", cc_user_ids=ids("yanglei")))
    good(order.on_task("expediting", 1, "chenjing", expediting_user_ids=ids("sunli"), opinion="请快"))
    added = ["chenjing from 1", "gaoxiang done 1", "machao done 1", "sunli todo 1", "yanglei cc 1", "zhulin done 1"]
    order.shows("asking others", "in_process", *added)
    order.agree(1, "sunli", "machao", "gaoxiang")
    signed = ["gaoxiang done 1", "machao done 1", "sunli done 1", "yanglei cc-done 1", "zhulin done 1"]
    order.shows("signing", "in_process", *signed, "chenjing from 2", "chenjing from-done 1", "huangqiang todo 2")
    points = good(order.on_task("rollback_points", 2, "huangqiang"))["tasks"]
    want("points", [True, False], [point.get("is_start", False) for point in points])
    want("their steps", [["发起", "Start"], ["依次会签", "Signing in turn"]], [words(point) for point in points])
    good(order.on_task("rollback", 2, "huangqiang", to_task_id=points[1]["id"], opinion="重签"))
    again = ["chenjing from 3", "chenjing from-done 1 2", "huangqiang done 2", "zhulin todo 3"]
    signed = ["gaoxiang done 1 3", "machao done 1", "sunli done 1", "yanglei cc-done 1", "zhulin done 1"]
    order.shows("rolling back", "in_process", *again, *signed)
    group = good(order.on_task("chat_group", 3, "zhulin", chat_name="采购", invite_user_ids=ids("chenjing")))
    want("the group", {"chat_id": "oc_demo"}, group)
    good(order.cancel())


def words(point):
    return [label["text"] for label in point["activity_label"]]


@step("a key starts one instance alone")
def started_once():
    params = json.dumps({"kind": "sick", "from": "2026-03-02", "days": 1})
    body = {"operator": operator(INITIATOR), "params": params, "idempotent_key": own("key"), "is_async": True}
    data = good(execute("package_demo__c__leave", body))
    alias(data["execution_id"], "<execution>")
    want("answer", {"status": "running", "out_params": "[]", "execution_id": data["execution_id"]}, {
        name: data[name] for name in ("status", "out_params", "execution_id")
    })
    again = execute("package_demo__c__leave", body)
    want("code", 2320001, again.code)
    want("it is told what it started", True, data["execution_id"] in again.msg)
    good(act("cancel", data["execution_id"], {"user_id": PEOPLE[INITIATOR], "opinion": "试试"}))


@step("parameters that a flow does not take are told")
def wrong_parameters():
    body = {"operator": operator(INITIATOR), "params": json.dumps({"kind": "none", "days": "x", "hours": 1})}
    refused(execute("package_demo__c__leave", body), 2320001, ["params.days", "params.from", "params.hours", "params.kind"])
    refused(execute("package_demo__c__none", body), 2320001, ["flow_id"])
