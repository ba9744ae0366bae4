//! Interval-max on every small tree: all topologies of up to 9 nodes, each with every combination of
//! left and right at its nodes, on and off the row's path; and the largest blocks, where the state
//! wraps around. Both kernels, every backend, against a walk from the root.

use engine::kernel::{interval_max, interval_max_rows};
use ops::{Backend, Line};

const LANES: usize = 64;

/// Largest tree of which all topologies are tried: there are 4,862 of 9 nodes.
const ALL_UP_TO: usize = 9;

/// A node in preorder: the exits below it are `first..`, those of its left child `first..middle`.
#[derive(Clone, Copy)]
struct Node {
    first: usize,
    middle: usize,
    /// Preorder numbers of the children; `None` is an exit.
    left: Option<usize>,
    right: Option<usize>,
}

type Tree = Vec<Node>;

/// Joins two subtrees under a new root.
fn join(left: &[Node], right: &[Node]) -> Tree {
    let moved = |nodes: &[Node], by: usize, exits: usize| -> Vec<Node> {
        let child = |c: Option<usize>| c.map(|c| c + by);
        let moved = |n: &Node| Node {
            first: n.first + exits,
            middle: n.middle + exits,
            left: child(n.left),
            right: child(n.right),
        };
        nodes.iter().map(moved).collect()
    };
    let middle = left.len() + 1;
    let root = Node {
        first: 0,
        middle,
        left: (!left.is_empty()).then_some(1),
        right: (!right.is_empty()).then_some(1 + left.len()),
    };
    [vec![root], moved(left, 1, 0), moved(right, 1 + left.len(), middle)].concat()
}

/// Every topology of `n` nodes, for each `n` up to `most`.
fn topologies(most: usize) -> Vec<Vec<Tree>> {
    let mut all: Vec<Vec<Tree>> = vec![vec![Vec::new()]];
    for n in 1..=most {
        let pairs = (0..n).flat_map(|left| {
            let rights = &all[n - 1 - left];
            all[left].iter().flat_map(move |l| rights.iter().map(move |r| join(l, r)))
        });
        let trees = pairs.collect();
        all.push(trees);
    }
    all
}

/// Where a row leaves the tree, from the root down; `right(i)` is what node `i` says.
fn walk(tree: &[Node], right: impl Fn(usize) -> bool) -> usize {
    let mut here = 0;
    loop {
        let node = tree[here];
        let (next, exit) = if right(here) {
            // the right child's first exit is the middle
            (node.right, node.middle)
        } else {
            (node.left, node.first)
        };
        match next {
            Some(next) => here = next,
            None => return exit,
        }
    }
}

/// Each node of each lane: its slot, and the rank up to which a row goes left.
type Asks<'a> = &'a dyn Fn(usize, usize) -> (usize, u8);

/// Trees side by side, at most 64, padded to `nodes`.
struct Block {
    nodes: Vec<Line>,
    planes: usize,
    end: Line,
}

impl Block {
    fn new(trees: &[Tree], nodes: usize, slots: usize, asks: Asks<'_>) -> Self {
        let planes = if slots > LANES { 5 } else { 4 };
        let mut block =
            Self { nodes: vec![Line::default(); nodes * planes], planes, end: Line::default() };
        for node in block.nodes.chunks_exact_mut(planes) {
            node[1].0 = [255; LANES];
        }
        for (lane, tree) in trees.iter().enumerate() {
            let mut before = 0u8;
            for (index, node) in tree.iter().enumerate() {
                let (slot, threshold) = asks(lane, index);
                let first = node.first as u8;
                let lines = &mut block.nodes[index * planes..];
                lines[0].0[lane] = (slot % LANES) as u8;
                lines[1].0[lane] = threshold;
                lines[2].0[lane] = before.wrapping_sub(first);
                lines[3].0[lane] = (node.middle - node.first) as u8;
                if planes == 5 {
                    lines[4].0[lane] = (slot / LANES) as u8;
                }
                before = first;
                block.end.0[lane] = first;
            }
        }
        block
    }

    /// Runs both kernels on 64 rows, `rows[row][slot]` their ranks, and holds them against `expected`.
    fn check(
        &self,
        rows: &[Vec<u8>],
        slots: usize,
        lanes: usize,
        expected: impl Fn(usize, usize) -> usize,
    ) {
        let pages = slots.div_ceil(LANES);
        let mut by_row = vec![Line::default(); LANES * pages];
        let mut by_slot = vec![[Line::default(); LANES]; pages];
        for (row, ranks) in rows.iter().enumerate() {
            for (slot, &rank) in ranks.iter().enumerate() {
                by_row[row * pages + slot / LANES].0[slot % LANES] = rank;
                by_slot[slot / LANES][slot % LANES].0[row] = rank;
            }
        }
        for backend in Backend::available() {
            let mut exits = [Line::default(); LANES];
            interval_max(backend, &self.nodes, &self.end, &by_row, slots, &mut exits);
            let mut lane_exits = [Line::default(); LANES];
            interval_max_rows(
                backend,
                &self.nodes,
                self.planes,
                &self.end,
                &by_slot,
                &mut lane_exits,
            );
            for (row, exits) in exits.iter().enumerate().take(rows.len()) {
                for (lane, lane_exits) in lane_exits.iter().enumerate().take(lanes) {
                    let want = expected(lane, row);
                    let name = backend.name();
                    assert_eq!(usize::from(exits.0[lane]), want, "{name}, row {row}, lane {lane}");
                    assert_eq!(usize::from(lane_exits.0[row]), want, "{name}, by rows");
                }
            }
        }
    }
}

/// Every topology, every outcome of every node. Node `i` asks slot `i`, with the smallest ranks and
/// with the largest, and there are padding nodes behind.
#[test]
fn every_small_tree_with_every_outcome() {
    let all = topologies(ALL_UP_TO);
    let counts: Vec<usize> = all.iter().map(Vec::len).collect();
    assert_eq!(counts, [1, 1, 2, 5, 14, 42, 132, 429, 1430, 4862], "Catalan's numbers");
    let mut pairs = 0;
    for (n, trees) in all.iter().enumerate().skip(1) {
        for (low, high) in [(0, 1), (254, 255)] {
            for trees in trees.chunks(LANES) {
                let block = Block::new(trees, n + 2, 16, &|_, index| (index, low));
                let outcomes: Vec<usize> = (0..1 << n).collect();
                for outcomes in outcomes.chunks(LANES) {
                    let right = |row: usize, node: usize| outcomes[row] >> node & 1 == 1;
                    let rank = |row, slot| if right(row, slot) { high } else { low };
                    let rows: Vec<Vec<u8>> = (0..outcomes.len())
                        .map(|row| (0..16).map(|slot| rank(row, slot)).collect())
                        .collect();
                    block.check(&rows, 16, trees.len(), |lane, row| {
                        walk(&trees[lane], |node| right(row, node))
                    });
                    pairs += trees.len() * outcomes.len();
                }
            }
        }
    }
    assert_eq!(pairs, 2 * (1..=ALL_UP_TO).map(|n| counts[n] << n).sum::<usize>());
}

fn chain(nodes: usize, right: impl Fn(usize) -> bool) -> Tree {
    (0..nodes).fold(
        Vec::new(),
        |below, step| {
            if right(step) { join(&[], &below) } else { join(&below, &[]) }
        },
    )
}

fn full(depth: u32) -> Tree {
    (0..depth).fold(Vec::new(), |below, _| join(&below, &below))
}

/// 255 nodes and 256 exits, the most that a byte can tell apart.
fn largest() -> Vec<Tree> {
    let left = chain(255, |_| false);
    let right = chain(255, |_| true);
    let zigzag = chain(255, |step| step % 2 == 0);
    let bushes = join(&chain(127, |_| false), &chain(127, |_| true));
    let outward = join(&chain(127, |_| true), &chain(127, |_| false));
    let lopsided = join(&full(7), &chain(127, |step| step % 3 == 0));
    vec![left, right, zigzag, bushes, outward, lopsided, full(8)]
}

/// The row that reaches each exit, with all other nodes saying left, right, and either.
#[test]
fn the_largest_blocks_at_every_exit() {
    const SLOTS: usize = 256;
    for tree in largest() {
        assert_eq!(tree.len(), 255);
        let block = Block::new(std::slice::from_ref(&tree), 255, SLOTS, &|_, index| (index, 7));
        let mut random = 1u64;
        for exits in (0..256).collect::<Vec<usize>>().chunks(LANES) {
            for other in 0..3 {
                let rows: Vec<Vec<u8>> = exits
                    .iter()
                    .map(|&exit| {
                        let mut right: Vec<bool> = (0..SLOTS)
                            .map(|_| {
                                random =
                                    random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                                [false, true, random >> 63 == 1][other]
                            })
                            .collect();
                        let mut here = Some(0);
                        while let Some(node) = here {
                            right[node] = exit >= tree[node].middle;
                            here = if right[node] { tree[node].right } else { tree[node].left };
                        }
                        right.iter().map(|&right| if right { 8 } else { 7 }).collect()
                    })
                    .collect();
                block.check(&rows, SLOTS, 1, |_, row| {
                    assert_eq!(walk(&tree, |node| rows[row][node] > 7), exits[row]);
                    exits[row]
                });
            }
        }
    }
}

/// The same trees with few slots, which many nodes share, and random ranks; 64 lanes, one page.
#[test]
fn the_largest_blocks_on_shared_slots() {
    let mut state = 7u64;
    let mut random = move |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) % below
    };
    let trees: Vec<Tree> = largest().into_iter().cycle().take(LANES).collect();
    for slots in [16, 48, 64] {
        let asked: Vec<Vec<(usize, u8)>> = (0..LANES)
            .map(|_| (0..255).map(|_| (random(slots) as usize, random(255) as u8)).collect())
            .collect();
        let block = Block::new(&trees, 255, slots as usize, &|lane, index| asked[lane][index]);
        let rows: Vec<Vec<u8>> =
            (0..LANES).map(|_| (0..slots).map(|_| random(256) as u8).collect()).collect();
        block.check(&rows, slots as usize, LANES, |lane, row| {
            walk(&trees[lane], |node| {
                let (slot, threshold) = asked[lane][node];
                rows[row][slot] > threshold
            })
        });
    }
}
