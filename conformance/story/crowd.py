"""Owns the crowd: 10,000 third-party instances that are there before a traversal begins. Run, it
prints them as records for `countersign import`.
"""

import json

# The number that the traversal is promised for.
HOW_MANY = 10_000
CODE = "crowd"
LINKS = {"pc_link": "https://oa.example.com/crowd"}


def member(code, name, status="PENDING", update_time=1):
    """An instance with one task."""
    task = {"task_id": name, "user_id": "crowd-boris", "status": status, "links": LINKS}
    times = {"end_time": 0, "update_time": update_time}
    return {
        "approval_code": code,
        "instance_id": name,
        "status": "PENDING",
        "user_id": "crowd-anna",
        "links": LINKS,
        "start_time": 1,
        **times,
        "task_list": [{**task, "create_time": 1, **times}],
        # Some SDKs leave out an empty list.
        "i18n_resources": [{"locale": "zh-CN", "is_default": True, "texts": [{"key": "@i18n@1", "value": "人群"}]}],
    }


def names():
    return [f"crowd-{number}" for number in range(HOW_MANY)]


if __name__ == "__main__":
    definition = {
        "approval_code": CODE,
        "approval_name": "Crowd",
        "group_code": "crowd",
        "group_name": "Crowd",
        "external": {"support_pc": True, "create_link_pc": "https://oa.example.com/new"},
    }
    print(json.dumps({"record": "external_approval", "app_id": "cli_demo", **definition}))
    for name in names():
        print(json.dumps({"record": "external_instance", "app_id": "cli_demo", **member(CODE, name)}))
