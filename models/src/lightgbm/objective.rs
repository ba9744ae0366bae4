//! What each objective means: link, classes, and what `predict` returns.
//!
//! Sources: `src/objective/*.hpp` (ToString, ConvertOutput) and `python-package/lightgbm/sklearn.py`
//! (labels).

use crate::error::{ImportError, quote};
use engine::{LabelRule, Link, Output};

/// One objective's meaning.
pub(super) struct Meaning {
    pub(super) link: Link,
    pub(super) label: LabelRule,
    pub(super) classes: Vec<String>,
    pub(super) default_output: Output,
}

/// Looks up an objective line: a name, then words like `sigmoid:1` and `num_class:3`.
pub(super) fn meaning(text: &str, outputs: u32) -> Result<Meaning, ImportError> {
    let mut words = text.split_ascii_whitespace();
    let name = words.next().unwrap_or("");
    let parameters = Parameters::read(words)?;
    let plain = |link, default_output| Meaning {
        link,
        label: LabelRule::None,
        classes: Vec::new(),
        default_output,
    };
    let single = |meaning| {
        if outputs == 1 { Ok(meaning) } else { Err(wrong_outputs(name, outputs)) }
    };
    match name {
        "regression" | "regression_l1" | "huber" | "fair" | "quantile" | "mape" | "lambdarank"
        | "rank_xendcg" => single(plain(Link::Identity, Output::Margin)),
        // a function of the caller's own: the file holds no objective, predict returns the sum
        "custom" => Ok(plain(Link::Identity, Output::Margin)),
        "poisson" | "gamma" | "tweedie" => single(plain(Link::Exp, Output::Prediction)),
        "cross_entropy" => single(plain(Link::Sigmoid { scale: 1.0 }, Output::Probability)),
        "binary" => {
            let scale = parameters.sigmoid.unwrap_or(1.0);
            single(Meaning {
                link: Link::Sigmoid { scale },
                label: LabelRule::Flip { flip: flip(scale)? },
                classes: numbered(2),
                default_output: Output::Probability,
            })
        }
        "multiclass" | "multiclassova" => {
            if outputs < 2 || parameters.num_class != Some(outputs) {
                return Err(wrong_outputs(name, outputs));
            }
            let (link, label) = if name == "multiclass" {
                (Link::Softmax, LabelRule::ArgMaxProbability)
            } else {
                let scale = parameters.sigmoid.unwrap_or(1.0);
                // where two sigmoids round to the same value, the first class wins
                (Link::Sigmoid { scale }, LabelRule::ArgMaxProbability)
            };
            Ok(Meaning {
                link,
                label,
                classes: numbered(outputs),
                default_output: Output::Probability,
            })
        }
        other => Err(ImportError::unsupported(
            PLACE,
            format!("the objective {}", quote(other)),
            "train with a regression, binary, multiclass, multiclassova, cross_entropy, poisson, \
             gamma, tweedie or ranking objective",
        )),
    }
}

const PLACE: &str = "the header, objective";

fn wrong_outputs(name: &str, outputs: u32) -> ImportError {
    ImportError::malformed(PLACE, format!("{name} does not go with {outputs} trees a round"))
}

#[derive(Default)]
struct Parameters {
    sigmoid: Option<f64>,
    num_class: Option<u32>,
}

impl Parameters {
    fn read<'a>(words: impl Iterator<Item = &'a str>) -> Result<Self, ImportError> {
        let mut found = Self::default();
        for word in words {
            let wrong = || ImportError::malformed(PLACE, format!("{} has no value", quote(word)));
            match word.split_once(':') {
                Some(("sigmoid", value)) => {
                    let scale: f64 = value.parse().map_err(|_| wrong())?;
                    if !(scale.is_finite() && scale > 0.0) {
                        return Err(ImportError::malformed(
                            PLACE,
                            "sigmoid is no finite number above 0",
                        ));
                    }
                    found.sigmoid = Some(scale);
                }
                Some(("num_class", value)) => {
                    found.num_class = Some(value.parse().map_err(|_| wrong())?);
                }
                None if word == "sqrt" => {
                    return Err(ImportError::unsupported(
                        PLACE,
                        "reg_sqrt",
                        "train with reg_sqrt=false on the square root of the target",
                    ));
                }
                _ => {
                    return Err(ImportError::unsupported(
                        PLACE,
                        format!("the parameter {}", quote(word)),
                        "train without it",
                    ));
                }
            }
        }
        Ok(found)
    }
}

/// The smallest margin that `LGBMClassifier.predict` calls class 1: there `p > 1 - p` for
/// `p = 1 / (1 + exp(-scale * x))` in f64. Found by bisection over the positive f64, whose order is
/// that of their bits.
fn flip(scale: f64) -> Result<f64, ImportError> {
    let is_one = |bits: u64| {
        let p = 1.0 / (1.0 + (-scale * f64::from_bits(bits)).exp());
        p > 1.0 - p
    };
    let (mut zero, mut one) = (0, f64::MAX.to_bits());
    if !is_one(one) {
        return Err(ImportError::malformed(PLACE, "sigmoid is so small that no margin is class 1"));
    }
    while one - zero > 1 {
        let middle = zero + (one - zero) / 2;
        if is_one(middle) {
            one = middle;
        } else {
            zero = middle;
        }
    }
    Ok(f64::from_bits(one))
}

/// The file knows classes by number only.
fn numbered(count: u32) -> Vec<String> {
    (0..count).map(|class| class.to_string()).collect()
}
