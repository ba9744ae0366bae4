//! Rules: the six examples and random ones, from program bytes and columns to results.
//!
//! Their instructions have no AVX-512 form: that backend runs the AVX2 code.

use crate::layout::{Class, Layout};
use crate::target::{Profile, Region, Secret, Target};
use model::rule::{rule_target, rule_target_names};
use ops::Backend;
use std::hint::black_box;

pub(super) fn add(targets: &mut Vec<Target>, backend: &'static str) {
    if backend == "avx512" {
        return;
    }
    for (number, name) in rule_target_names().into_iter().enumerate() {
        targets.push(Target {
            kernel: format!("rule+{name}"),
            backend,
            profile: Profile::Strict,
            planted: None,
            // the first examples on AVX2, and a few random rules
            long: !matches!(number, 0 | 2 | 3 | 6..12) || backend == "portable" && number > 2,
            make: Box::new(move || Backend::named(backend).map(|b| region(number, b))),
        });
    }
}

fn region(number: usize, backend: Backend) -> Region {
    let target = rule_target(number);
    let layout = Layout::default().with(Class::Rows, target.secrets[0].len());
    let secrets = target.secrets.iter().enumerate().map(|(number, bytes)| Secret {
        name: ["lowest", "highest", "zero", "below", "above"]
            .get(number)
            .map_or_else(|| format!("random {number}"), |name| (*name).to_string()),
        bytes: layout.secret(std::slice::from_ref(bytes)),
    });
    let secrets = secrets.collect();
    let inside = layout.clone();
    let body = Box::new(move |buffer: &mut [u8]| {
        let [secret] = inside.split(buffer);
        black_box(target.run(backend, target.prepare(secret)));
    });
    Region { layout, secrets, body }
}
