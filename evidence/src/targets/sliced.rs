//! Ranks to planes of bits, and planes to places of leaves.

use super::rank::bytes;
use super::{choices, kernel, region};
use crate::layout::{Class, Layout};
use crate::numbers::Numbers;
use crate::plain::{view, view_mut};
use crate::target::{Profile, Target};
use engine::kernel::{Asked, PLANE_TILES, SlicedTree, bit_sliced, threshold_planes};

/// One page of slots for each tile.
const RANKS: usize = PLANE_TILES * 64 * 64;
/// Planes that the trees read.
const PLANES: usize = 9;

pub(super) fn add(targets: &mut Vec<Target>, backend: &'static str) {
    kernel(targets, "threshold_planes", backend, Profile::DataOblivious, |backend| {
        let asked: [(usize, &[u8]); 2] = [(3, &[0, 15, 16, 200, 254]), (63, &[127])];
        let count: usize = asked.iter().map(|(_, ranks)| ranks.len()).sum();
        let layout = Layout::default().with(Class::Rows, RANKS).with(Class::Output, count * 64);
        let inside = layout.clone();
        region(
            layout,
            choices(Profile::DataOblivious, 1),
            |c| vec![bytes(c, RANKS)],
            Box::new(move |buffer| {
                let [ranks, planes] = inside.split(buffer);
                let asked = asked.into_iter().map(|(slot, ranks)| Asked { slot, ranks });
                threshold_planes(backend, view(ranks), 1, asked, view_mut(planes));
            }),
        )
    });
    for depth in [1, 6, 8] {
        let name = format!("bit_sliced+depth{depth}");
        kernel(targets, name, backend, Profile::DataOblivious, move |backend| {
            let mut numbers = Numbers::new(depth as u64);
            let nodes: Vec<u32> = (1..1 << depth).map(|_| numbers.below(PLANES) as u32).collect();
            let places = PLANE_TILES * 64 * 64;
            let layout =
                Layout::default().with(Class::Rows, PLANES * 64).with(Class::Output, places);
            let inside = layout.clone();
            region(
                layout,
                choices(Profile::DataOblivious, 1),
                |c| vec![bytes(c, PLANES * 64)],
                Box::new(move |buffer| {
                    let [planes, places] = inside.split(buffer);
                    let tree = SlicedTree { lane: 5, depth, nodes: &nodes };
                    let trees = std::iter::once(tree);
                    bit_sliced(backend, trees, view(planes), view_mut(places));
                }),
            )
        });
    }
}
