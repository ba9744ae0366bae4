//! Which boosting rounds make the model, when training stopped early.
//!
//! XGBoost keeps the rounds after the best one in the file. Its scikit-learn wrappers predict with
//! the rounds up to `best_iteration`, its `Booster.predict` with all, so the file alone does not say
//! what the owner's answers were: the caller must.

use super::Trees;
use crate::error::ImportError;
use crate::json::Capped;
use crate::source::{Iterations, Rounds};

/// How many trees to keep, and the rounds that makes.
pub(super) fn choose(
    trees: &Trees,
    best: Option<u64>,
    per_round: u64,
    wanted: Option<Iterations>,
) -> Result<(usize, Rounds), ImportError> {
    let count = trees.trees.0.len() as u64;
    let ends = match &trees.iteration_indptr {
        Some(Capped(indptr)) => Ends::Listed(check_indptr(indptr, count)?),
        None => Ends::Even { per_round: per_round.max(1) },
    };
    let in_file = match &ends {
        Ends::Listed(ends) => ends.len() as u64,
        Ends::Even { per_round } => count.div_ceil(*per_round),
    };
    let (used, choice) = match (best, wanted) {
        (None, Some(Iterations::Best)) => return Err(ImportError::NoBestIteration),
        (None, _) => (in_file, None),
        (Some(best), _) if best >= in_file => {
            return Err(ImportError::malformed(
                "learner.attributes.best_iteration",
                format!("it is {best}, but the file holds {in_file} rounds"),
            ));
        }
        (Some(best), _) if best + 1 == in_file => (in_file, None),
        (Some(best), None) => {
            return Err(ImportError::IterationsUnclear { best, rounds: in_file });
        }
        (Some(best), Some(Iterations::Best)) => (best + 1, wanted),
        (Some(_), Some(Iterations::All)) => (in_file, wanted),
    };
    let kept = match &ends {
        _ if used == in_file => count,
        Ends::Listed(ends) => used.checked_sub(1).map_or(0, |last| ends[last as usize]),
        Ends::Even { per_round } if count.is_multiple_of(*per_round) => used * per_round,
        Ends::Even { per_round } => {
            return Err(ImportError::malformed(
                "learner.gradient_booster.model.trees",
                format!("{count} trees do not make whole rounds of {per_round}"),
            ));
        }
    };
    Ok((kept as usize, Rounds { used, in_file, choice }))
}

/// Where each round ends, counted in trees.
enum Ends<'a> {
    /// The file says (2.0 and later).
    Listed(&'a [u64]),
    /// Every round has the same number of trees (1.7).
    Even { per_round: u64 },
}

fn check_indptr(indptr: &[u64], count: u64) -> Result<&[u64], ImportError> {
    match indptr {
        [0, ends @ ..] if indptr.is_sorted() && indptr.last() == Some(&count) => Ok(ends),
        [] if count == 0 => Ok(&[]),
        _ => Err(ImportError::malformed(
            "learner.gradient_booster.model.iteration_indptr",
            format!("it does not count up from 0 to the number of trees, {count}"),
        )),
    }
}
