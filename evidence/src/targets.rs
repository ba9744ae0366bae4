//! The registry.

mod check;
mod exits;
mod host;
mod link;
mod ops_primitives;
mod pipeline;
mod rank;
mod rules;
mod sliced;
mod values;

use crate::layout::Layout;
use crate::models::ModelClass;
use crate::planted;
use crate::rows::KINDS;
use crate::target::{Body, Profile, Region, Secret, Target};
use ops::Backend;

/// Backends of lanes.
pub const BACKENDS: [&str; 3] = ["portable", "avx2", "avx512"];

/// Every target: kernels, pipelines, primitives, then the planted leaks.
pub fn all() -> Vec<Target> {
    let mut targets = Vec::new();
    for backend in BACKENDS {
        values::add(&mut targets, backend);
        rank::add(&mut targets, backend);
        exits::add(&mut targets, backend);
        sliced::add(&mut targets, backend);
        link::add(&mut targets, backend);
    }
    check::add(&mut targets);
    ops_primitives::add(&mut targets);
    host::add(&mut targets);
    for backend in BACKENDS {
        pipeline::add(&mut targets, backend);
        rules::add(&mut targets, backend);
    }
    planted::add(&mut targets);
    targets
}

/// Adds a kernel's target. `make` gets the backend once it is known to be there.
fn kernel(
    targets: &mut Vec<Target>,
    name: impl Into<String>,
    backend: &'static str,
    profile: Profile,
    make: impl Fn(Backend) -> Region + 'static,
) {
    let name = name.into();
    targets.push(Target {
        backend,
        profile,
        planted: None,
        // where there is a strict target of the same kernel, it tries the same rows, and more
        long: profile == Profile::DataOblivious
            && (name.ends_with("+bytes")
                || !["interval_max_rows", "columns", "threshold_planes", "bit_sliced"]
                    .iter()
                    .any(|alone| name.starts_with(alone))),
        kernel: name,
        make: Box::new(move || Backend::named(backend).map(&make)),
    });
}

/// Models and rows that go together in one secret.
struct Choice {
    name: String,
    /// Index of the model in its class.
    model: usize,
    /// How the rows are made.
    rows: &'static str,
    /// Index of the secret.
    number: u64,
}

/// In strict each model once, the made-up programs too, with another kind of rows each time; in
/// data-oblivious one model with every kind of rows.
fn choices(profile: Profile, models: usize) -> Vec<Choice> {
    let count = KINDS.len().max(models);
    (0..count)
        .map(|number| {
            let model = if profile == Profile::Strict { number % models } else { 0 };
            let rows = KINDS[number % KINDS.len()];
            let name = match profile {
                Profile::Strict => format!("model {model}, rows {rows}"),
                _ => format!("rows {rows}"),
            };
            Choice { name, model, rows, number: number as u64 }
        })
        .collect()
}

/// The sections of a class's model.
fn section(class: &ModelClass, choice: &Choice, section: usize) -> Vec<u8> {
    class.sections[choice.model][section].clone()
}

/// A region whose secrets are made for each choice: all fields but the outputs.
fn region(
    layout: Layout,
    choices: Vec<Choice>,
    values: impl Fn(&Choice) -> Vec<Vec<u8>>,
    body: Body,
) -> Region {
    let secrets = choices
        .into_iter()
        .map(|choice| {
            let bytes = layout.secret(&values(&choice));
            Secret { name: choice.name, bytes }
        })
        .collect();
    Region { layout, secrets, body }
}
