//! Rule instructions: one branch-free loop over a block of cells each.
//!
//! Bodies are plain word arithmetic from `ops::word`, vectorised by the compiler for the backend.
//! They run without AVX-512 (`Backend::run_without_opmasks`), so no opmask can reach memory; where a
//! loop selects by a comparison of its own, the comparison is arithmetic on signs.

use crate::rule::{Binary, Fold, Rounding, Wide};
use ops::wide::{add_256, less_256, mul_256, same_256, sub_256};
use ops::word::{
    add_overflows, add_saturating, at_most, below, choose, larger, less, mul_overflows,
    mul_saturating, quotient, quotient_floor, same, smaller, sub_overflows, sub_saturating,
};
use ops::{Backend, IntegerDivisor, Kernel, Lanes, greater_i64, key_f32, key_f64, select_i64};
use std::hint::black_box;

/// An operand: a lane of cells, or one cell for all rows.
#[derive(Clone, Copy)]
pub enum Source<'a> {
    /// One cell for each row.
    Lane(&'a [i64]),
    /// The same for all rows.
    One(i64),
}

impl Source<'_> {
    #[inline(always)]
    pub(crate) fn at(self, row: usize) -> i64 {
        match self {
            Source::Lane(cells) => cells[row],
            Source::One(cell) => cell,
        }
    }
}

/// Cells of one column before they are loaded.
#[derive(Clone, Copy)]
pub enum Raw<'a> {
    /// The cells themselves.
    Integer(&'a [i64]),
    /// 0 or 1.
    Truth(&'a [i64]),
    /// Floats.
    F32(&'a [f32]),
    /// Floats.
    F64(&'a [f64]),
}

/// Runs the body once for each shape of operand, so that each has a loop of its own. Lanes are cut to
/// the number of rows here, inside the kernel: so the loops need no check of bounds, and vectorise.
macro_rules! by_source {
    ($rows:expr; $($name:ident = $source:expr),+ => $body:expr) => {
        by_source!(@ $rows; [$($name = $source),+] $body)
    };
    (@ $rows:expr; [$name:ident = $source:expr $(, $more:ident = $rest:expr)*] $body:expr) => {
        match $source {
            Source::Lane(cells) => {
                let cells = &cells[..$rows];
                let $name = |row: usize| cells[row];
                by_source!(@ $rows; [$($more = $rest),*] $body)
            }
            Source::One(cell) => {
                let $name = |_: usize| cell;
                by_source!(@ $rows; [$($more = $rest),*] $body)
            }
        }
    };
    (@ $rows:expr; [] $body:expr) => { $body };
}

/// Cells of a chunk: a loop of this many has no rest that the vectoriser leaves to scalar code.
const CHUNK: usize = 16;

/// Adds `value` to each cell under a mask. Whole chunks are vectorised. Every mask passes a barrier.
/// Without one the compiler made a compare and a jump of it in the rest, as once in the portable lanes
/// (found by the instruction counts of `rule_constant_time.rs`), and on AVX2 a store under the mask of
/// which cells are members of a list (found by the scan).
#[inline(always)]
fn join(into: &mut [i64], mask: impl Fn(usize) -> i64, value: impl Fn(usize) -> i64) {
    let whole = into.len() / CHUNK * CHUNK;
    let (chunks, rest) = into.split_at_mut(whole);
    for (number, chunk) in chunks.as_chunks_mut::<CHUNK>().0.iter_mut().enumerate() {
        let first = number * CHUNK;
        let mut masks = [0; CHUNK];
        for (place, of_row) in masks.iter_mut().enumerate() {
            *of_row = mask(first + place);
        }
        let masks = black_box(masks);
        for (place, (into, mask)) in chunk.iter_mut().zip(masks).enumerate() {
            *into |= mask & value(first + place);
        }
    }
    for (place, into) in rest.iter_mut().enumerate() {
        *into |= black_box(mask(whole + place)) & value(whole + place);
    }
}

#[inline(always)]
fn fill(into: &mut [i64], cell: impl Fn(usize) -> i64) {
    for (row, into) in into.iter_mut().enumerate() {
        *into = cell(row);
    }
}

/// Two cells to one.
///
/// # Leaks
/// The operation, the lengths, and which operands are lanes.
pub fn rule_binary(backend: Backend, op: Binary, a: Source<'_>, b: Source<'_>, into: &mut [i64]) {
    backend.run_without_opmasks(BinaryKernel { op, a, b, into });
}

struct BinaryKernel<'a> {
    op: Binary,
    a: Source<'a>,
    b: Source<'a>,
    into: &'a mut [i64],
}

impl Kernel for BinaryKernel<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self, _: L) {
        match self.op {
            Binary::Add => self.each(|a, b| a.wrapping_add(b)),
            Binary::Sub => self.each(|a, b| a.wrapping_sub(b)),
            Binary::Mul => self.each(|a, b| a.wrapping_mul(b)),
            Binary::And => self.each(|a, b| a & b),
            Binary::Or => self.each(|a, b| a | b),
            Binary::Xor => self.each(|a, b| a ^ b),
            Binary::Less => self.each(less),
            Binary::AtMost => self.each(at_most),
            Binary::Equal => self.each(same),
            Binary::Min => self.each(smaller),
            Binary::Max => self.each(larger),
            Binary::AddSaturating => self.each(add_saturating),
            Binary::SubSaturating => self.each(sub_saturating),
            Binary::MulSaturating => self.each(mul_saturating),
            Binary::AddOverflows => self.each(add_overflows),
            Binary::SubOverflows => self.each(sub_overflows),
            Binary::MulOverflows => self.each(mul_overflows),
        }
    }
}

impl BinaryKernel<'_> {
    #[inline(always)]
    fn each(self, op: impl Fn(i64, i64) -> i64) {
        let rows = self.into.len();
        by_source!(rows; a = self.a, b = self.b => fill(self.into, |row| op(a(row), b(row))));
    }
}

/// `yes` where the mask is all ones, `no` where it is zero.
///
/// # Leaks
/// The lengths, and which operands are lanes.
pub fn rule_select(
    backend: Backend,
    mask: Source<'_>,
    yes: Source<'_>,
    no: Source<'_>,
    into: &mut [i64],
) {
    backend.run_without_opmasks(SelectKernel { mask, yes, no, into });
}

struct SelectKernel<'a> {
    mask: Source<'a>,
    yes: Source<'a>,
    no: Source<'a>,
    into: &'a mut [i64],
}

impl Kernel for SelectKernel<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self, _: L) {
        let rows = self.into.len();
        by_source!(rows; mask = self.mask, yes = self.yes, no = self.no =>
            fill(self.into, |row| choose(mask(row), yes(row), no(row))));
    }
}

/// Division by a public number. By a power of two, rounded down, it is a shift.
///
/// # Leaks
/// The divisor, the rounding, the lengths, and which operands are lanes.
///
/// # Panics
/// If the divisor is zero: a shape with one is refused.
pub fn rule_divide(backend: Backend, a: Source<'_>, by: i64, rounding: Rounding, into: &mut [i64]) {
    let divisor = IntegerDivisor::new(by).expect("a checked shape divides by no zero");
    let halves = (rounding == Rounding::Floor && by > 0 && by.cast_unsigned().is_power_of_two())
        .then(|| by.trailing_zeros());
    backend.run_without_opmasks(DivideKernel { a, divisor, halves, rounding, into });
}

struct DivideKernel<'a> {
    a: Source<'a>,
    divisor: IntegerDivisor,
    /// The shift that does it. Found outside the kernel, which then counts no bits.
    halves: Option<u32>,
    rounding: Rounding,
    into: &'a mut [i64],
}

impl Kernel for DivideKernel<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self, _: L) {
        let divisor = &self.divisor;
        let rows = self.into.len();
        by_source!(rows; a = self.a => match (self.halves, self.rounding) {
            (Some(halves), _) => fill(self.into, |row| a(row) >> halves),
            (None, Rounding::Floor) => fill(self.into, |row| quotient_floor(a(row), divisor)),
            (None, Rounding::Truncate) => fill(self.into, |row| quotient(a(row), divisor)),
        });
    }
}

/// One entry of a lookup: adds `entry` where the index is `place`.
///
/// # Leaks
/// The place, the lengths, and which operands are lanes.
pub fn rule_lookup(
    backend: Backend,
    index: Source<'_>,
    place: usize,
    entry: Source<'_>,
    into: &mut [i64],
) {
    backend.run_without_opmasks(LookupKernel { index, place: place as i64, entry, into });
}

struct LookupKernel<'a> {
    index: Source<'a>,
    place: i64,
    entry: Source<'a>,
    into: &'a mut [i64],
}

impl Kernel for LookupKernel<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self, _: L) {
        let place = self.place;
        let rows = self.into.len();
        by_source!(rows; index = self.index, entry = self.entry => {
            join(self.into, |row| same(index(row), place), entry);
        });
    }
}

/// One entry of a membership test.
///
/// # Leaks
/// The lengths, and which operands are lanes.
pub fn rule_member(backend: Backend, a: Source<'_>, entry: Source<'_>, into: &mut [i64]) {
    backend.run_without_opmasks(MemberKernel { a, entry, into });
}

struct MemberKernel<'a> {
    a: Source<'a>,
    entry: Source<'a>,
    into: &'a mut [i64],
}

impl Kernel for MemberKernel<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self, _: L) {
        let rows = self.into.len();
        by_source!(rows; a = self.a, entry = self.entry => {
            join(self.into, |row| same(a(row), entry(row)), |_| -1);
        });
    }
}

/// One 256-bit entry of a membership test.
///
/// # Leaks
/// The lengths, and which operands are lanes.
pub fn rule_wide_member(
    backend: Backend,
    a: [Source<'_>; 4],
    entry: [Source<'_>; 4],
    into: &mut [i64],
) {
    backend.run_without_opmasks(WideMemberKernel { a, entry, into });
}

struct WideMemberKernel<'a> {
    a: [Source<'a>; 4],
    entry: [Source<'a>; 4],
    into: &'a mut [i64],
}

impl Kernel for WideMemberKernel<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self, _: L) {
        let rows = self.into.len();
        // the usual case, identifiers of rows in a list of parameters, has a loop of its own
        if let (
            [Source::Lane(a), Source::Lane(b), Source::Lane(c), Source::Lane(d)],
            [Source::One(w), Source::One(x), Source::One(y), Source::One(z)],
        ) = (self.a, self.entry)
        {
            let (a, b, c, d) = (&a[..rows], &b[..rows], &c[..rows], &d[..rows]);
            let differ = |row| (a[row] ^ w) | (b[row] ^ x) | (c[row] ^ y) | (d[row] ^ z);
            join(self.into, |row| same(differ(row), 0), |_| -1);
            return;
        }
        for (row, into) in self.into.iter_mut().enumerate() {
            let pairs = self.a.iter().zip(&self.entry);
            let differ = pairs.fold(0, |all, (a, entry)| all | (a.at(row) ^ entry.at(row)));
            *into |= black_box(same(differ, 0));
        }
    }
}

/// Two 256-bit numbers. `into`: four words and the overflow, or one truth value.
///
/// # Leaks
/// The operation, the lengths, and which operands are lanes.
pub fn rule_wide(
    backend: Backend,
    op: Wide,
    a: [Source<'_>; 4],
    b: [Source<'_>; 4],
    into: &mut [&mut [i64]],
) {
    backend.run_without_opmasks(WideKernel { op, a, b, into });
}

struct WideKernel<'a, 'b> {
    op: Wide,
    a: [Source<'a>; 4],
    b: [Source<'a>; 4],
    into: &'a mut [&'b mut [i64]],
}

impl Kernel for WideKernel<'_, '_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self, _: L) {
        let rows = self.into.first().map_or(0, |lane| lane.len());
        for row in 0..rows {
            let a = self.a.map(|a| a.at(row).cast_unsigned());
            let b = self.b.map(|b| b.at(row).cast_unsigned());
            let (words, truth) = match self.op {
                Wide::Add => add_256(a, b),
                Wide::Sub => sub_256(a, b),
                Wide::Mul => mul_256(a, b),
                Wide::Less => ([0; 4], less_256(a, b)),
                Wide::Equal => ([0; 4], same_256(a, b)),
            };
            match &mut *self.into {
                [only] => only[row] = truth,
                [lanes @ .., over] => {
                    for (lane, word) in lanes.iter_mut().zip(words) {
                        lane[row] = word.cast_signed();
                    }
                    over[row] = truth;
                }
                [] => {}
            }
        }
    }
}

/// A block's cells into a running fold.
///
/// # Leaks
/// The kind of fold, the length, and whether the operand is a lane.
pub fn rule_fold(backend: Backend, fold: Fold, start: i64, a: Source<'_>, rows: usize) -> i64 {
    backend.run_without_opmasks(FoldKernel { fold, start, a, rows })
}

struct FoldKernel<'a> {
    fold: Fold,
    start: i64,
    a: Source<'a>,
    rows: usize,
}

impl Kernel for FoldKernel<'_> {
    type Output = i64;
    #[inline(always)]
    fn run<L: Lanes>(self, _: L) -> i64 {
        let (start, rows) = (self.start, 0..self.rows);
        by_source!(self.rows; a = self.a => match self.fold {
            Fold::Sum => rows.fold(start, |all, row| all.wrapping_add(a(row))),
            Fold::And => rows.fold(start, |all, row| all & a(row)),
            Fold::Or => rows.fold(start, |all, row| all | a(row)),
            // by conditional moves: of masks the compiler made compares and jumps (found by memcheck)
            Fold::Min => rows.fold(start, |all, row| {
                let cell = a(row);
                select_i64(greater_i64(all, cell), cell, all)
            }),
            Fold::Max => rows.fold(start, |all, row| {
                let cell = a(row);
                select_i64(greater_i64(cell, all), cell, all)
            }),
        })
    }
}

/// A block's cells into a running first-smallest or first-largest: (cell, row).
///
/// # Leaks
/// The kind of fold, the number of the first row, the length, and whether the operand is a lane.
pub fn rule_fold_first(
    backend: Backend,
    fold: Fold,
    start: (i64, i64),
    a: Source<'_>,
    first: usize,
    rows: usize,
) -> (i64, i64) {
    backend.run_without_opmasks(FoldFirstKernel { fold, start, a, first, rows })
}

struct FoldFirstKernel<'a> {
    fold: Fold,
    start: (i64, i64),
    a: Source<'a>,
    first: usize,
    rows: usize,
}

impl Kernel for FoldFirstKernel<'_> {
    type Output = (i64, i64);
    #[inline(always)]
    fn run<L: Lanes>(self, _: L) -> (i64, i64) {
        let (mut best, mut place) = self.start;
        for row in 0..self.rows {
            let cell = self.a.at(row);
            let (low, high) = if self.fold == Fold::Min { (cell, best) } else { (best, cell) };
            // `place` is -1 before the first row, which is taken whatever its cell is
            let better = black_box(below(low, high) | (place >> 63));
            best = choose(better, cell, best);
            place = choose(better, (self.first + row) as i64, place);
        }
        (best, place)
    }
}

/// A column's cells, clamped to a range; returns how many were outside.
///
/// # Leaks
/// The kind of column, the range, and the length.
pub fn rule_load(backend: Backend, raw: Raw<'_>, low: i64, high: i64, into: &mut [i64]) -> u64 {
    backend.run_without_opmasks(LoadKernel { raw, low, high, into })
}

struct LoadKernel<'a> {
    raw: Raw<'a>,
    low: i64,
    high: i64,
    into: &'a mut [i64],
}

impl Kernel for LoadKernel<'_> {
    type Output = u64;
    #[inline(always)]
    fn run<L: Lanes>(self, _: L) -> u64 {
        match self.raw {
            Raw::Integer(cells) => self.each(cells, |cell| cell, |cell| cell),
            Raw::Truth(cells) => self.each(cells, |cell| cell, i64::wrapping_neg),
            Raw::F32(cells) => self.each(cells, |cell| i64::from(key_f32(cell)), |cell| cell),
            Raw::F64(cells) => self.each(cells, key_f64, |cell| cell),
        }
    }
}

impl LoadKernel<'_> {
    #[inline(always)]
    fn each<T: Copy + Default>(
        self,
        cells: &[T],
        convert: impl Fn(T) -> i64,
        finish: impl Fn(i64) -> i64,
    ) -> u64 {
        let (low, high) = (self.low, self.high);
        let whole = self.into.len().min(cells.len()) / CHUNK * CHUNK;
        let (chunks, rest) = self.into.split_at_mut(whole);
        let mut outside = 0i64;
        let chunks = chunks.as_chunks_mut::<CHUNK>().0.iter_mut();
        for (chunk, cells) in chunks.zip(cells.as_chunks::<CHUNK>().0) {
            let masks = load(chunk, cells, low, high, &convert, &finish);
            outside = masks.iter().fold(outside, |sum, &mask| sum.wrapping_sub(mask));
        }
        // the rest as a whole chunk too: of scalar code the compiler makes compares and jumps
        let mut padded = [T::default(); CHUNK];
        padded[..rest.len()].copy_from_slice(&cells[whole..][..rest.len()]);
        let mut filled = [0; CHUNK];
        let masks = load(&mut filled, &padded, low, high, &convert, &finish);
        rest.copy_from_slice(&filled[..rest.len()]);
        masks[..rest.len()]
            .iter()
            .fold(outside, |sum, &mask| sum.wrapping_sub(mask))
            .cast_unsigned()
    }
}

/// Clamps a chunk of cells; gives which were outside. The masks pass a barrier, so that no jump can be
/// made of a comparison.
#[inline(always)]
fn load<T: Copy>(
    into: &mut [i64; CHUNK],
    cells: &[T; CHUNK],
    low: i64,
    high: i64,
    convert: impl Fn(T) -> i64,
    finish: impl Fn(i64) -> i64,
) -> [i64; CHUNK] {
    let mut masks = [[0; CHUNK]; 2];
    for (place, &cell) in cells.iter().enumerate() {
        let cell = convert(cell);
        into[place] = cell;
        masks[0][place] = less(cell, low);
        masks[1][place] = less(high, cell);
    }
    let [under, over] = black_box(masks);
    let mut outside = [0; CHUNK];
    for (place, cell) in into.iter_mut().enumerate() {
        *cell = finish(choose(over[place], high, choose(under[place], low, *cell)));
        outside[place] = under[place] | over[place];
    }
    outside
}
