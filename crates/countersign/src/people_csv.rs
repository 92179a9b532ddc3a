//! The CSV form of a people import.
//!
//! Columns by name, in any order: `user_id`, `open_id`, `union_id`, `kunlun_user_id` (at least one
//! in each line), `name`, `name_<language code>` such as `name_1033`, `department`; and, with a
//! semicolon between several, `more_departments`, `leader_user_id`, `leads` (departments), `roles`.
//! Another column is refused, since a misspelt one would silently lose data.

use std::path::Path;

use anyhow::{Context, Result, bail};
use domain::limits::{DEPARTMENTS_PER_PERSON, ORGANISATION_ID_CHARS, ROLES_PER_PERSON};
use domain::person::AliasKind;
use engine::people::ImportedPerson;
use engine::places::ImportedPlace;

enum Column {
    Alias(AliasKind),
    Name,
    Translation(String),
    Department,
    MoreDepartments,
    Leader,
    Leads,
    Roles,
}

/// What one line says.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// Its number in the file.
    pub(crate) number: u64,
    /// Who it is.
    pub(crate) person: ImportedPerson,
    /// Where they stand in the company, if the line says anything of it.
    pub(crate) place: Option<ImportedPlace>,
}

fn column(name: &str) -> Option<Column> {
    Some(match name {
        "user_id" => Column::Alias(AliasKind::UserId),
        "open_id" => Column::Alias(AliasKind::OpenId),
        "union_id" => Column::Alias(AliasKind::UnionId),
        "kunlun_user_id" => Column::Alias(AliasKind::Kunlun),
        "name" => Column::Name,
        "department" => Column::Department,
        "more_departments" => Column::MoreDepartments,
        "leader_user_id" => Column::Leader,
        "leads" => Column::Leads,
        "roles" => Column::Roles,
        other => {
            let code = other.strip_prefix("name_")?;
            let digits = !code.is_empty() && code.bytes().all(|b| b.is_ascii_digit());
            return digits.then(|| Column::Translation(code.to_owned()));
        }
    })
}

/// The lines of a file.
pub(crate) fn read(file: &Path) -> Result<Vec<Line>> {
    let shown = file.display();
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_path(file)
        .with_context(|| format!("cannot read {shown}"))?;
    let columns = reader
        .headers()
        .with_context(|| format!("cannot read the column names of {shown}"))?
        .iter()
        // Spreadsheets put a byte order mark before the first name.
        .map(|name| {
            let name = name.trim_start_matches('\u{feff}');
            column(name).with_context(|| {
                format!(
                    "`{name}` is not a column; there are: user_id, open_id, union_id, \
                     kunlun_user_id, name, name_<language code>, department, \
                     more_departments, leader_user_id, leads, roles"
                )
            })
        })
        .collect::<Result<Vec<_>>>()?;
    let header = reader.headers().cloned().unwrap_or_default();
    if let Some(twice) =
        header.iter().enumerate().find(|(n, h)| header.iter().take(*n).any(|o| o == *h))
    {
        bail!("the column `{}` stands more than once in {shown}", twice.1);
    }
    let mut people = Vec::new();
    for record in reader.records() {
        let record = record.with_context(|| format!("cannot read {shown}"))?;
        let number = record.position().map_or(0, csv::Position::line);
        let (mut person, mut place) = (ImportedPerson::default(), ImportedPlace::default());
        for (column, value) in columns.iter().zip(record.iter()).filter(|(_, v)| !v.is_empty()) {
            match column {
                Column::Alias(kind) => person.aliases.push((*kind, value.to_owned())),
                Column::Name => value.clone_into(&mut person.name),
                Column::Translation(code) => person.names.push((code.clone(), value.to_owned())),
                Column::Department => value.clone_into(&mut person.department),
                Column::MoreDepartments => place.further_departments = Some(several(value)),
                Column::Leader => {
                    let nobody = value == "-";
                    place.leader = Some(if nobody { String::new() } else { value.to_owned() });
                }
                Column::Leads => place.leads = several(value),
                Column::Roles => place.roles = Some(several(value)),
            }
        }
        if person.aliases.is_empty() {
            bail!(
                "line {number} of {shown} names nobody: user_id, open_id, union_id or \
                 kunlun_user_id is needed"
            );
        }
        let place = Some(place).filter(|place| *place != ImportedPlace::default());
        check(&person, place.as_ref())
            .with_context(|| format!("line {number} of {shown} cannot be used"))?;
        people.push(Line { number, person, place });
    }
    Ok(people)
}

/// What is between semicolons. A lone `-` is none: an empty field keeps what is stored.
fn several(value: &str) -> Vec<String> {
    let parts = value.split(';').map(str::trim).filter(|part| !part.is_empty() && *part != "-");
    parts.map(str::to_owned).collect()
}

/// The bounds of a place, which the admin API has too.
fn check(person: &ImportedPerson, place: Option<&ImportedPlace>) -> Result<()> {
    let Some(place) = place else { return Ok(()) };
    let departments = place.further_departments.as_deref().unwrap_or_default();
    let roles = place.roles.as_deref().unwrap_or_default();
    let own = usize::from(!person.department.is_empty());
    for (what, number, most) in [
        ("departments", departments.len() + own, DEPARTMENTS_PER_PERSON),
        ("departments that they lead", place.leads.len(), DEPARTMENTS_PER_PERSON),
        ("roles", roles.len(), ROLES_PER_PERSON),
    ] {
        if number > most {
            bail!("a person has at most {most} {what}, not {number}");
        }
    }
    let mut ids = departments.iter().chain(roles).chain(&place.leads);
    let bad = |id: &&String| id.chars().count() > ORGANISATION_ID_CHARS || id.contains('\0');
    match ids.find(bad) {
        Some(id) => bail!(
            "the id `{}…` has more than {ORGANISATION_ID_CHARS} characters, or U+0000",
            id.chars().take(20).collect::<String>()
        ),
        None => Ok(()),
    }
}
