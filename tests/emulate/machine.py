"""The emulated machine: Bochs with a Linux kernel already in its memory.

There is no BIOS, no boot loader and no disk. One image holds kernel, boot parameters and initramfs,
Bochs puts it into memory at 1 MiB, and a ROM of our own enters the kernel by its 32-bit boot protocol
(Documentation/arch/x86/boot.rst of Linux).
"""
import os
import pty
import resource
import select
import signal
import struct
import subprocess
import time
import tty
from pathlib import Path

MIB = 1 << 20
LOAD_AT = MIB
# Ticks of an emulated second. One instruction takes one tick; the kernel is told the same number.
TICKS_PER_SECOND = 100_000_000
# Bochs 2.7 gives wrong sizes for PKRU (CPUID word 16, bit 3) and for the compact forms XSAVEC and
# XSAVES (word 10, bits 1 and 3). Linux then turns all of XSAVE off, and AVX with it. So it is told to
# leave these three alone.
HIDDEN_FEATURES = [16 * 32 + 3, 10 * 32 + 1, 10 * 32 + 3]
# Work at boot that no test needs and that takes a good part of it.
UNNEEDED = ["load_system_certificate_list", "trace_eval_init", "cubictcp_register", "init_kprobe_trace"]
KERNEL_ARGUMENTS = " ".join([
    "console=ttyS0,115200 loglevel=2 panic=-1 rdinit=/init acpi=off pci=off nokaslr mitigations=off",
    f"tsc=reliable tsc_early_khz={TICKS_PER_SECOND // 1000} lpj={TICKS_PER_SECOND // 500}",
    "no_timer_check random.trust_cpu=on apparmor=0 cryptomgr.notests",
    f"clearcpuid={','.join(map(str, HIDDEN_FEATURES))}",
    f"initcall_blacklist={','.join(UNNEEDED)}",
])


class EmulationError(Exception):
    """One line: what, and how to mend it."""


def write_image(folder: Path, kernel: bytes, initramfs: bytes, memory_mib: int) -> None:
    """Writes `image` (what is in memory at 1 MiB) and `rom` (what the CPU runs after reset)."""
    if kernel[0x202:0x206] != b"HdrS" or struct.unpack_from("<H", kernel, 0x206)[0] < 0x20A:
        raise EmulationError("the kernel is no bzImage of boot protocol 2.10 or later")
    protected_mode = kernel[(kernel[0x1F1] + 1) * 512 :]
    preferred, = struct.unpack_from("<Q", kernel, 0x258)
    needed, = struct.unpack_from("<I", kernel, 0x260)
    parameters_at = round_up(max(preferred, LOAD_AT) + needed, MIB)
    initramfs_at = parameters_at + MIB
    end = initramfs_at + len(initramfs)
    if end + len(initramfs) + 64 * MIB > memory_mib * MIB:
        need = round_up(end + len(initramfs) + 64 * MIB, MIB) // MIB
        raise EmulationError(f"{memory_mib} MiB of memory are too little: try --memory {need}")

    arguments_at = parameters_at + 4096
    page = bytearray(4096)
    header_end = 0x202 + kernel[0x201]
    page[0x1F1:header_end] = kernel[0x1F1:header_end]
    page[0x210] = 0xFF  # a loader without a number
    struct.pack_into("<II", page, 0x218, initramfs_at, len(initramfs))
    struct.pack_into("<I", page, 0x228, arguments_at)
    usable = [(0, 0x9FC00), (MIB, (memory_mib - 1) * MIB)]
    page[0x1E8] = len(usable)
    for i, (start, size) in enumerate(usable):
        struct.pack_into("<QQI", page, 0x2D0 + 20 * i, start, size, 1)

    with open(folder / "image", "wb") as image:
        for at, part in [
            (LOAD_AT, protected_mode),
            (parameters_at, page),
            (arguments_at, KERNEL_ARGUMENTS.encode() + b"\0"),
            (initramfs_at, initramfs),
        ]:
            image.seek(at - LOAD_AT)
            image.write(part)
    (folder / "rom").write_bytes(rom(parameters_at, end))


def rom(parameters_at: int, image_end: int) -> bytes:
    """64 KiB that end at 4 GiB. Real mode, then flat 32-bit mode, then the kernel."""
    dword = lambda value: struct.pack("<I", value)
    memory = bytearray(b"\xf4" * 0x10000)  # hlt

    def put(at: int, *parts: bytes) -> None:
        code = b"".join(parts)
        memory[at : at + len(code)] = code

    code = bytes.fromhex
    put(0xFFF0, code("e9 0dff"))  # reset vector: jmp 0xff00
    put(
        0xFF00,
        code("fa"),  # cli
        code("e492 0c02 e692"),  # in al, 0x92; or al, 2; out 0x92, al: address line 20 on
        code("2e660f0116 e0ff"),  # lgdt cs:[0xffe0]
        code("0f20c0 0c01 0f22c0"),  # mov eax, cr0; or al, 1; mov cr0, eax: protected mode
        code("66ea 40ffffff 1000"),  # jmp 0x10:0xffffff40
    )
    put(
        0xFF40,
        code("66b81800 8ed8 8ec0 8ed0 8ee0 8ee8"),  # mov ax, 0x18; mov ds, es, ss, fs, gs, ax
        code("b9a0010000 b801000000 31d2 0f30"),  # wrmsr 0x1a0, 1: fast string instructions
        # Bochs hands out blocks of its memory in the order of first use, and loads the image as if
        # they lay side by side. So use them in that order: mov al, [esi]; add esi, 0x10000; loop.
        code("be"), dword(LOAD_AT), code("8a06 81c600000100 81fe"), dword(image_end), code("72f0"),
        code("be"), dword(parameters_at),  # mov esi, parameters
        code("31ed 31ff 31db"),  # xor ebp, ebp; xor edi, edi; xor ebx, ebx
        code("b8"), dword(LOAD_AT), code("ffe0"),  # mov eax, kernel; jmp eax
    )
    put(0xFFC0, bytes(16), code("ffff0000009bcf00"), code("ffff00000093cf00"))  # code, data: 4 GiB
    put(0xFFE0, code("1f00"), dword(0xFFFFFFC0))  # where the four descriptors are
    return bytes(memory)


CONFIGURATION = """\
cpu: model={cpu}, count=1, ips={ticks}, reset_on_triple_fault=0
memory: guest={memory}, host={memory}
romimage: file=rom, address=0xffff0000
optramimage1: file=image, address=0x100000
display_library: term
com1: enabled=1, mode=term, dev={serial}
plugin_ctrl: speaker=0, parallel=0, gameport=0
sound: driver=dummy, waveoutdrv=dummy, waveindrv=dummy, midioutdrv=dummy
clock: sync=none, time0=1700000000
log: bochs.log
panic: action=fatal
"""


class Run:
    """What came of a run."""

    def __init__(self, why: str, processor_seconds: float, wall_seconds: float):
        self.why = why  # `done`, `timeout` or `stopped`
        self.processor_seconds = processor_seconds
        self.wall_seconds = wall_seconds


def run(folder: Path, cpu: str, memory_mib: int, timeout: float, on_line) -> Run:
    """Runs the machine until `on_line(line)` says that it is done. Always stops Bochs."""
    serial, serial_end = pty.openpty()
    tty.setraw(serial_end)
    screen, screen_end = pty.openpty()
    configuration = CONFIGURATION.format(
        cpu=cpu, memory=memory_mib, ticks=TICKS_PER_SECOND, serial=os.ttyname(serial_end)
    )
    (folder / "bochsrc").write_text(configuration)
    (folder / "continue").write_text("continue\n")
    command = ["bochs-bin" if is_there("bochs-bin") else "bochs", "-q", "-f", "bochsrc"]
    help_text = subprocess.run([command[0], "--help"], capture_output=True, text=True, check=False)
    if "-rc" in help_text.stdout + help_text.stderr:
        command += ["-rc", "continue"]  # a build with the debugger waits for a command
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.monotonic()
    bochs = subprocess.Popen(
        command, cwd=folder, stdin=screen_end, stdout=screen_end, stderr=subprocess.DEVNULL,
        env={**os.environ, "TERM": "xterm"}, start_new_session=True,
    )
    try:
        why = follow(bochs, serial, screen, started + timeout, on_line)
    finally:
        bochs.send_signal(signal.SIGKILL)
        bochs.wait()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    for descriptor in (serial, serial_end, screen, screen_end):
        os.close(descriptor)
    return Run(why, used, time.monotonic() - started)


def follow(bochs: subprocess.Popen, serial: int, screen: int, deadline: float, on_line) -> str:
    pending = b""
    while True:
        ended = bochs.poll() is not None
        readable, _, _ = select.select([serial, screen], [], [], 0 if ended else 1)
        for descriptor in readable:
            received = os.read(descriptor, 1 << 16)
            if descriptor != serial:
                continue  # the screen stays empty
            *lines, pending = (pending + received).split(b"\n")
            for line in lines:
                if on_line(line.decode(errors="replace").rstrip("\r")):
                    return "done"
        if ended and not readable:
            return "stopped"
        if time.monotonic() > deadline:
            return "timeout"


def is_there(program: str) -> bool:
    return any(Path(path, program).exists() for path in os.get_exec_path())


def round_up(value: int, unit: int) -> int:
    return (value + unit - 1) // unit * unit
