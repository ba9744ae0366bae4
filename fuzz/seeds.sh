#!/usr/bin/env bash
# Fills fuzz/corpus with seeds made from committed small files. Takes the built command in TAUTOCHRONE_BIN.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${TAUTOCHRONE_BIN:-target/release/tautochrone}
bin=$(realpath "$bin")
corpus=fuzz/corpus
mkdir -p "$corpus"/{xgboost,lightgbm,sklearn,csv,npy,parquet,program,rule,agreement,frame,message,connection,attestation,envelope}
cp models/testdata/xgboost-*.json "$corpus/xgboost/"
cp models/testdata/lightgbm-*.txt "$corpus/lightgbm/"
cp models/testdata/sklearn-*.json "$corpus/sklearn/"
cp examples/*/*.rule "$corpus/rule/"
printf 'a,b,id,note\n1.5,NA,x,"y,z"\n-inf,1e-9,007,""\n' >"$corpus/csv/plain"
printf 'a,b\r\n1,2\r\n,nan\r\n' >"$corpus/csv/crlf"
printf '\xef\xbb\xbfb,a\n1,2\n' >"$corpus/csv/bom"
printf 'a,b\n' >"$corpus/csv/no-rows"

model=models/testdata/xgboost-3.2.0-targets.json
rows=$(mktemp -d)
trap 'rm -rf "$rows"' EXIT
printf 'a,b,c,d\n1,2,3,4\n-1,,0.5,inf\n' >"$rows/rows.csv"
for format in npy parquet csv; do
    for output in margin leaf; do
        "$bin" score --model "$model" --data "$rows/rows.csv" --out "$rows/$output.$format" --output $output
        cp "$rows/$output.$format" "$corpus/$format/$output"
    done
done
# a table with the names that the target reads
printf 'id,note,w,x,y,z\n1,n,1,2,3,4\n2,m,5,6,7,8\n' >"$rows/ids.csv"
"$bin" score --model "$model" --data "$rows/ids.csv" --out "$rows/ids.parquet" --id id --id note
cp "$rows/ids.parquet" "$corpus/parquet/ids"

for model in models/testdata/{xgboost-3.2.0-softprob,xgboost-3.2.0-poisson,sklearn-1.9.1-logisticmulti,sklearn-1.9.1-boostmulti}.json \
    models/testdata/lightgbm-4.7.0-{forest,ova}.txt; do
    name=$(basename "$model")
    "$bin" compile "$model" -o "$corpus/program/$name-strict" --class exact >/dev/null
    "$bin" compile "$model" -o "$corpus/program/$name-oblivious" --class exact --profile data-oblivious >/dev/null
    case $name in *logistic*) continue ;; esac
    "$bin" compile "$model" -o "$corpus/program/$name-fixed" --class exact --sum fixed >/dev/null
    "$bin" compile "$model" -o "$corpus/program/$name-leaf" --class exact --output leaf >/dev/null
done
for agreement in examples/agreements/*.toml protocol/vectors/every-term.toml; do
    name=$(basename "$agreement" .toml)
    cp "$agreement" "$corpus/agreement/$name"
    "$bin" agreement digest "$agreement" --canonical "$corpus/agreement/$name-canonical" >/dev/null
done
# a header of each kind; a status request; a score of one row; a reply and a receipt of zeros
for kind in 1 2 3 4 5 6; do
    printf "\\x01\\x00\\x0$kind\\x00\\x00\\x00\\x00\\x00\\x10\\x00\\x00\\x00\\x00\\x00\\x00\\x00" >"$corpus/frame/header-$kind"
done
head -c 16 /dev/zero >"$corpus/message/status"
head -c 80 /dev/zero >"$corpus/message/score"
head -c 552 /dev/zero >"$corpus/message/reply"
{ printf "\\x01"; head -c 415 /dev/zero; } >"$corpus/message/receipt"
# a submission, two calls, the first again, a supply, status; then one byte of each handshake
printf '\x00\x00\x01\x00\x02\x01\x02\x05\x02\x01\x03\x06\x02\x01\x02\x05\x01\x02\x04\x01\x03\x01\x00\x00' >"$corpus/connection/calls"
printf '\xff\x01\x16\x03\x01' >"$corpus/connection/psk"
printf '\xff\x02\x16\x03\x01' >"$corpus/connection/pinned"
# real documents are not ours to commit: they are seeds where they are
cp ../shared/vectors/attestation/*.cbor "$corpus/attestation/" 2>/dev/null || true
cp ../shared/vectors/kms/*.ber "$corpus/envelope/" 2>/dev/null || true
find "$corpus" -type f | wc -l
