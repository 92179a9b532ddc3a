//! The server's keys, from a file or the settings: one a line, in hexadecimal; the first signs. And
//! the key of the admin API.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result, bail};
use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use engine::keys::{KEY_BYTES, Keyring};
use engine::{ADMIN_KEY_CHARS, AdminKey};
use secrecy::{ExposeSecret, SecretString};

use crate::clock;
use crate::config::{Admin, Server};

const NAME: &str = "server.key";

/// The keys of a data folder. A folder without data gets a new key; one that has data but no key is
/// refused, because a new key would silently end every secret.
pub(crate) fn ring(folder: &Path, has_data: bool) -> Result<Keyring> {
    let file = folder.join(NAME);
    if !file.exists() {
        if has_data {
            bail!(
                "{} is missing beside the data: bring it back from your backup, since app \
                 secrets, tokens and callback secrets depend on it",
                file.display()
            );
        }
        create(&file).with_context(|| format!("cannot create {}", file.display()))?;
    }
    of_file(&file)
}

/// The keys of the settings: themselves, or a file of them. `None` when there are neither.
pub(crate) fn given(server: &Server) -> Result<Option<Keyring>> {
    let own = server.key.expose_secret();
    if !own.is_empty() {
        return of_text(&own.replace(',', "\n"), "server.key").map(Some);
    }
    if server.key_file.as_os_str().is_empty() {
        return Ok(None);
    }
    of_file(&server.key_file).map(Some)
}

/// The key of the admin API: the setting, or what a file holds. `None` when there is neither, which
/// leaves that API off.
pub(crate) fn admin(admin: &Admin) -> Result<Option<AdminKey>> {
    let (own, file) = (admin.key.expose_secret(), &admin.key_file);
    let (key, shown) = match (own.is_empty(), file.as_os_str().is_empty()) {
        (true, true) => return Ok(None),
        (false, false) => bail!("admin.key and admin.key_file are both set: one of them is enough"),
        (false, true) => (admin.key.clone(), "admin.key".to_owned()),
        (true, false) => {
            let shown = file.display().to_string();
            let text = fs::read_to_string(file).with_context(|| format!("cannot read {shown}"))?;
            (SecretString::from(text.trim()), shown)
        }
    };
    let text = key.expose_secret();
    if text.chars().count() < ADMIN_KEY_CHARS || !text.bytes().all(|b| b.is_ascii_graphic()) {
        bail!(
            "the key in {shown} must have at least {ADMIN_KEY_CHARS} characters, no spaces and only \
             ASCII; `openssl rand -hex 32` makes one"
        );
    }
    Ok(Some(AdminKey::new(&key)))
}

fn of_file(file: &Path) -> Result<Keyring> {
    let text =
        fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    of_text(&text, &file.display().to_string())
}

fn of_text(text: &str, shown: &str) -> Result<Keyring> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let keys: Vec<[u8; KEY_BYTES]> = lines
        .enumerate()
        .map(|(n, line)| {
            let bytes = HEXLOWER_PERMISSIVE.decode(line.as_bytes()).ok();
            bytes
                .and_then(|bytes| bytes.try_into().ok())
                .with_context(|| format!("key {} in {shown} is not 64 hexadecimal digits", n + 1))
        })
        .collect::<Result<_>>()?;
    match keys.split_first() {
        Some((first, older)) => Ok(Keyring::new(*first, older)),
        None => bail!("{shown} holds no key"),
    }
}

fn create(file: &Path) -> Result<()> {
    let key = HEXLOWER.encode(&clock::random()?);
    // Complete under another name first: nobody ever reads half a key.
    let part = file.with_extension(format!("part-{}", std::process::id()));
    let mut new = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
    writeln!(new, "{key}")?;
    new.sync_all()?;
    // A hard link fails if another process was first, whose key then counts.
    let linked = fs::hard_link(&part, file);
    fs::remove_file(&part)?;
    if let Some(folder) = file.parent() {
        // The name must survive a power loss as the key itself does.
        fs::File::open(folder)?.sync_all()?;
    }
    match linked {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error.into()),
        _ => Ok(()),
    }
}
