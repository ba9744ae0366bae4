//! Layer dudect: does the time of a kernel tell a fixed secret from other ones?
//!
//! Welch's t-test over two classes of samples (Reparaz, Balasch, Verbauwhede, "Dude, is my code
//! constant time?", 2017). The left class is a target's first secret, the right class any of the
//! others. Targets and secrets are those of `evidence`, on the fastest backend of this CPU. One run
//! decides nothing: `evidence dudect` takes the median of five processes, and asks for the control,
//! a planted branch, to be seen in the same processes.

use dudect_bencher::ctbench::{BenchMetadata, BenchName, BenchOpts, run_benches_console};
use dudect_bencher::rand::RngExt;
use dudect_bencher::{BenchRng, Class, CtRunner};
use evidence::{Region, targets};
use ops::Backend;
use std::cell::RefCell;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Samples of a target, if they fit into the time.
const SAMPLES: usize = 200_000;
/// Time for one target.
const PATIENCE: Duration = Duration::from_millis(900);

/// One function for each target: the bencher takes no closures.
macro_rules! benches {
    ($($name:ident: $kernel:literal, $profile:literal;)*) => {
        $(
            fn $name(runner: &mut CtRunner, rng: &mut BenchRng) {
                time(runner, rng, $kernel, $profile);
            }
        )*
        fn benches() -> Vec<BenchMetadata> {
            vec![$(BenchMetadata {
                name: BenchName(concat!($kernel, "/", $profile)),
                seed: None,
                benchfn: $name,
            }),*]
        }
    };
}

benches! {
    control: "planted+branch", "both";
    check: "check+f32", "strict";
    interval_max: "interval_max", "strict";
    interval_max_rows: "interval_max_rows", "data-oblivious";
    label: "label+flip+f64", "both";
    leaf_sum_f32: "leaf_sum_f32+skip1", "strict";
    leaf_sum_f64: "leaf_sum_f64", "strict";
    linear: "linear", "strict";
    pipeline: "pipeline+label", "strict";
    rank: "rank_f32", "strict";
    softmax: "link+softmax+f32", "both";
}

fn main() {
    // cargo says `--bench` to a bench; there is nothing to choose
    if let Err(fault) = run_benches_console(BenchOpts::default(), benches()) {
        eprintln!("dudect: {fault}");
        std::process::exit(1);
    }
}

fn time(runner: &mut CtRunner, rng: &mut BenchRng, kernel: &str, profile: &str) {
    let fastest = Backend::detect().name();
    let region = targets::all()
        .into_iter()
        .filter(|target| target.kernel == kernel && target.profile.name() == profile)
        .find(|target| [fastest, "scalar"].contains(&target.backend))
        .and_then(|target| (target.make)())
        .expect("a target of this name on this CPU");
    let mut lines = region.layout.buffer();
    let buffer = RefCell::new(Region::bytes(&mut lines));
    let (first, others) = region.secrets.split_first().expect("at least eight secrets");
    let begun = Instant::now();
    for sample in 0..SAMPLES {
        let other = &others[rng.random::<u64>() as usize % others.len()];
        let (class, mask) =
            if rng.random::<bool>() { (Class::Left, 0u8) } else { (Class::Right, 255) };
        let mask = black_box(mask);
        // both secrets are read for either class, or one class would find other caches
        let pairs = first.bytes.iter().zip(&other.bytes);
        for (byte, (left, right)) in buffer.borrow_mut().iter_mut().zip(pairs) {
            *byte = left ^ ((left ^ right) & mask);
        }
        runner.run_one(class, || (region.body)(&mut buffer.borrow_mut()));
        if sample % 64 == 0 && begun.elapsed() > PATIENCE {
            break;
        }
    }
}
