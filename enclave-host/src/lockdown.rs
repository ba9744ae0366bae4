//! What the process can still do once it serves: talk over the sockets that it has, compute, and die.
//!
//! A filter of system calls (seccomp) with an allow list; everything else kills the process. The filter also sets "no new
//! privileges". Before it, descriptors that nobody needs are closed. Nothing can be executed, no file opened, no memory
//! made executable, no process started, no address connected to but the parent's.
//!
//! To open a file or look for one is refused with an error in place of death: C libraries do it on their own, as for the
//! number of CPUs, and live with the refusal.

use nix::unistd::close;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, apply_filter_all_threads,
};
use std::collections::BTreeMap;

/// Why the process could not be locked down.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the filter of system calls could not be set: run on a kernel with seccomp")]
pub struct NotLocked;

/// The proof that the process is locked down.
pub struct Locked(());

/// The kind of sockets that may still be made, to reach the parent anew.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outward {
    /// vsock, in an enclave.
    Vsock,
    /// Unix sockets.
    Unix,
    /// None.
    Nothing,
}

/// Closes every descriptor but standard input, output, error, and these.
pub fn close_others(keep: &[i32]) {
    let listed = std::fs::read_dir("/proc/self/fd").map(|entries| {
        let names = entries.flatten().map(|entry| entry.file_name());
        names.filter_map(|name| name.to_str().and_then(|name| name.parse().ok())).collect()
    });
    // without /proc, as in an enclave: more than any program is started with
    let descriptors: Vec<i32> = listed.unwrap_or_else(|_| (3..1024).collect());
    for descriptor in descriptors {
        if descriptor > 2 && !keep.contains(&descriptor) {
            // one that is closed already is as good
            let _ = close(descriptor);
        }
    }
}

/// Locks the process down, every thread of it. There is no way back.
///
/// # Errors
/// [`NotLocked`]; then nothing may be served.
pub fn lock_down(outward: Outward) -> Result<Locked, NotLocked> {
    // the cryptographic libraries look for devices at their first use: that is now
    aws_lc_rs::rand::fill(&mut [0; 32]).map_err(|_| NotLocked)?;
    channel::prepare().map_err(|_| NotLocked)?;
    for program in [without_clone3(), without_files(), filter(outward)] {
        apply_filter_all_threads(&program.ok_or(NotLocked)?).map_err(|_| NotLocked)?;
    }
    Ok(Locked(()))
}

/// One condition on an argument's value under a mask.
fn masked(argument: u8, mask: u64, value: u64) -> Option<SeccompRule> {
    let operation = SeccompCmpOp::MaskedEq(mask);
    let condition =
        SeccompCondition::new(argument, SeccompCmpArgLen::Qword, operation, value).ok()?;
    SeccompRule::new(vec![condition]).ok()
}

fn filter(outward: Outward) -> Option<BpfProgram> {
    const EXECUTABLE: u64 = libc::PROT_EXEC as u64;
    const THREAD: u64 = libc::CLONE_THREAD as u64;
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    // of two filters the stricter word counts: files are let through here, and refused by the other
    for call in ALLOWED.into_iter().chain(FILES) {
        rules.insert(call, Vec::new());
    }
    // memory, but none that can be executed
    for call in [libc::SYS_mmap, libc::SYS_mprotect] {
        rules.insert(call, vec![masked(2, EXECUTABLE, 0)?]);
    }
    // threads, but no process
    rules.insert(libc::SYS_clone, vec![masked(0, THREAD, THREAD)?]);
    // duplicates of a socket, so that another thread can end it; and questions about one
    let commands = [libc::F_DUPFD_CLOEXEC, libc::F_GETFD, libc::F_GETFL];
    let command = |command: libc::c_int| masked(1, u32::MAX.into(), u64::try_from(command).ok()?);
    rules.insert(libc::SYS_fcntl, commands.into_iter().map(command).collect::<Option<_>>()?);
    // requests to the security module: its magic number, whatever is asked
    rules.insert(libc::SYS_ioctl, vec![masked(1, 0xff00, 0x0a00)?]);
    let domain = match outward {
        Outward::Vsock => Some(libc::AF_VSOCK),
        Outward::Unix => Some(libc::AF_UNIX),
        Outward::Nothing => None,
    };
    if let Some(domain) = domain {
        let domain = u64::try_from(domain).ok()?;
        rules.insert(libc::SYS_socket, vec![masked(0, u32::MAX.into(), domain)?]);
        rules.insert(libc::SYS_connect, Vec::new());
    }
    // a thread's name, and that of its memory
    let [name, memory] = [libc::PR_SET_NAME, libc::PR_SET_VMA].map(u64::try_from);
    rules.insert(
        libc::SYS_prctl,
        vec![masked(0, u32::MAX.into(), name.ok()?)?, masked(0, u32::MAX.into(), memory.ok()?)?],
    );
    compiled(rules, SeccompAction::KillProcess, SeccompAction::Allow)
}

/// No file is opened or looked for.
const FILES: [i64; 3] = [libc::SYS_openat, libc::SYS_newfstatat, libc::SYS_statx];

fn without_files() -> Option<BpfProgram> {
    let rules = FILES.map(|call| (call, Vec::new()));
    let refused = SeccompAction::Errno(libc::EACCES.unsigned_abs());
    compiled(rules.into(), SeccompAction::Allow, refused)
}

/// The C library makes threads by clone3, whose flags no filter can see; told that there is none, it takes clone.
fn without_clone3() -> Option<BpfProgram> {
    let rules = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    let none = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    compiled(rules, SeccompAction::Allow, none)
}

/// What happens to calls that no rule names, and to those that one does.
fn compiled(
    rules: BTreeMap<i64, Vec<SeccompRule>>,
    others: SeccompAction,
    named: SeccompAction,
) -> Option<BpfProgram> {
    let architecture = std::env::consts::ARCH.try_into().ok()?;
    SeccompFilter::new(rules, others, named, architecture).ok()?.try_into().ok()
}

/// What takes no condition: sockets that are there, time, memory, threads, and the end.
const ALLOWED: [i64; 39] = [
    libc::SYS_accept4,
    libc::SYS_brk,
    libc::SYS_clone3,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_close,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_futex,
    libc::SYS_getpid,
    libc::SYS_getrandom,
    libc::SYS_getsockname,
    libc::SYS_getsockopt,
    libc::SYS_gettid,
    libc::SYS_madvise,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_nanosleep,
    libc::SYS_poll,
    libc::SYS_ppoll,
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_sendmsg,
    libc::SYS_sendto,
    libc::SYS_set_robust_list,
    libc::SYS_setsockopt,
    libc::SYS_shutdown,
    libc::SYS_sigaltstack,
    libc::SYS_write,
    libc::SYS_writev,
];
