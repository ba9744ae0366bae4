//! Kernels that look at values one by one: order keys and linear models.

use super::{choices, kernel, region, section};
use crate::layout::{Class, Layout};
use crate::models::ModelClass;
use crate::plain::{bytes_of, view, view_mut};
use crate::rows::{values_f32, values_f64};
use crate::target::{Profile, Target};
use engine::kernel::{linear, order_keys_f32, order_keys_f64, row_words};
use engine::{LabelRule, Link};

const FEATURES: usize = 5;
const ROWS: usize = 12;
/// Values at which a comparison could go either way.
const EDGES: [f64; 7] = [0.0, -0.0, 1.0, -1.0, f64::MAX, f64::MIN_POSITIVE, 1e-35];
const EDGES_OF_LINEAR: [f64; 6] =
    [0.0, 2.5e120, 3.9e-121, 2.582249878086909e120, -3.872591914849318e-121, 1.0];

pub(super) fn add(targets: &mut Vec<Target>, backend: &'static str) {
    kernel(targets, "order_keys_f32", backend, Profile::Both, |backend| {
        let layout = Layout::default()
            .with(Class::Rows, ROWS * FEATURES * 4)
            .with(Class::Output, ROWS * row_words(FEATURES) * 64);
        let inside = layout.clone();
        region(
            layout,
            choices(Profile::Both, 1),
            |c| vec![bytes_of(&values_f32(c.rows, &EDGES, ROWS * FEATURES, c.number))],
            Box::new(move |buffer| {
                let [rows, keys] = inside.split(buffer);
                order_keys_f32(backend, FEATURES, view(rows), view_mut(keys));
            }),
        )
    });
    kernel(targets, "order_keys_f64", backend, Profile::Both, |backend| {
        let layout = Layout::default()
            .with(Class::Rows, ROWS * FEATURES * 8)
            .with(Class::Output, ROWS * row_words(FEATURES) * 128);
        let inside = layout.clone();
        region(
            layout,
            choices(Profile::Both, 1),
            |c| vec![bytes_of(&values_f64(c.rows, &EDGES, ROWS * FEATURES, c.number))],
            Box::new(move |buffer| {
                let [rows, keys] = inside.split(buffer);
                order_keys_f64(backend, FEATURES, view(rows), view_mut(keys));
            }),
        )
    });
    for profile in [Profile::Strict, Profile::DataOblivious] {
        kernel(targets, "linear", backend, profile, move |backend| {
            let outputs = 2;
            let class = ModelClass::of_linear(
                FEATURES as u32,
                outputs as u32,
                Link::Identity,
                LabelRule::None,
            );
            let layout = Layout::default()
                .with(Class::Model, class.sections[0][0].len())
                .with(Class::Rows, ROWS * FEATURES * 8)
                .with(Class::Output, ROWS * outputs * 8);
            let inside = layout.clone();
            region(
                layout,
                choices(profile, class.sections.len()),
                |c| {
                    let rows = values_f64(c.rows, &EDGES_OF_LINEAR, ROWS * FEATURES, c.number);
                    vec![section(&class, c, 0), bytes_of(&rows)]
                },
                Box::new(move |buffer| {
                    let [weights, rows, margins] = inside.split(buffer);
                    linear(backend, FEATURES, view(rows), view(weights), view_mut(margins));
                }),
            )
        });
    }
}
