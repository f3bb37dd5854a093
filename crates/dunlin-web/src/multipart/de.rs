//! Deserialises a form: a map of its fields, or a sequence of its pairs.
//!
//! A file cannot be told to a visitor of serde's. It is put aside in a slot of the thread while
//! [`UploadedFile`] deserialises, which asks for it by a name that no other type has.

use std::any::type_name;
use std::cell::Cell;
use std::collections::HashMap;
use std::fmt;

use serde::Deserialize;
use serde::de::value::{Error as EnumError, StringDeserializer};
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::data::FormValue;
use super::file::UploadedFile;

/// Why a form does not make the value: what stands in the answer.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Error(Box<str>);

impl serde::de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string().into())
    }
}

/// By which [`UploadedFile`] asks for the file that was put aside.
const FILE: &str = "$dunlin::UploadedFile";

thread_local!(static ASIDE: Cell<Option<UploadedFile>> = const { Cell::new(None) });

impl<'de> Deserialize<'de> for UploadedFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Take;

        impl Visitor<'_> for Take {
            type Value = UploadedFile;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a file of a multipart form")
            }

            fn visit_unit<E: serde::de::Error>(self) -> Result<UploadedFile, E> {
                ASIDE.take().ok_or_else(|| E::custom("a file of a multipart form is expected"))
            }
        }

        deserializer.deserialize_newtype_struct(FILE, Take)
    }
}

/// The fields of a form in order.
pub(super) struct Fields(Vec<(String, FormValue)>);

impl Fields {
    pub(super) fn of(fields: Vec<(String, FormValue)>) -> Self {
        Self(fields)
    }

    /// Values by name, in the order in which names come first.
    fn grouped(self) -> Grouped {
        let mut groups: Vec<(String, Vec<FormValue>)> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        for (name, value) in self.0 {
            match places.get(&name) {
                Some(place) => groups[*place].1.push(value),
                None => {
                    places.insert(name.clone(), groups.len());
                    groups.push((name, vec![value]));
                }
            }
        }
        Grouped { groups: groups.into_iter(), value: None }
    }
}

impl<'de> Deserializer<'de> for Fields {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_map(self.grouped())
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(Pairs(self.0.into_iter()))
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit_struct tuple tuple_struct map struct enum identifier ignored_any
    }
}

struct Pairs(std::vec::IntoIter<(String, FormValue)>);

impl<'de> SeqAccess<'de> for Pairs {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        let Some((name, value)) = self.0.next() else { return Ok(None) };
        seed.deserialize(Pair { name: Some(name), value: Some(value) }).map(Some)
    }
}

/// A name and its value, as a tuple.
struct Pair {
    name: Option<String>,
    value: Option<FormValue>,
}

impl<'de> Deserializer<'de> for Pair {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de> SeqAccess<'de> for Pair {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        if let Some(name) = self.name.take() {
            return seed.deserialize(StringDeserializer::new(name)).map(Some);
        }
        let Some(value) = self.value.take() else { return Ok(None) };
        seed.deserialize(Values(vec![value])).map(Some)
    }
}

struct Grouped {
    groups: std::vec::IntoIter<(String, Vec<FormValue>)>,
    value: Option<Vec<FormValue>>,
}

impl<'de> MapAccess<'de> for Grouped {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        let Some((name, values)) = self.groups.next() else { return Ok(None) };
        self.value = Some(values);
        seed.deserialize(StringDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        seed.deserialize(Values(self.value.take().unwrap_or_default()))
    }
}

/// The values of one name, at least one.
struct Values(Vec<FormValue>);

impl Values {
    fn single(mut self) -> Result<FormValue, Error> {
        match (self.0.pop(), self.0.len()) {
            (Some(value), 0) => Ok(value),
            (_, others) => Err(Error::custom(format_args!(
                "one value is expected and there are {}",
                others + 1
            ))),
        }
    }

    fn text(self) -> Result<String, Error> {
        match self.single()? {
            FormValue::Text(text) => Ok(text),
            FormValue::File(_) => Err(Error("text is expected and a file was sent".into())),
        }
    }

    fn parse<T: std::str::FromStr>(self, what: &str) -> Result<T, Error> {
        let text = self.text()?;
        text.parse().map_err(|_| Error(format!("`{text}` is not a {what}").into()))
    }
}

macro_rules! parsed {
    ($($method:ident $visit:ident $ty:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            visitor.$visit(self.parse::<$ty>(stringify!($ty))?)
        }
    )*};
}

impl<'de> Deserializer<'de> for Values {
    type Error = Error;

    parsed! {
        deserialize_bool visit_bool bool
        deserialize_i8 visit_i8 i8
        deserialize_i16 visit_i16 i16
        deserialize_i32 visit_i32 i32
        deserialize_i64 visit_i64 i64
        deserialize_i128 visit_i128 i128
        deserialize_u8 visit_u8 u8
        deserialize_u16 visit_u16 u16
        deserialize_u32 visit_u32 u32
        deserialize_u64 visit_u64 u64
        deserialize_u128 visit_u128 u128
        deserialize_f32 visit_f32 f32
        deserialize_f64 visit_f64 f64
        deserialize_char visit_char char
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0.len() {
            1 => visitor.visit_string(self.text()?),
            _ => self.deserialize_seq(visitor),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_string(self.text()?)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_byte_buf(self.text()?.into_bytes())
    }

    /// A file input that was left empty is `None`, and so is an empty text where a number or `bool` is
    /// asked for, as in a query.
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let empty = match &*self.0 {
            [FormValue::Text(text)] => text.is_empty() && is_optional_scalar::<V::Value>(),
            [FormValue::File(file)] => file.is_absent(),
            _ => false,
        };
        if empty { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        if name != FILE {
            return visitor.visit_newtype_struct(self);
        }
        match self.single()? {
            FormValue::File(file) if !file.is_absent() => {
                ASIDE.set(Some(file));
                let taken = visitor.visit_unit();
                // Another type of that name has left it.
                ASIDE.take();
                taken
            }
            FormValue::File(_) => Err(Error("a file is expected and none was chosen".into())),
            FormValue::Text(_) => Err(Error("a file is expected and text was sent".into())),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(Each(self.0.into_iter()))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let text: StringDeserializer<EnumError> = self.text()?.into_deserializer();
        visitor.visit_enum(text).map_err(Error::custom)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        string byte_buf unit_struct tuple_struct map struct identifier
    }
}

/// Whether `T` is an `Option` of a number or of `bool`. By name, since `T` may borrow and has no id then.
fn is_optional_scalar<T>() -> bool {
    macro_rules! any_of {
        ($($ty:ty)*) => { [$(type_name::<Option<$ty>>()),*].contains(&type_name::<T>()) };
    }
    any_of!(bool i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize f32 f64)
}

struct Each(std::vec::IntoIter<FormValue>);

impl<'de> SeqAccess<'de> for Each {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        let sent = |value: &FormValue| !matches!(value, FormValue::File(file) if file.is_absent());
        let Some(value) = self.0.find(sent) else { return Ok(None) };
        seed.deserialize(Values(vec![value])).map(Some)
    }
}
