//! Running other programs from the root of the repository.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).unwrap_or_default()
}

/// Where build results are, as cargo itself decides.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Runs a command to its end; anything but success is an error that names it.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = format!("{command:?}");
    let status = command.status().with_context(|| format!("cannot start {shown}"))?;
    if !status.success() {
        bail!("{shown} ended with {status}");
    }
    Ok(())
}

/// Runs cargo.
pub(crate) fn cargo(args: &[&str]) -> Result<()> {
    cargo_with(args, &[])
}

/// The same with variables.
pub(crate) fn cargo_with(args: &[&str], variables: &[(&str, &str)]) -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    run(Command::new(cargo).args(args).envs(variables.iter().copied()).current_dir(root()))
}

/// Whether a program is there, which its `version` flag tells, or could be installed.
pub(crate) fn install(program: &str, version: &str) -> bool {
    let there = || {
        let mut command = Command::new(program);
        command.arg(version).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    there() || (apt_get(program) && there())
}

/// Installs a package of Debian's, where that is possible.
pub(crate) fn apt_get(package: &str) -> bool {
    let apt = |args: &[&str]| {
        let done = Command::new("apt-get").args(args).stdout(Stdio::null()).status();
        done.is_ok_and(|status| status.success())
    };
    let get = || apt(&["install", "-y", "-qq", package]);
    // A machine that never asked knows no package at all.
    get() || (apt(&["update", "-qq"]) && get())
}
