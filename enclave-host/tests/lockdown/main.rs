//! Each forbidden thing is tried from inside a locked-down process, which dies of it; the same thing is done without the
//! lock-down, so that the trial is one. What the host needs is done as well, and works.
//!
//! Every trial is a process of its own: this test program, started again with a word in its environment.

use enclave_host::lockdown::{Outward, close_others, lock_down};
use enclave_host::start::{PANICKED, panic_silently};
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

const WORD: &str = "TAUTOCHRONE_TRIAL";
/// The signal by which a filter of system calls kills.
const SIGSYS: i32 = 31;

const FORBIDDEN: [(&str, fn()); 8] = [
    ("execute", || drop(Command::new("/bin/true").status())),
    ("remove a file", || drop(std::fs::remove_file("/tmp/tautochrone-lockdown"))),
    ("connect over TCP", || drop(TcpStream::connect("127.0.0.1:9"))),
    ("listen", || drop(TcpListener::bind("127.0.0.1:0"))),
    ("make memory executable", executable_memory),
    ("fork", fork),
    ("signal", signal),
    ("leave the working folder", || drop(std::env::set_current_dir("/"))),
];

/// What a library may try on its own, and is refused.
fn files() {
    let refused =
        |what: std::io::Result<()>| what.unwrap_err().kind() == ErrorKind::PermissionDenied;
    assert!(File::open("/etc/hostname").is_ok() && std::fs::read_dir("/").is_ok());
    assert!(lock_down(Outward::Vsock).is_ok());
    assert!(refused(File::open("/etc/hostname").map(drop)));
    assert!(refused(File::create("/tmp/tautochrone-lockdown").map(drop)));
    assert!(refused(std::fs::read_dir("/").map(drop)));
    assert!(refused(std::fs::metadata("/etc/hostname").map(drop)));
    assert!(refused(std::fs::write("/proc/sys/kernel/hostname", "x")));
}

/// `mmap` of memory that is writable and executable.
fn executable_memory() {
    let protection = libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: new memory that nobody uses.
    let memory = unsafe { libc::mmap(std::ptr::null_mut(), 4096, protection, flags, -1, 0) };
    assert_ne!(memory, libc::MAP_FAILED);
}

fn fork() {
    // SAFETY: the child does nothing but end.
    match unsafe { libc::fork() } {
        // SAFETY: as above.
        0 => unsafe { libc::_exit(0) },
        child => assert!(child > 0),
    }
}

fn signal() {
    // SAFETY: signal 0 asks whether this process could be signalled.
    assert_eq!(unsafe { libc::kill(libc::getpid(), 0) }, 0);
}

/// Everything that serving takes: threads, sockets, time, memory, entropy.
fn allowed() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut party = TcpStream::connect(address).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let parent = std::os::unix::net::UnixListener::bind(&path).unwrap();
    // a folder that outlives the lock-down could not be removed
    std::mem::forget(folder);
    let locked = lock_down(Outward::Unix);
    assert!(locked.is_ok());
    let (mut accepted, _) = listener.accept().unwrap();
    accepted.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    accepted.set_nodelay(true).unwrap();
    let clone = accepted.try_clone().unwrap();
    let (sender, receiver) = mpsc::channel();
    let reader = thread::Builder::new().name("reader".into()).spawn(move || {
        let mut bytes = vec![0; 1 << 20];
        accepted.read_exact(&mut bytes).unwrap();
        sender.send(bytes.len()).unwrap();
    });
    party.write_all(&vec![7; 1 << 20]).unwrap();
    assert_eq!(receiver.recv_timeout(Duration::from_secs(5)), Ok(1 << 20));
    reader.unwrap().join().unwrap();
    clone.shutdown(std::net::Shutdown::Both).unwrap();
    let mut random = [0; 32];
    aws_lc_rs::rand::fill(&mut random).unwrap();
    let large = vec![1u8; 64 << 20];
    assert_eq!(large.iter().step_by(4096).count(), 16 << 10);
    drop(large);
    thread::sleep(Duration::from_millis(5));
    let _ = std::time::SystemTime::now();
    let mut store = UnixStream::connect(&path).unwrap();
    let (mut other, _) = parent.accept().unwrap();
    store.write_all(b"record").unwrap();
    let mut record = [0; 6];
    other.read_exact(&mut record).unwrap();
    assert_eq!(&record, b"record");
}

/// In a process of its own: one trial, and an exit code that no test harness gives.
#[test]
fn trial() {
    let Ok(word) = std::env::var(WORD) else { return };
    let (locked, name) = word.split_once(' ').unwrap();
    if name == "serve" {
        allowed();
    } else if name == "panic" {
        panic_silently();
        assert!(lock_down(Outward::Vsock).is_ok());
        let _ = thread::spawn(|| panic!("the secret is 4711")).join();
    } else if name == "files" {
        files();
    } else {
        let (_, forbidden) = FORBIDDEN.iter().find(|(known, _)| *known == name).unwrap();
        if locked == "locked" {
            assert!(lock_down(Outward::Vsock).is_ok());
        }
        forbidden();
    }
    std::process::exit(42);
}

fn command(locked: &str, name: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "trial", "--nocapture", "--test-threads", "1"]);
    command.env(WORD, format!("{locked} {name}"));
    command
}

fn start(locked: &str, name: &str) -> ExitStatus {
    command(locked, name).status().unwrap()
}

#[test]
fn forbidden_things_kill_and_are_possible_without_the_lock_down() {
    for (name, _) in FORBIDDEN {
        assert_eq!(start("open", name).code(), Some(42), "{name}: could not be done at all");
        let status = start("locked", name);
        assert_eq!(status.signal(), Some(SIGSYS), "{name}: {status}");
    }
}

#[test]
fn a_panic_ends_the_process_with_one_code_and_no_word() {
    let output = command("locked", "panic").output().unwrap();
    assert_eq!(output.status.code(), Some(PANICKED));
    let said = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
    assert!(!said.contains("4711") && !said.contains("panicked"), "{said}");
}

#[test]
fn no_file_is_opened_or_found() {
    assert_eq!(start("locked", "files").code(), Some(42));
}

#[test]
fn what_serving_takes_is_allowed() {
    assert_eq!(start("locked", "serve").code(), Some(42));
}

#[test]
fn spare_descriptors_are_closed_and_those_to_keep_are_not() {
    // in a process of its own, since the test harness has descriptors too
    const CLOSE: &str = "TAUTOCHRONE_CLOSE";
    if std::env::var(CLOSE).is_ok() {
        let spare = File::open("/etc/hostname").unwrap();
        let mut kept = File::open("/etc/hostname").unwrap();
        close_others(&[kept.as_raw_fd()]);
        let mut spare = std::mem::ManuallyDrop::new(spare);
        let mut bytes = Vec::new();
        let closed = spare.read_to_end(&mut bytes).err().and_then(|error| error.raw_os_error());
        assert_eq!(closed, Some(libc::EBADF));
        kept.read_to_end(&mut bytes).unwrap();
        std::process::exit(42);
    }
    let name = "spare_descriptors_are_closed_and_those_to_keep_are_not";
    let mut command = Command::new(std::env::current_exe().unwrap());
    let status = command.args(["--exact", name, "--nocapture"]).env(CLOSE, "1").status().unwrap();
    assert_eq!(status.code(), Some(42));
}
