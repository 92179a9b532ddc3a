//! The table of the admin API's endpoints. None has scopes: who knows the server's admin key may call
//! all of them.

use axum::http::Method;

use super::{changes, departments, hand_over, instances, people, roles, substitutes};
use crate::endpoints::Endpoint;
use crate::gateway::Routes;
use crate::limit::Tier;
use crate::openapi::Operation;
use crate::openapi::admin as about;

/// An endpoint; calls are counted per address.
const fn endpoint(
    name: &'static str,
    method: Method,
    path: &'static str,
    about: fn() -> Operation,
) -> Endpoint {
    Endpoint { name, method, path, scopes: None, tier: Tier::Token, about }
}

/// All of them.
pub(crate) fn add_to(routes: Routes<'_>) -> Routes<'_> {
    routes
        .add(&LIST_PEOPLE, people::list)
        .add(&GET_PERSON, people::get)
        .add(&PUT_PERSON, people::put)
        .add(&DEACTIVATE_PERSON, people::deactivate)
        .add(&ACTIVATE_PERSON, people::activate)
        .add(&HAND_OVER, hand_over::hand_over)
        .add(&GET_HAND_OVER, hand_over::get)
        .add(&LIST_SUBSTITUTES, substitutes::list)
        .add(&ADD_SUBSTITUTE, substitutes::add)
        .add(&END_SUBSTITUTE, substitutes::end)
        .add(&LIST_DEPARTMENTS, departments::list)
        .add(&GET_DEPARTMENT, departments::get)
        .add(&PUT_DEPARTMENT, departments::put)
        .add(&DELETE_DEPARTMENT, departments::delete)
        .add(&LIST_ROLES, roles::list)
        .add(&GET_ROLE, roles::get)
        .add(&PUT_ROLE, roles::put)
        .add(&DELETE_ROLE, roles::delete)
        .add(&LIST_MEMBERS, roles::members)
        .add(&LIST_CHANGES, changes::list)
        .add(&GET_HISTORY, instances::history)
}

static LIST_PEOPLE: Endpoint =
    endpoint("admin.people.list", Method::GET, "/admin/v1/people", about::list_people);

static GET_PERSON: Endpoint =
    endpoint("admin.people.get", Method::GET, "/admin/v1/people/{person}", about::get_person);

static PUT_PERSON: Endpoint =
    endpoint("admin.people.put", Method::PUT, "/admin/v1/people/{person}", about::put_person);

static DEACTIVATE_PERSON: Endpoint = endpoint(
    "admin.people.deactivate",
    Method::POST,
    "/admin/v1/people/{person}/deactivate",
    about::deactivate_person,
);

static ACTIVATE_PERSON: Endpoint = endpoint(
    "admin.people.activate",
    Method::POST,
    "/admin/v1/people/{person}/activate",
    about::activate_person,
);

static HAND_OVER: Endpoint = endpoint(
    "admin.people.hand_over",
    Method::POST,
    "/admin/v1/people/{person}/hand_over",
    about::hand_over,
);

static GET_HAND_OVER: Endpoint = endpoint(
    "admin.hand_overs.get",
    Method::GET,
    "/admin/v1/hand_overs/{hand_over_id}",
    about::get_hand_over,
);

static LIST_SUBSTITUTES: Endpoint = endpoint(
    "admin.substitutes.list",
    Method::GET,
    "/admin/v1/people/{person}/substitutes",
    about::list_substitutes,
);

static ADD_SUBSTITUTE: Endpoint = endpoint(
    "admin.substitutes.add",
    Method::POST,
    "/admin/v1/people/{person}/substitutes",
    about::add_substitute,
);

static END_SUBSTITUTE: Endpoint = endpoint(
    "admin.substitutes.end",
    Method::DELETE,
    "/admin/v1/substitutes/{substitute_id}",
    about::end_substitute,
);

static LIST_DEPARTMENTS: Endpoint = endpoint(
    "admin.departments.list",
    Method::GET,
    "/admin/v1/departments",
    about::list_departments,
);

static GET_DEPARTMENT: Endpoint = endpoint(
    "admin.departments.get",
    Method::GET,
    "/admin/v1/departments/{department_id}",
    about::get_department,
);

static PUT_DEPARTMENT: Endpoint = endpoint(
    "admin.departments.put",
    Method::PUT,
    "/admin/v1/departments/{department_id}",
    about::put_department,
);

static DELETE_DEPARTMENT: Endpoint = endpoint(
    "admin.departments.delete",
    Method::DELETE,
    "/admin/v1/departments/{department_id}",
    about::delete_department,
);

static LIST_ROLES: Endpoint =
    endpoint("admin.roles.list", Method::GET, "/admin/v1/roles", about::list_roles);

static GET_ROLE: Endpoint =
    endpoint("admin.roles.get", Method::GET, "/admin/v1/roles/{role_id}", about::get_role);

static PUT_ROLE: Endpoint =
    endpoint("admin.roles.put", Method::PUT, "/admin/v1/roles/{role_id}", about::put_role);

static DELETE_ROLE: Endpoint =
    endpoint("admin.roles.delete", Method::DELETE, "/admin/v1/roles/{role_id}", about::delete_role);

static LIST_MEMBERS: Endpoint = endpoint(
    "admin.roles.members",
    Method::GET,
    "/admin/v1/roles/{role_id}/members",
    about::list_members,
);

static LIST_CHANGES: Endpoint =
    endpoint("admin.changes.list", Method::GET, "/admin/v1/changes", about::list_changes);

static GET_HISTORY: Endpoint = endpoint(
    "admin.instances.history",
    Method::GET,
    "/admin/v1/instances/{instance_id}/history",
    about::get_history,
);
