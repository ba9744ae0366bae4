//! The type of everything that must not be told.

use zeroize::Zeroize;

/// A secret value: wiped on drop, without `Debug`, `PartialEq`, `Index`, `Deref` or `Clone`.
///
/// A kernel reads it through [`expose`](Secret::expose), and only a kernel: code whose trace does
/// not depend on what it reads. The one way out is [`declassify`](Secret::declassify).
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Takes a value into custody.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value, for branch-free code.
    ///
    /// # Leaks
    /// Nothing by itself. Whoever branches or indexes on what it returns, leaks.
    pub fn expose(&self) -> &T {
        &self.0
    }

    /// The value, for branch-free code that writes it.
    pub fn expose_mut(&mut self) -> &mut T {
        &mut self.0
    }

    /// Makes the value public. Each use says beside it why that is right.
    pub fn declassify(mut self) -> T
    where
        T: Default,
    {
        std::mem::take(&mut self.0)
    }
}

impl<T: Zeroize> Secret<Box<[T]>> {
    /// So many of a value. A box and no vector: that is wiped a second time up to its capacity, and takes
    /// time for it where it is empty.
    pub fn filled(count: usize, value: impl Fn() -> T) -> Self {
        Self((0..count).map(|_| value()).collect())
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    struct Wiped<'a>(&'a Cell<bool>);
    impl Zeroize for Wiped<'_> {
        fn zeroize(&mut self) {
            self.0.set(true);
        }
    }

    #[test]
    fn a_dropped_secret_is_wiped() {
        let wiped = Cell::new(false);
        drop(Secret::new(Wiped(&wiped)));
        assert!(wiped.get());
    }
}
