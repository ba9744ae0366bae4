//! `base_score`, and the margin at which sums start.
//!
//! The file holds the score as a number, as text ("5E-1"), or since 3.1 as text of a list with one
//! entry an output ("[4.98E-1]"). It is a probability or a mean; the library turns it into a margin
//! in f32 (`ObjFunction::ProbToMargin`).

use crate::error::{ImportError, quote};
use crate::json::Capped;
use engine::ensemble::MAX_OUTPUTS;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;

const MOST: usize = MAX_OUTPUTS as usize;

/// One value for all outputs, or one an output.
pub(super) struct BaseScore(Vec<f32>);

/// How a base score becomes a margin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum BaseRule {
    /// It is the margin.
    Identity,
    /// `-ln(1 / p - 1)`.
    Logit,
    /// `ln(p)`.
    Log,
}

/// One margin for each output, widened from f32.
pub(super) fn margins(
    score: &BaseScore,
    rule: BaseRule,
    outputs: u32,
) -> Result<Vec<f64>, ImportError> {
    let outputs = outputs as usize;
    let margins: Vec<f64> = score.0.iter().map(|&s| margin(s, rule)).collect::<Result<_, _>>()?;
    match *margins.as_slice() {
        [one] => Ok(vec![one; outputs]),
        ref all if all.len() == outputs => Ok(margins),
        ref all => Err(ImportError::malformed(
            PLACE,
            format!("it has {} values for {outputs} outputs", all.len()),
        )),
    }
}

const PLACE: &str = "learner.learner_model_param.base_score";

fn margin(score: f32, rule: BaseRule) -> Result<f64, ImportError> {
    let wrong = |need: &str| {
        ImportError::malformed(PLACE, format!("{score:?} is not {need}, as the objective needs"))
    };
    // The library's own f32 steps. `f32::ln` is the C library's logf, as there.
    let margin = match rule {
        BaseRule::Identity => score,
        BaseRule::Logit if score > 0.0 && score < 1.0 => -(1.0f32 / score - 1.0).ln(),
        BaseRule::Logit => return Err(wrong("between 0 and 1")),
        BaseRule::Log if score > 0.0 => score.ln(),
        BaseRule::Log => return Err(wrong("above 0")),
    };
    if margin.is_finite() { Ok(f64::from(margin)) } else { Err(wrong("a finite margin")) }
}

impl<'de> Deserialize<'de> for BaseScore {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Score;
        impl<'de> Visitor<'de> for Score {
            type Value = BaseScore;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, the text of a number, or a list of numbers")
            }
            fn visit_u64<E>(self, value: u64) -> Result<BaseScore, E> {
                Ok(BaseScore(vec![value as f32]))
            }
            fn visit_i64<E>(self, value: i64) -> Result<BaseScore, E> {
                Ok(BaseScore(vec![value as f32]))
            }
            fn visit_f64<E>(self, value: f64) -> Result<BaseScore, E> {
                Ok(BaseScore(vec![value as f32]))
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<BaseScore, E> {
                parse(text).map(BaseScore).ok_or_else(|| {
                    E::custom(format!("{} is no finite number or list of them", quote(text)))
                })
            }
            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<BaseScore, A::Error> {
                let list = SeqAccessDeserializer::new(seq);
                let Capped(values) = Capped::<f32, MOST>::deserialize(list)?;
                if values.is_empty() {
                    return Err(A::Error::custom("the list is empty"));
                }
                Ok(BaseScore(values))
            }
        }
        // XGBoost itself writes text; a plain number passes through f64
        deserializer.deserialize_any(Score)
    }
}

fn parse(text: &str) -> Option<Vec<f32>> {
    let text = text.trim();
    let inner = match text.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']')?,
        None => text,
    };
    let number = |entry: &str| entry.trim().parse::<f32>().ok().filter(|v| v.is_finite());
    inner.split(',').take(MOST + 1).map(number).collect()
}
