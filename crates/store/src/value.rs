//! Parameters and rows: the small set of types that both engines share.

use domain::{AppId, CcId, DefinitionId, FlowId, InstanceId, Millis, PersonId, TaskId, TenantId};
use rusqlite::types::{ToSqlOutput, ValueRef};

use crate::postgres::wire;
use crate::{Error, Result};

/// One parameter of a statement.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Param<'a> {
    Null,
    Int(i64),
    Text(&'a str),
    Bytes(&'a [u8]),
    /// A list, for `{each $n}`.
    Ids(&'a [InstanceId]),
    /// The same of plain numbers.
    Ints(&'a [i64]),
    /// The same of texts, for `{each text $n}`.
    Texts(&'a [&'a str]),
}

impl Param<'_> {
    /// A text that PostgreSQL cannot hold, so that no row can have it. Where texts are looked for,
    /// they are always compared for being equal; what is stored is checked before it comes here.
    pub(crate) fn equals_nothing(&self) -> bool {
        matches!(self, Self::Text(text) if text.contains('\0'))
    }
}

impl rusqlite::ToSql for Param<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let json = |text: serde_json::Result<String>| {
            let text = text.map_err(|e| rusqlite::Error::ToSqlConversionFailure(e.into()))?;
            Ok(ToSqlOutput::Owned(text.into()))
        };
        Ok(ToSqlOutput::Borrowed(match *self {
            Self::Null => ValueRef::Null,
            Self::Int(value) => ValueRef::Integer(value),
            Self::Text(value) => ValueRef::Text(value.as_bytes()),
            Self::Bytes(value) => ValueRef::Blob(value),
            Self::Ids(ids) => {
                let ids: Vec<i64> = ids.iter().map(|id| id.get()).collect();
                return json(serde_json::to_string(&ids));
            }
            Self::Ints(numbers) => return json(serde_json::to_string(numbers)),
            Self::Texts(texts) => return json(serde_json::to_string(texts)),
        }))
    }
}

macro_rules! from_id {
    ($($id:ident),+) => {
        $(impl From<$id> for Param<'_> {
            fn from(id: $id) -> Self {
                Self::Int(id.get())
            }
        })+
    };
}

from_id!(AppId, CcId, DefinitionId, FlowId, InstanceId, Millis, PersonId, TaskId, TenantId);

impl From<i64> for Param<'_> {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<bool> for Param<'_> {
    fn from(value: bool) -> Self {
        Self::Int(value.into())
    }
}

impl<'a> From<&'a str> for Param<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(value)
    }
}

impl<'a> From<&'a String> for Param<'a> {
    fn from(value: &'a String) -> Self {
        Self::Text(value)
    }
}

impl<'a> From<&'a [u8]> for Param<'a> {
    fn from(value: &'a [u8]) -> Self {
        Self::Bytes(value)
    }
}

impl<'a> From<&'a Vec<u8>> for Param<'a> {
    fn from(value: &'a Vec<u8>) -> Self {
        Self::Bytes(value)
    }
}

impl<'a, T: Into<Param<'a>>> From<Option<T>> for Param<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// One row of an answer, read by column number from 0.
pub(crate) enum Row<'a> {
    Sqlite(&'a rusqlite::Row<'a>),
    Postgres(&'a tokio_postgres::Row),
}

impl Row<'_> {
    pub(crate) fn int(&self, column: usize) -> Result<i64> {
        match self {
            Self::Sqlite(row) => Ok(row.get(column)?),
            Self::Postgres(row) => wire::get::<wire::Int>(row, column).map(|int| int.0),
        }
    }

    pub(crate) fn opt_int(&self, column: usize) -> Result<Option<i64>> {
        match self {
            Self::Sqlite(row) => Ok(row.get(column)?),
            Self::Postgres(row) => {
                Ok(wire::get::<Option<wire::Int>>(row, column)?.map(|int| int.0))
            }
        }
    }

    pub(crate) fn flag(&self, column: usize) -> Result<bool> {
        Ok(self.int(column)? != 0)
    }

    pub(crate) fn text(&self, column: usize) -> Result<String> {
        Ok(self.str(column)?.to_owned())
    }

    pub(crate) fn opt_text(&self, column: usize) -> Result<Option<String>> {
        match self {
            Self::Sqlite(row) => Ok(row.get(column)?),
            Self::Postgres(row) => wire::get(row, column),
        }
    }

    /// Text without a copy, valid until the next row.
    pub(crate) fn str(&self, column: usize) -> Result<&str> {
        match self {
            Self::Sqlite(row) => {
                row.get_ref(column)?.as_str().map_err(|e| Error::Engine(e.to_string()))
            }
            Self::Postgres(row) => wire::get(row, column),
        }
    }

    pub(crate) fn bytes(&self, column: usize) -> Result<Vec<u8>> {
        match self {
            Self::Sqlite(row) => Ok(row.get(column)?),
            Self::Postgres(row) => wire::get(row, column),
        }
    }

    /// Bytes without a copy, valid until the next row.
    pub(crate) fn blob(&self, column: usize) -> Result<&[u8]> {
        match self {
            Self::Sqlite(row) => {
                row.get_ref(column)?.as_blob().map_err(|e| Error::Engine(e.to_string()))
            }
            Self::Postgres(row) => wire::get(row, column),
        }
    }

    pub(crate) fn opt_bytes(&self, column: usize) -> Result<Option<Vec<u8>>> {
        match self {
            Self::Sqlite(row) => Ok(row.get(column)?),
            Self::Postgres(row) => wire::get(row, column),
        }
    }
}
