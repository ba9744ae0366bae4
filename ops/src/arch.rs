//! Which instructions this CPU has, decided once, and the one dispatch.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

use crate::lanes::Lanes;

/// A kernel: one body, run with the lanes of any backend.
pub trait Kernel {
    /// What it returns.
    type Output;
    /// Runs the kernel. Implementations are `#[inline(always)]`, so that the body is compiled with
    /// the backend's instructions.
    fn run<L: Lanes>(self, lanes: L) -> Self::Output;
}

/// A set of instructions that this CPU has. Only detection makes one.
#[derive(Clone, Copy)]
pub struct Backend(Kind);

#[derive(Clone, Copy)]
enum Kind {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2(avx2::Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(avx512::Avx512),
}

impl Backend {
    /// Every backend that this CPU can run, fastest first.
    pub fn available() -> Vec<Backend> {
        let mut found = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            found.extend(avx512::Avx512::detect().map(|token| Backend(Kind::Avx512(token))));
            found.extend(avx2::Avx2::detect().map(|token| Backend(Kind::Avx2(token))));
        }
        found.push(Backend(Kind::Portable));
        found
    }

    /// The fastest backend that this CPU can run.
    pub fn detect() -> Backend {
        Self::available()[0]
    }

    /// The backend of this name (`avx512`, `avx2`, `portable`), if this CPU can run it.
    pub fn named(name: &str) -> Option<Backend> {
        Self::available().into_iter().find(|backend| backend.name() == name)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self.0 {
            Kind::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2(_) => "avx2",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512(_) => "avx512",
        }
    }

    /// Runs a kernel whose loops the compiler vectorises by itself: on AVX2 in place of AVX-512.
    /// Without AVX-512 there are no opmasks, so none that is secret can reach memory.
    #[inline(always)]
    pub fn run_without_opmasks<K: Kernel>(self, kernel: K) -> K::Output {
        match self.0 {
            Kind::Portable => portable::run(kernel),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2(token) => token.run(kernel),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512(_) => match avx2::Avx2::detect() {
                Some(token) => token.run(kernel),
                None => portable::run(kernel),
            },
        }
    }

    /// Runs a kernel with this backend's lanes: the one dispatch.
    #[inline(always)]
    pub fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self.0 {
            Kind::Portable => portable::run(kernel),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2(token) => token.run(kernel),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512(token) => token.run(kernel),
        }
    }
}

#[cfg(test)]
mod tests;
