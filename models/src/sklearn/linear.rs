//! Linear models: `coef_` and `intercept_`, in f64.
//!
//! scikit-learn multiplies through BLAS, whose order of addition is not defined, so its scores are
//! not bit-exact between machines, and neither are they to ours.

use super::{Estimator, absent, classes, features, schema};
use crate::error::{ImportError, quote};
use engine::{LabelRule, Linear, LinearParts, Link, Model};

/// `LinearRegression` and `Ridge`.
pub(super) fn regression(estimator: &Estimator) -> Result<Model, ImportError> {
    build(estimator, 1, Link::Identity, LabelRule::None, Vec::new())
}

/// `LogisticRegression`. Two classes have one output, and class 1 when it is above 0; three or more
/// have one each, and the first largest wins (`LinearClassifierMixin.predict`).
pub(super) fn logistic(estimator: &Estimator) -> Result<Model, ImportError> {
    let classes = classes(estimator)?;
    let above_zero = LabelRule::Flip { flip: 0.0f64.next_up() };
    let (outputs, link, label) = match (estimator.link.as_deref(), classes.len()) {
        (Some("one_versus_rest"), 2) => (1, Link::Sigmoid { scale: 1.0 }, above_zero),
        // softmax over (-d, d) is the sigmoid of 2d
        (Some("softmax"), 2) => (1, Link::Sigmoid { scale: 2.0 }, above_zero),
        (Some("one_versus_rest"), n) => (n, Link::OneVersusRest, LabelRule::ArgMaxMargin),
        (Some("softmax"), n) => (n, Link::Softmax, LabelRule::ArgMaxMargin),
        (Some(other), _) => {
            return Err(ImportError::malformed("model.link", format!("it is {}", quote(other))));
        }
        (None, _) => return Err(absent("model.link")),
    };
    build(estimator, outputs, link, label, classes.to_vec())
}

fn build(
    estimator: &Estimator,
    outputs: usize,
    link: Link,
    label: LabelRule,
    classes: Vec<String>,
) -> Result<Model, ImportError> {
    let shape = [outputs, features(estimator)? as usize];
    let coefficients = estimator.coefficients.as_ref().ok_or_else(|| absent("model.coef"))?;
    let intercepts = estimator.intercepts.as_ref().ok_or_else(|| absent("model.intercept"))?;
    let parts = LinearParts {
        schema: schema(estimator, label, classes)?,
        outputs: outputs as u32,
        coefficients: coefficients.0.f64s("model.coef", &shape)?,
        intercepts: intercepts.0.f64s("model.intercept", &[outputs])?,
        link,
    };
    Ok(Model::Linear(Linear::try_new(parts)?))
}
