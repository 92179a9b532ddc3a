//! Which clients there are, how each is installed from its lock file, and how it is started.

use std::ffi::OsString;
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Result, bail};

use super::{built, folder};
use crate::steps::run;

/// One way to call the server.
pub(crate) struct Client {
    /// In records and tables.
    pub(crate) name: &'static str,
    /// The program and its arguments.
    pub(crate) command: Vec<OsString>,
}

/// What the clients of one language need.
struct Language {
    /// The program without which nothing goes, and its word for telling its version.
    tool: (&'static str, &'static str),
    install: fn() -> Result<()>,
    clients: Vec<Client>,
}

fn client<const N: usize>(name: &'static str, command: [OsString; N]) -> Client {
    Client { name, command: command.into() }
}

/// In the order of the tables.
fn languages() -> Vec<Language> {
    let python = || built().join("python/bin/python").into_os_string();
    let python_client = || folder().join("python/client.py").into_os_string();
    let java = |transport: Option<&str>| {
        let mut path = built().join("java/classes").into_os_string();
        path.push(":");
        path.push(built().join("java/lib/*"));
        // A short run: the quick compiler and the small collector start soonest.
        let mut command: Vec<OsString> =
            ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp"].map(Into::into).into();
        command.extend([path, "Client".into()]);
        command.extend(transport.map(Into::into));
        command
    };
    vec![
        Language {
            tool: ("python3", "--version"),
            install: install_python,
            clients: vec![
                client("python", [python(), python_client()]),
                client("python-async", [python(), python_client(), "--async".into()]),
            ],
        },
        Language {
            tool: ("npm", "--version"),
            install: install_node,
            clients: vec![client("node", ["node".into(), folder().join("node/client.mjs").into()])],
        },
        Language {
            tool: ("go", "version"),
            install: install_go,
            clients: vec![client("go", [built().join("go/client").into()])],
        },
        Language {
            tool: ("mvn", "--version"),
            install: install_java,
            clients: vec![
                Client { name: "java", command: java(None) },
                Client { name: "java-apache", command: java(Some("--apache")) },
            ],
        },
    ]
}

/// An environment of its own.
fn install_python() -> Result<()> {
    let environment = built().join("python");
    if !environment.join("bin/python").exists() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&environment))?;
    }
    let mut pip = Command::new(environment.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]);
    run(pip.arg(folder().join("python/requirements.txt")))
}

/// Beside the lock file.
fn install_node() -> Result<()> {
    let mut npm = Command::new("npm");
    run(npm.args(["ci", "--silent", "--no-audit", "--no-fund"]).current_dir(folder().join("node")))
}

/// The SDK has a hundred packages, so what was compiled is kept.
fn install_go() -> Result<()> {
    let mut go = Command::new("go");
    go.arg("build").arg("-o").arg(built().join("go/client")).arg(".");
    run(go.current_dir(folder().join("go")).env("GOCACHE", built().join("go/cache")))
}

fn install_java() -> Result<()> {
    let mut maven = Command::new("mvn");
    maven.args(["-q", "-B", "-ntp", "-Dstyle.color=never", "prepare-package"]);
    maven.arg(format!("-Dbuilt={}", built().join("java").display()));
    run(maven.current_dir(folder().join("java")))
}

/// Installs and builds all, side by side: most of it is waiting for the network. A language whose
/// tool is missing is told, and in CI refused.
pub(crate) fn install() -> Result<()> {
    let (there, missing) = split();
    for language in &missing {
        let program = language.tool.0;
        if std::env::var_os("CI").is_some() {
            bail!("{program} is missing: conformance/README.md says what the suites need");
        }
        let names: Vec<_> = language.clients.iter().map(|client| client.name).collect();
        println!("skipped: {program} is missing, so nothing is said about {}", names.join(", "));
    }
    std::fs::create_dir_all(built())?;
    let installing: Vec<_> = there.iter().map(|language| thread::spawn(language.install)).collect();
    for (language, installing) in there.iter().zip(installing) {
        let Ok(installed) = installing.join() else {
            bail!("the installation with {} panicked", language.tool.0)
        };
        installed?;
    }
    Ok(())
}

/// The clients that can run, and the names of those that cannot.
pub(crate) fn ready() -> (Vec<Client>, Vec<&'static str>) {
    let (there, missing) = split();
    let skipped = missing.iter().flat_map(|language| &language.clients);
    let skipped = skipped.map(|client| client.name).collect();
    (there.into_iter().flat_map(|language| language.clients).collect(), skipped)
}

/// Languages whose tool is there, and the others.
fn split() -> (Vec<Language>, Vec<Language>) {
    languages().into_iter().partition(|language| {
        let (program, version) = language.tool;
        let mut command = Command::new(program);
        command.arg(version).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    })
}
