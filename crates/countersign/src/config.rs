//! Settings: the compiled-in defaults, then a file, then the environment, then flags.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use api::Limits;
use figment::Figment;
use figment::providers::{Env, Format, Toml};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::cli::ServeArgs;
use crate::tls::Files;

/// The documented defaults.
pub const DEFAULTS: &str = include_str!("../../../config.default.toml");

/// Every setting. The meaning of each stands in `config.default.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "config.default.toml documents each")]
pub struct Config {
    pub server: Server,
    pub admin: Admin,
    pub observe: Observe,
    pub data: Data,
    pub database: Database,
    pub store: Store,
    pub limits: LimitSettings,
    pub people: People,
    pub flows: Flows,
    pub log: Log,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "config.default.toml documents each")]
pub struct Server {
    pub listen: String,
    pub tls_cert: String,
    pub tls_key: String,
    pub key: SecretString,
    pub key_file: PathBuf,
}

impl Server {
    /// The files for TLS; `None` when it is off.
    pub fn tls(&self) -> Result<Option<Files>> {
        match (self.tls_cert.as_str(), self.tls_key.as_str()) {
            ("", "") => Ok(None),
            ("", _) => bail!("server.tls_key is set, and server.tls_cert is not: TLS needs both"),
            (_, "") => bail!("server.tls_cert is set, and server.tls_key is not: TLS needs both"),
            (cert, key) => Ok(Some(Files { cert: cert.into(), key: key.into() })),
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "config.default.toml documents each")]
pub struct Admin {
    pub key: SecretString,
    pub key_file: PathBuf,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "config.default.toml documents each")]
pub struct Observe {
    pub listen: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "config.default.toml documents each")]
pub struct Data {
    pub dir: PathBuf,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "config.default.toml documents each")]
pub struct Database {
    pub url: SecretString,
    pub pool: usize,
    pub statement_timeout_ms: u64,
    pub patience_ms: u64,
    pub prepared: bool,
    pub root_certificate: PathBuf,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "config.default.toml documents each")]
pub struct Store {
    pub readers: usize,
    pub wal_limit_mb: u64,
    pub hot_set_mb: u64,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "config.default.toml documents each")]
pub enum Profile {
    Feishu,
    Own,
    Off,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "config.default.toml documents each")]
pub struct LimitSettings {
    pub profile: Profile,
    pub per_minute: u32,
    pub per_second: u32,
}

impl LimitSettings {
    /// The rate windows that are meant.
    pub fn windows(&self) -> Limits {
        match self.profile {
            Profile::Feishu => Limits::feishu(),
            Profile::Off => Limits::off(),
            Profile::Own => Limits::own(self.per_minute, self.per_second),
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "config.default.toml documents each")]
pub struct People {
    pub auto_create: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "config.default.toml documents each")]
pub struct Flows {
    pub chat_webhook: SecretString,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "config.default.toml documents each")]
pub enum LogFormat {
    Text,
    Json,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "config.default.toml documents each")]
pub struct Log {
    pub format: LogFormat,
    pub level: String,
    pub access: bool,
    pub slow_ms: u64,
}

impl Config {
    /// The settings for these flags.
    pub fn load(args: &ServeArgs) -> Result<Self> {
        let mut figment = Figment::from(Toml::string(DEFAULTS));
        if let Some(file) = &args.place.config {
            if !file.is_file() {
                bail!("the settings file {} does not exist", file.display());
            }
            figment = figment.merge(Toml::file_exact(file));
        }
        // Only names with a section: others, such as COUNTERSIGN_DATA, stand for flags.
        let env = Env::prefixed("COUNTERSIGN_").filter(|key| key.as_str().contains("__"));
        let mut config: Self =
            figment.merge(env.split("__")).extract().context("the settings cannot be read")?;
        if let Some(listen) = &args.listen {
            config.server.listen.clone_from(listen);
        }
        if let Some(listen) = &args.observe {
            config.observe.listen.clone_from(listen);
        }
        if let Some(cert) = &args.tls_cert {
            config.server.tls_cert.clone_from(cert);
        }
        if let Some(key) = &args.tls_key {
            config.server.tls_key.clone_from(key);
        }
        if let Some(dir) = &args.place.data {
            config.data.dir.clone_from(dir);
        }
        if let Some(url) = &args.place.database {
            config.database.url = url.as_str().into();
        }
        Ok(config)
    }

    /// Whether the data is on a server instead of in a folder.
    pub fn is_on_server(&self) -> bool {
        !self.database.url.expose_secret().is_empty()
    }

    /// The settings without any file, variable or flag.
    pub fn defaults() -> Result<Self> {
        Figment::from(Toml::string(DEFAULTS)).extract().context("the compiled-in defaults")
    }
}

/// An address to listen on, with the setting named in the complaint.
pub fn address(text: &str, setting: &str) -> Result<SocketAddr> {
    text.parse()
        .with_context(|| format!("{setting} = \"{text}\" is not an address such as 127.0.0.1:8080"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_defaults_are_complete() {
        let config = Config::defaults().unwrap();
        assert!(matches!(config.limits.profile, Profile::Feishu));
        assert!(address(&config.server.listen, "server.listen").is_ok());
    }
}
