//! The table of endpoints: what each is called, who may call it, and how often.

use axum::http::Method;

use crate::limit::Tier;
use crate::openapi::{self, Operation};

/// One endpoint of the API.
#[derive(Debug)]
pub(crate) struct Endpoint {
    /// In logs and metrics.
    pub(crate) name: &'static str,
    pub(crate) method: Method,
    /// As routes are written.
    pub(crate) path: &'static str,
    /// Any one of them is enough; `None` needs no token at all.
    pub(crate) scopes: Option<&'static [&'static str]>,
    pub(crate) tier: Tier,
    /// What it takes and answers, for the OpenAPI document.
    pub(crate) about: fn() -> Operation,
}

impl Endpoint {
    /// Whether tokens of store apps are refused: pages of the aPaaS family name custom apps alone.
    pub(crate) fn takes_custom_apps_only(&self) -> bool {
        self.path.starts_with("/open-apis/apaas/")
    }

    /// Whether it takes the server's admin key instead of an app's token.
    pub(crate) fn is_admin(&self) -> bool {
        self.path.starts_with("/admin/")
    }
}

const APPROVAL: &str = "approval:approval";
const APPROVAL_READ: &str = "approval:approval:readonly";
const APPROVAL_LIST_READ: &str = "approval:approval.list:readonly";
const EXTERNAL_APPROVAL: &str = "approval:external_approval";
const EXTERNAL_INSTANCE: &str = "approval:external_instance";
const EXTERNAL_TASK: &str = "approval:external_task";
const FLOW_READ: &str = "app_engine:approval:read";
const FLOW_ACT: &str = "app_engine:approval:write";
const FLOW_START: &str = "app_engine:flow:write";
const EMPLOYEE_ID: &str = "contact:user.employee_id:readonly";

/// Every scope that any endpoint asks for.
pub const ALL_SCOPES: &[&str] = &[
    APPROVAL,
    APPROVAL_READ,
    APPROVAL_LIST_READ,
    EXTERNAL_APPROVAL,
    EXTERNAL_INSTANCE,
    EXTERNAL_TASK,
    FLOW_READ,
    FLOW_ACT,
    FLOW_START,
    EMPLOYEE_ID,
];

/// The scopes that change nothing.
pub const READ_SCOPES: &[&str] = &[APPROVAL_READ, APPROVAL_LIST_READ, FLOW_READ, EMPLOYEE_ID];

pub(crate) static TENANT_TOKEN: Endpoint = Endpoint {
    name: "tenant_access_token",
    method: Method::POST,
    path: "/open-apis/auth/v3/tenant_access_token/internal",
    scopes: None,
    tier: Tier::Token,
    about: openapi::tenant_token,
};

pub(crate) static APP_TOKEN: Endpoint = Endpoint {
    name: "app_access_token",
    method: Method::POST,
    path: "/open-apis/auth/v3/app_access_token/internal",
    scopes: None,
    tier: Tier::Token,
    about: openapi::app_token,
};

pub(crate) static STORE_APP_TOKEN: Endpoint = Endpoint {
    name: "app_access_token.store",
    method: Method::POST,
    path: "/open-apis/auth/v3/app_access_token",
    scopes: None,
    tier: Tier::Token,
    about: openapi::store_app_token,
};

pub(crate) static STORE_TENANT_TOKEN: Endpoint = Endpoint {
    name: "tenant_access_token.store",
    method: Method::POST,
    path: "/open-apis/auth/v3/tenant_access_token",
    scopes: None,
    tier: Tier::Token,
    about: openapi::store_tenant_token,
};

pub(crate) static RESEND_TICKET: Endpoint = Endpoint {
    name: "app_ticket.resend",
    method: Method::POST,
    path: "/open-apis/auth/v3/app_ticket/resend",
    scopes: None,
    tier: Tier::Token,
    about: openapi::resend_ticket,
};

pub(crate) static PUT_APPROVAL: Endpoint = Endpoint {
    name: "external_approvals.create",
    method: Method::POST,
    path: "/open-apis/approval/v4/external_approvals",
    scopes: Some(&[APPROVAL, EXTERNAL_APPROVAL]),
    tier: Tier::Thousand,
    about: openapi::put_approval,
};

pub(crate) static GET_APPROVAL: Endpoint = Endpoint {
    name: "external_approvals.get",
    method: Method::GET,
    path: "/open-apis/approval/v4/external_approvals/{approval_code}",
    scopes: Some(&[APPROVAL, EXTERNAL_APPROVAL]),
    tier: Tier::Thousand,
    about: openapi::get_approval,
};

pub(crate) static SYNC_INSTANCE: Endpoint = Endpoint {
    name: "external_instances.create",
    method: Method::POST,
    path: "/open-apis/approval/v4/external_instances",
    scopes: Some(&[APPROVAL, EXTERNAL_INSTANCE]),
    tier: Tier::Thousand,
    about: openapi::sync_instance,
};

pub(crate) static CHECK_INSTANCES: Endpoint = Endpoint {
    name: "external_instances.check",
    method: Method::POST,
    path: "/open-apis/approval/v4/external_instances/check",
    scopes: Some(&[APPROVAL, APPROVAL_READ, EXTERNAL_INSTANCE]),
    tier: Tier::Thousand,
    about: openapi::check_instances,
};

pub(crate) static LIST_TASKS: Endpoint = Endpoint {
    name: "external_tasks.list",
    method: Method::GET,
    path: "/open-apis/approval/v4/external_tasks",
    scopes: Some(&[APPROVAL, APPROVAL_READ, EXTERNAL_TASK]),
    tier: Tier::Thousand,
    about: openapi::list_tasks,
};

pub(crate) static QUERY_USER_TASKS: Endpoint = Endpoint {
    name: "user_task.query",
    method: Method::POST,
    path: "/open-apis/apaas/v1/user_task/query",
    scopes: Some(&[FLOW_READ]),
    tier: Tier::Hundred,
    about: openapi::query_user_tasks,
};

pub(crate) static EXECUTE: Endpoint = Endpoint {
    name: "flows.execute",
    method: Method::POST,
    path: "/open-apis/apaas/v1/applications/{namespace}/flows/{flow_id}/execute",
    scopes: Some(&[FLOW_START]),
    tier: Tier::Hundred,
    about: openapi::execute,
};

pub(crate) static AGREE: Endpoint = Endpoint {
    name: "approval_tasks.agree",
    method: Method::POST,
    path: "/open-apis/apaas/v1/approval_tasks/{approval_task_id}/agree",
    scopes: Some(&[FLOW_ACT]),
    tier: Tier::Hundred,
    about: openapi::agree,
};

pub(crate) static REJECT: Endpoint = Endpoint {
    name: "approval_tasks.reject",
    method: Method::POST,
    path: "/open-apis/apaas/v1/approval_tasks/{approval_task_id}/reject",
    scopes: Some(&[FLOW_ACT]),
    tier: Tier::Hundred,
    about: openapi::reject,
};

pub(crate) static TRANSFER: Endpoint = Endpoint {
    name: "approval_tasks.transfer",
    method: Method::POST,
    path: "/open-apis/apaas/v1/approval_tasks/{approval_task_id}/transfer",
    scopes: Some(&[FLOW_ACT]),
    tier: Tier::Hundred,
    about: openapi::transfer,
};

pub(crate) static ADD_ASSIGNEE: Endpoint = Endpoint {
    name: "approval_tasks.add_assignee",
    method: Method::POST,
    path: "/open-apis/apaas/v1/approval_tasks/{approval_task_id}/add_assignee",
    scopes: Some(&[FLOW_ACT]),
    tier: Tier::Hundred,
    about: openapi::add_assignee,
};

pub(crate) static CANCEL: Endpoint = Endpoint {
    name: "approval_instances.cancel",
    method: Method::POST,
    path: "/open-apis/apaas/v1/approval_instances/{approval_instance_id}/cancel",
    scopes: Some(&[FLOW_ACT]),
    tier: Tier::Hundred,
    about: openapi::cancel,
};

pub(crate) static COPY_TASK: Endpoint = Endpoint {
    name: "user_tasks.cc",
    method: Method::POST,
    path: "/open-apis/apaas/v1/user_tasks/{task_id}/cc",
    scopes: Some(&[FLOW_ACT]),
    tier: Tier::Hundred,
    about: openapi::cc,
};

pub(crate) static EXPEDITE: Endpoint = Endpoint {
    name: "user_tasks.expediting",
    method: Method::POST,
    path: "/open-apis/apaas/v1/user_tasks/{task_id}/expediting",
    scopes: Some(&[FLOW_ACT]),
    tier: Tier::Hundred,
    about: openapi::expediting,
};

pub(crate) static ROLL_BACK: Endpoint = Endpoint {
    name: "user_tasks.rollback",
    method: Method::POST,
    path: "/open-apis/apaas/v1/user_tasks/{task_id}/rollback",
    scopes: Some(&[FLOW_ACT]),
    tier: Tier::Hundred,
    about: openapi::rollback,
};

pub(crate) static ROLLBACK_POINTS: Endpoint = Endpoint {
    name: "user_tasks.rollback_points",
    method: Method::POST,
    path: "/open-apis/apaas/v1/user_tasks/{task_id}/rollback_points",
    scopes: Some(&[FLOW_READ]),
    tier: Tier::Hundred,
    about: openapi::rollback_points,
};

pub(crate) static CHAT_GROUP: Endpoint = Endpoint {
    name: "user_tasks.chat_group",
    method: Method::POST,
    path: "/open-apis/apaas/v1/user_tasks/{task_id}/chat_group",
    scopes: Some(&[FLOW_ACT]),
    tier: Tier::Hundred,
    about: openapi::chat_group,
};

/// The same by POST, for clients that refuse a body on GET.
pub(crate) static LIST_TASKS_BY_POST: Endpoint = Endpoint {
    name: "external_tasks.list",
    method: Method::POST,
    path: "/open-apis/approval/v4/external_tasks",
    scopes: Some(&[APPROVAL, APPROVAL_READ, EXTERNAL_TASK]),
    tier: Tier::Thousand,
    about: openapi::list_tasks,
};
