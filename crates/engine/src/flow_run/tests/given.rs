//! What callers start a flow with: which JSON means what, and what is refused with which words.

use domain::process::values::{Value, Values};
use serde_json::json;

use super::*;

impl Desk {
    /// What is stored of what was given.
    async fn taken(&self, given: &[(&str, Json)]) -> Values {
        let id = self.start_with(None, given.iter().cloned()).await.unwrap();
        self.run(id).await.state.values
    }

    /// The faults of what was given.
    async fn refused(&self, given: &[(&str, Json)]) -> Vec<(String, String)> {
        let started = self.start_with(None, given.iter().cloned()).await;
        let FlowFault::Rules(refused) = fault(started) else { panic!("{given:?}") };
        let Refusal::Values(faults) = refused.refusal else { panic!("{refused:?}") };
        faults.into_iter().map(|fault| (fault.name, fault.reason)).collect()
    }

    async fn person(&self, id: &str) -> PersonId {
        let (tenant, id) = (self.caller.tenant, id.to_owned());
        let found = move |tx: &mut store::Tx<'_>, _: &crate::Context| {
            Ok(person_by_alias(tx, tenant, AliasKind::Kunlun, &id)?)
        };
        self.hub.read(found).await.unwrap().unwrap()
    }
}

#[tokio::test]
async fn null_and_what_is_empty_are_the_same_as_absent() {
    let desk = desk().await;
    for nothing in [json!(null), json!(""), json!([])] {
        // Even of what the flow has no parameter for.
        let given = ["note", "with", "who", "x"].map(|name| (name, nothing.clone()));
        assert_eq!(desk.taken(&given).await, Values::new(), "{nothing}");
    }
    let note = Values::from([("note".to_owned(), Value::Text(" ".to_owned()))]);
    assert_eq!(desk.taken(&[("note", json!(" ")), ("who", json!(null))]).await, note);
}

#[tokio::test]
async fn a_person_is_given_as_text_as_a_number_or_as_a_record() {
    let desk = desk().await;
    let [ann, ben, cat] = [desk.person("1").await, desk.person("2").await, desk.person("3").await];
    for form in [json!("3"), json!(3), json!({"_id": "3"}), json!({"_id": 3, "name": "x"})] {
        let who = Values::from([("who".to_owned(), Value::Person(cat))]);
        assert_eq!(desk.taken(&[("who", form.clone())]).await, who, "{form}");
        let with = Values::from([("with".to_owned(), Value::People(vec![cat]))]);
        assert_eq!(desk.taken(&[("with", form.clone())]).await, with, "{form}");
    }
    let all = Values::from([("with".to_owned(), Value::People(vec![ben, cat, ann]))]);
    assert_eq!(desk.taken(&[("with", json!(["2", 3, {"_id": 1}]))]).await, all);
    let reason = |kind: &str| format!("the value must be of type {kind}");
    for form in
        [json!(true), json!(-3), json!({}), json!({"_id": {"_id": "3"}}), json!({"id": "3"})]
    {
        let (who, with) = (("who", form.clone()), ("with", json!(["1", form])));
        let told = [("who".into(), reason("person")), ("with".into(), reason("people"))];
        assert_eq!(desk.refused(&[who, with]).await, told);
    }
    assert_eq!(desk.refused(&[("with", json!([""]))]).await, [("with".into(), reason("people"))]);
}

#[tokio::test]
async fn what_is_too_long_or_cannot_be_stored_is_refused() {
    let desk = desk().await;
    let told = |name: &str, reason: &str| [(name.to_owned(), reason.to_owned())];
    // As long as an id may be, and unknown so far.
    desk.taken(&[("who", json!("会".repeat(256)))]).await;
    let long = desk.refused(&[("who", json!("会".repeat(257)))]).await;
    assert_eq!(long, told("who", &format!("nobody has the id `{}`", "会".repeat(50))));
    let nul = desk.refused(&[("who", json!("9\0"))]).await;
    assert_eq!(nul, told("who", "nobody has the id `9\0`"));
    let nul = desk.refused(&[("note", json!("a\0b"))]).await;
    assert_eq!(nul, told("note", "must not contain the character U+0000"));
    let number = desk.refused(&[("note", json!(5))]).await;
    assert_eq!(number, told("note", "the value must be of type text"));
    // Every fault at once, those of a value before those of the whole.
    let both = desk.refused(&[("x", json!("1")), ("note", json!(5))]).await;
    let unknown = told("x", "the flow has no such parameter");
    assert_eq!(both, [&number[..], &unknown].concat());
    desk.taken(&[("with", json!(vec!["1"; 200]))]).await;
    let many = desk.refused(&[("with", json!(vec!["1"; 201]))]).await;
    assert_eq!(many, told("with", "at most 200 people are allowed"));
}
