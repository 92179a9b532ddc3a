//! Comparing version stamps: what a source system should sync again.

use domain::Millis;
use store::Tx;
use store::external as rows;

use crate::{Caller, Result};

/// The stamps of one instance, as a source system has them or as they differ here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamps {
    /// The caller's id.
    pub instance_id: String,
    /// The instance's stamp; 0 = unknown.
    pub update_time: Millis,
    /// Ids and stamps of tasks; 0 = unknown.
    pub tasks: Vec<(String, Millis)>,
}

/// The instances among `asked` that differ from what is stored, with what is stored instead.
pub fn check(tx: &mut Tx<'_>, caller: &Caller, asked: &[Stamps]) -> Result<Vec<Stamps>> {
    let mut different = Vec::new();
    for instance in asked {
        let head = rows::instance_head(tx, caller.tenant, caller.app.id, &instance.instance_id)?;
        let stored = match head {
            Some(head) => rows::instance_stamps(tx, caller.tenant, head.id)?,
            None => None,
        };
        different.extend(compare(instance, stored));
    }
    Ok(different)
}

/// What to answer for one instance; `None` when all stamps are equal.
fn compare(asked: &Stamps, stored: Option<rows::Stamps>) -> Option<Stamps> {
    let instance_id = asked.instance_id.clone();
    let Some((update_time, stored_tasks)) = stored else {
        return Some(Stamps { instance_id, update_time: Millis(0), tasks: Vec::new() });
    };
    let stamp_of = |id: &str| {
        stored_tasks.iter().find(|(stored, _)| stored == id).map_or(Millis(0), |(_, stamp)| *stamp)
    };
    let mut unknown_or_different = |(id, stamp): &(String, Millis)| {
        let known = stored_tasks.iter().any(|(stored, _)| stored == id);
        let here = stamp_of(id);
        (!known || here != *stamp).then(|| (id.clone(), here))
    };
    let tasks: Vec<_> = asked.tasks.iter().filter_map(&mut unknown_or_different).collect();
    (!tasks.is_empty() || update_time != asked.update_time).then_some(Stamps {
        instance_id,
        update_time,
        tasks,
    })
}

#[cfg(test)]
mod tests {
    use store::{Options, Store};

    use super::*;
    use crate::page::tests::caller;

    fn stamps(update_time: i64, tasks: &[(&str, i64)]) -> Stamps {
        Stamps {
            instance_id: "i".into(),
            update_time: Millis(update_time),
            tasks: tasks.iter().map(|(id, t)| ((*id).to_owned(), Millis(*t))).collect(),
        }
    }

    fn against_known(asked: &Stamps) -> Option<Stamps> {
        let stored = vec![("a".to_owned(), Millis(10)), ("b".to_owned(), Millis(20))];
        compare(asked, Some((Millis(5), stored)))
    }

    #[test]
    fn equal_stamps_are_not_listed_also_when_tasks_are_left_out() {
        assert_eq!(against_known(&stamps(5, &[("a", 10), ("b", 20)])), None);
        assert_eq!(against_known(&stamps(5, &[])), None);
    }

    #[test]
    fn everything_that_differs_is_listed_with_what_is_stored() {
        assert_eq!(compare(&stamps(5, &[("a", 1)]), None), Some(stamps(0, &[])));
        assert_eq!(against_known(&stamps(6, &[("a", 10)])), Some(stamps(5, &[])));
        assert_eq!(
            against_known(&stamps(5, &[("a", 11), ("b", 20), ("c", 1)])),
            Some(stamps(5, &[("a", 10), ("c", 0)]))
        );
        // A stamp of 0 is not the same as an unknown task.
        assert_eq!(against_known(&stamps(5, &[("c", 0)])), Some(stamps(5, &[("c", 0)])));
    }

    #[tokio::test]
    async fn what_is_not_stored_is_listed_without_stamps() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&Options::new(folder.path().join("data.db")), Millis(0)).unwrap();
        let asked = [stamps(5, &[("a", 1)]), stamps(0, &[])];
        let answer = store.read(move |tx| check(tx, &caller(1, 2), &asked)).await.unwrap();
        assert_eq!(answer, [stamps(0, &[]), stamps(0, &[])]);
    }
}
