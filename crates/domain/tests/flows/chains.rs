//! Histories and anchors: whatever is changed or taken away shows.

use std::collections::BTreeMap;

use domain::process::chain::{
    Anchor, Break, Hash, Head, Row, anchor, seal, verify, verify_anchors,
};
use domain::{InstanceId, Millis, PersonId, TenantId};

const TENANT: TenantId = TenantId(1);

fn history(instance: i64, entries: i64) -> Vec<(Row, Hash)> {
    let mut rows: Vec<(Row, Hash)> = Vec::new();
    for seq in 1..=entries {
        let row = Row {
            tenant: TENANT,
            instance: InstanceId(instance),
            seq,
            at: Millis(seq * 10),
            action: "agree".to_owned(),
            person: Some(PersonId(seq)),
            details: format!("{{\"seq\":{seq}}}"),
        };
        let hash = seal(rows.last().map_or(Hash::NONE, |(_, hash)| *hash), &row);
        rows.push((row, hash));
    }
    rows
}

fn check(rows: &[(Row, Hash)]) -> Result<Option<Head>, Break> {
    verify(rows.iter().map(|(row, hash)| (row, *hash)))
}

#[test]
fn a_whole_history_has_its_last_entry_as_head() {
    let rows = history(5, 4);
    let head = Head { instance: InstanceId(5), seq: 4, hash: rows[3].1 };
    assert_eq!(check(&rows), Ok(Some(head)));
    assert_eq!(check(&[]), Ok(None));
}

#[test]
fn a_change_of_any_member_shows() {
    let changes: [fn(&mut Row); 7] = [
        |row| row.tenant = TenantId(2),
        |row| row.instance = InstanceId(6),
        |row| row.at = Millis(0),
        |row| row.action = "reject".to_owned(),
        |row| row.person = None,
        |row| row.person = Some(PersonId(0)),
        |row| row.details.push(' '),
    ];
    for (index, change) in changes.iter().enumerate() {
        for entry in 0..4 {
            let mut rows = history(5, 4);
            change(&mut rows[entry].0);
            let seq = rows[entry].0.seq;
            assert_eq!(check(&rows), Err(Break::ChangedEntry(seq)), "change {index} of {seq}");
        }
    }
}

#[test]
fn a_byte_cannot_move_from_one_member_to_the_next() {
    let mut row = history(5, 1).remove(0).0;
    (row.action, row.details) = ("ab".to_owned(), "c".to_owned());
    let before = seal(Hash::NONE, &row);
    (row.action, row.details) = ("a".to_owned(), "bc".to_owned());
    assert_ne!(seal(Hash::NONE, &row), before);
}

#[test]
fn a_missing_entry_shows_and_so_does_one_that_was_sealed_anew() {
    for gone in 0..3 {
        let mut rows = history(5, 4);
        rows.remove(gone);
        let seq = i64::try_from(gone).unwrap() + 1;
        assert_eq!(check(&rows), Err(Break::MissingEntry(seq)));
        // Renumbering those after it does not help.
        rows.iter_mut().skip(gone).for_each(|(row, _)| row.seq -= 1);
        assert_eq!(check(&rows), Err(Break::ChangedEntry(seq)));
    }
    let mut rows = history(5, 4);
    rows[1].0.action = "reject".to_owned();
    rows[1].1 = seal(rows[0].1, &rows[1].0);
    assert_eq!(check(&rows), Err(Break::ChangedEntry(3)));
}

#[test]
fn a_hash_is_noted_down_as_64_hexadecimal_digits() {
    assert_eq!(Hash([0x0a; 32]).to_string(), "0a".repeat(32));
}

/// Three instances, an anchor after each, and what an audit finds.
struct Company {
    histories: BTreeMap<i64, Vec<(Row, Hash)>>,
    anchors: Vec<Anchor>,
}

impl Company {
    fn new() -> Self {
        let mut company = Self { histories: BTreeMap::new(), anchors: Vec::new() };
        for instance in [3, 1, 2] {
            let rows = history(instance, instance + 1);
            let head = check(&rows).unwrap().unwrap();
            company.histories.insert(instance, rows);
            let at = Millis(instance);
            let next = anchor(TENANT, company.anchors.last(), vec![head], at);
            company.anchors.push(next);
        }
        company
    }

    fn audit(&self) -> Result<(), Break> {
        verify_anchors(TENANT, &self.anchors, |instance, seq| {
            let rows = self.histories.get(&instance.get())?;
            rows.iter().find(|(row, _)| row.seq == seq).map(|(_, hash)| *hash)
        })
    }
}

#[test]
fn a_removed_instance_shows_and_so_does_a_lost_end() {
    let mut company = Company::new();
    assert_eq!(company.audit(), Ok(()));
    company.histories.get_mut(&2).unwrap().pop();
    assert!(matches!(company.audit(), Err(Break::Removed { anchor: 3, .. })));
    company.histories.remove(&3);
    let head = company.anchors[0].heads[0];
    assert_eq!(company.audit(), Err(Break::Removed { anchor: 1, head }));
}

#[test]
fn a_history_written_anew_as_a_whole_shows() {
    let mut company = Company::new();
    let mut rows = history(3, 0);
    for (mut row, _) in history(3, 4) {
        row.details = "other".to_owned();
        let hash = seal(rows.last().map_or(Hash::NONE, |(_, hash)| *hash), &row);
        rows.push((row, hash));
    }
    assert!(check(&rows).is_ok());
    company.histories.insert(3, rows);
    assert!(matches!(company.audit(), Err(Break::Rewritten { anchor: 1, .. })));
}

#[test]
fn anchors_are_chained_themselves() {
    let mut company = Company::new();
    company.anchors.remove(1);
    assert_eq!(company.audit(), Err(Break::MissingAnchor(2)));
    let mut company = Company::new();
    company.anchors[1].heads.clear();
    assert_eq!(company.audit(), Err(Break::ChangedAnchor(2)));
    let mut company = Company::new();
    company.anchors[0].at = Millis(7);
    assert_eq!(company.audit(), Err(Break::ChangedAnchor(1)));
    // One that is sealed anew breaks the next.
    let mut company = Company::new();
    company.anchors[0] = anchor(TENANT, None, Vec::new(), Millis(3));
    assert_eq!(company.audit(), Err(Break::ChangedAnchor(2)));
}
