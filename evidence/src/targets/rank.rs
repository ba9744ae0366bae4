//! Ranking, and turning ranks from slots to rows.

use super::{Choice, choices, kernel, region, section};
use crate::layout::{Class, Layout};
use crate::models::{ModelClass, Recipe};
use crate::numbers::Numbers;
use crate::plain::{bytes_of, view, view_mut};
use crate::rows::{values_f32, values_f64};
use crate::target::{Profile, Target};
use engine::kernel::{
    Slots, TILE, rank_f32, rank_f64, rank_row_f32, rank_row_f64, rank_rows, row_words, transpose,
};
use engine::shape::StepShape;
use engine::{CompileOptions, LabelRule, Link, Precision};
use ops::{Words, key_f32, key_f64};

const FEATURES: usize = 5;
const HEADS: usize = 0;
const TABLES: usize = 1;

fn class(precision: Precision) -> ModelClass {
    ModelClass::of(&Recipe {
        trees: 4,
        splits: (1, 3),
        features: FEATURES as u32,
        outputs: 1,
        vector_leaves: false,
        precision,
        average: false,
        link: Link::Identity,
        label: LabelRule::None,
        options: CompileOptions::default(),
    })
}

pub(super) fn add(targets: &mut Vec<Target>, backend: &'static str) {
    macro_rules! ranks {
        ($name:literal, $key:ty, $precision:expr, $values:ident, $to_key:ident, $rows:expr, $run:expr) => {
            for profile in [Profile::Strict, Profile::DataOblivious] {
                kernel(targets, $name, backend, profile, move |backend| {
                    let class = class($precision);
                    let words = row_words(FEATURES);
                    let layout = layout(&class, $rows, size_of::<Words<$key>>());
                    let inside = layout.clone();
                    let keys = |c: &Choice| {
                        let thresholds = &class.thresholds[c.model];
                        let values = $values(c.rows, thresholds, $rows * FEATURES, c.number);
                        let mut keys = vec![Words::<$key>::default(); $rows * words];
                        for (row, keys) in values.chunks(FEATURES).zip(keys.chunks_mut(words)) {
                            for (at, &value) in row.iter().enumerate() {
                                keys[at / 16].0[at % 16] = $to_key(value);
                            }
                        }
                        bytes_of(&keys)
                    };
                    region(
                        layout,
                        choices(profile, class.sections.len()),
                        |c| vec![section(&class, c, HEADS), section(&class, c, TABLES), keys(c)],
                        Box::new(move |buffer| {
                            let [heads, tables, keys, ranks] = inside.split(buffer);
                            let slots: Slots<'_, $key> =
                                Slots { heads: view(heads), tables: view(tables) };
                            $run(backend, slots, view(keys), ranks);
                        }),
                    )
                });
            }
        };
    }
    let (narrow, wide) = (Precision::F32, Precision::F64);
    ranks!("rank_f32", i32, narrow, values_f32, key_f32, TILE, |backend, slots, keys, ranks| {
        rank_f32(backend, slots, TILE, keys, view_mut(ranks));
    });
    ranks!("rank_f64", i64, wide, values_f64, key_f64, TILE, |backend, slots, keys, ranks| {
        rank_f64(backend, slots, TILE, keys, view_mut(ranks));
    });
    ranks!("rank_row_f32", i32, narrow, values_f32, key_f32, 1, |backend, slots, keys, ranks| {
        rank_row_f32(backend, slots, keys, view_mut(ranks));
    });
    ranks!("rank_row_f64", i64, wide, values_f64, key_f64, 1, |backend, slots, keys, ranks| {
        rank_row_f64(backend, slots, keys, view_mut(ranks));
    });
    for pages in [1, 2] {
        kernel(targets, paged("rank_rows", pages), backend, Profile::Both, move |backend| {
            let layout = Layout::default()
                .with(Class::Rows, pages * 64 * 64)
                .with(Class::Output, pages * 64 * 64);
            let inside = layout.clone();
            region(
                layout,
                choices(Profile::Both, 1),
                |c| vec![bytes(c, pages * 64 * 64)],
                Box::new(move |buffer| {
                    let [planes, rows] = inside.split(buffer);
                    rank_rows(backend, view(planes), view_mut(rows));
                }),
            )
        });
    }
    kernel(targets, "transpose", backend, Profile::Both, |backend| {
        let layout = Layout::default().with(Class::Rows, 64 * 64).with(Class::Output, 64 * 64);
        let inside = layout.clone();
        region(
            layout,
            choices(Profile::Both, 1),
            |c| vec![bytes(c, 64 * 64)],
            Box::new(move |buffer| {
                let [from, to] = inside.split(buffer);
                transpose(backend, &view(from)[0], &mut view_mut(to)[0]);
            }),
        )
    });
}

pub(super) fn paged(name: &str, pages: usize) -> String {
    if pages == 1 { name.to_string() } else { format!("{name}+pages") }
}

/// Bytes of a row's kind: ranks, exits and counters.
pub(super) fn bytes(choice: &Choice, count: usize) -> Vec<u8> {
    match choice.rows {
        "all zero" => vec![0; count],
        "all ones" => vec![255; count],
        "at thresholds" => (0..count).map(|at| at as u8).collect(),
        "one ulp above" => (0..count).map(|at| (at as u8).wrapping_add(1)).collect(),
        "one ulp below" => (0..count).map(|at| (at as u8).wrapping_sub(1)).collect(),
        _ => Numbers::new(77 + choice.number).bytes(count),
    }
}

fn layout(class: &ModelClass, rows: usize, word_bytes: usize) -> Layout {
    let StepShape::Rank(rank) = class.shape.steps[0] else { panic!("a forest") };
    Layout::default()
        .with(Class::Model, class.sections[0][HEADS].len())
        .with(Class::Model, class.sections[0][TABLES].len())
        .with(Class::Rows, rows * row_words(FEATURES) * word_bytes)
        .with(Class::Output, (rank.slots as usize).div_ceil(64) * rows * 64)
}
