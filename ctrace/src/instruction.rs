//! What one instruction does that a clock or a cache could see: its memory operands, its masks, and whether its time
//! depends on operand values.
//!
//! Both engines of the tracer and the scanner judge an instruction here and nowhere else.

use iced_x86::{
    CodeSize, CpuidFeature, Decoder, DecoderOptions, Instruction, InstructionInfoFactory, Mnemonic,
    OpAccess, OpKind, Register,
};

/// Longest x86 instruction in bytes.
pub const LONGEST: usize = 15;

/// An instruction and what is observed of it.
#[derive(Clone, Debug)]
pub struct Model {
    /// The instruction.
    pub instruction: Instruction,
    /// Its accesses to memory, without those of string instructions.
    pub memory: Vec<Operand>,
    /// The mask that decides which elements of memory are touched.
    pub mask: Option<MaskSource>,
    /// Set when a register of bits moves the address: `bt [memory], register`, and how many bits one element has.
    pub bit_offset: Option<(Register, u32)>,
    /// Set for string instructions.
    pub string: Option<StringForm>,
    /// Why its time may depend on operand values.
    pub latency: Option<Latency>,
    /// Registers whose values matter for `latency`.
    pub inputs: Vec<Register>,
    /// Whether the instruction enters the operating system.
    pub system_call: bool,
    /// Whether the tracer has no model of it: a run through it is incomplete.
    pub unsupported: bool,
}

/// One access to memory: `segment + base + index * scale + displacement`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operand {
    /// `FS`, `GS`, or another one, which counts as zero.
    pub segment: Register,
    /// Base register; `None` also for addresses relative to the instruction, which `displacement` then holds whole.
    pub base: Register,
    /// Index register, a vector in gathers and scatters.
    pub index: Register,
    /// Factor of the index.
    pub scale: u64,
    /// The constant part.
    pub displacement: u64,
    /// Addresses are cut to 32 bits.
    pub short: bool,
    /// Elements of the index vector, for gathers and scatters.
    pub lanes: Option<Lanes>,
    /// Bytes that are read or written (0: not known).
    pub bytes: usize,
}

/// How a gather or scatter reads its index vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lanes {
    /// Number of elements.
    pub count: usize,
    /// Bytes of one index: 4 or 8.
    pub index_bytes: usize,
}

/// Where a mask on memory comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaskSource {
    /// An AVX-512 opmask register, its low `lanes` bits.
    Opmask {
        /// The register.
        register: Register,
        /// Elements.
        lanes: usize,
    },
    /// The top bit of each element of a vector register.
    Vector {
        /// The register.
        register: Register,
        /// Elements.
        lanes: usize,
        /// Bytes of one element.
        bytes: usize,
    },
}

/// Which pointers a string instruction follows, and what it repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StringForm {
    /// Follows `rsi`.
    pub source: bool,
    /// Follows `rdi`.
    pub target: bool,
    /// Repeats: `rcx` times at most.
    pub repeat: Repeat,
}

/// When a string instruction stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// After one element.
    Once,
    /// After `rcx` elements.
    Counted,
    /// After `rcx` elements, or sooner: the data decide.
    Searching,
}

/// Why an instruction's time may depend on the values it works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Latency {
    /// `div`, `idiv`.
    Divide,
    /// Floating-point division.
    FloatDivide,
    /// Square root.
    SquareRoot,
    /// `pdep`, `pext`: microcode on AMD before Zen 3.
    BitDeposit,
    /// `rcl`, `rcr`.
    RotateCarry,
    /// Anything on the x87 stack.
    X87,
    /// `vpconflict`.
    Conflict,
    /// Time stamps, random numbers, `cpuid`: differs from run to run by itself.
    NotDeterministic,
    /// Floating-point arithmetic: slow on subnormal operands and results, else not.
    Float(Float),
}

impl Latency {
    /// In words, for reports.
    pub fn name(self) -> &'static str {
        match self {
            Latency::Divide => "integer division",
            Latency::FloatDivide => "float division",
            Latency::SquareRoot => "square root",
            Latency::BitDeposit => "pdep/pext",
            Latency::RotateCarry => "rotate through carry",
            Latency::X87 => "x87",
            Latency::Conflict => "vpconflict",
            Latency::NotDeterministic => "not deterministic",
            Latency::Float(_) => "float arithmetic on subnormal numbers",
        }
    }
}

/// Bytes of one number on each side of a floating-point instruction; 0 where the side has no such number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Float {
    /// Bytes of one operand.
    pub operand: usize,
    /// Bytes of one result.
    pub result: usize,
    /// Only the lowest element counts.
    pub scalar: bool,
}

/// Decodes and judges the instruction at `address`; `None` when the bytes are none.
pub fn decode(bytes: &[u8], address: u64, factory: &mut InstructionInfoFactory) -> Option<Model> {
    let instruction = Decoder::with_ip(64, bytes, address, DecoderOptions::NONE).decode();
    (!instruction.is_invalid()).then(|| model(instruction, factory))
}

/// Judges one instruction.
pub fn model(instruction: Instruction, factory: &mut InstructionInfoFactory) -> Model {
    let i = &instruction;
    let string = string_form(i);
    let memory = if string.is_some() {
        vec![]
    } else if i.is_vsib() {
        vec![gather_operand(i)]
    } else {
        plain_operands(i, factory)
    };
    let mask = if memory.is_empty() { None } else { mask_source(i, &memory) };
    let bit_offset = bit_offset(i);
    let latency = latency(i);
    let inputs = latency.map_or(vec![], |latency| inputs(i, latency, factory));
    let system_call =
        matches!(i.mnemonic(), Mnemonic::Syscall | Mnemonic::Sysenter | Mnemonic::Int);
    let unsupported = matches!(
        i.mnemonic(),
        Mnemonic::Maskmovq | Mnemonic::Xbegin | Mnemonic::Int3 | Mnemonic::Int1
    ) || i
        .cpuid_features()
        .iter()
        .any(|feature| matches!(feature, CpuidFeature::AMX_TILE | CpuidFeature::UINTR));
    Model {
        instruction,
        memory,
        mask,
        bit_offset,
        string,
        latency,
        inputs,
        system_call,
        unsupported,
    }
}

fn string_form(i: &Instruction) -> Option<StringForm> {
    if !i.is_string_instruction() {
        return None;
    }
    let has = |kinds: [OpKind; 3]| i.op_kinds().any(|kind| kinds.contains(&kind));
    let searching = matches!(
        i.mnemonic(),
        Mnemonic::Cmpsb
            | Mnemonic::Cmpsw
            | Mnemonic::Cmpsd
            | Mnemonic::Cmpsq
            | Mnemonic::Scasb
            | Mnemonic::Scasw
            | Mnemonic::Scasd
            | Mnemonic::Scasq
    );
    let repeat = match i.has_rep_prefix() || i.has_repne_prefix() {
        false => Repeat::Once,
        true if searching => Repeat::Searching,
        true => Repeat::Counted,
    };
    Some(StringForm {
        source: has([OpKind::MemorySegRSI, OpKind::MemorySegESI, OpKind::MemorySegSI]),
        target: has([OpKind::MemoryESRDI, OpKind::MemoryESEDI, OpKind::MemoryESDI]),
        repeat,
    })
}

fn bit_offset(i: &Instruction) -> Option<(Register, u32)> {
    let tests =
        matches!(i.mnemonic(), Mnemonic::Bt | Mnemonic::Btc | Mnemonic::Btr | Mnemonic::Bts);
    let moves = tests && i.op0_kind() == OpKind::Memory && i.op1_kind() == OpKind::Register;
    moves.then(|| (i.op1_register(), 8 * i.op1_register().size() as u32))
}

fn gather_operand(i: &Instruction) -> Operand {
    let index = i.memory_index();
    let index_bytes = if i.is_vsib64() { 8 } else { 4 };
    let element = i.memory_size().element_size().max(1);
    let data = vector_operand(i).map_or(64, |register| register.size());
    Operand {
        segment: i.memory_segment(),
        base: i.memory_base(),
        index,
        scale: u64::from(i.memory_index_scale()),
        displacement: i.memory_displacement64(),
        short: matches!(i.memory_base().size(), 4),
        lanes: Some(Lanes { count: (index.size() / index_bytes).min(data / element), index_bytes }),
        bytes: element,
    }
}

/// The first vector register among the operands.
fn vector_operand(i: &Instruction) -> Option<Register> {
    (0..i.op_count())
        .filter(|&at| i.op_kind(at) == OpKind::Register)
        .map(|at| i.op_register(at))
        .find(|register| register.is_vector_register())
}

fn plain_operands(i: &Instruction, factory: &mut InstructionInfoFactory) -> Vec<Operand> {
    let touched = |access| !matches!(access, OpAccess::None | OpAccess::NoMemAccess);
    factory
        .info(i)
        .used_memory()
        .iter()
        .filter(|used| touched(used.access()))
        .map(|used| {
            let relative = matches!(used.base(), Register::RIP | Register::EIP);
            Operand {
                segment: used.segment(),
                base: if relative { Register::None } else { used.base() },
                index: used.index(),
                scale: u64::from(used.scale()),
                displacement: used.displacement(),
                short: used.address_size() == CodeSize::Code32,
                lanes: None,
                bytes: used.memory_size().size(),
            }
        })
        .collect()
}

fn mask_source(i: &Instruction, memory: &[Operand]) -> Option<MaskSource> {
    let element = i.memory_size().element_size().max(1);
    let lanes = |bytes: usize| match memory[0].lanes {
        Some(lanes) => lanes.count,
        None => (vector_operand(i).map_or(64, |register| register.size()) / bytes).clamp(1, 64),
    };
    if i.op_mask() != Register::None {
        return Some(MaskSource::Opmask { register: i.op_mask(), lanes: lanes(element) });
    }
    let vector = |at, bytes| {
        Some(MaskSource::Vector { register: i.op_register(at), lanes: lanes(bytes), bytes })
    };
    match i.mnemonic() {
        Mnemonic::Vpmaskmovd | Mnemonic::Vmaskmovps => vector(1, 4),
        Mnemonic::Vpmaskmovq | Mnemonic::Vmaskmovpd => vector(1, 8),
        Mnemonic::Maskmovdqu | Mnemonic::Vmaskmovdqu => vector(2, 1),
        // the gathers of AVX2
        _ if i.is_vsib() && i.op_count() == 3 => vector(2, element),
        _ => None,
    }
}

fn latency(i: &Instruction) -> Option<Latency> {
    use Mnemonic::*;
    Some(match i.mnemonic() {
        Div | Idiv => Latency::Divide,
        Divss | Divsd | Divps | Divpd | Vdivss | Vdivsd | Vdivps | Vdivpd | Vdivph | Vdivsh => {
            Latency::FloatDivide
        }
        Sqrtss | Sqrtsd | Sqrtps | Sqrtpd | Vsqrtss | Vsqrtsd | Vsqrtps | Vsqrtpd | Vsqrtph
        | Vsqrtsh => Latency::SquareRoot,
        Pdep | Pext => Latency::BitDeposit,
        Rcl | Rcr => Latency::RotateCarry,
        Vpconflictd | Vpconflictq => Latency::Conflict,
        Rdtsc | Rdtscp | Rdrand | Rdseed | Rdpid | Cpuid => Latency::NotDeterministic,
        _ if i.cpuid_features().contains(&CpuidFeature::FPU) => Latency::X87,
        _ => return float(i).map(Latency::Float),
    })
}

/// Arithmetic that processors hand to microcode when a number is subnormal. Judged by name: `Vfmadd213pd`, `Cvtsd2ss`.
fn float(i: &Instruction) -> Option<Float> {
    if i.is_string_instruction() {
        return None;
    }
    let name = format!("{:?}", i.mnemonic());
    let name = name.strip_prefix('V').map_or(name.clone(), capital);
    let width = |suffix: &str| match suffix {
        "ss" | "ps" => 4,
        "sd" | "pd" => 8,
        _ => 0,
    };
    if let Some(rest) = name.strip_prefix("Cvt") {
        let (from, to) = rest.split_once('2')?;
        let from = from.strip_prefix('t').unwrap_or(from);
        let float =
            Float { operand: width(from), result: width(to), scalar: from.starts_with('s') };
        // integers become no subnormal numbers
        return (float.operand != 0).then_some(float);
    }
    const ARITHMETIC: [&str; 26] = [
        "Add", "Sub", "Mul", "Fmadd", "Fmsub", "Fnmadd", "Fnmsub", "Hadd", "Hsub", "Dpp", "Min",
        "Max", "Cmp", "Comis", "Ucomis", "Round", "Rndscale", "Scalef", "Reduce", "Range",
        "Getexp", "Getmant", "Fixupimm", "Rcp", "Rsqrt", "Exp2",
    ];
    let suffix = name.get(name.len().checked_sub(2)?..)?;
    let known = ARITHMETIC.iter().any(|prefix| name.starts_with(prefix));
    let compares = ["Cmp", "Comis", "Ucomis"].iter().any(|prefix| name.starts_with(prefix));
    let bytes = width(suffix);
    let result = if compares { 0 } else { bytes };
    (known && bytes != 0).then_some(Float {
        operand: bytes,
        result,
        scalar: suffix.starts_with('s'),
    })
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

fn inputs(
    i: &Instruction,
    latency: Latency,
    factory: &mut InstructionInfoFactory,
) -> Vec<Register> {
    let info = factory.info(i);
    let reads = |access| {
        matches!(
            access,
            OpAccess::Read | OpAccess::ReadWrite | OpAccess::CondRead | OpAccess::ReadCondWrite
        )
    };
    match latency {
        Latency::NotDeterministic | Latency::X87 => vec![],
        Latency::Float(_) => (0..i.op_count())
            .filter(|&at| i.op_kind(at) == OpKind::Register && reads(info.op_access(at)))
            .map(|at| i.op_register(at))
            .filter(|register| register.is_vector_register())
            .collect(),
        _ => info
            .used_registers()
            .iter()
            .filter(|used| reads(used.access()))
            .map(|used| used.register())
            .filter(|register| {
                register.is_gpr() || register.is_vector_register() || register.is_k()
            })
            .collect(),
    }
}
