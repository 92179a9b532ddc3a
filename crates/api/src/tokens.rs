//! The token endpoints: a flat answer, HTTP 200 also when refused, no Content-Type needed.

use engine::access::IssueFault;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::fault::Fault;
use crate::fields;
use crate::gateway::{Call, Reply};

pub(crate) async fn tenant(call: Call) -> Result<Reply, Fault> {
    issue(call, &["tenant_access_token"]).await
}

/// For a custom app both tokens are the same one.
pub(crate) async fn app(call: Call) -> Result<Reply, Fault> {
    issue(call, &["app_access_token", "tenant_access_token"]).await
}

async fn issue(call: Call, members: &[&str]) -> Result<Reply, Fault> {
    let text = |name: &str, body: &serde_json::Map<String, Value>| {
        body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let body = fields::body(&call.body).unwrap_or_default();
    let (app_id, secret) = (text("app_id", &body), text("app_secret", &body));
    if app_id.is_empty() || secret.is_empty() {
        return Ok(refused(IssueFault::UnknownApp));
    }
    match call.hub().issue_token(app_id, SecretString::from(secret)).await? {
        Err(fault) => Ok(refused(fault)),
        Ok(issued) => {
            let mut answer = json!({"code": 0, "msg": "ok", "expire": issued.expires_in});
            for member in members {
                answer[*member] = issued.token.expose_secret().into();
            }
            Ok(Reply::raw(answer.to_string()))
        }
    }
}

fn refused(fault: IssueFault) -> Reply {
    let (code, msg) = match fault {
        IssueFault::UnknownApp => (10_003, "invalid param"),
        IssueFault::Disabled => (10_005, "app_id not authorized"),
        IssueFault::WrongSecret => (10_014, "app secret invalid"),
    };
    Reply::refused(code, json!({"code": code, "data": {}, "msg": msg}).to_string())
}
