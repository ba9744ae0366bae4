//! Layer scan: the machine code of every kernel on every path, AVX-512 too, without running it.
//!
//! `ctrace scan` counts what could depend on operands, function by function, and compares with
//! `evidence/expect/BACKEND.json`, which somebody looked at: conditional jumps are loops over public
//! bounds and checks of public lengths, integer divisions cut public lengths into chunks. Some
//! instructions have no place in a kernel, whatever the expectation says. The planted leaks are
//! scanned in the same run and must show theirs. `--record` writes new expectations.
//!
//! `same-code` then compares the kernels of the harness with those of the shipped `tautochrone`:
//! what was checked is what runs.

use crate::work::{self, Fault};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Backends and the functions that hold their kernels.
const KERNELS: [(&str, &str); 3] = [
    ("portable", "ops::arch::portable::run::<engine::kernel::"),
    ("avx2", "ops::arch::avx2::run_detected::<engine::kernel::"),
    ("avx512", "ops::arch::avx512::run_detected::<engine::kernel::"),
];

/// What no kernel may hold.
const FORBIDDEN: [&str; 9] = [
    "masked-store",
    "masked-load",
    "gather",
    "float-divide",
    "square-root",
    "bit-count",
    "bit-deposit",
    "other",
    "unknown",
];

/// What is forbidden and there all the same: function, class, and why it tells nothing.
const EXCEPTIONS: [(&str, &str, &str); 3] = [
    ("leaf_sum::row_places::Places", "gather", "a table of lane numbers; it reads no secret"),
    (
        "link::LinkKernel",
        "masked-load",
        "constants of a link, chosen by the sum's public precision",
    ),
    ("rank::rank_f32::Rank", "bit-count", "the public number of thresholds chooses a search"),
];

/// Planted leaks and what the scan must find in them.
const PLANTED: [(&str, &str); 8] = [
    ("evidence::planted::branch", "conditional-jump"),
    ("evidence::planted::division", "divide"),
    ("evidence::planted::float_division", "float-divide"),
    ("evidence::planted::vector::gather_avx2", "gather"),
    ("evidence::planted::vector::gather_avx512", "gather"),
    ("evidence::planted::vector::masked_store_avx2", "masked-store"),
    ("evidence::planted::vector::masked_store_avx512", "masked-store"),
    ("evidence::planted::regression::avx512_masked_store::pick", "masked-store"),
];

pub(crate) fn run(record: bool) -> Result<bool, Fault> {
    let harness = work::build(&work::root(), None)?;
    let ctrace = work::build_ctrace()?;
    let mut good = true;
    let mut functions = Vec::new();
    let mut wrong = Vec::new();
    for (backend, pattern) in KERNELS {
        let file = expectation(backend);
        if record {
            scan(&ctrace, &harness, pattern, &["--record".as_ref(), file.as_os_str()])?;
        }
        let (fine, report) =
            scan(&ctrace, &harness, pattern, &["--expect".as_ref(), file.as_os_str()])?;
        let deviations = report["deviations"].as_array().cloned().unwrap_or_default();
        let mut found = forbidden(backend, &report);
        let deviations = deviations.iter().filter_map(Value::as_str);
        found.extend(deviations.map(|deviation| format!("{backend}: {deviation}")));
        good &= fine && found.is_empty();
        found.iter().for_each(|found| println!("{found}"));
        let all = report["functions"].as_object().ok_or("the scanner lists no functions")?;
        println!("scan: {backend}: {} kernels, {} not as expected", all.len(), found.len());
        wrong.extend(found);
        for (name, inventory) in all {
            functions.push(json!({
                "function": name, "backend": backend, "counts": inventory["counts"],
            }));
        }
    }
    let mut planted = Vec::new();
    for (function, class) in PLANTED {
        let (_, report) = scan(&ctrace, &harness, function, &[])?;
        let seen = &report["functions"][function]["counts"][class];
        let verdict = if seen.as_u64() > Some(0) { "leak seen" } else { "PLANTED LEAK UNSEEN" };
        good &= verdict == "leak seen";
        println!("scan: {function}: {class}: {verdict}");
        if verdict != "leak seen" {
            wrong.push(format!("{function}: {class}: {verdict}"));
        }
        planted.push(json!({ "function": function, "class": class, "verdict": verdict }));
    }
    work::write(
        "scan",
        &json!({
            "layer": "scan", "passed": good, "functions": functions, "planted": planted, "wrong": wrong,
        }),
    )?;
    Ok(good)
}

fn expectation(backend: &str) -> PathBuf {
    work::root().join("evidence/expect").join(format!("{backend}.json"))
}

fn forbidden(backend: &str, report: &Value) -> Vec<String> {
    let functions = report["functions"].as_object().into_iter().flatten();
    let mut found = Vec::new();
    for (name, inventory) in functions {
        for class in FORBIDDEN {
            let excepted =
                EXCEPTIONS.iter().any(|&(part, of, _)| name.contains(part) && of == class);
            if let Some(count) = inventory["counts"][class].as_u64()
                && !excepted
            {
                found.push(format!(
                    "{backend}: {name}: {count} x {class}, which no kernel may hold"
                ));
            }
        }
    }
    found
}

fn scan(
    ctrace: &Path,
    binary: &Path,
    pattern: &str,
    options: &[&std::ffi::OsStr],
) -> Result<(bool, Value), Fault> {
    let mut command = Command::new(ctrace);
    command.arg("scan").arg(binary).arg(pattern).arg("--json").args(options);
    let out = work::output(&mut command)?;
    let report = serde_json::from_slice(&out.stdout).map_err(|_| {
        format!("{pattern}: no report: {}", String::from_utf8_lossy(&out.stderr).trim())
    })?;
    Ok((out.status.success(), report))
}

/// The kernels of the harness against those of the shipped command.
pub(crate) fn same_code() -> Result<bool, Fault> {
    let harness = work::build(&work::root(), None)?;
    let ctrace = work::build_ctrace()?;
    let shipped = work::build_shipped()?;
    let mut good = true;
    let mut rows = Vec::new();
    for (backend, pattern) in KERNELS {
        let mut command = Command::new(&ctrace);
        command.arg("same-code").args([&harness, &shipped]).args([pattern, "--json"]);
        let out = work::output(&mut command)?;
        let report: Value = serde_json::from_slice(&out.stdout).map_err(|_| {
            format!("{pattern}: no report: {}", String::from_utf8_lossy(&out.stderr).trim())
        })?;
        let all = report["functions"].as_array().or(report.as_array()).cloned().unwrap_or_default();
        let same = all.iter().filter(|function| function["state"] == "same").count();
        let fine = out.status.success() && same > 0;
        good &= fine;
        println!("same code: {backend}: {same} of {} kernels", all.len());
        for function in all.iter().filter(|function| function["state"] != "same") {
            println!("    {}: {} {}", function["state"], function["name"], function["detail"]);
        }
        rows.extend(all.into_iter().map(|function| {
            json!({
                "function": function["name"],
                "backend": backend,
                "state": function["state"],
                "code": function["second"],
            })
        }));
    }
    work::write("same-code", &json!({ "layer": "same-code", "passed": good, "functions": rows }))?;
    Ok(good)
}
