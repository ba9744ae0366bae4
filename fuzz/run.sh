#!/usr/bin/env bash
# Runs fuzz targets, SECONDS each: fuzz/run.sh SECONDS [TARGET ...]. Needs a nightly compiler and cargo-fuzz.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:?usage: fuzz/run.sh SECONDS [TARGET ...]}
shift
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(xgboost lightgbm sklearn csv npy parquet program rule agreement frame message connection attestation envelope)

[ -n "${TAUTOCHRONE_BIN:-}" ] || cargo build --release --locked
fuzz/seeds.sh >/dev/null
cd fuzz
for target in "${targets[@]}"; do
    echo "== $target"
    begin=$(times | tail -1)
    cargo +nightly fuzz run "$target" -- \
        -max_total_time="$seconds" -max_len=65536 -timeout=20 -rss_limit_mb=1024 -malloc_limit_mb=512 -print_final_stats=1
    echo "$target: CPU of children before [$begin], after [$(times | tail -1)]"
done
echo "no findings"
