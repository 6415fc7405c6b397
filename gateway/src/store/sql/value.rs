//! Values on their way into a statement and out of a row, borrowed wherever they lie.

use rusqlite::types::{ToSqlOutput, ValueRef as SqliteRef};
use uuid::Uuid;

use super::Error;

/// A value as it lies in a row or in a parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::store) enum ValueRef<'a> {
    /// No value.
    Null,
    /// A number; of a truth 1 or 0.
    Integer(i64),
    /// A text.
    Text(&'a str),
    /// Bytes.
    Blob(&'a [u8]),
}

impl<'a> ValueRef<'a> {
    /// The bytes.
    ///
    /// # Errors
    /// It is something else.
    pub(in crate::store) fn as_blob(self) -> Result<&'a [u8], Error> {
        if let Self::Blob(bytes) = self { Ok(bytes) } else { Err(Error::Type { wanted: "bytes" }) }
    }

    /// The text.
    ///
    /// # Errors
    /// It is something else.
    pub(in crate::store) fn as_str(self) -> Result<&'a str, Error> {
        if let Self::Text(text) = self { Ok(text) } else { Err(Error::Type { wanted: "a text" }) }
    }

    /// What SQLite holds there.
    pub(super) fn of_sqlite(value: SqliteRef<'a>) -> Result<Self, Error> {
        Ok(match value {
            SqliteRef::Null => Self::Null,
            SqliteRef::Integer(number) => Self::Integer(number),
            SqliteRef::Text(text) => {
                Self::Text(std::str::from_utf8(text).map_err(|_| Error::Type { wanted: "UTF-8" })?)
            }
            SqliteRef::Blob(bytes) => Self::Blob(bytes),
            SqliteRef::Real(_) => return Err(Error::Type { wanted: "no fraction" }),
        })
    }
}

/// Of what kind the parameter of a statement is, whatever its value: PostgreSQL is told before it sees one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Kind {
    /// A number or truth.
    Integer,
    /// A text.
    Text,
    /// Bytes.
    Blob,
}

/// A parameter.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Param<'a> {
    pub(super) kind: Kind,
    pub(super) value: ValueRef<'a>,
}

impl<'a> Param<'a> {
    pub(in crate::store) fn of<T: ToValue + ?Sized>(value: &'a T) -> Self {
        Self { kind: value.kind(), value: value.value() }
    }
}

impl rusqlite::ToSql for Param<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.value {
            ValueRef::Null => SqliteRef::Null,
            ValueRef::Integer(number) => SqliteRef::Integer(number),
            ValueRef::Text(text) => SqliteRef::Text(text.as_bytes()),
            ValueRef::Blob(bytes) => SqliteRef::Blob(bytes),
        }))
    }
}

/// What can be a parameter.
pub(in crate::store) trait ToValue {
    /// Of what kind it is, also if it is nothing.
    fn kind(&self) -> Kind;

    /// It itself.
    fn value(&self) -> ValueRef<'_>;
}

/// What can be read from a row.
pub(in crate::store) trait FromValue: Sized {
    /// What it is called in an error.
    const NAME: &'static str;

    /// It, or nothing if there is something else.
    fn from_value(value: ValueRef<'_>) -> Option<Self>;
}

macro_rules! integer {
    ($($type:ty),*) => {$(
        impl ToValue for $type {
            fn kind(&self) -> Kind {
                Kind::Integer
            }

            fn value(&self) -> ValueRef<'_> {
                ValueRef::Integer(i64::from(*self))
            }
        }

        impl FromValue for $type {
            const NAME: &'static str = stringify!($type);

            fn from_value(value: ValueRef<'_>) -> Option<Self> {
                if let ValueRef::Integer(number) = value { number.try_into().ok() } else { None }
            }
        }
    )*};
}

integer!(i64, i32, u32);

impl ToValue for bool {
    fn kind(&self) -> Kind {
        Kind::Integer
    }

    fn value(&self) -> ValueRef<'_> {
        ValueRef::Integer(i64::from(*self))
    }
}

impl FromValue for bool {
    const NAME: &'static str = "a truth";

    fn from_value(value: ValueRef<'_>) -> Option<Self> {
        if let ValueRef::Integer(number) = value { Some(number != 0) } else { None }
    }
}

impl ToValue for str {
    fn kind(&self) -> Kind {
        Kind::Text
    }

    fn value(&self) -> ValueRef<'_> {
        ValueRef::Text(self)
    }
}

impl ToValue for String {
    fn kind(&self) -> Kind {
        Kind::Text
    }

    fn value(&self) -> ValueRef<'_> {
        ValueRef::Text(self)
    }
}

impl FromValue for String {
    const NAME: &'static str = "a text";

    fn from_value(value: ValueRef<'_>) -> Option<Self> {
        value.as_str().ok().map(str::to_owned)
    }
}

impl ToValue for [u8] {
    fn kind(&self) -> Kind {
        Kind::Blob
    }

    fn value(&self) -> ValueRef<'_> {
        ValueRef::Blob(self)
    }
}

impl ToValue for Vec<u8> {
    fn kind(&self) -> Kind {
        Kind::Blob
    }

    fn value(&self) -> ValueRef<'_> {
        ValueRef::Blob(self)
    }
}

impl FromValue for Vec<u8> {
    const NAME: &'static str = "bytes";

    fn from_value(value: ValueRef<'_>) -> Option<Self> {
        value.as_blob().ok().map(<[u8]>::to_vec)
    }
}

impl<const N: usize> ToValue for [u8; N] {
    fn kind(&self) -> Kind {
        Kind::Blob
    }

    fn value(&self) -> ValueRef<'_> {
        ValueRef::Blob(self)
    }
}

impl<const N: usize> FromValue for [u8; N] {
    const NAME: &'static str = "bytes of one length";

    fn from_value(value: ValueRef<'_>) -> Option<Self> {
        value.as_blob().ok()?.try_into().ok()
    }
}

impl ToValue for Uuid {
    fn kind(&self) -> Kind {
        Kind::Blob
    }

    fn value(&self) -> ValueRef<'_> {
        ValueRef::Blob(self.as_bytes())
    }
}

impl FromValue for Uuid {
    const NAME: &'static str = "an id";

    fn from_value(value: ValueRef<'_>) -> Option<Self> {
        Self::from_slice(value.as_blob().ok()?).ok()
    }
}

impl<T: ToValue + ?Sized> ToValue for &T {
    fn kind(&self) -> Kind {
        (**self).kind()
    }

    fn value(&self) -> ValueRef<'_> {
        (**self).value()
    }
}

impl<T: Known> ToValue for Option<T> {
    fn kind(&self) -> Kind {
        T::KIND
    }

    fn value(&self) -> ValueRef<'_> {
        self.as_ref().map_or(ValueRef::Null, ToValue::value)
    }
}

impl<T: FromValue> FromValue for Option<T> {
    const NAME: &'static str = T::NAME;

    fn from_value(value: ValueRef<'_>) -> Option<Self> {
        if value == ValueRef::Null { Some(None) } else { T::from_value(value).map(Some) }
    }
}

/// What is of one kind whatever its value, so that also nothing is.
pub(in crate::store) trait Known: ToValue {
    /// Which.
    const KIND: Kind;
}

macro_rules! known {
    ($($type:ty: $kind:ident),*) => {$(
        impl Known for $type {
            const KIND: Kind = Kind::$kind;
        }
    )*};
}

known!(i64: Integer, i32: Integer, u32: Integer, bool: Integer, str: Text, String: Text, Vec<u8>: Blob, Uuid: Blob);
known!([u8]: Blob);

impl<const N: usize> Known for [u8; N] {
    const KIND: Kind = Kind::Blob;
}

impl<T: Known + ?Sized> Known for &T {
    const KIND: Kind = T::KIND;
}

impl<T: Known> Known for Option<T> {
    const KIND: Kind = T::KIND;
}

/// A key that is a text in one table and an id in another.
#[derive(Clone, Debug)]
pub(in crate::store) enum Key {
    /// A text.
    Text(String),
    /// An id's bytes, or none for what comes before all ids.
    Blob(Vec<u8>),
}

impl ToValue for Key {
    fn kind(&self) -> Kind {
        match self {
            Self::Text(_) => Kind::Text,
            Self::Blob(_) => Kind::Blob,
        }
    }

    fn value(&self) -> ValueRef<'_> {
        match self {
            Self::Text(text) => ValueRef::Text(text),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }
    }
}

/// The parameters of a statement, in order.
pub(in crate::store) trait Params {
    /// Hands them over; they lie on the stack meanwhile.
    fn with<R>(&self, take: impl FnOnce(&[Param<'_>]) -> R) -> R;
}

/// None.
impl Params for [(); 0] {
    fn with<R>(&self, take: impl FnOnce(&[Param<'_>]) -> R) -> R {
        take(&[])
    }
}

impl<T: ToValue> Params for [T; 1] {
    fn with<R>(&self, take: impl FnOnce(&[Param<'_>]) -> R) -> R {
        take(&[Param::of(&self[0])])
    }
}

macro_rules! tuple {
    ($($type:ident $place:tt),*) => {
        impl<$($type: ToValue),*> Params for ($($type,)*) {
            fn with<R>(&self, take: impl FnOnce(&[Param<'_>]) -> R) -> R {
                take(&[$(Param::of(&self.$place)),*])
            }
        }
    };
}

tuple!(A 0);
tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);
tuple!(A 0, B 1, C 2, D 3, E 4);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10);
