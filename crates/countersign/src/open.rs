//! Opens the data, a folder or a database: key, store, hub, and the lock that one server of a folder
//! holds.

use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use domain::Clock;
use engine::keys::Keyring;
use engine::{Hub, Options, PostgresOptions, Settings, Store};
use secrecy::ExposeSecret;

use crate::clock::{self, SystemClock};
use crate::config::Config;
use crate::key;

const DATA_FILE: &str = "countersign.db";
const LOCK_FILE: &str = "countersign.lock";

/// The hub over the folder or the database that the settings name.
pub(crate) async fn hub(config: &Config) -> Result<Arc<Hub>> {
    hub_with_cache(config, None).await
}

async fn hub_with_cache(config: &Config, writer_cache_kib: Option<i64>) -> Result<Arc<Hub>> {
    let (store, keys) = if config.is_on_server() {
        on_server(config)?
    } else {
        in_folder(config, writer_cache_kib)?
    };
    let hot_set_bytes = config.store.hot_set_mb << 20;
    let settings = Settings { create_people: config.people.auto_create, hot_set_bytes };
    let ids = Arc::new(clock::ids()?);
    let hub = Hub::new(store, Arc::new(SystemClock), ids, keys, api::renderers(), settings);
    hub.claim().await?;
    Ok(Arc::new(hub))
}

fn in_folder(config: &Config, writer_cache_kib: Option<i64>) -> Result<(Store, Keyring)> {
    let folder = &config.data.dir;
    create(folder)?;
    let file = folder.join(DATA_FILE);
    let keys = match key::given(&config.server)? {
        Some(keys) => keys,
        None => key::ring(folder, file.exists())?,
    };
    let mut options = Options::new(&file);
    if config.store.readers > 0 {
        options.readers = config.store.readers;
    }
    options.wal_limit = config.store.wal_limit_mb << 20;
    options.writer_cache_kib = writer_cache_kib.unwrap_or(options.writer_cache_kib);
    let store = Store::open(&options, SystemClock.now())
        .with_context(|| format!("cannot open the data in {}", folder.display()))?;
    Ok((store, keys))
}

fn on_server(config: &Config) -> Result<(Store, Keyring)> {
    let keys = key::given(&config.server)?.context(
        "a database that several servers share needs a key that all of them have: name its file \
         in server.key_file (COUNTERSIGN_SERVER__KEY_FILE), or the key itself in server.key; \
         `openssl rand -hex 32` makes one",
    )?;
    let database = &config.database;
    let mut options = PostgresOptions::new(database.url.expose_secret());
    if database.pool > 0 {
        options.pool = database.pool;
    }
    options.statement_timeout = Duration::from_millis(database.statement_timeout_ms);
    options.patience = Duration::from_millis(database.patience_ms);
    options.prepared = database.prepared;
    let root = &database.root_certificate;
    options.root_certificate = (!root.as_os_str().is_empty()).then(|| root.clone());
    let store = Store::connect(&options, SystemClock.now()).context("cannot open the database")?;
    Ok((store, keys))
}

/// Like `hub`, for commands: a folder without data is a mistake in the path, and nothing is read
/// twice.
pub(crate) async fn existing(config: &Config) -> Result<Arc<Hub>> {
    check_data(config)?;
    hub_with_cache(&without_hot_set(config), None).await
}

fn without_hot_set(config: &Config) -> Config {
    let mut config = config.clone();
    config.store.hot_set_mb = 0;
    config
}

/// For an import: a page cache that holds what it writes to, in MiB (own figure).
const IMPORT_CACHE_MIB: i64 = 128;

/// Like `existing`, for a command that writes everywhere.
pub(crate) async fn for_import(config: &Config) -> Result<Arc<Hub>> {
    check_data(config)?;
    hub_with_cache(&without_hot_set(config), Some(IMPORT_CACHE_MIB << 10)).await
}

/// Refuses a folder without data: most likely a mistake in the path.
pub(crate) fn check_data(config: &Config) -> Result<()> {
    if config.is_on_server() {
        return Ok(());
    }
    let file = config.data.dir.join(DATA_FILE);
    if !file.is_file() {
        bail!(
            "there is no data in {}: name its folder with --data, or start it with \
             `countersign tenant create`",
            config.data.dir.display()
        );
    }
    Ok(())
}

/// Makes the folder for its owner alone: the data names people.
fn create(folder: &Path) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("cannot create the data folder {}", folder.display()))
}

/// Held by the one server of a folder for as long as it runs.
pub(crate) struct Lock(#[expect(dead_code, reason = "dropped to unlock")] Option<File>);

/// Takes the folder's lock, or says that another server has it. A database takes many servers.
pub(crate) fn lock(config: &Config) -> Result<Lock> {
    if config.is_on_server() {
        return Ok(Lock(None));
    }
    let folder = &config.data.dir;
    create(folder)?;
    let path = folder.join(LOCK_FILE);
    let file = File::create(&path).with_context(|| format!("cannot open {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(Lock(Some(file))),
        Err(fs::TryLockError::WouldBlock) => {
            bail!("another server runs on the data folder {}", folder.display())
        }
        Err(fs::TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", path.display()))
        }
    }
}
