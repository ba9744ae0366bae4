//! The check of program parameters: valid ones, made-up ones and refused ones share one trace.

use super::pipeline::{forest, sections_of};
use crate::layout::{Class, Layout};
use crate::models::ModelClass;
use crate::target::{Profile, Region, Secret, Target};
use engine::{LabelRule, Link, Precision, Program, SumMode};
use std::hint::black_box;

/// Makes a class of models.
type MakeClass = fn() -> ModelClass;

pub(super) fn add(targets: &mut Vec<Target>) {
    let cases: [(&str, MakeClass); 4] = [
        ("check+f32", || forest(Precision::F32, SumMode::Source)),
        ("check+f64", || forest(Precision::F64, SumMode::Source)),
        ("check+fixed", || forest(Precision::F32, SumMode::Fixed)),
        ("check+linear", || ModelClass::of_linear(5, 2, Link::Identity, LabelRule::None)),
    ];
    for (kernel, class) in cases {
        targets.push(Target {
            kernel: kernel.to_string(),
            backend: "scalar",
            profile: Profile::Strict,
            planted: None,
            long: false,
            make: Box::new(move || Some(region(class()))),
        });
    }
}

fn region(class: ModelClass) -> Region {
    let mut layout = Layout::default();
    for section in &class.sections[0] {
        layout = layout.with(Class::Model, section.len());
    }
    let valid = class.sections.iter().enumerate();
    let valid = valid.map(|(number, sections)| (format!("accepted, model {number}"), sections));
    let refused = class.refused();
    let refused = refused.iter().map(|(why, sections)| (format!("refused, {why}"), sections));
    let secrets = valid
        .chain(refused)
        .map(|(name, sections)| Secret { name, bytes: layout.secret(sections) })
        .collect();
    let inside = layout.clone();
    let body = Box::new(move |buffer: &mut [u8]| {
        let parts = class.parts(sections_of(&class, &inside, buffer));
        // whether it is a program stays secret: nobody judges
        drop(black_box(Program::allege(parts)));
    });
    Region { layout, secrets, body }
}
