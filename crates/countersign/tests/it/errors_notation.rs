//! How a row is written, sent and compared, and the world that it is sent to.
//!
//! Knows what kinds of members there are and what is wrong with values of each; which members an
//! endpoint has, and what else it refuses, is in the tables.
//!
//! A member is written as errors name it: `task_list[*].links.pc_link`. In an edit `[*]` stands for
//! the first entry of an array, and `[1]` for the second.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::{Method, StatusCode};
use domain::flow::{FlowDetails, Instance, InstanceDetails, Logic, Part as TaskPart, Status, Task};
use domain::limits::TEXT_CHARS;
use domain::person::AliasKind;
use domain::{InstanceId, Millis, TaskId};
use engine::flows;
use engine::people::{ImportedPerson, import};
use serde_json::{Value, json};

use crate::support::{
    APPROVALS, Answer, App, CHECK, INSTANCES, TASKS, TOKEN, TestHub, USER_TASKS, instance, task,
};

pub(super) const APP_TOKEN: &str = "/open-apis/auth/v3/app_access_token/internal";

/// The body is no JSON object, or a member has a JSON type that its page does not allow.
pub(super) const TYPE: i64 = 9499;
/// A member is missing, too long or not one of its words.
pub(super) const FIELD: i64 = 99_992_402;
/// A rule is broken; `external_tasks` says so of everything that is no `TYPE`.
pub(super) const PARAM: i64 = 1_390_001;
/// `user_task/query` says so of everything that is no `TYPE`.
pub(super) const FLOW_PARAM: i64 = 2_320_001;
/// No definition of the calling app has the code.
pub(super) const UNKNOWN: i64 = 1_390_002;
/// No app has this id.
pub(super) const NO_APP: i64 = 10_003;
/// The app has another secret.
pub(super) const NO_SECRET: i64 = 10_014;

/// Where a row is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum To {
    TenantToken,
    AppToken,
    Define,
    Read,
    Sync,
    Check,
    List,
    ListByPost,
    ListByQuery,
    UserTasks,
}

impl To {
    pub(super) const ALL: [Self; 10] = [
        Self::TenantToken,
        Self::AppToken,
        Self::Define,
        Self::Read,
        Self::Sync,
        Self::Check,
        Self::List,
        Self::ListByPost,
        Self::ListByQuery,
        Self::UserTasks,
    ];

    pub(super) fn method(self) -> Method {
        match self {
            Self::Read | Self::List | Self::ListByQuery => Method::GET,
            _ => Method::POST,
        }
    }

    pub(super) fn path(self) -> &'static str {
        match self {
            Self::TenantToken => TOKEN,
            Self::AppToken => APP_TOKEN,
            Self::Define | Self::Read => APPROVALS,
            Self::Sync => INSTANCES,
            Self::Check => CHECK,
            Self::List | Self::ListByPost | Self::ListByQuery => TASKS,
            Self::UserTasks => USER_TASKS,
        }
    }

    /// The token endpoints need no token, and answer flat and under HTTP 200.
    pub(super) fn is_auth(self) -> bool {
        matches!(self, Self::TenantToken | Self::AppToken)
    }

    /// Whether the parameters are in a JSON body.
    pub(super) fn takes_body(self) -> bool {
        !self.is_auth() && !matches!(self, Self::Read | Self::ListByQuery)
    }

    /// What a bad value of the right type is answered.
    pub(super) fn bad_value(self) -> i64 {
        match self.path() {
            TASKS => PARAM,
            USER_TASKS => FLOW_PARAM,
            _ => FIELD,
        }
    }
}

/// What the rows may refer to, besides what they make up themselves.
pub(super) struct Names {
    /// The real code of the caller's definition `home`.
    pub(super) home: String,
    /// The real code of another app's definition.
    pub(super) foreign: String,
}

/// Whose human tasks are asked for, and of which flow they are: two, both pending.
pub(super) const KUNLUN: &str = "1234";
pub(super) const FLOW: &str = "package_b40c28__c__action_table";
/// When the two started.
pub(super) const STARTS: [i64; 2] = [10, 20];

/// A change to a valid request.
#[derive(Clone, Default)]
pub(super) struct Edit {
    body: Option<Value>,
    members: Vec<(String, Option<Value>)>,
    query: Option<String>,
    segment: Option<String>,
}

/// Another value for a member.
pub(super) fn set(member: &str, value: impl Into<Value>) -> Edit {
    Edit::default().set(member, value)
}

/// The request without a member.
pub(super) fn without(member: &str) -> Edit {
    Edit::default().without(member)
}

/// Another body.
pub(super) fn whole(body: Value) -> Edit {
    Edit { body: Some(body), ..Edit::default() }
}

/// Another query.
pub(super) fn query(query: impl Into<String>) -> Edit {
    Edit { query: Some(query.into()), ..Edit::default() }
}

/// Another last segment of the path.
pub(super) fn segment(segment: impl Into<String>) -> Edit {
    Edit { segment: Some(segment.into()), ..Edit::default() }
}

impl Edit {
    pub(super) fn set(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.members.push((member.to_owned(), Some(value.into())));
        self
    }

    pub(super) fn without(mut self, member: &str) -> Self {
        self.members.push((member.to_owned(), None));
        self
    }

    pub(super) fn query(mut self, query: &str) -> Self {
        self.query = Some(query.to_owned());
        self
    }

    /// `valid` with the changes to its members.
    pub(super) fn apply(&self, valid: &Value) -> Value {
        let mut body = self.body.clone().unwrap_or_else(|| valid.clone());
        for (member, value) in &self.members {
            let pointer = pointer(member);
            let (parent, leaf) = pointer.rsplit_once('/').unwrap();
            let parent =
                body.pointer_mut(parent).unwrap_or_else(|| panic!("{member} has no place"));
            match (parent, value) {
                (Value::Object(members), Some(value)) => {
                    members.insert(leaf.to_owned(), value.clone());
                }
                (Value::Object(members), None) => drop(members.remove(leaf)),
                (Value::Array(entries), Some(value)) => {
                    let index: usize = leaf.parse().unwrap();
                    entries.truncate(index);
                    entries.push(value.clone());
                }
                (other, _) => panic!("{member} is inside {other}"),
            }
        }
        body
    }

    fn name(&self) -> String {
        let short = |text: String| text.chars().take(60).collect::<String>();
        let member = |(member, value): &(String, Option<Value>)| match value {
            Some(value) => format!("{member} = {}", short(value.to_string())),
            None => format!("without {member}"),
        };
        let body = self.body.iter().map(|body| format!("body {}", short(body.to_string())));
        let query = self.query.iter().map(|query| format!("?{}", short(query.clone())));
        let segment = self.segment.iter().map(|segment| format!("/{}", short(segment.clone())));
        let parts = body.chain(self.members.iter().map(member)).chain(query).chain(segment);
        parts.collect::<Vec<_>>().join(", ")
    }
}

/// The JSON pointer of a member; of none, the whole.
pub(super) fn pointer(member: &str) -> String {
    if member.is_empty() {
        return String::new();
    }
    let path = member.replace("[*]", "[0]").replace('[', ".").replace(']', "");
    format!("/{}", path.replace('.', "/"))
}

/// One request, and what it is answered.
pub(super) struct Row {
    pub(super) name: String,
    pub(super) to: To,
    pub(super) path: String,
    pub(super) body: String,
    /// Wire code; 0 = accepted.
    pub(super) code: i64,
    /// The members that are named as wrong, all of them and no others.
    pub(super) fields: BTreeSet<String>,
    /// What else the answer says.
    pub(super) says: String,
    /// The members that the edit touches.
    pub(super) edited: BTreeSet<String>,
}

impl Row {
    /// The answer also has this text in it.
    pub(super) fn says(&mut self, text: impl Into<String>) {
        self.says = text.into();
    }
}

/// What a member may be.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// Text of at most so many characters.
    Text(usize),
    /// The same, where the text must also name something that is known.
    Name(usize),
    /// Text that has no bound of its own.
    Part,
    /// One of a set of words, all of them in capitals.
    Word,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A whole number from 0, as digits in a string or as a number.
    Whole,
    /// The same, where the least and the greatest are these.
    Between(i64, i64),
    /// A boolean.
    Flag,
    /// An object.
    Object,
    /// An array of at most so many objects.
    List(usize),
    /// An array of at most so many texts, each of at most so many characters.
    Texts(usize, usize),
}

use Kind::{Between, Flag, List, Name, Object, OneOf, Part, Text, Texts, Whole, Word};

impl Kind {
    /// Values of every JSON type that is not allowed.
    pub(super) fn wrong_types(self) -> Vec<Value> {
        match self {
            Text(_) | Name(_) | Part | Word | OneOf(_) => {
                vec![json!(5), json!(1.5), json!(true), json!([]), json!({})]
            }
            Whole | Between(..) => vec![json!(true), json!([]), json!({})],
            Flag => vec![json!(1), json!("true"), json!([]), json!({})],
            Object => vec![json!(5), json!("x"), json!(true), json!([])],
            List(_) | Texts(..) => vec![json!(5), json!("x"), json!(true), json!({})],
        }
    }

    /// Arrays with an entry of a JSON type that is not allowed.
    fn wrong_entries(self) -> Vec<Value> {
        match self {
            List(_) => vec![json!([5]), json!(["x"]), json!([true]), json!([[]])],
            Texts(..) => vec![json!([5]), json!([true]), json!([[]]), json!([{}]), json!(["x", 5])],
            _ => vec![],
        }
    }

    /// Values of the right type that are not allowed, and what is said of them.
    pub(super) fn bad_values(self) -> Vec<(Value, String)> {
        match self {
            Text(max) | Name(max) => {
                vec![(long(max + 1), max_len(max)), (json!("a\0b"), "U+0000".to_owned())]
            }
            Part => vec![(json!("a\0b"), "U+0000".to_owned())],
            Word => {
                let mut values = vec![(json!("a\0b"), String::new())];
                let unknown = ["NONSENSE", "pending", " PENDING"].map(Value::from);
                let unknown = unknown.into_iter().chain([long(TEXT_CHARS + 1)]);
                values.extend(unknown.map(|word| (word, "options: [".to_owned())));
                values
            }
            OneOf(words) => {
                let mut values = Word.bad_values();
                values.retain(|(value, _)| words.iter().all(|word| value != word));
                for word in words {
                    let cases = [word.to_uppercase(), word.to_lowercase()];
                    let cases = cases.into_iter().filter(|case| case != word);
                    let unknown = cases.chain([format!(" {word}"), format!("{word} ")]);
                    values.extend(unknown.map(|word| (json!(word), "options: [".to_owned())));
                }
                values
            }
            Between(least, greatest) => {
                let out = [least - 1, greatest + 1, i64::MAX];
                let out = out.into_iter().flat_map(|n| [json!(n), json!(n.to_string())]);
                let out = out.map(|value| (value, String::new()));
                Whole.bad_values().into_iter().chain(out).collect()
            }
            Whole => {
                let texts = ["-1", "1.5", "1e3", "abc", "12 ", "a\0b", "99999999999999999999"];
                // One more than the largest, and the largest number of 20 digits that JSON readers
                // take for a whole one.
                let past = [json!(9_223_372_036_854_775_808_u64), json!(u64::MAX)];
                let numbers = [json!(-1), json!(1.5), json!(1e20)];
                let texts = texts.map(Value::from).into_iter();
                texts.chain(past).chain(numbers).map(|value| (value, String::new())).collect()
            }
            Flag | Object | List(_) | Texts(..) => vec![],
        }
    }

    /// The ends of what is allowed.
    fn edges(self) -> Vec<Value> {
        match self {
            Text(max) => vec![long(max)],
            Whole => vec![json!("0"), json!(0), json!(i64::MAX.to_string()), json!(i64::MAX)],
            Between(least, greatest) => [least, greatest]
                .into_iter()
                .flat_map(|n| [json!(n.to_string()), json!(n)])
                .collect(),
            OneOf(words) => words.iter().map(|word| json!(word)).collect(),
            Flag => vec![json!(true)],
            _ => vec![],
        }
    }

    /// What stands for nothing, besides `null` and not being there at all.
    fn empty(self) -> Option<Value> {
        match self {
            Text(_) | Name(_) | Part | Word | OneOf(_) | Whole | Between(..) => Some(json!("")),
            Object => Some(json!({})),
            List(_) | Texts(..) => Some(json!([])),
            Flag => None,
        }
    }
}

/// Three bytes a character: lengths count characters.
pub(super) fn long(chars: usize) -> Value {
    "字".repeat(chars).into()
}

pub(super) fn max_len(max: usize) -> String {
    format!("the max len is {max}")
}

/// So many entries like `entry`, each with ids of its own.
pub(super) fn copies(entry: &Value, count: usize) -> Value {
    let copy = |n: usize| {
        let mut copy = entry.clone();
        for id in ["instance_id", "task_id", "cc_id"] {
            if let Some(id) = copy.get_mut(id) {
                *id = format!("copy-{n}").into();
            }
        }
        copy
    };
    (0..count).map(copy).collect()
}

/// The rows of one endpoint.
pub(super) struct Table {
    pub(super) to: To,
    /// A request that is accepted, with as many members as it can have at once.
    pub(super) valid: Value,
    pub(super) query: String,
    pub(super) segment: Option<String>,
    /// The members, what each may be, and whether it must be there.
    pub(super) members: Vec<(String, Kind, bool)>,
    /// What is refused.
    pub(super) rows: Vec<Row>,
    /// What is accepted, where the line is close.
    pub(super) fits: Vec<Row>,
}

impl Table {
    pub(super) fn new(to: To, valid: Value) -> Self {
        let (rows, fits, members) = (Vec::new(), Vec::new(), Vec::new());
        Self { to, valid, query: String::new(), segment: None, members, rows, fits }
    }

    fn make(&self, edit: Edit, code: i64, fields: &str) -> Row {
        let (name, body) = (format!("{:?}: {}", self.to, edit.name()), edit.apply(&self.valid));
        let has_body = self.to.is_auth() || self.to.takes_body();
        let segment = edit.segment.or_else(|| self.segment.clone());
        let segment = segment.map(|segment| format!("/{segment}")).unwrap_or_default();
        let query = edit.query.as_ref().unwrap_or(&self.query);
        Row {
            name,
            to: self.to,
            path: format!("{}{segment}?{query}", self.to.path()),
            body: if has_body { body.to_string() } else { String::new() },
            code,
            fields: fields.split(", ").filter(|f| !f.is_empty()).map(str::to_owned).collect(),
            says: String::new(),
            edited: edit.members.into_iter().map(|(member, _)| member).collect(),
        }
    }

    /// The valid request.
    pub(super) fn accepted(&self) -> Row {
        self.make(Edit::default(), 0, "")
    }

    /// A request that is refused with `code`, and the fields that are named.
    pub(super) fn row(&mut self, edit: Edit, code: i64, fields: &str) -> &mut Row {
        let row = self.make(edit, code, fields);
        self.rows.push(row);
        self.rows.last_mut().unwrap()
    }

    /// A request that is accepted.
    pub(super) fn fits(&mut self, edit: Edit) -> &mut Row {
        let row = self.make(edit, 0, "");
        self.fits.push(row);
        self.fits.last_mut().unwrap()
    }

    /// A member that must be there and not be empty.
    pub(super) fn must(&mut self, member: &str, kind: Kind) {
        self.needs(member, kind);
        self.edges(member, kind);
    }

    /// The same, where what is just within the limits depends on others.
    pub(super) fn needs(&mut self, member: &str, kind: Kind) {
        self.refusals(member, kind, true);
        let empty = kind.empty().filter(Value::is_string);
        let missing = [without(member), set(member, Value::Null)];
        for edit in missing.into_iter().chain(empty.map(|empty| set(member, empty))) {
            let row = self.row(edit, self.to.bad_value(), member);
            row.says(format!("{member} is required"));
        }
    }

    /// A member that may be left out or be empty.
    pub(super) fn may(&mut self, member: &str, kind: Kind) {
        self.refusals(member, kind, false);
        self.fits(without(member));
        self.fits(set(member, Value::Null));
        if let Some(empty) = kind.empty() {
            self.fits(set(member, empty));
        }
        self.edges(member, kind);
    }

    /// A member whose absence and limits depend on others, so that rows of its own say the rest.
    pub(super) fn depends(&mut self, member: &str, kind: Kind) {
        self.refusals(member, kind, false);
    }

    fn refusals(&mut self, member: &str, kind: Kind, needed: bool) {
        self.members.push((member.to_owned(), kind, needed));
        let bad = self.to.bad_value();
        let each = format!("{member}[*]");
        for value in kind.wrong_types() {
            self.row(set(member, value), TYPE, member);
        }
        for value in kind.wrong_entries() {
            self.row(set(member, value), TYPE, &each);
        }
        for (value, says) in kind.bad_values() {
            self.row(set(member, value), bad, member).says(says);
        }
        match kind {
            List(max) => {
                let many = copies(&self.entry(member), max + 1);
                self.row(set(member, many), bad, member).says(max_len(max));
            }
            Texts(max, chars) => {
                let many: Value = (0..=max).map(|n| format!("x{n}")).collect();
                self.row(set(member, many), bad, member).says(max_len(max));
                self.row(set(member, json!([long(chars + 1)])), bad, &each).says(max_len(chars));
                self.row(set(member, json!(["a\0b"])), bad, &each).says("U+0000");
            }
            _ => {}
        }
    }

    pub(super) fn edges(&mut self, member: &str, kind: Kind) {
        for value in kind.edges() {
            self.fits(set(member, value));
        }
        match kind {
            List(max) => {
                self.fits(set(member, copies(&self.entry(member), max)));
            }
            Texts(max, _) => {
                self.fits(set(member, (0..max).map(|n| format!("x{n}")).collect::<Value>()));
            }
            _ => {}
        }
    }

    /// The first entry of a list in the valid request.
    pub(super) fn entry(&self, member: &str) -> Value {
        self.valid.pointer(&format!("{}/0", pointer(member))).expect("a list with an entry").clone()
    }
}

/// `object` with more members.
pub(super) fn with(mut object: Value, more: &Value) -> Value {
    object.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    object
}

/// A hub with something in it that refused requests could damage.
pub(super) struct World {
    pub(super) hub: TestHub,
    pub(super) token: String,
    pub(super) names: Names,
}

impl World {
    pub(super) async fn new() -> Self {
        let hub = TestHub::new().await;
        let (oa, erp) = (hub.app("cli_oa").await, hub.app("cli_erp").await);
        let home = oa.define("home").await;
        let foreign = erp.define("foreign").await;
        let mut kept = instance(&oa.define("away").await, "kept", "PENDING", 7);
        kept["user_id"] = "ann".into();
        kept["task_list"] = json!([task("kept task", "bob", "PENDING", 7)]);
        kept["task_list"][0]["open_id"] = "ou_bob".into();
        oa.sync(&kept).await;
        human_tasks(&hub).await;
        let token = oa.token.clone();
        Self { hub, token, names: Names { home, foreign } }
    }

    pub(super) fn oa(&self) -> App<'_> {
        App { hub: &self.hub, token: self.token.clone() }
    }

    pub(super) async fn send(&self, row: &Row) -> Answer {
        self.raw(row.to, &row.path, row.body.clone()).await
    }

    pub(super) async fn raw(&self, to: To, path: &str, body: impl Into<Body>) -> Answer {
        let token = (!to.is_auth()).then_some(self.token.as_str());
        self.hub.send(to.method(), path, token, body).await
    }

    /// A body for an endpoint whose path and query are valid.
    pub(super) async fn body(&self, to: To, body: impl Into<Body>) -> Answer {
        self.raw(to, &self.path(to), body).await
    }

    pub(super) fn path(&self, to: To) -> String {
        match to {
            To::Read => format!("{APPROVALS}/{}", self.names.home),
            To::ListByQuery => format!("{TASKS}?instance_ids=kept"),
            _ => to.path().to_owned(),
        }
    }

    /// Sends a row and says how its answer differs from what is expected.
    async fn differs(&self, row: &Row) -> Option<String> {
        let answer = self.send(row).await;
        let found = judge(row, &answer).err()?;
        let text: String = answer.text.chars().take(400).collect();
        Some(format!("{}\n    {found}\n    {} {text}", row.name, answer.status))
    }

    pub(super) async fn all_differences(&self, rows: impl IntoIterator<Item = &Row>) -> String {
        let mut differences = Vec::new();
        for row in rows {
            differences.extend(self.differs(row).await);
        }
        let count = differences.len();
        if count == 0 { String::new() } else { format!("{count}:\n{}", differences.join("\n")) }
    }
}

/// Gives one person a human task for each start.
async fn human_tasks(hub: &TestHub) {
    let tenant = hub.acme;
    let written = hub.hub.write(move |tx, cx| {
        let aliases = vec![(AliasKind::Kunlun, KUNLUN.to_owned())];
        import(tx, cx, tenant, &ImportedPerson { aliases, ..ImportedPerson::default() })??;
        let person = store::person::person_by_alias(tx, tenant, AliasKind::Kunlun, KUNLUN)?;
        let (status, end_time) = (Status::InProcess, Millis(0));
        let task = |start| Task {
            id: TaskId(start),
            node: "node".to_owned(),
            logic: Logic::All,
            status,
            start_time: Millis(start),
            end_time,
            parts: vec![TaskPart { person: person.unwrap(), status, end_time }],
            ccs: Vec::new(),
        };
        let details = FlowDetails { label: Vec::new(), namespace: "package".to_owned() };
        let instance = Instance {
            id: InstanceId(1),
            flow: flows::define(tx, cx, tenant, FLOW, &details)?,
            initiator: person.unwrap(),
            status,
            start_time: Millis(1),
            end_time,
            details: InstanceDetails::default(),
            tasks: STARTS.into_iter().map(task).collect(),
        };
        flows::put(tx, cx, tenant, &instance)
    });
    written.await.unwrap();
}

/// Fails with `text` unless `good`.
fn ensure(good: bool, text: impl FnOnce() -> String) -> Result<(), String> {
    if good { Ok(()) } else { Err(text()) }
}

/// What every answer has, whatever the request was.
pub(super) fn envelope(answer: &Answer) -> Result<(), String> {
    let header = |name: &str| answer.headers.get(name).and_then(|value| value.to_str().ok());
    let json = header("content-type") == Some("application/json; charset=utf-8");
    ensure(json, || format!("the content type is {:?}", header("content-type")))?;
    let log_id = header("x-tt-logid").ok_or("no log id")?;
    let body: Value = serde_json::from_str(&answer.text).map_err(|e| e.to_string())?;
    let code = body["code"].as_i64().ok_or("no code")?;
    ensure(body["msg"].is_string(), || "no msg".to_owned())?;
    ensure(!answer.status.is_server_error(), || "the server is at fault".to_owned())?;
    // The token endpoints refuse under HTTP 200, flat, and without an `error`.
    let is_error = answer.status != StatusCode::OK;
    ensure(code != 0 || !is_error, || "a success under an error's status".to_owned())?;
    let told = body["error"]["log_id"].as_str();
    ensure(!is_error || told == Some(log_id), || format!("log ids {log_id} and {told:?}"))
}

/// Whether a row is answered as it says.
pub(super) fn judge(row: &Row, answer: &Answer) -> Result<(), String> {
    envelope(answer)?;
    let body = answer.json();
    let expected = match row.code {
        0 => StatusCode::OK,
        _ if row.to.is_auth() => StatusCode::OK,
        _ => StatusCode::BAD_REQUEST,
    };
    ensure(answer.status == expected, || format!("expected {expected}"))?;
    ensure(body["code"] == row.code, || format!("expected code {}", row.code))?;
    let fields: BTreeSet<String> = answer.fields().into_iter().collect();
    ensure(fields == row.fields, || format!("expected {:?}, named are {fields:?}", row.fields))?;
    ensure(answer.text.contains(&row.says), || format!("does not say {:?}", row.says))?;
    let msg = body["msg"].as_str().unwrap_or_default();
    let wanted = match row.code {
        TYPE => {
            let first = row.fields.first().map(String::as_str).unwrap_or_default();
            let leaf = first.rsplit('.').next().unwrap_or_default().replace("[*]", "");
            format!("Invalid parameter type in json: {leaf}")
        }
        FIELD => "field validation failed".to_owned(),
        FLOW_PARAM => "param is invalid".to_owned(),
        PARAM if row.to.path() == TASKS => "param is invalid".to_owned(),
        _ => return Ok(()),
    };
    ensure(msg == wanted, || format!("expected {wanted:?}"))
}
