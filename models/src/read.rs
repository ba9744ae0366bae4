//! The way in: bytes or a file to a model.

use crate::detect::{Kind, detect};
use crate::error::ImportError;
use crate::json::{self, Capped, Count, Fields, Strict};
use crate::source::{Format, ImportOptions, Imported};
use crate::{lightgbm, sklearn, xgboost};
use serde::de::value::SeqAccessDeserializer;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Imports a model file, whose format is told from its content.
///
/// # Errors
/// The file is over the cap, of another format, damaged, or says something that is not supported;
/// or an option does not fit the format, or one is needed. Each error is one line.
pub fn import(bytes: &[u8], options: &ImportOptions) -> Result<Imported, ImportError> {
    if bytes.len() > options.max_bytes {
        return Err(ImportError::TooLarge { cap: options.max_bytes });
    }
    match detect(bytes)? {
        Kind::LightGbmText => lightgbm::import(bytes, options),
        Kind::JsonObject => import_json(bytes, options),
    }
}

/// Reads a file of at most `options.max_bytes` and imports it.
///
/// # Errors
/// The file cannot be read, or [`import`] refuses it.
pub fn import_file(
    path: impl AsRef<Path>,
    options: &ImportOptions,
) -> Result<Imported, ImportError> {
    let path = path.as_ref();
    let unreadable =
        |source| ImportError::Read { path: crate::error::quote(&path.to_string_lossy()), source };
    let cap = options.max_bytes;
    let file = File::open(path).map_err(unreadable)?;
    let length = file.metadata().map_err(unreadable)?.len();
    if length > cap as u64 {
        return Err(ImportError::TooLarge { cap });
    }
    // the file may grow, or be a pipe that tells no length: the cap holds while reading as well
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(length as usize).map_err(|error| unreadable(error.into()))?;
    file.take((cap as u64).saturating_add(1)).read_to_end(&mut bytes).map_err(unreadable)?;
    import(&bytes, options)
}

/// The top level of every JSON format at once, so that the file is parsed once.
#[derive(Default)]
struct Document {
    version: Version,
    learner: Option<Strict<xgboost::Learner>>,
    sklearn: Strict<sklearn::Header>,
    model: Option<Strict<sklearn::Estimator>>,
    lightgbm_dump: bool,
    catboost: bool,
}

impl Fields for Document {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "version" => self.version = map.next_value()?,
            "learner" => self.learner = map.next_value()?,
            "model" => self.model = map.next_value()?,
            _ => {
                self.lightgbm_dump |= matches!(key, "tree_info" | "num_tree_per_iteration");
                self.catboost |= matches!(key, "oblivious_trees" | "features_info");
                return self.sklearn.0.field(key, map);
            }
        }
        Ok(true)
    }
}

/// XGBoost's version, a list. Other formats have text under this key, which is no version of theirs
/// that we read.
#[derive(Default)]
struct Version(Vec<Count>);

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListOrText;
        impl<'de> Visitor<'de> for ListOrText {
            type Value = Version;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of counts, or text")
            }
            fn visit_str<E>(self, _: &str) -> Result<Version, E> {
                Ok(Version::default())
            }
            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Version, A::Error> {
                let list = SeqAccessDeserializer::new(seq);
                Ok(Version(Capped::<Count, 3>::deserialize(list)?.0))
            }
        }
        deserializer.deserialize_any(ListOrText)
    }
}

fn import_json(bytes: &[u8], options: &ImportOptions) -> Result<Imported, ImportError> {
    let Strict(document) = json::parse::<Strict<Document>>(bytes)?;
    if let Some(Strict(learner)) = document.learner {
        return xgboost::import(&document.version.0, learner, options);
    }
    if document.sklearn.0.is_ours() {
        let format = Format::SklearnJson.name();
        if options.missing.is_some() {
            return Err(ImportError::MissingOption { format });
        }
        return sklearn::import(document.sklearn.0, document.model, options);
    }
    Err(match (document.lightgbm_dump, document.catboost) {
        (true, _) => ImportError::Convert {
            what: "LightGBM's JSON dump",
            python: "import lightgbm; lightgbm.Booster(model_file='FILE').save_model('model.txt')  \
                     # FILE: the model as text, or booster.save_model where you have the booster",
        },
        (_, true) => ImportError::Convert {
            what: "CatBoost's JSON",
            python: "CatBoost is not supported yet: train with XGBoost, LightGBM or scikit-learn",
        },
        _ => ImportError::Unrecognised,
    })
}
