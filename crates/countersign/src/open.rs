//! Opens a data folder: key, file, hub, and the lock that one server holds.

use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use domain::Clock;
use engine::{Hub, Options, Settings, Store};

use crate::clock::{self, SystemClock};
use crate::config::Config;
use crate::key;

const DATA_FILE: &str = "countersign.db";
const LOCK_FILE: &str = "countersign.lock";

/// The hub over the folder that the settings name.
pub(crate) async fn hub(config: &Config) -> Result<Arc<Hub>> {
    hub_with_cache(config, None).await
}

async fn hub_with_cache(config: &Config, writer_cache_kib: Option<i64>) -> Result<Arc<Hub>> {
    let folder = &config.data.dir;
    create(folder)?;
    let file = folder.join(DATA_FILE);
    let keys = key::ring(folder, file.exists())?;
    let clock = Arc::new(SystemClock);
    let mut options = Options::new(&file);
    if config.store.readers > 0 {
        options.readers = config.store.readers;
    }
    options.wal_limit = config.store.wal_limit_mb << 20;
    options.writer_cache_kib = writer_cache_kib.unwrap_or(options.writer_cache_kib);
    let store = Store::open(&options, clock.now())
        .with_context(|| format!("cannot open the data in {}", folder.display()))?;
    let hot_set_bytes = config.store.hot_set_mb << 20;
    let settings = Settings { create_people: config.people.auto_create, hot_set_bytes };
    let ids = Arc::new(clock::ids()?);
    let hub = Hub::new(store, clock, ids, keys, api::renderers(), settings);
    hub.claim().await?;
    Ok(Arc::new(hub))
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
pub(crate) struct Lock(#[expect(dead_code, reason = "dropped to unlock")] File);

/// Takes the folder's lock, or says that another server has it.
pub(crate) fn lock(folder: &Path) -> Result<Lock> {
    create(folder)?;
    let path = folder.join(LOCK_FILE);
    let file = File::create(&path).with_context(|| format!("cannot open {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(Lock(file)),
        Err(fs::TryLockError::WouldBlock) => {
            bail!("another server runs on the data folder {}", folder.display())
        }
        Err(fs::TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", path.display()))
        }
    }
}
