//! Flags that several commands share: what is decided when a model is compiled, and how it is run.

use std::num::NonZeroUsize;

use clap::{Args, ValueEnum};
use engine::{Backend, CompileOptions, Profile, Purpose, ShapeClass, SumMode, TreeKernel};
use models::{ImportOptions, Iterations};

use crate::command::failure::Failure;

/// How a model file is read and compiled. A `.tau` file has all of it decided.
#[derive(Args)]
#[command(next_help_heading = "Model files (decided already in a .tau)")]
pub(crate) struct ModelOptions {
    /// What running time and memory accesses may depend on [default: strict]
    #[arg(long, value_enum)]
    pub(crate) profile: Option<ProfileName>,

    /// How leaf values are added up [default: source]
    #[arg(long, value_enum)]
    pub(crate) sum: Option<SumName>,

    /// Whether the shape is rounded up to published sizes [default: auto]
    #[arg(long, value_enum)]
    pub(crate) class: Option<ClassName>,

    /// Which rounds to use of a model whose training stopped early; must be said where it matters
    #[arg(long, value_enum)]
    pub(crate) iterations: Option<IterationsName>,

    /// The value that stands for missing beside NaN (XGBoost's `missing=`), which the file does
    /// not tell
    #[arg(long, value_name = "VALUE", allow_negative_numbers = true, value_parser = finite)]
    pub(crate) missing: Option<f32>,
}

/// A leakage profile.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProfileName {
    /// The shape and the row count alone: the model and the rows are both hidden
    Strict,
    /// The model too: only the rows are hidden; faster, for whoever runs their own model
    DataOblivious,
}

/// A way of adding up.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SumName {
    /// As the model's library adds, to the last bit
    Source,
    /// In 64-bit integers; `inspect` gives the bound on the difference
    Fixed,
}

/// A shape class.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ClassName {
    /// Round up to published sizes, so that many models share one shape
    Auto,
    /// Keep the model's own sizes, which the shape then tells
    Exact,
}

/// A choice of boosting rounds.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum IterationsName {
    /// Up to the recorded best iteration, as scikit-learn style wrappers predict
    Best,
    /// Every round in the file
    All,
}

impl From<ProfileName> for Profile {
    fn from(name: ProfileName) -> Self {
        match name {
            ProfileName::Strict => Profile::Strict,
            ProfileName::DataOblivious => Profile::DataOblivious,
        }
    }
}

impl From<ClassName> for ShapeClass {
    fn from(name: ClassName) -> Self {
        match name {
            ClassName::Auto => ShapeClass::Auto,
            ClassName::Exact => ShapeClass::Exact,
        }
    }
}

impl ModelOptions {
    /// How to read a model file.
    pub(crate) fn import(&self) -> ImportOptions {
        let iterations = self.iterations.map(|name| match name {
            IterationsName::Best => Iterations::Best,
            IterationsName::All => Iterations::All,
        });
        ImportOptions { missing: self.missing, iterations, ..ImportOptions::default() }
    }

    /// How to compile it.
    pub(crate) fn compile(&self, purpose: Purpose) -> CompileOptions {
        let sum = match self.sum {
            Some(SumName::Fixed) => SumMode::Fixed,
            Some(SumName::Source) | None => SumMode::Source,
        };
        CompileOptions {
            profile: self.profile.map_or(Profile::Strict, Into::into),
            class: self.class.map_or(ShapeClass::Auto, Into::into),
            sum,
            purpose,
            precision: None,
        }
    }
}

fn finite(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(value) if value.is_finite() => Ok(value),
        Ok(_) => Err("must be a finite number (NaN is always missing)".into()),
        Err(_) => Err("is not a number".into()),
    }
}

/// How an evaluation is run. None of it changes a prediction.
#[derive(Args)]
pub(crate) struct RunOptions {
    /// The instructions to use; the predictions are the same with any
    #[arg(long, value_enum, default_value = "auto")]
    backend: BackendName,

    /// The kernel that walks the trees; the predictions are the same with any
    #[arg(long, value_enum, default_value = "auto")]
    kernel: KernelName,

    /// Threads; the predictions are the same with any number [default: one for each CPU]
    #[arg(long, value_name = "N", value_parser = threads)]
    threads: Option<NonZeroUsize>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum BackendName {
    /// The fastest that this CPU has
    Auto,
    /// AVX-512 with VBMI
    Avx512,
    /// AVX2
    Avx2,
    /// Any CPU
    Portable,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum KernelName {
    /// The fastest for the profile, the backend and the number of rows
    Auto,
    /// 64 trees side by side: any profile
    IntervalMax,
    /// 64 rows side by side: profile data-oblivious
    IntervalMaxRows,
    /// 512 rows side by side, a bit each: profile data-oblivious
    BitSliced,
}

impl RunOptions {
    /// The kernel that was asked for, if one was.
    pub(crate) fn kernel(&self) -> Option<TreeKernel> {
        match self.kernel {
            KernelName::Auto => None,
            KernelName::IntervalMax => Some(TreeKernel::IntervalMax),
            KernelName::IntervalMaxRows => Some(TreeKernel::IntervalMaxRows),
            KernelName::BitSliced => Some(TreeKernel::BitSliced),
        }
    }

    /// The backend that was asked for, if this CPU has it.
    pub(crate) fn backend(&self) -> Result<Backend, Failure> {
        let name = match self.backend {
            BackendName::Auto => return Ok(Backend::detect()),
            BackendName::Avx512 => "avx512",
            BackendName::Avx2 => "avx2",
            BackendName::Portable => "portable",
        };
        Backend::named(name).ok_or_else(|| {
            let available: Vec<&str> =
                Backend::available().into_iter().map(Backend::name).collect();
            Failure::Refused(format!(
                "--backend {name}: this CPU does not have it: choose from {}",
                available.join(", ")
            ))
        })
    }

    /// The number of threads that was asked for, or one for each CPU.
    pub(crate) fn threads(&self) -> NonZeroUsize {
        self.threads
            .unwrap_or_else(|| std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN))
    }
}

fn threads(text: &str) -> Result<NonZeroUsize, String> {
    match text.parse::<NonZeroUsize>() {
        Ok(threads) if threads.get() <= 1024 => Ok(threads),
        _ => Err("must be a whole number from 1 to 1024".into()),
    }
}
