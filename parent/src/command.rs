//! The command `tautochrone parent`, as a library, so that `tautochrone-dev` has it too.
//!
//! Exit codes: 0 stopped as asked; 1 a failure of the operating system; 2 usage.
use crate::address::Enclave;
use crate::blobs::Blobs;
use crate::journal::Lines;
use crate::metrics::Metrics;
use crate::relay::Relay;
use crate::sign::Signer;
use crate::web::Web;
use crate::wrapped::Wrapped;
use crate::{agreement, journal, kms, sign, store, wrapped};
use clap::Parser;
use protocol::agreement::{Agreement, MAX_BYTES};
use protocol::parent::Service;
use std::ffi::OsString;
use std::fmt::Display;
use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// Relay parties to an enclave, keep its sealed records, show its metrics
///
/// Runs on the machine around the enclave, and is trusted with nothing: the channels that it relays end in the enclave, the
/// records are sealed, and what it is told is public. It carries the enclave's questions to KMS and signs them, with credentials
/// from the environment or of the machine's role, which open no key without the enclave's document. It can withhold service, and no more. Stops on SIGTERM or ctrl-c:
/// takes no further connection, and lets those that are open end.
#[derive(Parser)]
#[command(name = "tautochrone parent", version)]
struct Arguments {
    /// The enclave: vsock:CID, or unix:FOLDER for `tautochrone-dev enclave --parent FOLDER`
    #[arg(long, value_name = "ADDRESS")]
    enclave: Enclave,

    /// Where parties connect
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8443")]
    listen: String,

    /// Where sealed records are kept: a folder, or s3://BUCKET/PREFIX with credentials in the environment
    #[arg(long, value_name = "FOLDER|URL")]
    store: String,

    /// The agreement for a prebuilt image: the canonical form, as `tautochrone agreement digest --canonical` writes it
    #[arg(long, value_name = "FILE")]
    agreement: Option<PathBuf>,

    /// The wrapped pre-shared keys of parties: a folder of files of `tautochrone identity wrap`
    #[arg(long, value_name = "FOLDER")]
    wrapped: Option<PathBuf>,

    /// What stands in for KMS: `tautochrone-dev kms` [default: KMS of each key's region]
    #[arg(long, value_name = "HOST:PORT")]
    kms: Option<String>,

    /// Where /metrics and /health are
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9090")]
    metrics: String,

    /// A file for the enclave's log, one JSON object a line, appended [default: standard output]
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,

    /// Connections at once, at most
    #[arg(long, value_name = "N", default_value_t = 4096)]
    connections: usize,

    /// Seconds that open connections are given to end
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    grace: u64,
}

struct Failure {
    text: String,
    code: u8,
}

fn failed(what: impl Display) -> Failure {
    Failure { text: what.to_string(), code: 1 }
}

/// Runs the command; the first argument is the program's name.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        // the help and the version, which are no errors
        Err(error) if error.exit_code() == 0 => error.exit(),
        Err(error) => return told(&usage(&error)),
    };
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => told(&failure),
    }
}

fn told(failure: &Failure) -> ExitCode {
    // stderr may be closed; the exit code still tells
    let _ = writeln!(io::stderr(), "error: {}", failure.text.replace('\n', " "));
    ExitCode::from(failure.code)
}

/// What is wrong with the command line, in one line.
fn usage(error: &clap::Error) -> Failure {
    let text = error.render().to_string();
    let first = text.lines().next().unwrap_or_default();
    let first = first.strip_prefix("error: ").unwrap_or(first);
    Failure { text: format!("{first}: see `tautochrone parent --help`"), code: 2 }
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let enclave = &arguments.enclave;
    let canonical = arguments.agreement.as_deref().map(canonical).transpose()?;
    let about = |what: &str| {
        let what = what.to_owned();
        move |error: io::Error| failed(format!("{what}: {error}: is it taken, or not there?"))
    };
    let wrapped = match &arguments.wrapped {
        Some(folder) => wrapped::read(folder)
            .map_err(|error| Failure { text: format!("{}: {error}", folder.display()), code: 2 })?,
        None => Wrapped::new(),
    };
    let blobs = Blobs::open(&arguments.store)
        .map_err(|error| failed(format!("{}: {error}", arguments.store)))?;
    let lines: Lines = match &arguments.log {
        None => Arc::new(Mutex::new(io::stdout())),
        Some(path) => {
            let file = std::fs::File::options().append(true).create(true).open(path);
            Arc::new(Mutex::new(file.map_err(about(&path.display().to_string()))?))
        }
    };
    let metrics = Arc::new(Metrics::default());
    let web = Web::listen(&arguments.metrics).map_err(about(&arguments.metrics))?;
    let listener = TcpListener::bind(&arguments.listen).map_err(about(&arguments.listen))?;
    let listen = |service: Service| enclave.listen(service).map_err(about(service.name()));
    let (stores, logs) = (listen(Service::Store)?, listen(Service::Log)?);
    if let Some(canonical) = canonical {
        let agreements = listen(Service::Agreement)?;
        thread::spawn(move || agreement::serve(&agreements, &canonical));
    }
    let (questions, signatures) = (listen(Service::Kms)?, listen(Service::Sign)?);
    let wrapped_keys = listen(Service::Wrapped)?;
    let signer = Signer::new().map_err(failed)?;
    thread::spawn(move || wrapped::serve(&wrapped_keys, &wrapped));
    thread::spawn({
        let (metrics, kms) = (Arc::clone(&metrics), arguments.kms.clone());
        move || kms::serve(&questions, kms, metrics)
    });
    thread::spawn({
        let metrics = Arc::clone(&metrics);
        move || sign::serve(&signatures, &signer, &metrics)
    });
    thread::spawn({
        let metrics = Arc::clone(&metrics);
        move || store::serve(&stores, Arc::new(Mutex::new(blobs)), metrics)
    });
    thread::spawn({
        let metrics = Arc::clone(&metrics);
        move || journal::serve(&logs, lines, metrics)
    });
    let relay = Relay::new(enclave.clone(), arguments.connections, Arc::clone(&metrics));
    let at = listener.local_addr().map_err(failed)?;
    let shown = web.address().map_or(arguments.metrics.clone(), |address| address.to_string());
    thread::spawn({
        let relay = Arc::clone(&relay);
        move || web.serve(&metrics, &relay)
    });
    let grace = Duration::from_secs(arguments.grace);
    let (stopping, stopped) = std::sync::mpsc::channel();
    ctrlc::set_handler({
        let relay = Arc::clone(&relay);
        move || {
            relay.stop(grace);
            // the main thread waits for this word
            let _ = stopping.send(());
        }
    })
    .map_err(failed)?;
    // stderr may be closed; nothing depends on it
    let _ = writeln!(io::stderr(), "parties at {at}, metrics at {shown}");
    relay.run(&listener).map_err(failed)?;
    let _ = stopped.recv();
    Ok(())
}

/// The agreement's canonical form, which the enclave alone judges; here it is looked at so that a wrong file is told.
fn canonical(path: &Path) -> Result<Vec<u8>, Failure> {
    let about = |what: &dyn Display| format!("{}: {what}", path.display());
    let file = std::fs::File::open(path).map_err(|error| failed(about(&error)))?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| failed(about(&error)))?;
    match Agreement::decode(&bytes) {
        Ok(_) => Ok(bytes),
        Err(error) => Err(Failure {
            text: about(&format!(
                "{error}: write it with `tautochrone agreement digest AGREEMENT.toml --canonical FILE`"
            )),
            code: 2,
        }),
    }
}
