//! A small company whose flows run, told by what its people see: every inbox of everybody, after every
//! step, over HTTP.

use std::collections::BTreeSet;
use std::path::Path;

use axum::http::Method;
use domain::person::AliasKind;
use engine::flow_run::definitions::{Change, apply};
use engine::people::{ImportedPerson, import};
use serde_json::{Value, json};

use crate::support::{Answer, App, TestHub, USER_TASKS};

pub const APAAS: &str = "/open-apis/apaas/v1";
pub const NAMESPACE: &str = "package_demo";

/// Everybody, by the company's own id. Their kunlun id is the number of their place after 1700….
pub const PEOPLE: [&str; 14] = [
    "ann",
    "ben",
    "cat",
    "dan",
    "eve",
    "fay",
    "gus",
    "hal",
    "ida",
    "jon",
    "head.purchasing",
    "kim",
    "leo",
    "mia",
];

/// What an inbox is called here: source and type as the wire has them.
const VIEWS: [(&str, &str, &str); 6] = [
    ("from", "fromMe", "pending"),
    ("from-done", "fromMe", "archived"),
    ("todo", "assignMe", "pending"),
    ("done", "assignMe", "archived"),
    ("cc", "CCMe", "pending"),
    ("cc-done", "CCMe", "archived"),
];

/// Who has which role in the examples.
const ROLES: [(&str, &[&str]); 7] = [
    ("cashier", &["ida", "jon"]),
    ("finance", &["fay", "gus"]),
    ("flow_admin", &["kim"]),
    ("legal", &["dan", "eve"]),
    ("personnel", &["dan", "eve"]),
    ("seal_keeper", &["ida"]),
    ("warehouse", &["leo"]),
];

/// One of the example flows.
pub fn example(name: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/flows");
    std::fs::read_to_string(file.join(format!("{name}.yaml"))).unwrap()
}

/// The id by which flows know somebody.
pub fn kunlun(person: &str) -> String {
    let place = PEOPLE.iter().position(|one| *one == person).unwrap_or_else(|| panic!("{person}"));
    (1_700_000_000_000_100 + place).to_string()
}

/// A company with an app that may do everything.
pub struct Company<'h> {
    pub hub: &'h TestHub,
    pub app: App<'h>,
}

impl<'h> Company<'h> {
    pub async fn new(hub: &'h TestHub) -> Self {
        let acme = hub.acme;
        hub.hub
            .write(move |tx, cx| {
                for person in PEOPLE {
                    let aliases = vec![
                        (AliasKind::UserId, person.to_owned()),
                        (AliasKind::Kunlun, kunlun(person)),
                    ];
                    let (name, department) = (person.to_owned(), "sales".to_owned());
                    let names = Vec::new();
                    import(tx, cx, acme, &ImportedPerson { aliases, name, names, department })??;
                }
                Ok(())
            })
            .await
            .unwrap();
        Self { hub, app: hub.app("cli_oa").await }
    }

    /// The same, as an administrator describes it for the examples: ben leads ann, and cat leads ben.
    pub async fn organised(hub: &'h TestHub) -> Self {
        let company = Self::new(hub).await;
        let put = async |path: String, body: Value| {
            hub.admin(Method::PUT, &path, &body).await.data();
        };
        for (role, _) in ROLES {
            put(format!("roles/{role}"), json!({})).await;
        }
        for (department, leader) in [("sales", "mia"), ("finance", "hal")] {
            put(format!("departments/{department}"), json!({"leader": leader})).await;
        }
        for person in PEOPLE {
            let held = ROLES.iter().filter(|(_, people)| people.contains(&person));
            let roles: Vec<_> = held.map(|(role, _)| role).collect();
            let leader = match person {
                "ann" => json!("ben"),
                "ben" => json!("cat"),
                _ => Value::Null,
            };
            put(format!("people/{person}"), json!({"leader": leader, "roles": roles})).await;
        }
        company
    }

    /// The same with a fresh token, after the clock went on.
    pub async fn again(&self) -> Self {
        Self { hub: self.hub, app: self.hub.app("cli_oa").await }
    }

    /// Makes a text the newest version of its flow.
    pub async fn apply(&self, source: &str) -> Change {
        let (acme, source) = (self.hub.acme, source.to_owned());
        self.hub.hub.write(move |tx, cx| apply(tx, cx, acme, &source)).await.unwrap()
    }

    pub async fn execute(&self, api_id: &str, body: &Value) -> Answer {
        self.app
            .post(&format!("{APAAS}/applications/{NAMESPACE}/flows/{api_id}/execute"), body)
            .await
    }

    /// Starts an instance, which must succeed.
    pub async fn start(&self, api_id: &str, by: &str, params: &Value) -> Story<'_, 'h> {
        let operator = json!({"_id": kunlun(by)}).to_string();
        let body = json!({"operator": operator, "params": params.to_string()});
        let data = self.execute(api_id, &body).await.data();
        let instance = data["execution_id"].as_str().unwrap().to_owned();
        let mut story = Story { company: self, instance, tasks: Vec::new() };
        story.look().await;
        story
    }

    /// What somebody's query answers.
    pub async fn query(&self, person: &str, filter: &Value) -> Value {
        let mut body = json!({"kunlun_user_id": kunlun(person), "limit": "50"});
        for (name, value) in filter.as_object().unwrap() {
            body[name] = value.clone();
        }
        self.app.post(USER_TASKS, &body).await.data()
    }
}

/// An instance on its way. Its tasks are called by their place: the first that anybody saw is 1.
pub struct Story<'c, 'h> {
    pub company: &'c Company<'h>,
    pub instance: String,
    pub tasks: Vec<String>,
}

fn ids(answer: &Value) -> Vec<String> {
    let tasks = answer["tasks"].as_array().unwrap();
    tasks.iter().map(|task| task["task_id"].as_str().unwrap().to_owned()).collect()
}

impl<'h> Story<'_, 'h> {
    /// The same, told by somebody else's calls.
    pub fn with<'c>(&self, company: &'c Company<'h>) -> Story<'c, 'h> {
        Story { company, instance: self.instance.clone(), tasks: self.tasks.clone() }
    }

    /// The task that is called by a number.
    pub fn task(&self, number: usize) -> &str {
        &self.tasks[number - 1]
    }

    /// Learns which tasks there are, and answers how the instance stands: both from its initiator's
    /// and everybody's inboxes.
    async fn look(&mut self) -> String {
        let mut status = String::new();
        for person in PEOPLE {
            let answer = self.company.query(person, &json!({})).await;
            for task in answer["tasks"].as_array().unwrap() {
                let id = task["task_id"].as_str().unwrap();
                if task["workflow_instance"]["id"] != *self.instance {
                    continue;
                }
                task["workflow_instance"]["status"].as_str().unwrap().clone_into(&mut status);
                if self.tasks.iter().all(|known| known != id) {
                    self.tasks.push(id.to_owned());
                }
            }
        }
        // Ids of one process rise, and on the wire all of them have as many digits.
        self.tasks.sort();
        status
    }

    /// Everybody's views of this instance, each with its tasks by number: only those that are not empty.
    /// Checks on the way that counts and pages agree with each other however they are asked for.
    pub async fn views(&mut self) -> (String, Vec<String>) {
        let status = self.look().await;
        let mut views = Vec::new();
        for person in PEOPLE {
            let mut all = BTreeSet::new();
            for (name, source, state) in VIEWS {
                let asked = json!({"source": source, "type": state});
                let answer = self.company.query(person, &asked).await;
                let found = ids(&answer);
                assert_eq!(answer["count"], found.len().to_string(), "{person} {name}");
                let own = |id: &&String| self.tasks.contains(id);
                let mut numbers: Vec<_> =
                    found.iter().filter(own).map(|id| self.number(id)).collect();
                numbers.sort_unstable();
                all.extend(found);
                if !numbers.is_empty() {
                    let numbers: Vec<_> = numbers.iter().map(ToString::to_string).collect();
                    views.push(format!("{person} {name} {}", numbers.join(" ")));
                }
            }
            let every = self.company.query(person, &json!({})).await;
            assert_eq!(every["count"], all.len().to_string(), "{person} has each task once");
            assert_eq!(ids(&every).len(), all.len(), "{person} has each task once");
        }
        (status, views)
    }

    fn number(&self, id: &str) -> usize {
        self.tasks.iter().position(|known| known == id).unwrap() + 1
    }

    /// What everybody sees now, and how the instance stands. What is not named is empty.
    pub async fn shows(&mut self, status: &str, expected: &[&str]) {
        let (stands, views) = self.views().await;
        let mut expected: Vec<String> = expected.iter().map(|line| (*line).to_owned()).collect();
        expected.sort();
        let mut sorted = views;
        sorted.sort();
        assert_eq!((&*stands, sorted), (status, expected));
    }

    /// The id of a task, which may have opened since anybody looked.
    async fn find(&mut self, number: usize) -> String {
        if self.tasks.len() < number {
            self.look().await;
        }
        self.task(number).to_owned()
    }

    pub async fn agree(&mut self, task: usize, by: &str) -> Answer {
        self.approval(task, "agree", json!({"user_id": kunlun(by), "opinion": "fine"})).await
    }

    pub async fn reject(&mut self, task: usize, by: &str) -> Answer {
        self.approval(task, "reject", json!({"user_id": kunlun(by), "opinion": "no"})).await
    }

    pub async fn approval(&mut self, task: usize, verb: &str, body: Value) -> Answer {
        let path = format!("{APAAS}/approval_tasks/{}/{verb}", self.find(task).await);
        self.company.app.post(&path, &body).await
    }

    pub async fn user_task(&mut self, task: usize, verb: &str, body: Value) -> Answer {
        let path = format!("{APAAS}/user_tasks/{}/{verb}", self.find(task).await);
        self.company.app.post(&path, &body).await
    }

    pub async fn cancel(&self, by: &str) -> Answer {
        let path = format!("{APAAS}/approval_instances/{}/cancel", self.instance);
        let body = json!({"user_id": kunlun(by), "opinion": "never mind"});
        self.company.app.post(&path, &body).await
    }
}

/// Nothing that is stored disagrees with anything else, and every history is as it was written.
pub async fn all_fits(hub: &TestHub) {
    let report = hub.doctor().await;
    assert_eq!(report.faults, Vec::<String>::new());
    let audit = hub.hub.audit(&[hub.acme, hub.other]).await.unwrap();
    assert_eq!(audit.faults, Vec::<String>::new());
    assert!(audit.instances > 0 && audit.entries >= audit.instances);
}

/// A success that changes nothing more when it is repeated.
pub fn done(answer: &Answer) {
    assert_eq!(answer.data(), json!({}), "{}", answer.text);
}

/// A refusal by the rules, with a message that says all of `words`.
pub fn refused(answer: &Answer, field: &str, words: &[&str]) {
    assert_eq!(answer.code(), 2_320_001, "{}", answer.text);
    assert_eq!(answer.fields(), [field], "{}", answer.text);
    let message = answer.json()["msg"].as_str().unwrap().to_owned();
    for word in words {
        assert!(message.contains(word), "`{message}` does not say `{word}`");
    }
}
