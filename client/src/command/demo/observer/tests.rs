//! The observer on made-up clocks: what it must see, and what it must not. No clock runs here.

use super::super::clock::Numbers;
use super::{Report, Rule, Timed, observe, rank_sum, wilson};

/// A made-up experiment: how many queries there are, and what the clock says of each class.
fn experiment(seed: u64, queries: usize, clock: impl Fn(&mut Numbers, bool) -> f64) -> Report {
    let mut numbers = Numbers(seed);
    let timed: Vec<Timed> = (0..queries)
        .map(|_| {
            let second = uniform(&mut numbers) < 0.35;
            Timed { nanos: clock(&mut numbers, second), second }
        })
        .collect();
    let (known, unknown) = timed.split_at(queries / 2);
    observe(known, unknown)
}

fn uniform(numbers: &mut Numbers) -> f64 {
    (numbers.next() >> 11) as f64 / (1u64 << 53) as f64
}

/// Near enough to normal: mean 0, deviation 1.
fn normal(numbers: &mut Numbers) -> f64 {
    (0..12).map(|_| uniform(numbers)).sum::<f64>() - 6.0
}

#[test]
fn a_clock_that_knows_nothing_is_hardly_ever_believed() {
    type Clock = fn(&mut Numbers, bool) -> f64;
    let clocks: [(&str, Clock); 4] = [
        ("normal", |n, _| 24_000.0 + 10.0 * normal(n)),
        ("coarse", |n, _| (24.0 + normal(n)).round()),
        ("heavy tail", |n, _| 24.0 / uniform(n).max(1e-9)),
        ("constant", |_, _| 24.0),
    ];
    for (name, clock) in clocks {
        let runs = 4000;
        let reports: Vec<Report> = (0..runs).map(|seed| experiment(seed, 171, clock)).collect();
        let outside = reports.iter().filter(|report| !report.holds_base_rate()).count();
        let above = reports.iter().filter(|r| r.interval.0 > r.base_rate()).count();
        // to leave the interval, the clock must first be believed: once in 1000
        assert!(
            outside * 1000 <= runs as usize,
            "{name}: {outside} of {runs} outside the interval"
        );
        assert_eq!(above, 0, "{name}: a leak was seen where there is none");
    }
}

/// A shift of one deviation is mostly believed, and hardly ever enough to leave the base rate: not
/// the test but the number of guesses is what limits the observer.
#[test]
fn the_test_is_sharper_than_the_interval() {
    let runs = 1000;
    let reports: Vec<Report> = (0..runs)
        .map(|seed| experiment(seed, 171, |n, second| f64::from(u8::from(second)) + normal(n)))
        .collect();
    let believed = reports.iter().filter(|r| matches!(r.rule, Rule::Slower { .. })).count();
    let above = reports.iter().filter(|r| r.interval.0 > r.base_rate()).count();
    assert!(believed * 2 > runs as usize && above * 10 < runs as usize, "{believed} {above}");
}

#[test]
fn a_clock_that_knows_is_believed() {
    // two levels apart by three deviations, as a walk of two and of four comparisons
    for seed in 0..200 {
        let report = experiment(seed, 171, |n, second| {
            f64::from(u8::from(second)).mul_add(3.0, 10.0) + normal(n)
        });
        assert!(report.interval.0 > report.base_rate(), "seed {seed}: {}", report.accuracy());
        assert!(matches!(report.rule, Rule::Slower { second: true, .. }));
    }
    // and the other way round
    let report =
        experiment(7, 171, |n, second| 10.0 - f64::from(u8::from(second)).mul_add(3.0, normal(n)));
    assert!(matches!(report.rule, Rule::Slower { second: false, .. }));
    assert!(report.interval.0 > report.base_rate());
}

/// A machine that grows slower all the time, and queries sorted by class: the observer finds a leak
/// that no engine has. In a shuffled order it finds none.
#[test]
fn drift_fools_who_does_not_shuffle() {
    let queries = 170;
    let second = |query: usize| query >= 100;
    let mut seen = [0, 0];
    for seed in 0..200 {
        for shuffled in [false, true] {
            let mut numbers = Numbers(seed);
            let mut order: Vec<usize> = (0..queries).collect();
            if shuffled {
                numbers.shuffle(&mut order);
            }
            let mut timed: Vec<Timed> = order
                .iter()
                .enumerate()
                .map(|(at, &query)| Timed { nanos: 24_000.0 + at as f64, second: second(query) })
                .collect();
            numbers.shuffle(&mut timed);
            let (known, unknown) = timed.split_at(queries / 2);
            let report = observe(known, unknown);
            seen[usize::from(shuffled)] += usize::from(report.interval.0 > report.base_rate());
        }
    }
    assert_eq!(seen, [200, 0]);
}

/// Newcombe (1998), table I: the score method, 81 of 263 and 0 of 20, at 95%.
#[test]
fn wilson_as_published() {
    for ((right, of), (low, high)) in [((81, 263), (0.2553, 0.3662)), ((0, 20), (0.0, 0.1611))] {
        let interval = wilson(right, of, 1.95996);
        assert!((interval.0 - low).abs() < 5e-5 && (interval.1 - high).abs() < 5e-5);
    }
}

/// Without ties: U = 4 of the second class in 3 x 4, mean 6, variance 3 * 4 * 8 / 12 = 8.
#[test]
fn rank_sums_by_hand() {
    let timed = |list: &[(f64, bool)]| -> Vec<Timed> {
        list.iter().map(|&(nanos, second)| Timed { nanos, second }).collect()
    };
    let (no, yes) = (false, true);
    let plain =
        timed(&[(1.0, yes), (2.0, no), (3.0, yes), (4.0, no), (5.0, no), (6.0, yes), (7.0, no)]);
    assert!((rank_sum(&plain) - (4.0 - 6.0) / 8f64.sqrt()).abs() < 1e-12);
    // ties: ranks 1.5 1.5 3.5 3.5; second class 1.5 + 3.5 = 5 is what is expected
    let tied = timed(&[(1.0, yes), (1.0, no), (2.0, yes), (2.0, no)]);
    assert_eq!(rank_sum(&tied), 0.0);
    assert_eq!(rank_sum(&timed(&[(1.0, yes), (1.0, no)])), 0.0);
}
