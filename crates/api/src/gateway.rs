//! The gateway: what happens to every request, in this order, as one layer.
//!
//! Log id, token, rate, scope, body, handler, answer, log and metrics. A handler sees only requests
//! that passed; nothing else in this crate knows a header.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::Response;
use axum::routing::{MethodFilter, MethodRouter, get, on};
use bytes::Bytes;
use engine::{Caller, Hub, TokenFault};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use metrics::{Counter, Histogram};
use serde_json::{Value, json};

use crate::endpoints::{self, Endpoint};
use crate::fault::{Code, Fault};
use crate::limit::{Key, Tier};
use crate::{Api, ChatHook, Peer};
use crate::{
    admin, external_approvals, external_instances, external_tasks, flow_actions, flow_chat,
    flow_execute, log_id, openapi, tokens, user_task,
};

/// The largest request body, in bytes. Own figure: 300 tasks with long texts fit four times over.
const BODY_BYTES: usize = 4 << 20;

/// How long a body may take to arrive. Own figure: 4 MiB over a slow line.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

const JSON: &str = "application/json; charset=utf-8";

/// A request that passed the gateway.
pub(crate) struct Call {
    api: Arc<Api>,
    endpoint: &'static Endpoint,
    caller: Option<Caller>,
    uri: Uri,
    pub(crate) body: Bytes,
}

impl Call {
    pub(crate) fn hub(&self) -> &Hub {
        &self.api.hub
    }

    /// Who calls. Every endpoint with scopes has one.
    pub(crate) fn caller(&self) -> Caller {
        self.caller.clone().expect("the gateway lets nobody pass without a token")
    }

    /// A parameter of the path, decoded.
    pub(crate) fn segment(&self, name: &str) -> String {
        let is_meant = |part: &str| part.trim_matches(['{', '}']) == name;
        let place = self.endpoint.path.split('/').position(is_meant);
        let segment = place.and_then(|place| self.uri.path().split('/').nth(place));
        let segment = segment.unwrap_or_default();
        percent_encoding::percent_decode_str(segment).decode_utf8_lossy().into_owned()
    }

    /// Where groups for people are made, if anywhere.
    pub(crate) fn chat(&self) -> Option<ChatHook> {
        self.api.chat.clone()
    }

    /// Query members in order, decoded.
    pub(crate) fn query(&self) -> Vec<(String, String)> {
        let decode = |text: &str| {
            let text = text.replace('+', " ");
            percent_encoding::percent_decode_str(&text).decode_utf8_lossy().into_owned()
        };
        let pairs = self.uri.query().unwrap_or_default().split('&').filter(|p| !p.is_empty());
        pairs
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                (decode(name), decode(value))
            })
            .collect()
    }
}

/// A successful answer.
pub(crate) struct Reply {
    body: Vec<u8>,
    warning: Option<String>,
    /// A refusal that the wire answers like a success.
    refused: Option<i64>,
}

impl Reply {
    /// `{"code":0,"msg":"success","data":…}`.
    pub(crate) fn data(data: &Value) -> Self {
        Self::raw(json!({"code": 0, "msg": "success", "data": data}).to_string())
    }

    /// A whole body.
    pub(crate) fn raw(body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), warning: None, refused: None }
    }

    /// A whole body that says no under HTTP 200.
    pub(crate) fn refused(code: i64, body: impl Into<Vec<u8>>) -> Self {
        Self { refused: Some(code), ..Self::raw(body) }
    }

    /// With something that the caller should know, in a header.
    pub(crate) fn warn(mut self, warning: Option<String>) -> Self {
        self.warning = warning;
        self
    }
}

/// Every route, each with and without a slash at its end; and the document that describes them.
pub(crate) fn router(api: &Arc<Api>) -> Router {
    let routes = Routes { router: Router::new(), api, described: Vec::new() };
    let routes = routes
        .add(&endpoints::TENANT_TOKEN, tokens::tenant)
        .add(&endpoints::APP_TOKEN, tokens::app)
        .add(&endpoints::STORE_APP_TOKEN, tokens::store_app)
        .add(&endpoints::STORE_TENANT_TOKEN, tokens::store_tenant)
        .add(&endpoints::RESEND_TICKET, tokens::resend_ticket)
        .add(&endpoints::PUT_APPROVAL, external_approvals::put)
        .add(&endpoints::GET_APPROVAL, external_approvals::get)
        .add(&endpoints::SYNC_INSTANCE, external_instances::sync)
        .add(&endpoints::CHECK_INSTANCES, external_instances::check)
        .add(&endpoints::LIST_TASKS, external_tasks::list)
        .add(&endpoints::LIST_TASKS_BY_POST, external_tasks::list)
        .add(&endpoints::QUERY_USER_TASKS, user_task::query)
        .add(&endpoints::EXECUTE, flow_execute::execute)
        .add(&endpoints::AGREE, flow_actions::agree)
        .add(&endpoints::REJECT, flow_actions::reject)
        .add(&endpoints::TRANSFER, flow_actions::transfer)
        .add(&endpoints::ADD_ASSIGNEE, flow_actions::add_assignee)
        .add(&endpoints::CANCEL, flow_actions::cancel)
        .add(&endpoints::COPY_TASK, flow_actions::cc)
        .add(&endpoints::EXPEDITE, flow_actions::expediting)
        .add(&endpoints::ROLL_BACK, flow_actions::rollback)
        .add(&endpoints::ROLLBACK_POINTS, flow_actions::rollback_points)
        .add(&endpoints::CHAT_GROUP, flow_chat::chat_group);
    let routes = admin::add_to(routes);
    let document = Bytes::from(openapi::document(&routes.described));
    let page = Bytes::from_static(openapi::PAGE.as_bytes());
    let lost = Arc::clone(api);
    let lost_method = Arc::clone(api);
    routes
        .router
        .route("/openapi.json", shown(api, JSON, document))
        .route("/docs", shown(api, "text/html; charset=utf-8", page))
        .fallback(async move |request: Request| not_found(&lost, &request))
        .method_not_allowed_fallback(async move |request: Request| {
            not_found(&lost_method, &request)
        })
}

/// What was routed so far.
pub(crate) struct Routes<'a> {
    router: Router,
    api: &'a Arc<Api>,
    described: Vec<&'static Endpoint>,
}

impl Routes<'_> {
    pub(crate) fn add<F>(mut self, endpoint: &'static Endpoint, handler: fn(Call) -> F) -> Self
    where
        F: Future<Output = Result<Reply, Fault>> + Send + 'static,
    {
        let filter =
            MethodFilter::try_from(endpoint.method.clone()).expect("methods that routes know");
        let meters = Meters::of(endpoint);
        let serve = || {
            let (api, meters) = (Arc::clone(self.api), meters.clone());
            on(filter, move |request: Request| serve(api, endpoint, meters, request, handler))
        };
        let (path, slash) = (endpoint.path, format!("{}/", endpoint.path));
        self.router = self.router.route(path, serve()).route(&slash, serve());
        self.described.push(endpoint);
        self
    }
}

/// Something for people that is the same for everybody and needs no token.
fn shown(api: &Arc<Api>, content_type: &'static str, text: Bytes) -> MethodRouter {
    let api = Arc::clone(api);
    get(async move || {
        let log_id = log_id::new(api.hub.ids(), api.hub.now());
        respond(StatusCode::OK, content_type, Body::from(text), &log_id)
    })
}

/// The counters of an endpoint that every request meets, found once: looking them up by name costs
/// more than counting.
#[derive(Clone)]
struct Meters {
    done: Counter,
    seconds: Histogram,
}

impl Meters {
    fn of(endpoint: &'static Endpoint) -> Self {
        let endpoint = endpoint.name;
        Self {
            done: metrics::counter!("countersign_requests_total", "endpoint" => endpoint,
                "code" => "0"),
            seconds: metrics::histogram!("countersign_request_seconds", "endpoint" => endpoint),
        }
    }
}

async fn serve<F>(
    api: Arc<Api>,
    endpoint: &'static Endpoint,
    meters: Meters,
    request: Request,
    handler: fn(Call) -> F,
) -> Response
where
    F: Future<Output = Result<Reply, Fault>> + Send + 'static,
{
    let started = Instant::now();
    let log_id = log_id::new(api.hub.ids(), api.hub.now());
    let (parts, body) = request.into_parts();
    let peer = parts.extensions.get::<Peer>().copied();
    let result = async {
        let caller = admit(&api, endpoint, &parts.headers, peer).await?;
        let body = read_body(&parts.headers, body).await?;
        let (api, uri) = (Arc::clone(&api), parts.uri.clone());
        handler(Call { api, endpoint, caller, uri, body }).await
    }
    .await;
    let outcome = Outcome { endpoint: endpoint.name, meters, log_id: &log_id, started };
    match result {
        Ok(reply) => {
            outcome.note(&api, reply.refused.unwrap_or(0), StatusCode::OK, None);
            reply_response(reply, &log_id)
        }
        Err(fault) => {
            outcome.note(&api, fault.code, fault.status, Some(&fault));
            fault_response(&fault, &log_id)
        }
    }
}

/// Token, rate and scope, in this order.
async fn admit(
    api: &Api,
    endpoint: &'static Endpoint,
    headers: &HeaderMap,
    peer: Option<Peer>,
) -> Result<Option<Caller>, Fault> {
    let caller = match endpoint.scopes {
        None => None,
        Some(_) => Some(authenticate(api, headers).await?),
    };
    let is_store_app = caller.as_ref().is_some_and(|caller| caller.app.tenant.is_none());
    if is_store_app && endpoint.takes_custom_apps_only() {
        return Err(Fault::new(Code::CustomOnly));
    }
    let key = match (&caller, endpoint.tier) {
        (Some(caller), Tier::Thousand | Tier::Hundred) => {
            Key::App(endpoint.name, caller.app.id, caller.tenant)
        }
        _ => Key::Address(endpoint.name, peer.map(|Peer(address)| address.ip())),
    };
    api.limits.pass(key, endpoint.tier, api.hub.now()).map_err(|over| Fault {
        reset: Some((over.limit, over.reset)),
        ..Fault::new(Code::RateLimit)
    })?;
    // Calls are counted first: nobody tries keys faster than the limit.
    if endpoint.is_admin() {
        admit_administrator(api, headers)?;
    }
    if let (Some(caller), Some(scopes)) = (&caller, endpoint.scopes)
        && !caller.may(scopes)
    {
        let list = scopes.join(", ");
        let app = &caller.app.key;
        return Err(Fault { scopes, ..Fault::new(Code::NoScope) }.msg(format!(
            "Access denied. One of the following scopes is required: [{list}]. \
             应用尚未开通所需的权限：[{list}]。 An operator can set the scopes of {app} with \
             `countersign app scopes`."
        )));
    }
    Ok(caller)
}

/// Whether a request has the server's admin key.
fn admit_administrator(api: &Api, headers: &HeaderMap) -> Result<(), Fault> {
    let key = api.admin.as_ref().ok_or_else(|| Fault::new(Code::AdminOff))?;
    let given = bearer(headers).ok_or_else(|| Fault::new(Code::AdminKey))?;
    if key.is(given) { Ok(()) } else { Err(Fault::new(Code::AdminKey)) }
}

/// What stands behind `Bearer `, if anything does.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = header.and_then(|header| header.strip_prefix("Bearer ")).map(str::trim);
    token.filter(|token| !token.is_empty())
}

async fn authenticate(api: &Api, headers: &HeaderMap) -> Result<Caller, Fault> {
    let token = bearer(headers).ok_or_else(|| Fault::new(Code::NoToken))?;
    if token.starts_with("u-") || token.starts_with("eyJ") {
        return Err(Fault::new(Code::UserToken));
    }
    if !token.starts_with("t-") {
        return Err(Fault::new(Code::TokenPrefix));
    }
    api.hub.authenticate(token).await?.map_err(|fault| {
        Fault::new(match fault {
            TokenFault::Invalid => Code::InvalidToken,
            TokenFault::Disabled | TokenFault::NotInstalled => Code::AppDisabled,
        })
    })
}

/// The body, if it is not too long. One that says so is refused unread.
async fn read_body(headers: &HeaderMap, body: Body) -> Result<Bytes, Fault> {
    let too_large = || {
        Fault::new(Code::TooLarge)
            .msg(format!("The request body is too large: at most {BODY_BYTES} bytes are taken"))
    };
    let length = headers.get("content-length").and_then(|value| value.to_str().ok());
    if length.and_then(|text| text.parse::<u64>().ok()).is_some_and(|n| n > BODY_BYTES as u64) {
        return Err(too_large());
    }
    let read = tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, BODY_BYTES).collect());
    let Ok(read) = read.await else {
        return Err(Fault::new(Code::JsonType).msg("The request body did not arrive in time"));
    };
    match read {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
        Err(error) => Err(Fault {
            log: Some(error.to_string().into()),
            ..Fault::new(Code::JsonType).msg("The request body ended too early")
        }),
    }
}

/// What is logged and counted of a request.
struct Outcome<'a> {
    endpoint: &'static str,
    meters: Meters,
    log_id: &'a str,
    started: Instant,
}

impl Outcome<'_> {
    fn note(&self, api: &Api, code: i64, status: StatusCode, fault: Option<&Fault>) {
        let elapsed = self.started.elapsed();
        let ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        let Self { endpoint, log_id, .. } = *self;
        let http = status.as_u16();
        if code == 0 {
            self.meters.done.increment(1);
        } else {
            metrics::counter!("countersign_requests_total", "endpoint" => endpoint,
                "code" => code.to_string())
            .increment(1);
        }
        self.meters.seconds.record(elapsed.as_secs_f64());
        if let Some(fault) = fault {
            let reason = fault.log.as_deref().unwrap_or(&fault.msg);
            let fields: Vec<_> = fault.violations.iter().map(|v| v.field.as_str()).collect();
            let fields = fields.join(",");
            if status.is_server_error() {
                tracing::error!(endpoint, code, http, log_id, ms, reason, "failed");
            } else {
                tracing::info!(endpoint, code, http, log_id, ms, reason, fields, "refused");
            }
        } else if code != 0 {
            tracing::info!(endpoint, code, http, log_id, ms, "refused");
        } else if ms >= api.slow_ms {
            tracing::warn!(endpoint, code, http, log_id, ms, "slow");
        } else if api.access_log {
            tracing::info!(endpoint, code, http, log_id, ms, "done");
        }
    }
}

fn respond(status: StatusCode, content_type: &'static str, body: Body, log_id: &str) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Ok(value) = HeaderValue::from_str(log_id) {
        headers.insert("x-tt-logid", value.clone());
        headers.insert("x-request-id", value);
    }
    response
}

fn reply_response(reply: Reply, log_id: &str) -> Response {
    let mut response = respond(StatusCode::OK, JSON, Body::from(reply.body), log_id);
    let warning = reply.warning.map(HeaderValue::try_from);
    if let Some(Ok(value)) = warning {
        response.headers_mut().insert("x-countersign-warning", value);
    }
    response
}

fn fault_response(fault: &Fault, log_id: &str) -> Response {
    let mut error = json!({
        "log_id": log_id,
        "troubleshooter":
            format!("排查建议查看(Troubleshooting suggestions): search the server log for {log_id}"),
    });
    if !fault.violations.is_empty() {
        let violations = fault.violations.iter().map(|violation| {
            let mut entry = json!({
                "field": violation.field,
                "description": violation.description,
            });
            if let Some(value) = &violation.value {
                entry["value"] = value.as_str().into();
            }
            entry
        });
        error["field_violations"] = violations.collect();
    }
    if !fault.scopes.is_empty() {
        let violations =
            fault.scopes.iter().map(|s| json!({"type": "action_scope_required", "subject": s}));
        error["permission_violations"] = violations.collect();
    }
    let body = json!({"code": fault.code, "msg": fault.msg, "error": error}).to_string();
    let mut response = respond(fault.status, JSON, Body::from(body), log_id);
    let headers = response.headers_mut();
    if let Some((limit, reset)) = fault.reset {
        headers.insert("x-ogw-ratelimit-limit", limit.into());
        headers.insert("x-ogw-ratelimit-reset", reset.into());
    }
    if fault.status == StatusCode::UNAUTHORIZED {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if fault.status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

/// As measured on the live platform: plain text, also for a wrong method on a known path.
fn not_found(api: &Api, request: &Request) -> Response {
    let log_id = log_id::new(api.hub.ids(), api.hub.now());
    let method: &Method = request.method();
    tracing::info!(%method, path = request.uri().path(), log_id, "no such endpoint");
    metrics::counter!("countersign_requests_total", "endpoint" => "none", "code" => "404")
        .increment(1);
    respond(StatusCode::NOT_FOUND, "text/plain", Body::from("404 page not found"), &log_id)
}
