//! The flows of `examples/flows`: each passes the check, fits the schema, and is driven to each of
//! its ends.

use domain::flow::Status;
use domain::process::values::{Value, Values};
use domain::process::{Definition, Event, SCHEMA, check, diagram};
use domain::{PersonId, process};

use super::support::*;

const FILES: [(&str, &str); 4] = [
    ("leave", include_str!("../../../../examples/flows/leave.yaml")),
    ("expense", include_str!("../../../../examples/flows/expense.yaml")),
    ("contract", include_str!("../../../../examples/flows/contract.yaml")),
    ("purchase", include_str!("../../../../examples/flows/purchase.yaml")),
];

pub(crate) fn example(name: &str) -> Definition {
    read(FILES.iter().find(|(known, _)| *known == name).unwrap().1)
}

const LEADER: PersonId = PersonId(2);
const HEAD: PersonId = PersonId(3);
const PERSONNEL: [PersonId; 2] = [PersonId(4), PersonId(5)];
const FINANCE: [PersonId; 2] = [PersonId(6), PersonId(7)];
const FINANCE_HEAD: PersonId = PersonId(8);
const CASHIER: PersonId = PersonId(9);
const LEGAL: PersonId = PersonId(10);
const KEEPER: PersonId = PersonId(11);
const WAREHOUSE: PersonId = PersonId(12);
const PURCHASING: PersonId = PersonId(13);
const BUYER: PersonId = PersonId(14);
const ADMIN: PersonId = PersonId(15);

/// Ann's leader is 2, whose leader is 3.
fn company() -> Company {
    let mut company = Company::plain();
    company.change(ANN, |p| p.leader = Some(LEADER));
    company.change(ANN, |p| "sales".clone_into(&mut p.department));
    company.change(LEADER, |p| p.leader = Some(HEAD));
    company.change(HEAD, |p| p.leader = Some(HEAD));
    company.change(PURCHASING, |p| "head.purchasing".clone_into(&mut p.user_id));
    let roles: [(&str, &[PersonId]); 8] = [
        ("personnel", &PERSONNEL),
        ("finance", &FINANCE),
        ("cashier", &[CASHIER]),
        ("legal", &[LEGAL]),
        ("seal_keeper", &[KEEPER]),
        ("warehouse", &[WAREHOUSE]),
        ("flow_admin", &[ADMIN]),
        ("board", &[HEAD]),
    ];
    for (role, people) in roles {
        for person in people {
            company.change(*person, |p| p.roles.push(role.to_owned()));
        }
    }
    company.leaders.insert("finance".to_owned(), FINANCE_HEAD);
    company.leaders.insert("sales".to_owned(), HEAD);
    company
}

fn begin(name: &str, given: &[(&str, Value)]) -> Story {
    Story::start_with(example(name), company(), ANN, values(given)).unwrap()
}

fn leave(days: f64) -> Story {
    let kind = text("annual");
    begin("leave", &[("kind", kind), ("from", text("2026-01-31")), ("days", Value::Number(days))])
}

fn expense(amount: f64) -> Story {
    let amount = Value::Number(amount);
    let (currency, destination) = (text("CNY"), text("上海"));
    begin("expense", &[("amount", amount), ("currency", currency), ("destination", destination)])
}

fn contract(amount: f64, reviewers: Option<Vec<PersonId>>) -> Story {
    let mut given = values(&[
        ("title", text("Frame")),
        ("partner", text("Acme")),
        ("amount", Value::Number(amount)),
    ]);
    given.extend(reviewers.map(|people| ("reviewers".to_owned(), Value::People(people))));
    Story::start_with(example("contract"), company(), ANN, given).unwrap()
}

fn purchase(quantity: i64) -> Story {
    begin(
        "purchase",
        &[
            ("goods", text("Chairs")),
            ("quantity", Value::Integer(quantity)),
            ("price", Value::Number(99.5)),
            ("payer", text("sales")),
            ("buyer", Value::Person(BUYER)),
        ],
    )
}

/// Every step at which `story` waits while everybody agrees, and its end.
fn path(mut story: Story) -> String {
    let mut path = Vec::new();
    while story.state.is_open() {
        path.push(story.waits());
        let task = story.state.open_tasks().next().unwrap();
        let (id, person) = (task.id, task.waits_for()[0]);
        story.ask(actor(person), process::Action::Agree(id)).unwrap();
    }
    path.push(story.waits());
    path.join(" → ")
}

#[test]
fn the_length_of_a_leave_decides_who_is_asked() {
    assert_eq!(path(leave(1.0)), "leader: 2 → Agreed");
    assert_eq!(path(leave(3.0)), "leader: 2 → department: 3 → Agreed");
    assert_eq!(path(leave(10.0)), "leader: 2 → department: 3 → personnel: 4 5 → Agreed");
}

#[test]
fn a_leave_says_what_it_is_about_in_both_languages() {
    let one = leave(1.0).state.details;
    let both = |zh: &str, en: &str| {
        vec![("2052".to_owned(), zh.to_owned()), ("1033".to_owned(), en.to_owned())]
    };
    assert_eq!(one.label, both("请假", "Leave"));
    assert_eq!(one.summaries[0].value, both("1 天", "1 day"));
    assert_eq!(one.summaries[1].value, [("2052".to_owned(), "2026-01-31".to_owned())]);
    assert_eq!(leave(2.5).state.details.summaries[0].value, both("2.5 天", "2.5 days"));
}

#[test]
fn the_leader_ends_a_leave_and_the_head_sends_it_back() {
    let mut story = leave(3.0);
    story.reject(LEADER, "leader").unwrap();
    assert_eq!(story.waits(), "Rejected");

    let mut story = leave(3.0);
    story.agree(LEADER, "leader").unwrap();
    story.reject(HEAD, "department").unwrap();
    assert_eq!(story.waits(), "start: 1");
    story.agree(ANN, "start").unwrap();
    assert_eq!(story.waits(), "leader: 2");
    story.ask(actor(ANN), process::Action::Cancel).unwrap();
    assert_eq!(story.waits(), "Canceled");

    let mut story = leave(10.0);
    story.agree(LEADER, "leader").unwrap();
    story.agree(HEAD, "department").unwrap();
    story.reject(PERSONNEL[1], "personnel").unwrap();
    assert_eq!(story.waits(), "Rejected");
}

#[test]
fn a_late_leader_s_leader_may_decide_a_leave() {
    let mut story = leave(1.0);
    story.tick(2 * DAY);
    assert_eq!(story.waits(), "leader: 2 3");
    story.agree(HEAD, "leader").unwrap();
    assert_eq!(story.waits(), "Agreed");
}

#[test]
fn the_amount_of_an_expense_decides_who_is_asked() {
    assert_eq!(path(expense(5000.0)), "leader: 2 → payment: 9 → Agreed");
    assert_eq!(path(expense(5000.5)), "leader: 2 → finance: 6 7 → payment: 9 → Agreed");
    let all = "leader: 2 → finance: 6 7 → finance_leader: 8 → payment: 9 → Agreed";
    assert_eq!(path(expense(50_000.5)), all);
}

#[test]
fn an_expense_is_sent_back_or_rejected_where_its_file_says_so() {
    let mut story = expense(60_000.0);
    story.agree(LEADER, "leader").unwrap();
    story.reject(FINANCE[0], "finance").unwrap();
    assert_eq!(story.waits(), "leader: 2");
    story.agree(LEADER, "leader").unwrap();
    story.agree(FINANCE[1], "finance").unwrap();
    story.reject(FINANCE_HEAD, "finance_leader").unwrap();
    assert_eq!(story.waits(), "start: 1");
    story.agree(ANN, "start").unwrap();
    story.agree(LEADER, "leader").unwrap();
    story.agree(FINANCE[1], "finance").unwrap();
    story.agree(FINANCE_HEAD, "finance_leader").unwrap();
    story.reject(CASHIER, "payment").unwrap();
    assert_eq!(story.waits(), "Rejected");
    let mut story = expense(1.0);
    story.reject(LEADER, "leader").unwrap();
    assert_eq!(story.waits(), "Rejected");
}

#[test]
fn a_contract_is_countersigned_on_all_sides_before_it_is_sealed() {
    let mut story = contract(1_000_000.0, Some(vec![DAN, EVE]));
    story.agree(LEADER, "owner").unwrap();
    assert_eq!(story.waits(), "finance: 6 7; legal: 10; reviewers: 4 5");
    story.agree(LEGAL, "legal").unwrap();
    story.agree(FINANCE[0], "finance").unwrap();
    story.agree(FINANCE[1], "finance").unwrap();
    assert_eq!(story.waits(), "finance_leader: 8; reviewers: 4 5");
    story.agree(FINANCE_HEAD, "finance_leader").unwrap();
    story.agree(EVE, "reviewers").unwrap();
    story.agree(DAN, "reviewers").unwrap();
    assert_eq!(story.waits(), "seal: 11");
    story.agree(KEEPER, "seal").unwrap();
    assert_eq!(story.waits(), "Agreed");
    assert_eq!(story.state.tasks.last().unwrap().ccs, [ANN, LEGAL]);
}

#[test]
fn one_side_of_a_contract_ends_it_and_the_other_sends_it_back() {
    let mut story = contract(1.0, None);
    story.agree(LEADER, "owner").unwrap();
    assert_eq!(story.waits(), "finance: 6 7; legal: 10");
    story.reject(FINANCE[0], "finance").unwrap();
    assert_eq!(story.waits(), "Rejected");
    let tasks = "start Unstarted, owner Agreed, legal AutoEnd, finance Rejected";
    assert_eq!(story.tasks(), tasks);

    let mut story = contract(2_000_000.0, None);
    story.agree(LEADER, "owner").unwrap();
    story.agree(FINANCE[0], "finance").unwrap();
    story.agree(FINANCE[1], "finance").unwrap();
    story.reject(FINANCE_HEAD, "finance_leader").unwrap();
    assert_eq!(story.waits(), "finance: 6 7; legal: 10");
    story.reject(LEGAL, "legal").unwrap();
    assert_eq!(story.waits(), "owner: 2");
    story.reject(LEADER, "owner").unwrap();
    assert_eq!(story.waits(), "Rejected");
}

#[test]
fn a_legal_opinion_that_is_late_counts_as_agreement_and_says_so() {
    let mut story = contract(1.0, None);
    story.agree(LEADER, "owner").unwrap();
    let legal = story.at("legal");
    let events = story.tick(5 * DAY);
    let decided = Event::Decided {
        task: legal,
        seat: LEGAL,
        by: None,
        status: Status::Agreed,
        automatic: true,
    };
    assert!(events.contains(&decided), "{events:?}");
    assert_eq!(story.waits(), "finance: 6 7");
    assert_eq!(path(story), "finance: 6 7 → finance: 7 → seal: 11 → Agreed");
}

#[test]
fn only_members_of_a_department_start_contracts() {
    let given =
        values(&[("title", text("x")), ("partner", text("y")), ("amount", Value::Number(1.0))]);
    let refused = Story::start_with(example("contract"), company(), ZOE, given);
    assert_eq!(refused.err(), Some(process::Refusal::MayNotStart));
}

#[test]
fn a_purchase_is_signed_in_turn() {
    let all = "signing: 14 → signing: 12 → payer: 3 → Agreed";
    assert_eq!(path(purchase(10)), all);
    let large = "signing: 14 → signing: 12 → signing: 13 → payer: 3 → Agreed";
    assert_eq!(path(purchase(1_000)), large);
}

#[test]
fn a_purchase_ends_by_rejection_by_hand_and_by_time() {
    let mut story = purchase(10);
    story.agree(BUYER, "signing").unwrap();
    story.reject(WAREHOUSE, "signing").unwrap();
    assert_eq!(story.waits(), "start: 1");
    story.reject(ANN, "start").unwrap();
    assert_eq!(story.waits(), "Rejected");

    let mut story = purchase(10);
    story.tick(30 * DAY);
    assert_eq!(story.waits(), "start: 1");

    let mut story = purchase(10);
    story.agree(BUYER, "signing").unwrap();
    story.agree(WAREHOUSE, "signing").unwrap();
    story.reject(HEAD, "payer").unwrap();
    assert_eq!(story.waits(), "Rejected");
}

#[test]
fn somebody_is_asked_even_in_a_company_without_roles() {
    for (name, file) in FILES {
        let definition = check(file).unwrap();
        let mut bare = Company::plain();
        bare.change(ANN, |p| "sales".clone_into(&mut p.department));
        bare.change(ADMIN, |p| p.roles.push("flow_admin".to_owned()));
        let given: Values = definition
            .parameters
            .iter()
            .filter(|parameter| parameter.required)
            .map(|parameter| (parameter.name.clone(), super::files::some_value(&parameter.kind)))
            .collect();
        let mut story = Story::start_with(definition, bare, ANN, given).unwrap();
        story.agree_to_the_end();
        assert_eq!(story.state.status, Status::Agreed, "{name}");
    }
}

#[test]
fn the_files_fit_the_published_schema() {
    let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for (name, file) in FILES {
        let json = super::files::json(file);
        let faults: Vec<_> = validator.iter_errors(&json).map(|e| e.to_string()).collect();
        assert!(faults.is_empty(), "{name}: {faults:?}");
    }
}

#[test]
fn a_diagram_shows_every_node_and_is_well_formed() {
    for (name, file) in FILES {
        let definition = check(file).unwrap();
        let svg = diagram(&definition, "1033");
        for approval in definition.approvals() {
            assert!(
                svg.contains(&format!("<rect id=\"{}\"", approval.id)),
                "{name} {}",
                approval.id
            );
        }
        let open = svg.matches('<').count() - svg.matches("</").count() - svg.matches("/>").count();
        assert_eq!(open, svg.matches("</").count(), "{name}");
        assert!(!svg.contains("&&") && !svg.contains("''>"));
    }
    assert!(diagram(&example("leave"), "2052").contains("直属上级"));
}

#[test]
fn a_diagram_says_where_a_rejection_leads() {
    for (name, told) in [
        ("leave", "✗ → the end"),
        ("expense", "✗ → the start"),
        ("expense", "✗ → the one before"),
        ("contract", "✗ → owner"),
    ] {
        assert!(diagram(&example(name), "1033").contains(told), "{name}: {told}");
    }
}
