//! What each objective means: base margin, link, classes, and what `predict` returns.
//!
//! Sources: `src/objective/*.cu` (PredTransform, ProbToMargin) and `python-package/xgboost/
//! sklearn.py` (labels). Checked against 1.7.6, 2.1.4, 3.0.5, 3.1.3 and 3.2.0.

use super::base::BaseRule;
use crate::error::{ImportError, quote};
use engine::{LabelRule, Link, Output};

/// One objective's meaning.
pub(super) struct Meaning {
    pub(super) base: BaseRule,
    pub(super) link: Link,
    pub(super) label: LabelRule,
    pub(super) classes: Vec<String>,
    pub(super) default_output: Output,
}

/// The smallest f32 margin whose f32 sigmoid `1 / (exp(-x) + 1)` is above 0.5, which is where
/// `XGBClassifier.predict` flips: 1.5 * 2^-24 and one bit, found by bisection with the library
/// itself, the same in every version tried.
const SIGMOID_FLIP: f32 = f32::from_bits(0x33c0_0001);
/// The smallest f32 above 0.5: `XGBClassifier.predict` holds a raw margin against 0.5 as well.
const RAW_FLIP: f32 = 0.5f32.next_up();
/// The smallest f32 above 0: hinge predicts 1 when the margin is above 0.
const HINGE_FLIP: f32 = 0.0f32.next_up();

/// Looks an objective up.
pub(super) fn meaning(name: &str, outputs: u32) -> Result<Meaning, ImportError> {
    let plain = |base, link, default_output| Meaning {
        base,
        link,
        label: LabelRule::None,
        classes: Vec::new(),
        default_output,
    };
    let sigmoid = Link::Sigmoid { scale: 1.0 };
    let meaning = match name {
        "reg:squarederror"
        | "reg:squaredlogerror"
        | "reg:pseudohubererror"
        | "reg:absoluteerror"
        | "reg:quantileerror"
        | "rank:pairwise"
        | "rank:ndcg"
        | "rank:map" => plain(BaseRule::Identity, Link::Identity, Output::Margin),
        "reg:logistic" => plain(BaseRule::Logit, sigmoid, Output::Probability),
        "binary:logistic" => Meaning {
            base: BaseRule::Logit,
            ..binary(sigmoid, SIGMOID_FLIP, Output::Probability, outputs)
        },
        // the name promises a logit, but no version applies one to this base score
        "binary:logitraw" => binary(Link::Identity, RAW_FLIP, Output::Margin, outputs),
        "binary:hinge" if outputs > 1 => {
            return Err(ImportError::unsupported(
                PLACE,
                "binary:hinge with several targets",
                "train one model for each target",
            ));
        }
        "binary:hinge" => binary(Link::Identity, HINGE_FLIP, Output::Label, outputs),
        "multi:softmax" | "multi:softprob" if outputs < 2 => {
            return Err(ImportError::unsupported(
                PLACE,
                format!("{name} with one class"),
                "train with two classes or more",
            ));
        }
        "multi:softmax" => softmax(LabelRule::ArgMaxMargin, Output::Label, outputs),
        "multi:softprob" => softmax(LabelRule::ArgMaxProbability, Output::Probability, outputs),
        "count:poisson" | "reg:gamma" | "reg:tweedie" | "survival:cox" | "survival:aft" => {
            plain(BaseRule::Log, Link::Exp, Output::Prediction)
        }
        other => {
            return Err(ImportError::unsupported(
                PLACE,
                format!("the objective {}", quote(other)),
                "train with a regression, binary, multi, rank, poisson, gamma, tweedie or survival \
                 objective that XGBoost 1.7 to 3.2 documents",
            ));
        }
    };
    Ok(meaning)
}

const PLACE: &str = "learner.objective.name";

/// Two classes, or with several targets a label for each, which no single label column can show.
fn binary(link: Link, flip: f32, default_output: Output, outputs: u32) -> Meaning {
    let (label, classes) = if outputs == 1 {
        (LabelRule::Flip { flip: f64::from(flip) }, numbered(2))
    } else {
        (LabelRule::None, Vec::new())
    };
    Meaning { base: BaseRule::Identity, link, label, classes, default_output }
}

fn softmax(label: LabelRule, default_output: Output, outputs: u32) -> Meaning {
    let (base, link, classes) = (BaseRule::Identity, Link::Softmax, numbered(outputs));
    Meaning { base, link, label, classes, default_output }
}

/// The file knows classes by number only.
fn numbered(count: u32) -> Vec<String> {
    (0..count).map(|class| class.to_string()).collect()
}
