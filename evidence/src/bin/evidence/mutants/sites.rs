//! Where mutants are planted: in every kernel and primitive, beside a value that is secret there.

/// A place in the source, and a secret at hand.
pub(super) struct Site {
    pub(super) file: &'static str,
    /// Text that stands once in the file; the mutant comes right after it.
    pub(super) after: &'static str,
    /// An expression for the secret, as `u64`.
    pub(super) secret: &'static str,
    /// A statement that leaves; empty where the compiler of models relies on the answer.
    pub(super) exit: &'static str,
    /// Kernels whose targets must see the mutant.
    pub(super) kernels: &'static [&'static str],
    /// Kernels that run the code too: no other mutant of theirs goes into the same build.
    pub(super) shared: &'static [&'static str],
}

/// The first byte of lanes, in a kernel.
macro_rules! lane {
    ($lanes:literal) => {
        concat!(
            "{ let mut line = ops::Line::default(); l.store(",
            $lanes,
            ", &mut line); u64::from(line.0[0]) }"
        )
    };
}

/// A bit of each row, in a kernel.
macro_rules! plane {
    ($plane:literal) => {
        concat!(
            "{ let mut line = ops::Line::default(); l.store_plane(",
            $plane,
            ", &mut line, part); u64::from(line.0[part * ops::LINE / L::PARTS]) }"
        )
    };
}

const SLICED: &[&str] = &["bit_sliced_f32+lines", "bit_sliced_f64+lines"];
const PLANES: &[&str] = &["threshold_planes_f32", "threshold_planes_f64"];
const MISSING: &[&str] = &["threshold_planes_f32+missing", "threshold_planes_f64+missing"];
const SUMS: &[&str] = &["leaf_sum_f32", "leaf_sum_f64", "leaf_sum_i64", "leaf_sum_u32"];
const SUMS_F32: &[&str] = &["leaf_sum_f32", "leaf_sum_f32+skip1"];
const SUMS_F64: &[&str] = &["leaf_sum_f64", "leaf_sum_f64+skip1"];
const SUMS_I64: &[&str] = &["leaf_sum_i64", "leaf_sum_i64+skip1"];
const SUMS_U32: &[&str] = &["leaf_sum_u32", "leaf_sum_u32+skip1"];
const SKIPS: &[&str] = &["leaf_sum_f32+skip2", "leaf_sum_u32+skip2"];
const PAGES: &[&str] = &["leaf_sum_f32+pages", "leaf_sum_u32+pages"];
const ALL_SUMS: &[&str] = &[
    "leaf_sum_f32",
    "leaf_sum_f64",
    "leaf_sum_i64",
    "leaf_sum_u32",
    "leaf_sum_f32+skip1",
    "leaf_sum_f64+skip1",
    "leaf_sum_i64+skip1",
    "leaf_sum_u32+skip1",
    "leaf_sum_f32+skip2",
    "leaf_sum_u32+skip2",
    "leaf_sum_f32+pages",
    "leaf_sum_u32+pages",
    "leaf_sum_row_f32",
    "leaf_sum_row_f64",
    "leaf_sum_row_i64",
    "leaf_sum_row_u32",
    "leaf_sum_row_f32+skip1",
    "leaf_sum_row_f64+skip1",
    "leaf_sum_row_i64+skip1",
    "leaf_sum_row_u32+skip1",
    "leaf_sum_row_f32+skip2",
    "leaf_sum_row_u32+skip2",
    "leaf_sum_row_f32+pages",
    "leaf_sum_row_u32+pages",
];
const ROW_SUMS: &[&str] =
    &["leaf_sum_row_f32", "leaf_sum_row_f64", "leaf_sum_row_i64", "leaf_sum_row_u32"];
const ROW_SKIPS: &[&str] = &["leaf_sum_row_f32+skip2", "leaf_sum_row_f64+skip1"];
const RANKS: &[&str] = &["rank_f32", "rank_f64"];
const ROW_RANKS: &[&str] = &["rank_row_f32", "rank_row_f64"];
const EXPONENTIALS: &[&str] =
    &["link+sigmoid+f32", "link+one-versus-rest+f64", "link+exp+f32", "link+softmax+f64"];
const RECIPROCALS: &[&str] = &["link+sigmoid+f64", "link+one-versus-rest+f32", "link+softmax+f32"];
const CHECKS: &[&str] = &["check+f32", "check+f64", "check+fixed"];
const LINKS: &[&str] = &[
    "link+sigmoid+f32",
    "link+sigmoid+f64",
    "link+one-versus-rest+f32",
    "link+one-versus-rest+f64",
    "link+exp+f32",
    "link+softmax+f32",
    "link+softmax+f64",
    "label+flip+f32",
    "label+largest-margin+f32",
    "label+largest-margin+f64",
    "label+largest-probability+f64",
];
/// What runs on scalar comparisons and selects.
const SCALAR: &[&str] = &[
    "link+sigmoid+f32",
    "link+sigmoid+f64",
    "link+one-versus-rest+f32",
    "link+one-versus-rest+f64",
    "link+exp+f32",
    "link+softmax+f32",
    "link+softmax+f64",
    "label+flip+f32",
    "label+largest-margin+f32",
    "label+largest-margin+f64",
    "label+largest-probability+f64",
    "linear",
    "divide+3",
    "divide+1000",
    "check+f32",
    "check+f64",
    "check+fixed",
    "check+linear",
    "greater_i64",
    "select_i64",
    "select_u32",
    "select_u64",
    "mask",
    "is_zero_u64",
];

macro_rules! sites {
    ($($file:literal: $(after $after:expr, secret $secret:expr, exit $exit:literal,
        in $kernels:expr $(, shared $shared:expr)?;)*)*) => {
        pub(super) const SITES: &[Site] = &[$($(Site {
            file: $file,
            after: $after,
            secret: $secret,
            exit: $exit,
            kernels: $kernels,
            shared: sites!(@ $($shared)?),
        },)*)*];
    };
    (@) => { &[] };
    (@ $shared:expr) => { $shared };
}

sites! {
"engine/src/kernel/bit_sliced.rs":
    after "let decision = l.load_plane(&self.planes[split.plane as usize], part);",
        secret plane!("decision"), exit "continue;", in SLICED;
    after "let mask = l.load_plane(&masks[block.mask as usize], part);",
        secret plane!("mask"), exit "continue;", in SLICED;
    after "let here = tree.decision(l, node, part);",
        secret plane!("here"), exit "return [here; $depth];", in SLICED;
    after "*code = l.load(&bytes[tile]);",
        secret lane!("*code"), exit "continue;", in SLICED;
    after "here = l.and(here, l.equal(code, l.splat(number)));",
        secret lane!("here"), exit "return bytes;", in SLICED;
"engine/src/kernel/columns.rs":
    after "*block = l.load_keys(&rows[row * words + word]);",
        secret "u64::from(l.low_bytes(*block)[0])", exit "continue;", in &["columns_f32", "columns_f64"];
"engine/src/kernel/interval_max.rs":
    after "let rank = l.lookup(ranks, self.slots, slot);",
        secret lane!("rank"), exit "continue;", in &["interval_max"], shared &["interval_max+row"];
    after "for (e, ranks) in e.iter_mut().zip(rows) {",
        secret lane!("*e"), exit "break;", in &["interval_max+row"], shared &["interval_max"];
    after "let table = &rows[row * lines + line];",
        secret lane!("*rank"), exit "continue;", in &["interval_max+pages"];
    after "let here = l.equal(page, l.splat(line as u8));",
        secret lane!("here"), exit "continue;", in &["interval_max+pages"];
"engine/src/kernel/interval_max_rows.rs":
    after "let rank = l.load(&self.ranks[page][usize::from(node[0].0[lane])]);",
        secret lane!("rank"), exit "break;", in &["interval_max_rows", "interval_max_rows+pages"];
    after "let (shift, reach) = (l.splat(node[2].0[lane]), l.splat(node[3].0[lane]));",
        secret lane!("e"), exit "continue;", in &["interval_max_rows", "interval_max_rows+pages"];
"engine/src/kernel/keys.rs":
    after "*key = key_f32(value);",
        secret "u64::from(value.to_bits())", exit "break;", in &["order_keys_f32"];
    after "*key = key_f64(value);",
        secret "value.to_bits()", exit "break;", in &["order_keys_f64"];
"engine/src/kernel/leaf_sum.rs":
    after "let exit = l.load(&exit[lane]);",
        secret lane!("exit"), exit "continue;", in SUMS, shared ALL_SUMS;
    after "for (block, &exit) in exits.blocks::<V>().zip(&row.exits.0) {",
        secret "u64::from(exit)", exit "continue;", in ROW_SKIPS, shared ALL_SUMS;
    after "for (tables, &exit) in tables.zip(&row.exits.0[done..][..here]) {",
        secret "u64::from(exit)", exit "continue;", in ROW_SUMS, shared ALL_SUMS;
    after "let borrow = l.equal(low, zero);",
        secret lane!("low"), exit "return counts;", in SKIPS, shared ALL_SUMS;
    after "let page = l.and(exit, l.splat(0xc0));",
        secret lane!("exit"), exit "return found;", in PAGES;
    after "let here = l.equal(page, l.splat((number * LANES) as u8));",
        secret lane!("here"), exit "continue;", in PAGES;
"engine/src/kernel/threshold_planes.rs":
    after "let counts = l.count_at_most(slot.table, keys);",
        secret "u64::from(KeyLanes::<K>::low_bytes(l, counts[0])[0])", exit "continue;", in PLANES;
    after "let missing = l.keys_or(l.keys_equal(key, l.splat_key(K::NAN)), inside);",
        secret "u64::from(l.low_bytes(missing)[0])", exit "return key;", in MISSING;
    after "for (digit, planes) in planes.chunks_mut(16).enumerate() {",
        secret concat!("7 * ", lane!("bits[0]")), exit "continue;", in PLANES;
"engine/src/kernel/value.rs":
    after "let value = f32::from_bits(word);",
        secret "u64::from(word)", exit "continue;", in SUMS_F32, shared ALL_SUMS;
    after "let value = f64::from_bits(word);",
        secret "word", exit "continue;", in SUMS_F64, shared ALL_SUMS;
    after "let value = word.cast_signed();",
        secret "word", exit "continue;", in SUMS_I64, shared ALL_SUMS;
    after "let value = word;",
        secret "u64::from(word)", exit "continue;", in SUMS_U32, shared ALL_SUMS;
"engine/src/kernel/linear.rs":
    after "for (&x, &weight) in row.iter().zip(weights) {",
        secret "x.to_bits()", exit "continue;", in &["linear"];
    after "let magnitude = bits & (u64::MAX >> 1);",
        secret "magnitude", exit "return x;", in &["linear"];
    after "let huge = greater_u64(magnitude, LARGEST);",
        secret "huge.as_u64()", exit "return x;", in &["linear"];
"engine/src/kernel/link.rs":
    after "let key = key_f64(x);",
        secret "key.cast_unsigned()", exit "return x;", in EXPONENTIALS, shared LINKS;
    after "let largest = largest(margins);",
        secret "largest.to_bits()", exit "return;", in &["link+softmax+f32", "link+softmax+f64"],
        shared &["label+largest-probability+f64"];
    after "best = select_u64(more, value.to_bits(), best);",
        secret "best", exit "break;", in &["link+softmax+f32", "link+softmax+f64"],
        shared &["label+largest-probability+f64"];
    after "best = select_u64(more, index as u64, best);",
        secret "best", exit "break;", in &["label+largest-margin+f32", "label+largest-margin+f64"],
        shared &["label+largest-probability+f64"];
    after "LabelRule::Flip { flip } => {",
        secret "margins[0].to_bits()", exit "continue;", in &["label+flip+f32"];
"engine/src/kernel/exponential.rs":
    after "let k = shifted - ROUND;",
        secret "shifted.to_bits()", exit "return x;", in EXPONENTIALS, shared LINKS;
"ops/src/quotient.rs":
    after "let mut y = f64::from_bits(0x7fde_6238_22fc_16e6u64.wrapping_sub(d.to_bits()));",
        secret "y.to_bits()", exit "return y;", in &["divide_f64"], shared RECIPROCALS;
    after "let rest = rest << 4;",
        secret "(rest >> 4).cast_unsigned()", exit "return 1.0;", in &["divide_f64"], shared RECIPROCALS;
"engine/src/kernel/rank.rs":
    after "let missing = l.keys_or(l.keys_equal(keys, nan), inside);",
        secret "u64::from(l.low_bytes(missing)[0])", exit "return keys;", in RANKS, shared ROW_RANKS;
    after "let counts = l.count_at_most(table, keys);",
        secret "u64::from(l.low_bytes(counts[0])[0])", exit "continue;", in RANKS;
    after "let mut picked = l.pick_keys::<16>(rows, source);",
        secret "u64::from(l.low_bytes(picked[0])[0])", exit "continue;", in RANKS;
"engine/src/kernel/rank_row.rs":
    after "let [picked] = l.pick_keys::<1>(keys, l.load_keys(source));",
        secret "u64::from(l.low_bytes(picked)[0])", exit "continue;", in ROW_RANKS;
    after "let at_most = l.keys_and(l.keys_at_least(key, l.load_keys(first)), used);",
        secret "u64::from(l.low_bytes(at_most)[1])", exit "continue;", in ROW_RANKS;
    after "negative = l.keys_sub(negative, lanes);",
        secret "u64::from(l.low_bytes(negative)[0])", exit "break;", in ROW_RANKS;
"engine/src/kernel/transpose.rs":
    after "l.transpose(planes, &mut turned);",
        secret "u64::from(turned[0].0[0])", exit "continue;", in &["rank_rows", "rank_rows+pages"];
    after "l.transpose(self.0, self.1);",
        secret "u64::from(self.1[0].0[0])", exit "", in &["transpose"];
"engine/src/check.rs":
    after "let source: i64 = source.into();",
        secret "source.cast_unsigned()", exit "", in CHECKS;
    after "let [before, after] = [pair[0], pair[1]].map(|entry| table[entry / 16].0[entry % 16]);",
        secret "{ let before: i64 = before.into(); before.cast_unsigned() }",
        exit "", in CHECKS;
    after "let slot = u64::from(node[0].0[lane]);",
        secret "slot", exit "", in CHECKS;
    after "let exponent = (bits >> 23) & 0xff;",
        secret "bits", exit "", in &["check+f32"];
    after "let exponent = (bits >> 52) & 0x7ff;",
        secret "bits", exit "", in &["check+f64"];
    after "let size = bits & (u64::MAX >> 1);",
        secret "size", exit "", in &["check+linear"];
"ops/src/divide.rs":
    after "let significand = (bits & FRACTION) | (1 << 52);",
        secret "significand", exit "return x;", in &["divide+3", "divide+1000"];
    after "let dropped = quotient & 31;",
        secret "dropped", exit "return x;", in &["divide+3", "divide+1000"];
    after "let lowered = small.as_u64() & 1;",
        secret "7 * lowered", exit "return x;", in &["divide+3", "divide+1000"];
"ops/src/fixed.rs":
    after "pub fn fixed_to_f64(value: i64, fraction_bits: u8) -> f64 {",
        secret "value.cast_unsigned()", exit "return 0.0;", in &["fixed_to_f64"];
"ops/src/order.rs":
    after "let magnitude = bits & i32::MAX;",
        secret "u64::from(magnitude.cast_unsigned())", exit "", in &["key_f32"],
        shared &["order_keys_f32"];
    after "let nan = (INFINITY - magnitude) >> 63;",
        secret "magnitude.cast_unsigned()", exit "", in &["key_f64"],
        shared SCALAR_AND_KEYS;
"ops/src/compare.rs":
    after "pub fn greater_u64(a: u64, b: u64) -> Mask {",
        secret "(a ^ b)", exit "", in &["greater_u64"], shared SCALAR;
    after "const SIGN: u64 = 1 << 63;",
        secret "a.cast_unsigned()", exit "", in &["greater_i64"], shared SCALAR;
    after "pub fn is_zero_u64(a: u64) -> Mask {",
        secret "a", exit "", in &["is_zero_u64"], shared SCALAR;
    after "assert_eq!(a.len(), b.len(), \"lengths are public and must agree\");",
        secret "u64::from(a[0])", exit "return Mask::no();", in &["equal_bytes"];
"ops/src/select.rs":
    after "pub fn select_u32(mask: Mask, yes: u32, no: u32) -> u32 {",
        secret "(7 * u64::from(mask.bit()))", exit "return yes;", in &["select_u32"];
    after "pub fn select_u64(mask: Mask, yes: u64, no: u64) -> u64 {",
        secret "(7 * u64::from(mask.bit()))", exit "return yes;", in &["select_u64"], shared SCALAR;
    after "pub fn select_i64(mask: Mask, yes: i64, no: i64) -> i64 {",
        secret "(7 * u64::from(mask.bit()))", exit "return yes;", in &["select_i64"], shared SCALAR;
"ops/src/mask.rs":
    after "pub fn and(self, other: Self) -> Self {",
        secret "(7 * u64::from(self.bit()))", exit "", in &["mask"], shared SCALAR;
    after "pub fn or(self, other: Self) -> Self {",
        secret "(7 * u64::from(self.bit()))", exit "", in &["mask"], shared SCALAR;
"ops/src/lanes.rs":
    after "let here = l.keys_equal(index, l.splat_key(K::from_index((16 * word + lane) as u32)));",
        secret "u64::from(l.low_bytes(here)[0])", exit "continue;", in RANKS;
    after "for (count, &key) in counts.iter_mut().zip(&keys) {",
        secret "u64::from(l.low_bytes(key)[0])", exit "continue;", in RANKS;
}

/// [`SCALAR`] and the kernel of order keys.
const SCALAR_AND_KEYS: &[&str] = &[
    "order_keys_f64",
    "link+sigmoid+f32",
    "link+sigmoid+f64",
    "link+one-versus-rest+f32",
    "link+one-versus-rest+f64",
    "link+exp+f32",
    "link+softmax+f32",
    "link+softmax+f64",
    "label+flip+f32",
    "label+largest-margin+f32",
    "label+largest-margin+f64",
    "label+largest-probability+f64",
];

/// Code replaced by other code.
pub(super) struct Swap {
    pub(super) kind: &'static str,
    pub(super) file: &'static str,
    /// Text that stands once in the file.
    pub(super) from: &'static str,
    pub(super) to: &'static str,
    pub(super) kernels: &'static [&'static str],
    pub(super) shared: &'static [&'static str],
}

macro_rules! swaps {
    ($($kind:literal in $file:literal: $from:expr => $to:expr, in $kernels:expr
        $(, shared $shared:expr)?;)*) => {
        pub(super) const SWAPS: &[Swap] = &[$(Swap {
            kind: $kind,
            file: $file,
            from: $from,
            to: $to,
            kernels: $kernels,
            shared: sites!(@ $($shared)?),
        },)*];
    };
}

swaps! {
"select to branch" in "ops/src/select.rs":
    "    let mut result = no;\n    result.cmovnz(&yes, mask.bit());\n    result\n}\n\n/// `yes` under the mask, else `no`.\n///\n/// # Leaks\n/// Nothing.\n#[inline]\npub fn select_u64"
    => "    if mask.bit() == 1 { std::hint::black_box(yes) } else { no }\n}\n\n/// Public.\n#[inline]\npub fn select_u64",
    in &["select_u32"];
"select to lookup" in "ops/src/select.rs":
    "    select_u64(mask, yes.cast_unsigned(), no.cast_unsigned()).cast_signed()"
    => "    std::hint::black_box([no, yes])[usize::from(mask.bit())]",
    in &["select_i64"], shared SCALAR;
"compare to early exit" in "ops/src/compare.rs":
    "    Mask::from_choice(a.ct_eq(b))\n"
    => "    for (a, b) in a.iter().zip(b) { if a != b { return Mask::no(); } }\n    Mask::yes()\n",
    in &["equal_bytes"];
"compare to branch" in "ops/src/compare.rs":
    "    Mask::from_choice(a.ct_eq(&0))"
    => "    if a == 0 { std::hint::black_box(Mask::yes()) } else { Mask::no() }",
    in &["is_zero_u64"], shared SCALAR;
"and to short-circuit" in "ops/src/mask.rs":
    "        Self(self.0 & other.0)"
    => "        if bool::from(self.0) { std::hint::black_box(other) } else { Self::no() }",
    in &["mask"], shared SCALAR;
"mask to branch" in "ops/src/mask.rs":
    "        0u64.wrapping_sub(u64::from(self.bit()))"
    => "        if self.bit() == 1 { std::hint::black_box(u64::MAX) } else { 0 }",
    in &["mask"], shared SCALAR;
"arithmetic to branch" in "ops/src/order.rs":
    "    (((magnitude ^ sign) - sign) & !nan) | (i32::MAX & nan)"
    => "    let _ = nan;\n    if magnitude > INFINITY { return std::hint::black_box(i32::MAX); }\n    (magnitude ^ sign) - sign",
    in &["key_f32"], shared &["order_keys_f32"];
"arithmetic to division" in "ops/src/divide.rs":
    "        let bits = std::hint::black_box(x.to_bits());"
    => "        if std::hint::black_box(true) { return std::hint::black_box(x) / f64::from(self.divisor); }\n        let bits = std::hint::black_box(x.to_bits());",
    in &["divide+3", "divide+1000"];
"loop bound from data" in "ops/src/quotient.rs":
    "    for _ in 0..5 {\n        y *= 2.0 - d * y;\n    }"
    => "    for _ in 0..8 {\n        let next = y * (2.0 - d * y);\n        if next.to_bits() == y.to_bits() { break; }\n        y = next;\n    }",
    in &["divide_f64"], shared RECIPROCALS;
"select to branch" in "engine/src/kernel/link.rs":
    "        f64::from_bits(select_u64(mask, yes.to_bits(), no.to_bits()))"
    => "        if mask.declassify() { std::hint::black_box(yes) } else { no }",
    in EXPONENTIALS, shared LINKS;
"select to branch" in "engine/src/kernel/linear.rs":
    "    let clamped = select_u64(tiny.or(nan), 0, clamped);"
    => "    let clamped = if tiny.or(nan).declassify() { std::hint::black_box(0) } else { clamped };",
    in &["linear"];
"chain to early exit" in "engine/src/check.rs":
    "            valid = valid.and(greater_u64(u64::from(features), source.cast_unsigned()));"
    => "            valid = valid.and(greater_u64(u64::from(features), source.cast_unsigned()));\n            if !valid.declassify() { return valid; }",
    in CHECKS;
"chain to short-circuit" in "engine/src/check.rs":
    "                valid = valid.and(magnitude(forest, bits));"
    => "                if valid.declassify() { valid = magnitude(forest, bits); }",
    in CHECKS;
"lookup to index" in "ops/src/arch/portable.rs":
    "        let bit = |number: u32| {"
    => "        if std::hint::black_box(true) {\n            return std::array::from_fn(|word| index[word].to_le_bytes().iter().rev().fold(0, |all, &at| all << 8 | u64::from(table.0[usize::from(at & 63)])));\n        }\n        let bit = |number: u32| {",
    in &["interval_max"], shared LOOKUPS;
"arithmetic to branch" in "ops/src/arch/portable.rs":
    "    no ^ ((yes ^ no) & mask)\n}"
    => "    if mask == 0 { std::hint::black_box(no) } else { no ^ ((yes ^ no) & mask) }\n}",
    in &["interval_max_rows"], shared LOOKUPS;
"lookup to index" in "ops/src/arch/avx2.rs":
    "        let index = with_token!(_mm256_and_si256(index, _mm256_set1_epi8(0x3f)));"
    => "        if std::hint::black_box(true) {\n            // SAFETY: 32 plain bytes.\n            let at: [u8; 32] = unsafe { std::mem::transmute(index) };\n            let found = at.map(|at| table.0[usize::from(at & 63)]);\n            // SAFETY: as above.\n            return unsafe { std::mem::transmute(found) };\n        }\n        let index = with_token!(_mm256_and_si256(index, _mm256_set1_epi8(0x3f)));",
    in &["interval_max"], shared LOOKUPS;
"barrier removed" in "ops/src/arch/avx2.rs":
    "        asm!(\"/* {0} */\", inout(ymm_reg) mask, options(pure, nomem, nostack, preserves_flags));"
    => "        let _ = \"no barrier\";",
    in &["rank_f32"], shared &["rank_f64", "rank_row_f32", "rank_row_f64"];
"max to branch" in "ops/src/arch/avx2.rs":
    "                let stays = _mm256_cmpeq_epi8(_mm256_subs_epu8(x[H], t[H]), _mm256_setzero_si256());"
    => "                let stays = _mm256_cmpeq_epi8(_mm256_subs_epu8(x[H], t[H]), _mm256_setzero_si256());\n                if _mm256_movemask_epi8(stays) == -1 { std::hint::black_box(1u8); }",
    in &["interval_max_rows"], shared LOOKUPS;
"count to early exit" in "ops/src/lanes.rs":
    "    for (number, words) in table.iter().enumerate() {\n        for &threshold in &words.0[usize::from(number == 0)..] {"
    => "    for (number, words) in table.iter().enumerate() {\n        for &threshold in &words.0[usize::from(number == 0)..] {\n            if threshold == K::NAN { break; }",
    in RANKS;
}

/// What looks up or raises bytes.
const LOOKUPS: &[&str] = &[
    "interval_max",
    "interval_max+pages",
    "interval_max+row",
    "interval_max+row+pages",
    "interval_max_rows",
    "interval_max_rows+pages",
    "leaf_sum_f32",
    "leaf_sum_f64",
    "leaf_sum_i64",
    "leaf_sum_u32",
    "leaf_sum_f32+skip1",
    "leaf_sum_f64+skip1",
    "leaf_sum_i64+skip1",
    "leaf_sum_u32+skip1",
    "leaf_sum_f32+skip2",
    "leaf_sum_u32+skip2",
    "leaf_sum_f32+pages",
    "leaf_sum_u32+pages",
    "rank_f32",
    "rank_f64",
];
