//! The pages of `docs/api`, in both languages: their lines work when pasted, and they forget nothing
//! that the OpenAPI document has.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Deserializer, Value};

use crate::openapi::document;
use crate::process::{Server, ask, countersign};
use crate::support::TestHub;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/api")
}

fn page(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// Every page, by its name without ending, in English.
fn pages() -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| name.strip_suffix(".md").map(str::to_owned))
        .filter(|name| !name.ends_with(".zh-CN"))
        .collect();
    names.sort();
    names
}

const LANGUAGES: [&str; 2] = [".md", ".zh-CN.md"];

/// The blocks of a page that are marked as lines for a shell.
fn scripts(page: &str) -> impl Iterator<Item = &str> {
    page.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap())
}

/// The lines before the examples, which set `TOKEN` and `CODE`.
fn preparation(page: &str) -> String {
    let outside = page.split("```").step_by(2).flat_map(str::lines);
    let indented = outside.filter_map(|line| line.strip_prefix("    "));
    let lines: Vec<_> = indented.filter(|line| !line.starts_with("URL=")).collect();
    lines.join("\n") + "\n"
}

fn bash(script: &str, server: &Server, store_app: &Value, ticket: &str) -> Vec<Value> {
    let done = Command::new("bash")
        .args(["-euc", script])
        .env("URL", server.url())
        .env("STORE_APP", store_app["app_id"].as_str().unwrap())
        .env("STORE_SECRET", store_app["app_secret"].as_str().unwrap())
        .env("TICKET", ticket)
        .env("TENANT", "demo")
        .output()
        .unwrap();
    assert!(done.status.success(), "{script}\n{}", String::from_utf8_lossy(&done.stderr));
    let answers = Deserializer::from_slice(&done.stdout).into_iter();
    answers.map(|answer| answer.unwrap_or_else(|e| panic!("{e} after {script}"))).collect()
}

#[test]
fn the_lines_on_every_page_work_when_pasted() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = countersign();
    command.args(["--json", "dev", "--listen", "127.0.0.1:0", "--tasks", "100", "--data"]);
    let server = Server::start({
        command.arg(folder.path());
        command
    });
    // Nobody listens there: what is tested here is that the ticket is put on its way.
    let nowhere = ["--event-url", "http://127.0.0.1:9/events"];
    let create = ["app", "create", "--store", "--name", "shop", "--scope", "all"];
    let store_app = ask(&[&create[..], &nowhere[..]].concat(), folder.path());
    let key = store_app["app_id"].as_str().unwrap();
    ask(&["app", "install", key, "--tenant", "demo"], folder.path());
    let ticket = ask(&["app", "ticket", key], folder.path());
    let ticket = ticket["app_ticket"].as_str().unwrap();

    for language in LANGUAGES {
        let before = preparation(&page(&format!("README{language}")));
        for name in pages().iter().filter(|name| *name != "README") {
            let text = page(&format!("{name}{language}"));
            let mut ran = 0;
            for script in scripts(&text) {
                let answers = bash(&format!("{before}{script}"), &server, &store_app, ticket);
                let lines = script.lines().filter(|line| line.starts_with("curl ")).count();
                assert!(lines > 0 && answers.len() == lines, "{name}{language}: {answers:?}");
                for answer in answers {
                    assert_eq!(answer["code"], 0, "{name}{language}: {answer} to {script}");
                }
                ran += 1;
            }
            assert!(ran > 0, "{name}{language} has no line to paste");
        }
    }
}

/// The names of all members of a schema.
fn names(schema: &Value, into: &mut BTreeSet<String>) {
    match schema {
        Value::Object(object) => {
            for (key, value) in object {
                if key == "properties" {
                    into.extend(value.as_object().unwrap().keys().cloned());
                }
                names(value, into);
            }
        }
        Value::Array(entries) => entries.iter().for_each(|entry| names(entry, into)),
        _ => {}
    }
}

#[tokio::test]
async fn every_endpoint_has_a_page_in_both_languages_that_names_all_its_members() {
    let hub = TestHub::new().await;
    let document = document(&hub).await;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let url = operation["externalDocs"]["url"].as_str().unwrap();
            let name = url.strip_prefix("docs/api/").unwrap().strip_suffix(".md").unwrap();
            let mut members = BTreeSet::new();
            names(&operation["requestBody"], &mut members);
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                members.insert(parameter["name"].as_str().unwrap().to_owned());
            }
            let route = path.replace('{', ":").replace('}', "");
            let method = method.to_uppercase();
            for language in LANGUAGES {
                let text = page(&format!("{name}{language}"));
                let said = text.lines().any(|line| {
                    let mut words = line.split_whitespace();
                    words.next() == Some(&method) && words.next() == Some(&route)
                });
                assert!(said, "{name}{language} does not say {method} {route}");
                for scope in operation["security"].as_array().into_iter().flatten() {
                    let Some(scope) = scope["tenant_access_token"][0].as_str() else { continue };
                    assert!(text.contains(scope), "{name}{language} forgets the scope {scope}");
                }
                let named: BTreeSet<String> = quoted(&text)
                    .iter()
                    .flat_map(|code| code.split(|c: char| !(c.is_alphanumeric() || c == '_')))
                    .map(str::to_owned)
                    .collect();
                let forgotten: Vec<_> = members.difference(&named).collect();
                assert!(forgotten.is_empty(), "{name}{language} forgets {forgotten:?}");
            }
        }
    }
}

/// What a page quotes as code, but for whole blocks.
fn quoted(text: &str) -> BTreeSet<String> {
    let outside = text.split("```").step_by(2).collect::<String>();
    outside.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Numbers of four digits and more in the column of codes.
fn codes(text: &str) -> BTreeSet<&str> {
    let rows = text
        .lines()
        .filter(|line| line.starts_with("| "))
        .filter_map(|line| line.split('|').nth(2).map(str::trim));
    rows.filter(|code| code.len() >= 4 && code.bytes().all(|b| b.is_ascii_digit())).collect()
}

#[test]
fn both_languages_tell_the_same_codes_and_the_same_words() {
    for name in pages() {
        let [english, chinese] = LANGUAGES.map(|language| page(&format!("{name}{language}")));
        assert_eq!(codes(&english), codes(&chinese), "{name}");
        let (english, chinese) = (quoted(&english), quoted(&chinese));
        let differ: Vec<_> = english.symmetric_difference(&chinese).collect();
        assert!(differ.is_empty(), "{name}: only in one language: {differ:?}");
    }
}
