//! The token endpoints: a flat answer, HTTP 200 also when refused, no Content-Type needed.

use engine::access::{IssueFault, Issued};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};

use crate::fault::Fault;
use crate::fields;
use crate::gateway::{Call, Reply};

/// What is refused under HTTP 200, and with which text. Sources: the table of general codes; the
/// texts of 10003 and 10014 as measured.
const fn refusal(fault: IssueFault) -> (i64, &'static str) {
    match fault {
        IssueFault::UnknownApp | IssueFault::WrongKind => (10_003, "invalid param"),
        IssueFault::Disabled => (10_005, "app_id not authorized"),
        IssueFault::WrongTicket => (10_012, "app_ticket invalid"),
        IssueFault::NotInstalled => (10_013, "get tenant_access_token failed"),
        IssueFault::WrongSecret => (10_014, "app secret invalid"),
        IssueFault::NoEvents => (10_016, "app_ticket resend failed"),
        IssueFault::WrongAppToken => (20_014, "app access token invalid"),
    }
}

pub(crate) async fn tenant(call: Call) -> Result<Reply, Fault> {
    internal(call, &["tenant_access_token"]).await
}

/// For a custom app both tokens are the same one.
pub(crate) async fn app(call: Call) -> Result<Reply, Fault> {
    internal(call, &["app_access_token", "tenant_access_token"]).await
}

async fn internal(call: Call, members: &[&str]) -> Result<Reply, Fault> {
    let body = Body::of(&call);
    let Some((app_id, secret)) = body.credentials() else {
        return Ok(refused(IssueFault::UnknownApp));
    };
    Ok(answer(call.hub().issue_token(app_id, secret).await?, members))
}

/// A store app's own token.
pub(crate) async fn store_app(call: Call) -> Result<Reply, Fault> {
    let body = Body::of(&call);
    let Some((app_id, secret)) = body.credentials() else {
        return Ok(refused(IssueFault::UnknownApp));
    };
    let ticket = body.text("app_ticket").into();
    let issued = call.hub().app_access_token(app_id, secret, ticket).await?;
    Ok(answer(issued, &["app_access_token"]))
}

/// A store app's token in a tenant.
pub(crate) async fn store_tenant(call: Call) -> Result<Reply, Fault> {
    let body = Body::of(&call);
    let token = body.text("app_access_token");
    let issued = call.hub().tenant_access_token(&token, body.text("tenant_key")).await?;
    Ok(answer(issued, &["tenant_access_token"]))
}

/// A store app's ticket, pushed once more.
pub(crate) async fn resend_ticket(call: Call) -> Result<Reply, Fault> {
    let body = Body::of(&call);
    let Some((app_id, secret)) = body.credentials() else {
        return Ok(refused(IssueFault::UnknownApp));
    };
    Ok(match call.hub().resend_ticket(app_id, secret).await? {
        Err(fault) => refused(fault),
        Ok(()) => Reply::raw(json!({"code": 0, "msg": "success"}).to_string()),
    })
}

/// What was sent. Anything but text is the same as nothing.
struct Body(Map<String, Value>);

impl Body {
    fn of(call: &Call) -> Self {
        Self(fields::body(&call.body).unwrap_or_default())
    }

    fn text(&self, name: &str) -> String {
        self.0.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// The app's id and secret, if both are there.
    fn credentials(&self) -> Option<(String, SecretString)> {
        let (app_id, secret) = (self.text("app_id"), self.text("app_secret"));
        (!app_id.is_empty() && !secret.is_empty()).then(|| (app_id, secret.into()))
    }
}

fn answer(issued: Result<Issued, IssueFault>, members: &[&str]) -> Reply {
    match issued {
        Err(fault) => refused(fault),
        Ok(issued) => {
            let mut answer = json!({"code": 0, "msg": "ok", "expire": issued.expires_in});
            for member in members {
                answer[*member] = issued.token.expose_secret().into();
            }
            Reply::raw(answer.to_string())
        }
    }
}

fn refused(fault: IssueFault) -> Reply {
    let (code, msg) = refusal(fault);
    Reply::refused(code, json!({"code": code, "data": {}, "msg": msg}).to_string())
}
