//! The CSV form of a people import.
//!
//! Columns by name, in any order: `user_id`, `open_id`, `union_id`, `kunlun_user_id` (at least one
//! in each line), `name`, `name_<language code>` such as `name_1033`, `department`. Another column
//! is refused, since a misspelt one would silently lose data.

use std::path::Path;

use anyhow::{Context, Result, bail};
use domain::person::AliasKind;
use engine::people::ImportedPerson;

enum Column {
    Alias(AliasKind),
    Name,
    Translation(String),
    Department,
}

fn column(name: &str) -> Option<Column> {
    Some(match name {
        "user_id" => Column::Alias(AliasKind::UserId),
        "open_id" => Column::Alias(AliasKind::OpenId),
        "union_id" => Column::Alias(AliasKind::UnionId),
        "kunlun_user_id" => Column::Alias(AliasKind::Kunlun),
        "name" => Column::Name,
        "department" => Column::Department,
        other => {
            let code = other.strip_prefix("name_")?;
            let digits = !code.is_empty() && code.bytes().all(|b| b.is_ascii_digit());
            return digits.then(|| Column::Translation(code.to_owned()));
        }
    })
}

/// The people in a file, with the line of each.
pub(crate) fn read(file: &Path) -> Result<Vec<(u64, ImportedPerson)>> {
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
                     kunlun_user_id, name, name_<language code>, department"
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
        let line = record.position().map_or(0, csv::Position::line);
        let mut person = ImportedPerson::default();
        for (column, value) in columns.iter().zip(record.iter()).filter(|(_, v)| !v.is_empty()) {
            match column {
                Column::Alias(kind) => person.aliases.push((*kind, value.to_owned())),
                Column::Name => value.clone_into(&mut person.name),
                Column::Translation(code) => person.names.push((code.clone(), value.to_owned())),
                Column::Department => value.clone_into(&mut person.department),
            }
        }
        if person.aliases.is_empty() {
            bail!(
                "line {line} of {shown} names nobody: user_id, open_id, union_id or \
                 kunlun_user_id is needed"
            );
        }
        people.push((line, person));
    }
    Ok(people)
}
