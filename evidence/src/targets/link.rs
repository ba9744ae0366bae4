//! Links and label rules.

use super::{Choice, choices, kernel, region};
use crate::layout::{Class, Layout};
use crate::numbers::Numbers;
use crate::plain::{bytes_of, view, view_mut};
use crate::target::{Profile, Target};
use engine::kernel::{Linked, link};
use engine::shape::LinkShape;
use engine::{LabelRule, Link};

const ROWS: usize = 6;
const OUTPUTS: usize = 3;
const FLIP: f64 = 0.375;

const LINKS: [(&str, Link); 6] = [
    ("identity", Link::Identity),
    ("proportion", Link::Proportion),
    ("sigmoid", Link::Sigmoid { scale: 0.7 }),
    ("one-versus-rest", Link::OneVersusRest),
    ("softmax", Link::Softmax),
    ("exp", Link::Exp),
];

const LABELS: [(&str, Link, LabelRule); 4] = [
    ("flip", Link::Sigmoid { scale: 1.0 }, LabelRule::Flip { flip: FLIP }),
    ("largest-margin", Link::Identity, LabelRule::ArgMaxMargin),
    ("largest-probability", Link::Softmax, LabelRule::ArgMaxProbability),
    ("largest-of-rest", Link::OneVersusRest, LabelRule::ArgMaxProbability),
];

pub(super) fn add(targets: &mut Vec<Target>, backend: &'static str) {
    for (width, narrow) in [("f32", true), ("f64", false)] {
        for (name, function) in LINKS {
            let name = format!("link+{name}+{width}");
            kernel(targets, name, backend, Profile::Both, move |backend| {
                let shape = LinkShape { link: function, label: LabelRule::None };
                let layout = Layout::default()
                    .with(Class::Rows, ROWS * OUTPUTS * 8)
                    .with(Class::Rows, OUTPUTS * 8)
                    .with(Class::Output, ROWS * OUTPUTS * 8);
                let inside = layout.clone();
                region(
                    layout,
                    choices(Profile::Both, 1),
                    |c| vec![margins(c, narrow, ROWS * OUTPUTS), vec![0; OUTPUTS * 8]],
                    Box::new(move |buffer| {
                        let [margins, scratch, values] = inside.split(buffer);
                        let values = Linked::Values(view_mut(values));
                        link(backend, shape, narrow, view(margins), view_mut(scratch), values);
                    }),
                )
            });
        }
        for (name, function, label) in LABELS {
            let name = format!("label+{name}+{width}");
            kernel(targets, name, backend, Profile::Both, move |backend| {
                let shape = LinkShape { link: function, label };
                let outputs = if let LabelRule::Flip { .. } = label { 1 } else { OUTPUTS };
                let layout = Layout::default()
                    .with(Class::Rows, ROWS * outputs * 8)
                    .with(Class::Rows, outputs * 8)
                    .with(Class::Output, ROWS * 4);
                let inside = layout.clone();
                region(
                    layout,
                    choices(Profile::Both, 1),
                    |c| vec![margins(c, narrow, ROWS * outputs), vec![0; outputs * 8]],
                    Box::new(move |buffer| {
                        let [margins, scratch, labels] = inside.split(buffer);
                        let labels = Linked::Labels(view_mut(labels));
                        link(backend, shape, narrow, view(margins), view_mut(scratch), labels);
                    }),
                )
            });
        }
    }
}

/// Margins as sums leave them: zero or normal, at every bound and one ulp aside, and ties.
fn margins(choice: &Choice, narrow: bool, count: usize) -> Vec<u8> {
    const EDGES: [f64; 9] = [FLIP, 87.0, -87.0, 88.0, 700.0, -700.0, -78.0, 0.0, -680.0];
    let mut numbers = Numbers::new(300 + choice.number);
    let values: Vec<f64> = (0..count)
        .map(|at| {
            let edge = EDGES[(at + choice.number as usize) % EDGES.len()];
            let value = match choice.rows {
                "all zero" => 0.0,
                "all ones" => -1.0,
                "at thresholds" => edge,
                "one ulp above" if narrow => f64::from((edge as f32).next_up().max(1e-30)),
                "one ulp below" if narrow => f64::from((edge as f32).next_down().min(-1e-30)),
                "one ulp above" => edge.next_up().max(1e-200),
                "one ulp below" => edge.next_down().min(-1e-200),
                "NaN" => [1e30, -1e30, 3e-30][at % 3],
                "subnormal" => 2.5,
                "infinite" => [-0.0, 0.0, -1e-30][at % 3],
                _ => numbers.unit() * 100.0,
            };
            if narrow { f64::from(value as f32) } else { value }
        })
        .collect();
    bytes_of(&values)
}
