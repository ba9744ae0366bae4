//! Strict JSON into typed structures, from hostile input.
//!
//! A duplicate key is refused at every level, also inside fields that are ignored: two readers that
//! pick different copies would see two different models. Nesting is limited by serde_json (128), and
//! numbers beyond the range of their type (1e999) are refused by it too. Numbers are read at their
//! own width with `float_roundtrip`, so an f32 is rounded once, from its decimal text. No tree of
//! values is built: what is not named in a [`Fields`] type is checked and dropped.

use crate::error::{ImportError, one_line};
use serde::de::{DeserializeOwned, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::collections::HashSet;
use std::fmt;
use std::marker::PhantomData;

/// Reads a whole document.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ImportError> {
    serde_json::from_slice(bytes).map_err(|error| ImportError::Json(one_line(&error.to_string())))
}

/// An object with named fields; see [`fields!`].
pub(crate) trait Fields: Default {
    /// Keys without which the object is refused at once, before many of them fill the memory.
    const REQUIRED: &'static [&'static str] = &[];

    /// Reads the value of `key`, or returns false if the key is none of ours.
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error>;
}

/// Implements [`Fields`]: which JSON key fills which struct field, and which must be there.
macro_rules! fields {
    ($name:ty { $($key:literal => $field:ident),* $(,)? } $(required $required:expr)?) => {
        impl $crate::json::Fields for $name {
            $(const REQUIRED: &'static [&'static str] = &$required;)?

            fn field<'de, A: serde::de::MapAccess<'de>>(
                &mut self,
                key: &str,
                map: &mut A,
            ) -> Result<bool, A::Error> {
                match key {
                    $($key => self.$field = map.next_value()?,)*
                    _ => return Ok(false),
                }
                Ok(true)
            }
        }
    };
}
pub(crate) use fields;

/// A [`Fields`] type read from an object without duplicate keys.
#[derive(Default)]
pub(crate) struct Strict<T>(pub(crate) T);

impl<'de, T: Fields> Deserialize<'de> for Strict<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object<T>(PhantomData<T>);
        impl<'de, T: Fields> Visitor<'de> for Object<T> {
            type Value = T;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
                let mut value = T::default();
                let mut seen = HashSet::new();
                while let Some(key) = map.next_key::<String>()? {
                    // serde_json finds the position in the inner message and keeps it last
                    match value.field(&key, &mut map) {
                        Ok(true) => {}
                        Ok(false) => map.next_value::<Ignored>().map(|_| ())?,
                        Err(error) => return Err(A::Error::custom(format!("{key}: {error}"))),
                    }
                    refuse_twice(&mut seen, key)?;
                }
                match T::REQUIRED.iter().find(|key| !seen.contains(**key)) {
                    Some(key) => Err(A::Error::missing_field(key)),
                    None => Ok(value),
                }
            }
        }
        deserializer.deserialize_map(Object(PhantomData)).map(Strict)
    }
}

/// Most keys of one object. A key that must be remembered costs many times its text.
const MOST_KEYS: usize = 1 << 16;

fn refuse_twice<E: serde::de::Error>(seen: &mut HashSet<String>, key: String) -> Result<(), E> {
    if seen.len() == MOST_KEYS {
        return Err(E::custom(format!("an object has more than {MOST_KEYS} keys")));
    }
    if seen.contains(&key) {
        return Err(E::custom(format!("the key {} appears twice", crate::error::quote(&key))));
    }
    seen.insert(key);
    Ok(())
}

/// Any value: dropped, but its objects may not repeat a key.
struct Ignored;

impl<'de> Deserialize<'de> for Ignored {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Ignored;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }
            fn visit_bool<E>(self, _: bool) -> Result<Ignored, E> {
                Ok(Ignored)
            }
            fn visit_i64<E>(self, _: i64) -> Result<Ignored, E> {
                Ok(Ignored)
            }
            fn visit_u64<E>(self, _: u64) -> Result<Ignored, E> {
                Ok(Ignored)
            }
            fn visit_f64<E>(self, _: f64) -> Result<Ignored, E> {
                Ok(Ignored)
            }
            fn visit_str<E>(self, _: &str) -> Result<Ignored, E> {
                Ok(Ignored)
            }
            fn visit_unit<E>(self) -> Result<Ignored, E> {
                Ok(Ignored)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Ignored, A::Error> {
                while seq.next_element::<Ignored>()?.is_some() {}
                Ok(Ignored)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ignored, A::Error> {
                let mut seen = HashSet::new();
                while let Some(key) = map.next_key::<String>()? {
                    map.next_value::<Ignored>()?;
                    refuse_twice(&mut seen, key)?;
                }
                Ok(Ignored)
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// A list with a cap, whose errors name the position of the entry.
pub(crate) struct Capped<T, const MOST: usize>(pub(crate) Vec<T>);

impl<T, const MOST: usize> Default for Capped<T, MOST> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>, const MOST: usize> Deserialize<'de> for Capped<T, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List<T, const MOST: usize>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>, const MOST: usize> Visitor<'de> for List<T, MOST> {
            type Value = Vec<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
                let mut list = Vec::new();
                loop {
                    let next = seq.next_element::<T>();
                    let at = list.len();
                    match next.map_err(|error| A::Error::custom(format!("entry {at}: {error}")))? {
                        None => return Ok(list),
                        Some(_) if at == MOST => {
                            return Err(A::Error::custom(format!("more than {MOST} entries")));
                        }
                        Some(value) => list.push(value),
                    }
                }
            }
        }
        deserializer.deserialize_seq(List::<T, MOST>(PhantomData)).map(Capped)
    }
}

/// True or false, also written as 1 or 0.
#[derive(Clone, Copy)]
pub(crate) struct Flag(pub(crate) bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneBit;
        impl Visitor<'_> for OneBit {
            type Value = Flag;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("0, 1, true or false")
            }
            fn visit_bool<E>(self, value: bool) -> Result<Flag, E> {
                Ok(Flag(value))
            }
            fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Flag, E> {
                match value {
                    0 => Ok(Flag(false)),
                    1 => Ok(Flag(true)),
                    _ => Err(E::invalid_value(serde::de::Unexpected::Unsigned(value), &self)),
                }
            }
        }
        deserializer.deserialize_any(OneBit)
    }
}

/// A count, also written as text ("12"), as XGBoost writes its parameters.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count(pub(crate) u64);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Digits;
        impl Visitor<'_> for Digits {
            type Value = Count;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a count")
            }
            fn visit_u64<E>(self, value: u64) -> Result<Count, E> {
                Ok(Count(value))
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Count, E> {
                let wrong = |_| E::invalid_value(serde::de::Unexpected::Str(text), &self);
                text.trim().parse().map(Count).map_err(wrong)
            }
        }
        deserializer.deserialize_any(Digits)
    }
}
