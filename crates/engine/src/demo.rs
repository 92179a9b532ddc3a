//! A demo company: what `countersign dev` starts with.
//!
//! The same seed and size always give the same people, codes, instances and times. Everything is
//! written by the same use cases that callers use.

use std::sync::Arc;

use domain::definition::{CallbackSecrets, DefinitionRequest, External, Viewer};
use domain::instance::{
    Cc, CcDetails, Instance, InstanceDetails, InstanceStatus, Links, ReadStatus, Task, TaskDetails,
    TaskStatus,
};
use domain::person::{AliasKind, PersonRef};
use domain::sync::{Mode, Payload};
use domain::text::Resource;
use domain::{Ids, Millis};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use store::Tx;

use crate::access::{NewApp, Owner, app_create, tenant_create};
use crate::import::{self, Record};
use crate::people::{ImportedPerson, import as import_person};
use crate::{Caller, Context, Error, Hub, Result, definitions, demo_flows, sync};

/// What to make.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Another seed gives another company's worth of instances.
    pub seed: u64,
    /// About how many human tasks; of third-party ones as many, but at most a thousand.
    pub tasks: usize,
    /// The scopes of the app that may do everything.
    pub all_scopes: Vec<String>,
    /// The scopes of the app that only reads.
    pub read_scopes: Vec<String>,
}

/// What somebody needs who wants to try it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The real code of a definition.
    pub approval_code: String,
    /// An instance of it.
    pub instance_id: String,
    /// Somebody with tasks.
    pub user_id: String,
    /// The same person by the alias that flows use.
    pub kunlun_user_id: String,
}

/// The demo app with every scope, and its secret.
pub const APP: (&str, &str) = ("cli_demo", "demo-secret");
/// The demo app that only reads, and its secret.
pub const READER: (&str, &str) = ("cli_reader", "reader-secret");
/// An app of another tenant, and its secret.
pub const OTHER: (&str, &str) = ("cli_other", "other-secret");

/// The key of its tenant.
pub const TENANT: &str = "demo";
const OTHER_TENANT: &str = "demo_other";
/// Where the demo's time starts: Monday 2026-01-05, 09:00 in Shanghai.
pub(crate) const START: Millis = Millis(1_767_574_800_000);
pub(crate) const HOUR: i64 = 3_600_000;
/// Instances in one transaction: small enough that a server under load would not notice.
const SLICE: usize = 50;
/// Instances of flows in one transaction: rows of long lists are counted once for all of them.
const FLOW_SLICE: usize = 500;
/// Most third-party tasks: enough for several pages of every filter.
const THIRD_PARTY: usize = 1_000;

/// Chinese name, English name, department.
pub(crate) const PEOPLE: [(&str, &str, &str); 20] = [
    ("王芳", "Wang Fang", "finance"),
    ("李伟", "Li Wei", "finance"),
    ("张敏", "Zhang Min", "sales"),
    ("刘洋", "Liu Yang", "sales"),
    ("陈静", "Chen Jing", "sales"),
    ("杨磊", "Yang Lei", "research"),
    ("赵娜", "Zhao Na", "research"),
    ("黄强", "Huang Qiang", "research"),
    ("周杰", "Zhou Jie", "research"),
    ("吴婷", "Wu Ting", "people"),
    ("徐浩", "Xu Hao", "people"),
    ("孙丽", "Sun Li", "legal"),
    ("马超", "Ma Chao", "legal"),
    ("朱琳", "Zhu Lin", "purchasing"),
    ("胡军", "Hu Jun", "purchasing"),
    ("林晓", "Lin Xiao", "operations"),
    ("何平", "He Ping", "operations"),
    ("高翔", "Gao Xiang", "operations"),
    ("罗曼", "Luo Man", "management"),
    ("郑凯", "Zheng Kai", "management"),
];

/// What an instance is about, in Chinese and in English.
type Subject = (&'static str, &'static str);

/// Own code, Chinese name, English name, subjects of instances.
const DEFINITIONS: [(&str, &str, &str, [Subject; 4]); 3] = [
    (
        "demo_expense",
        "费用报销",
        "Expense claim",
        [
            ("上海出差机票", "Flight to Shanghai"),
            ("客户晚餐", "Dinner with a customer"),
            ("办公用品", "Office supplies"),
            ("培训费用", "Training fee"),
        ],
    ),
    (
        "demo_contract",
        "合同审批",
        "Contract",
        [
            ("年度框架协议", "Annual framework agreement"),
            ("保密协议", "Non-disclosure agreement"),
            ("服务器租赁", "Server lease"),
            ("渠道合作", "Channel partnership"),
        ],
    ),
    (
        "demo_purchase",
        "采购申请",
        "Purchase",
        [
            ("笔记本电脑二十台", "Twenty laptops"),
            ("会议室投影仪", "Projector for the meeting room"),
            ("测试设备", "Test equipment"),
            ("绿植租摆", "Office plants"),
        ],
    ),
];

/// The alias of a person that flows use: digits, as on the platform.
pub(crate) fn kunlun_id(person: usize) -> String {
    (1_700_000_000_000_001 + person).to_string()
}

pub(crate) fn user_id(person: usize) -> String {
    PEOPLE[person].1.to_ascii_lowercase().replace(' ', "")
}

fn both(key: &str, chinese: &str, english: &str) -> [(String, String); 2] {
    [(key.to_owned(), chinese.to_owned()), (key.to_owned(), english.to_owned())]
}

fn resources(texts: Vec<[(String, String); 2]>) -> Vec<Resource> {
    let (chinese, english) = texts.into_iter().map(|[zh, en]| (zh, en)).unzip();
    let resource =
        |locale: &str, texts, is_default| Resource { locale: locale.to_owned(), texts, is_default };
    vec![resource("zh-CN", chinese, true), resource("en-US", english, false)]
}

fn links(path: &str) -> Links {
    let pc = format!("https://oa.example.com/{path}");
    Links { mobile: Some(format!("{pc}?mobile=1")), pc: Some(pc) }
}

impl Hub {
    /// Fills an empty data folder with the demo company. A folder that has it already stays as it
    /// is. `progress` is told how many tasks there are so far.
    pub async fn demo(&self, plan: &Plan, mut progress: impl FnMut(usize)) -> Result<Sample> {
        if !self.read(|tx, _| is_done(tx)).await? {
            let ids = Arc::new(Ids::new(seed_bytes(plan.seed)));
            let (company_plan, company_ids) = (plan.clone(), Arc::clone(&ids));
            let make = move |tx: &mut Tx<'_>, cx: &Context| {
                company(tx, &at_start(cx, &company_ids), &company_plan)
            };
            self.write(make).await?;
            let mut dice = Dice(ChaCha20Rng::from_seed(seed_bytes(plan.seed)));
            let third_party = plan.tasks.min(THIRD_PARTY);
            let (mut made, mut number) = (0, 0);
            while made < third_party {
                let mut slice = Vec::with_capacity(SLICE);
                while slice.len() < SLICE && made < third_party {
                    let next = instance(&mut dice, number);
                    made += next.1.tasks.len();
                    number += 1;
                    slice.push(next);
                }
                let ids = Arc::clone(&ids);
                self.write(move |tx, cx| write_slice(tx, &at_start(cx, &ids), &slice)).await?;
            }
            self.demo_flows(plan, &ids, &mut dice, &mut progress).await?;
            self.write(|tx, _| Ok(store::access::setting_put(tx, DONE, "yes")?)).await?;
        }
        self.read(|tx, _| sample(tx)).await
    }
}

impl Hub {
    async fn demo_flows(
        &self,
        plan: &Plan,
        ids: &Arc<Ids>,
        dice: &mut Dice,
        progress: &mut impl FnMut(usize),
    ) -> Result<()> {
        let people = demo_flows::people(plan.tasks);
        let mut records: Vec<Record> =
            (PEOPLE.len()..people).map(demo_flows::extra_person).collect();
        let (mut made, mut number) = (0, 0);
        loop {
            while records.len() < FLOW_SLICE && made < plan.tasks {
                let instance = demo_flows::instance(dice, number, people);
                made += instance.tasks.len();
                number += 1;
                records.push(Record::FlowInstance(Box::new(instance)));
            }
            if records.is_empty() {
                return Ok(());
            }
            let rest = records.split_off(records.len().min(FLOW_SLICE));
            let slice = std::mem::replace(&mut records, rest);
            let ids = Arc::clone(ids);
            self.write(move |tx, cx| {
                let (cx, tenant) = (at_start(cx, &ids), caller(tx)?.tenant);
                let outcomes = import::apply(tx, &cx, tenant, &slice)?;
                match outcomes.into_iter().find_map(Result::err) {
                    Some(bad) => Err(Error::Internal(format!("{}: {}", bad.field, bad.reason))),
                    None => Ok(()),
                }
            })
            .await?;
            progress(made);
        }
    }
}

/// Noted when everything is there; what was interrupted is made again, which changes nothing.
const DONE: &str = "demo_done";

/// Whether the demo is complete. Its secrets are public, so it never moves in with real tenants.
fn is_done(tx: &mut Tx<'_>) -> Result<bool> {
    let others = store::access::tenant_all(tx)?;
    if let Some(other) = others.iter().find(|t| ![TENANT, OTHER_TENANT].contains(&&*t.key)) {
        return Err(Error::Invalid(format!(
            "this data folder has the tenant `{}`: a demo, whose secrets everybody knows, would \
             open it to anybody; use a folder of its own",
            other.key
        )));
    }
    Ok(store::access::setting_get(tx, DONE)?.is_some())
}

fn seed_bytes(seed: u64) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    bytes
}

/// Time and ids of the demo instead of the server's own, so that codes are always the same.
fn at_start(cx: &Context, ids: &Arc<Ids>) -> Context {
    Context { now: START, ids: Arc::clone(ids), ..cx.clone() }
}

fn company(tx: &mut Tx<'_>, cx: &Context, plan: &Plan) -> Result<()> {
    if store::access::tenant_by_key(tx, TENANT)?.is_some() {
        return Ok(());
    }
    let tenant = tenant_create(tx, cx, TENANT, "Demo company")?;
    tenant_create(tx, cx, OTHER_TENANT, "Another company")?;
    for ((key, secret), tenant_key, scopes) in [
        (APP, TENANT, &plan.all_scopes),
        (READER, TENANT, &plan.read_scopes),
        (OTHER, OTHER_TENANT, &plan.all_scopes),
    ] {
        let app = NewApp {
            owner: Owner::Tenant(tenant_key.to_owned()),
            name: key.to_owned(),
            scopes: scopes.clone(),
            key: Some(key.to_owned()),
            secret: Some(secret.into()),
        };
        app_create(tx, cx, &app)?;
    }
    for (n, (chinese, english, department)) in PEOPLE.iter().enumerate() {
        let person = ImportedPerson {
            aliases: vec![
                (AliasKind::UserId, user_id(n)),
                (AliasKind::OpenId, format!("ou_demo_{}", user_id(n))),
                (AliasKind::UnionId, format!("on_demo_{}", user_id(n))),
                (AliasKind::Kunlun, kunlun_id(n)),
            ],
            name: (*chinese).to_owned(),
            names: vec![
                ("2052".to_owned(), (*chinese).to_owned()),
                ("1033".to_owned(), (*english).to_owned()),
            ],
            department: (*department).to_owned(),
        };
        import_person(tx, cx, tenant.id, &person)??;
    }
    let caller = caller(tx)?;
    demo_flows::define(tx, cx, tenant.id)?;
    for (code, chinese, english, _) in DEFINITIONS {
        definitions::put(tx, cx, &caller, &definition(code, chinese, english))?;
    }
    Ok(())
}

fn caller(tx: &mut Tx<'_>) -> Result<Caller> {
    let app = store::access::app_by_key(tx, APP.0)?
        .ok_or_else(|| Error::NotFound(format!("the app `{}`", APP.0)))?;
    let tenant =
        app.tenant.ok_or_else(|| Error::Internal("the demo's app has no tenant".into()))?;
    Ok(Caller { tenant, app: Arc::new(app) })
}

fn definition(code: &str, chinese: &str, english: &str) -> DefinitionRequest {
    DefinitionRequest {
        custom_code: code.to_owned(),
        name: "@i18n@name".to_owned(),
        group_code: Some("demo".to_owned()),
        group_name: Some("@i18n@group".to_owned()),
        description: None,
        external: External {
            biz_name: Some("@i18n@source".to_owned()),
            create_link_pc: Some(format!("https://oa.example.com/new/{code}")),
            create_link_mobile: Some(format!("https://oa.example.com/new/{code}?mobile=1")),
            support_pc: true,
            support_mobile: true,
            ..External::default()
        },
        secrets: CallbackSecrets::default(),
        viewers: vec![Viewer::Tenant],
        resources: resources(vec![
            both("@i18n@name", chinese, english),
            both("@i18n@group", "日常审批", "Everyday approvals"),
            both("@i18n@source", "示例办公系统", "Example OA"),
        ]),
        managers: Vec::new(),
    }
}

/// Dice that always fall the same way.
pub(crate) struct Dice(ChaCha20Rng);

impl Dice {
    /// A number from 0 up to and without `end`.
    pub(crate) fn roll(&mut self, end: usize) -> usize {
        // The bias of a remainder is of no concern for sample data.
        usize::try_from(self.0.next_u32()).unwrap_or_default() % end
    }
}

/// The `number`th instance and the own code of its definition.
fn instance(dice: &mut Dice, number: usize) -> (&'static str, Payload) {
    let (code, _, _, subjects) = DEFINITIONS[number % DEFINITIONS.len()];
    let (chinese, english) = subjects[dice.roll(subjects.len())];
    // The first instances show every status once; then two of five are still open.
    let status = match InstanceStatus::ALL.get(number) {
        Some(status) => *status,
        None if dice.roll(5) < 2 => InstanceStatus::Pending,
        None => InstanceStatus::ALL[dice.roll(InstanceStatus::ALL.len())],
    };
    let initiator = dice.roll(PEOPLE.len());
    let start = START.plus(i64::try_from(number).unwrap_or_default() * HOUR / 4);
    let open = status == InstanceStatus::Pending;
    let ended = |after: i64| if open { Millis(0) } else { start.plus(after) };
    let external_id = format!("demo-{:05}", number + 1);
    let steps = 1 + dice.roll(3);
    let tasks: Vec<Task> =
        (0..steps).map(|step| task(dice, &external_id, status, start, step, steps)).collect();
    let amount = 100 + dice.roll(90) * 50;
    let ccs = if dice.roll(3) == 0 { vec![cc(dice, &external_id, start)] } else { Vec::new() };
    let instance = Instance {
        status,
        initiator: named(initiator),
        start_time: start,
        end_time: ended(HOUR * 6),
        update_time: start.plus(HOUR * 6),
        details: InstanceDetails {
            links: links(&format!("instances/{external_id}")),
            title: Some("@i18n@title".to_owned()),
            form: Some(vec![
                (Some("@i18n@subject".to_owned()), Some("@i18n@title".to_owned())),
                (Some("@i18n@amount".to_owned()), Some(format!("CNY {amount}.00"))),
            ]),
            extra: Some(format!("{{\"business_key\":\"DEMO-{:05}\"}}", number + 1)),
            resources: resources(vec![
                both("@i18n@title", chinese, english),
                both("@i18n@subject", "事由", "Subject"),
                both("@i18n@amount", "金额", "Amount"),
                both("@i18n@node", "审批", "Approval"),
            ]),
            ..InstanceDetails::default()
        },
        external_id,
    };
    (code, Payload { mode: Mode::Replace, instance, tasks, ccs })
}

fn named(person: usize) -> PersonRef {
    PersonRef { user_id: Some(user_id(person)), open_id: None }
}

fn task(
    dice: &mut Dice,
    instance: &str,
    of: InstanceStatus,
    start: Millis,
    step: usize,
    steps: usize,
) -> Task {
    let last = step + 1 == steps;
    let status = match (of, last) {
        (InstanceStatus::Pending, true) => TaskStatus::Pending,
        (InstanceStatus::Rejected, true) => TaskStatus::Rejected,
        (InstanceStatus::Canceled | InstanceStatus::Terminated, true) => TaskStatus::Done,
        (_, false) if dice.roll(8) == 0 => TaskStatus::Transferred,
        _ => TaskStatus::Approved,
    };
    let hours = i64::try_from(step).unwrap_or_default() * HOUR;
    let done = status != TaskStatus::Pending;
    Task {
        external_id: format!("{instance}-t{}", step + 1),
        assignee: named(dice.roll(PEOPLE.len())),
        status,
        create_time: start.plus(hours),
        end_time: if done { start.plus(hours + HOUR) } else { Millis(0) },
        update_time: start.plus(hours + HOUR),
        details: TaskDetails {
            links: links(&format!("instances/{instance}/tasks/{}", step + 1)),
            node_id: Some(format!("node-{}", step + 1)),
            node_name: Some("@i18n@node".to_owned()),
            ..TaskDetails::default()
        },
    }
}

fn cc(dice: &mut Dice, instance: &str, start: Millis) -> Cc {
    Cc {
        external_id: format!("{instance}-c1"),
        person: named(dice.roll(PEOPLE.len())),
        read_status: if dice.roll(2) == 0 { ReadStatus::Read } else { ReadStatus::Unread },
        create_time: start,
        update_time: start,
        details: CcDetails {
            links: links(&format!("instances/{instance}")),
            ..CcDetails::default()
        },
    }
}

fn write_slice(tx: &mut Tx<'_>, cx: &Context, slice: &[(&str, Payload)]) -> Result<()> {
    let caller = caller(tx)?;
    for (custom_code, payload) in slice {
        let code = real_code(tx, &caller, custom_code)?;
        sync::sync_instance(tx, cx, &caller, &code, payload)?;
    }
    Ok(())
}

fn real_code(tx: &mut Tx<'_>, caller: &Caller, custom_code: &str) -> Result<String> {
    let found = store::definition::definition_by_custom_code(
        tx,
        caller.tenant,
        caller.app.id,
        custom_code,
    )?;
    let found = found.ok_or_else(|| Error::NotFound(format!("the definition `{custom_code}`")))?;
    Ok(found.real_code)
}

fn sample(tx: &mut Tx<'_>) -> Result<Sample> {
    let caller = caller(tx)?;
    Ok(Sample {
        approval_code: real_code(tx, &caller, DEFINITIONS[0].0)?,
        instance_id: "demo-00001".to_owned(),
        user_id: user_id(0),
        kunlun_user_id: kunlun_id(0),
    })
}
