//! Single questions to a server, each on a connection of its own: to learn what the answers of a
//! measurement look like. The load itself comes from elsewhere.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::requests::Request;
use crate::company::Company;

/// Longer than any answer takes, so that a server that hangs ends the run.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server, and the token for it.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) address: SocketAddr,
    pub(crate) token: String,
}

/// A successful answer.
pub(crate) struct Answer {
    pub(crate) json: Value,
    /// How long its body is, in bytes.
    pub(crate) bytes: usize,
}

impl Client {
    /// Gets a token as an app does.
    pub(crate) fn sign_in(address: SocketAddr, company: &Company) -> Result<Self> {
        let nobody = Self { address, token: String::new() };
        let answer = nobody.ask(&token_request(company))?;
        let token = answer.json["tenant_access_token"].as_str().context("no token")?.to_owned();
        Ok(Self { address, token })
    }

    /// Asks once. Anything but HTTP 200 and code 0 is an error.
    pub(crate) fn ask(&self, request: &Request) -> Result<Answer> {
        let Request { method, path, body } = request;
        let (address, token, length) = (self.address, &self.token, body.len());
        let mut stream = TcpStream::connect(address).context("cannot reach the server")?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        );
        stream.write_all((head + body).as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, text) = answer.split_once("\r\n\r\n").context("the answer has no head")?;
        let json: Value = serde_json::from_str(text).unwrap_or_default();
        if !head.starts_with("HTTP/1.1 200") || json["code"] != json!(0) {
            bail!("{method} {path} {body}\nwas answered\n{answer}");
        }
        Ok(Answer { json, bytes: text.len() })
    }
}

/// What an app sends to get a token.
pub(crate) fn token_request(company: &Company) -> Request {
    Request::post(
        "/open-apis/auth/v3/tenant_access_token/internal",
        &json!({"app_id": company.app_id, "app_secret": company.app_secret}),
    )
}
