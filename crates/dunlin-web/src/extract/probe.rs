//! Asks a type which captures it takes, before there is a request.
//!
//! `T` is deserialised from nothing but names: what it asks for tells how many captures it takes, or
//! which. Fields that may be left out cannot be told from others by their list, so a field that no
//! capture has is held against a struct only where its own code reports the field as missing.

use std::borrow::Cow;
use std::fmt;

use dunlin_core::CheckError;
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, Visitor};

/// Checks that `T` can be made of captures with these names, as far as that can be known.
pub(super) fn check<T: DeserializeOwned>(names: &[Box<str>]) -> Result<(), CheckError> {
    match T::deserialize(Probe { names }) {
        Err(Told::Mistake(mistake)) => Err(mistake),
        Err(Told::Missing(field)) if !names.iter().any(|name| **name == *field) => {
            Err(CheckError::MissingCapture { name: Cow::Borrowed(field) })
        }
        Ok(_) | Err(Told::Missing(_) | Told::Nothing) => Ok(()),
    }
}

/// What a type has told.
#[derive(Debug)]
enum Told {
    Mistake(CheckError),
    /// The struct needs this field.
    Missing(&'static str),
    /// No more than that.
    Nothing,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl std::error::Error for Told {}

impl serde::de::Error for Told {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::Nothing
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Missing(field)
    }
}

#[derive(Clone, Copy)]
struct Probe<'n> {
    names: &'n [Box<str>],
}

impl Probe<'_> {
    fn takes(self, expected: usize) -> Told {
        match self.names.len() {
            found if found == expected => Told::Nothing,
            found => Told::Mistake(CheckError::CaptureCount { expected, found }),
        }
    }
}

macro_rules! takes_one {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Told> {
            Err(self.takes(1))
        }
    )*};
}

macro_rules! tells_nothing {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Told> {
            Err(Told::Nothing)
        }
    )*};
}

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = Told;

    takes_one! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_i128 deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
        deserialize_u128 deserialize_f32 deserialize_f64 deserialize_char deserialize_str
        deserialize_string deserialize_bytes deserialize_byte_buf deserialize_identifier
    }

    tells_nothing! {
        deserialize_any deserialize_unit deserialize_seq deserialize_map deserialize_ignored_any
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Told> {
        visitor.visit_some(self)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: V,
    ) -> Result<V::Value, Told> {
        Err(Told::Nothing)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Told> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, _: V) -> Result<V::Value, Told> {
        Err(self.takes(len))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        _: V,
    ) -> Result<V::Value, Told> {
        Err(self.takes(len))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Told> {
        visitor.visit_map(Present(self.names.iter()))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Told> {
        Err(self.takes(1))
    }
}

/// The captures that there are, each with a stand-in.
struct Present<'n>(std::slice::Iter<'n, Box<str>>);

impl<'de> MapAccess<'de> for Present<'_> {
    type Error = Told;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Told> {
        self.0.next().map(|name| seed.deserialize(StrDeserializer::new(name))).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Told> {
        seed.deserialize(StandIn)
    }
}

/// A value that most types accept; those that do not end the probe without a word.
struct StandIn;

macro_rules! stands_in {
    ($($method:ident $visit:ident $value:literal)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Told> {
            visitor.$visit($value)
        }
    )*};
}

impl<'de> Deserializer<'de> for StandIn {
    type Error = Told;

    stands_in! {
        deserialize_bool visit_bool false
        deserialize_i8 visit_i8 0
        deserialize_i16 visit_i16 0
        deserialize_i32 visit_i32 0
        deserialize_i64 visit_i64 0
        deserialize_i128 visit_i128 0
        deserialize_u8 visit_u8 0
        deserialize_u16 visit_u16 0
        deserialize_u32 visit_u32 0
        deserialize_u64 visit_u64 0
        deserialize_u128 visit_u128 0
        deserialize_f32 visit_f32 0.0
        deserialize_f64 visit_f64 0.0
        deserialize_char visit_char '0'
        deserialize_str visit_str "0"
        deserialize_string visit_str "0"
        deserialize_any visit_str "0"
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Told> {
        visitor.visit_none()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Told> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Told> {
        visitor.visit_unit()
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Told> {
        visitor.visit_enum(StrDeserializer::new(variants.first().copied().unwrap_or("")))
    }

    serde::forward_to_deserialize_any! {
        bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier
    }
}
