//! Who is who in the demo company, as its flows ask: leaders, heads of departments, roles.

use domain::TenantId;
use domain::person::AliasKind;

use crate::demo::{PEOPLE, user_id};
use crate::departments::{NewDepartment, department_put, role, role_put};
use crate::organisation::{Origin, Place, person_put};
use crate::people::ImportedPerson;
use crate::{Context, Result, Tx};

/// Department, Chinese name, place of its head among the people.
const DEPARTMENTS: [(&str, &str, usize); 8] = [
    ("finance", "财务部", 1),
    ("sales", "销售部", 2),
    ("research", "研发部", 5),
    ("people", "人事部", 9),
    ("legal", "法务部", 11),
    ("purchasing", "采购部", 13),
    ("operations", "运营部", 15),
    ("management", "管理层", TOP),
];

/// Who leads the heads of departments, and who leads them.
const SECOND: usize = 18;
/// See [`SECOND`].
const TOP: usize = 19;

/// Role, Chinese name, places of those who have it.
const ROLES: [(&str, &str, &[usize]); 7] = [
    (ADMINISTRATORS, "流程管理员", &[SECOND]),
    ("personnel", "人事专员", &[9, 10]),
    ("finance", "财务审核", &[1, 16]),
    ("cashier", "出纳", &[16, 17]),
    ("legal", "法务", &[11, 12]),
    ("seal_keeper", "印章管理员", &[15]),
    ("warehouse", "仓库管理员", &[17]),
];

/// Who is asked where nobody else is found.
const ADMINISTRATORS: &str = "flow_admin";

/// Describes the company, unless that was done before.
pub fn organise(tx: &mut Tx<'_>, cx: &Context, tenant: TenantId) -> Result<()> {
    if role(tx, tenant, ADMINISTRATORS)?.is_some() {
        return Ok(());
    }
    for (id, name, _) in ROLES {
        role_put(tx, cx, tenant, Origin::Command, (id, name))?;
    }
    for (id, name, head) in DEPARTMENTS {
        let leader = Some((AliasKind::UserId, user_id(head)));
        let (id, name) = (id.to_owned(), Some(name.to_owned()));
        let department = NewDepartment { id, name, parent: None, leader: Some(leader) };
        department_put(tx, cx, tenant, Origin::Command, &department)?;
    }
    for (number, (_, _, department)) in PEOPLE.iter().enumerate() {
        let head = DEPARTMENTS.iter().find(|(id, ..)| id == department).map(|(.., head)| *head);
        let leader = match number {
            TOP => None,
            SECOND => Some(TOP),
            _ if head == Some(number) => Some(SECOND),
            _ => head,
        };
        let held = ROLES.iter().filter(|(.., people)| people.contains(&number));
        let place = Place {
            departments: Some(vec![(*department).to_owned()]),
            leader: Some(leader.map(|leader| (AliasKind::UserId, user_id(leader)))),
            roles: Some(held.map(|(id, ..)| (*id).to_owned()).collect()),
        };
        let aliases = vec![(AliasKind::UserId, user_id(number))];
        let person = ImportedPerson { aliases, ..ImportedPerson::default() };
        person_put(tx, cx, tenant, Origin::Command, (&person, &place))?;
    }
    Ok(())
}
