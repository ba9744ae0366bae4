//! Evaluation from rows in memory to margins, one thread: time per row, every backend and profile.

use benches::{complete_trees, uniform_rows};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use engine::{CompileOptions, Evaluation, Output, Profile, compile, evaluate};
use ops::Backend;
use std::num::NonZeroUsize;

fn evaluation(c: &mut Criterion) {
    for (trees, depth, features) in [(1000, 6, 32), (100, 6, 32), (100, 10, 32)] {
        let model = complete_trees(trees, depth, features);
        let mut group = c.benchmark_group(format!("T{trees} d{depth} F{features}"));
        for backend in Backend::available() {
            let rows =
                uniform_rows(if backend.name() == "portable" { 128 } else { 4096 }, features);
            group.throughput(Throughput::Elements((rows.count() * trees) as u64));
            for profile in [Profile::Strict, Profile::DataOblivious] {
                let options = CompileOptions { profile, ..CompileOptions::default() };
                let program = compile(&model, &options).expect("compiles");
                let threads = NonZeroUsize::MIN;
                let evaluation =
                    Evaluation { output: Output::Margin, backend, threads, kernel: None };
                let id = BenchmarkId::new(backend.name(), format!("{profile:?}"));
                group.bench_function(id, |b| {
                    b.iter(|| evaluate(&program, &rows, &evaluation, &|_| ()));
                });
            }
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).warm_up_time(std::time::Duration::from_millis(300)).measurement_time(std::time::Duration::from_secs(1));
    targets = evaluation
}
criterion_main!(benches);
