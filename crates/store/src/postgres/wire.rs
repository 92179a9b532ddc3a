//! Values in PostgreSQL's binary form.
//!
//! Here an integer is 64 bits wide; in a table it may be narrower. Each value is written as the
//! type that the server expects of it, so statements need no casts.

use bytes::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::value::Param;
use crate::{Error, Result};

type Fault = Box<dyn std::error::Error + Sync + Send>;

impl ToSql for Param<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Fault> {
        match *self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(value) => match *ty {
                Type::INT2 => i16::try_from(value)?.to_sql(ty, out),
                Type::INT4 => i32::try_from(value)?.to_sql(ty, out),
                Type::INT8 => value.to_sql(ty, out),
                _ => Err(format!("a number is given where {ty} is expected").into()),
            },
            Self::Text(value) => value.to_sql(ty, out),
            Self::Bytes(value) => value.to_sql(ty, out),
            Self::Ids(ids) => ids.iter().map(|id| id.get()).collect::<Vec<_>>().to_sql(ty, out),
            Self::Ints(numbers) => numbers.to_sql(ty, out),
            // As with a text alone: what cannot be held equals nothing.
            Self::Texts(texts) => {
                let there = texts.iter().filter(|text| !text.contains('\0'));
                there.collect::<Vec<_>>().to_sql(ty, out)
            }
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// The type to announce for a parameter where the server is not asked what it expects.
pub(super) fn type_of(param: &Param<'_>) -> Type {
    match param {
        Param::Null => Type::UNKNOWN,
        Param::Int(_) => Type::INT8,
        Param::Text(_) => Type::TEXT,
        Param::Bytes(_) => Type::BYTEA,
        Param::Ids(_) | Param::Ints(_) => Type::INT8_ARRAY,
        Param::Texts(_) => Type::TEXT_ARRAY,
    }
}

/// An integer of any width.
pub(crate) struct Int(pub(crate) i64);

impl<'a> FromSql<'a> for Int {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Fault> {
        Ok(Self(match *ty {
            Type::INT2 => i16::from_sql(ty, raw)?.into(),
            Type::INT4 => i32::from_sql(ty, raw)?.into(),
            _ => i64::from_sql(ty, raw)?,
        }))
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::INT2 | Type::INT4 | Type::INT8)
    }
}

/// A column of a row.
pub(crate) fn get<'a, T: FromSql<'a>>(row: &'a tokio_postgres::Row, column: usize) -> Result<T> {
    row.try_get(column).map_err(|e| Error::Engine(super::fault::text(&e)))
}
