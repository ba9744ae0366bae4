//! Which format a file is, from its content alone; file names are not asked.
//!
//! Formats that cannot be read here, or that run code when loaded (pickle), are recognised by their
//! first bytes and refused with the line of Python that converts them. Signatures: Python's
//! `pickletools` (PROTO opcode), the UBJSON draft 12 type markers, XGBoost's `binf` header.

use crate::error::ImportError;

/// What the first bytes promise.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// A JSON object: XGBoost, or the scikit-learn exporter.
    JsonObject,
    /// LightGBM's text.
    LightGbmText,
}

/// Recognises a file by its content.
pub(crate) fn detect(bytes: &[u8]) -> Result<Kind, ImportError> {
    if bytes.is_empty() {
        return Err(ImportError::Empty);
    }
    if bytes.starts_with(b"tree\n") || bytes.starts_with(b"tree\r\n") {
        return Ok(Kind::LightGbmText);
    }
    if bytes.starts_with("\u{feff}".as_bytes()) {
        return Err(ImportError::malformed("the first three bytes", "a byte order mark"));
    }
    for (signature, what, python) in SIGNATURES {
        if bytes.starts_with(signature) {
            return Err(ImportError::Convert { what, python });
        }
    }
    if bytes[0] == b'{' && bytes.get(1).is_some_and(|marker| b"iUIlL$#".contains(marker)) {
        return Err(ImportError::Convert { what: "UBJSON (XGBoost's default)", python: RESAVE });
    }
    let text = bytes.trim_ascii_start();
    match text.first() {
        Some(b'{') => Ok(Kind::JsonObject),
        Some(b'[') => Err(ImportError::Convert {
            what: "a JSON list (XGBoost's dump_model, which drops what predictions need)",
            python: RESAVE,
        }),
        None => Err(ImportError::Empty),
        _ if text.starts_with(b"booster[") => Err(ImportError::Convert {
            what: "XGBoost's text dump, which drops what predictions need",
            python: RESAVE,
        }),
        _ => Err(ImportError::Unrecognised),
    }
}

const RESAVE: &str =
    "import xgboost; b = xgboost.Booster(); b.load_model('FILE'); b.save_model('model.json')";
const OLD_BINARY: &str = "import xgboost; b = xgboost.Booster(); b.load_model('FILE'); \
                          b.save_model('model.json')  # with xgboost 1.7 to 3.0";
const UNPICKLE: &str = "import joblib; from sklearn_export import export; \
                        export(joblib.load('FILE'), 'model.json')  # scikit-learn; only for a file \
                        you trust; XGBoost: .save_model('model.json'); LightGBM: \
                        .booster_.save_model('model.txt')";
const SKOPS: &str = "import skops.io; from sklearn_export import export; \
                     export(skops.io.load('FILE'), 'model.json')";

const SIGNATURES: [(&[u8], &str, &str); 22] = [
    (b"binf", "XGBoost's old binary format", OLD_BINARY),
    (b"bs64", "XGBoost's old binary format", OLD_BINARY),
    (b"\x80\x02", "a Python pickle (or joblib)", UNPICKLE),
    (b"\x80\x03", "a Python pickle (or joblib)", UNPICKLE),
    (b"\x80\x04", "a Python pickle (or joblib)", UNPICKLE),
    (b"\x80\x05", "a Python pickle (or joblib)", UNPICKLE),
    (b"ccopy_reg\n", "a Python pickle (protocol 0)", UNPICKLE),
    (b"ccopyreg\n", "a Python pickle (protocol 0)", UNPICKLE),
    (b"csklearn", "a Python pickle (protocol 0)", UNPICKLE),
    (b"cxgboost", "a Python pickle (protocol 0)", UNPICKLE),
    (b"clightgbm", "a Python pickle (protocol 0)", UNPICKLE),
    (b"\x78\x01", "a compressed joblib file", UNPICKLE),
    (b"\x78\x5e", "a compressed joblib file", UNPICKLE),
    (b"\x78\x9c", "a compressed joblib file", UNPICKLE),
    (b"\x78\xda", "a compressed joblib file", UNPICKLE),
    (b"\x1f\x8b", "a gzip file (joblib writes them)", UNPICKLE),
    (b"BZh", "a bzip2 file (joblib writes them)", UNPICKLE),
    (b"\xfd7zXZ", "an xz file (joblib writes them)", UNPICKLE),
    (b"\x5d\x00\x00", "an lzma file (joblib writes them)", UNPICKLE),
    (b"\x04\x22\x4d\x18", "an lz4 file (joblib writes them)", UNPICKLE),
    (b"PK\x03\x04", "a zip file (skops writes them)", SKOPS),
    (
        b"CBM1",
        "CatBoost's binary format",
        "CatBoost is not supported yet: train the model with XGBoost, LightGBM or scikit-learn",
    ),
];
