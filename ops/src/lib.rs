//! Constant-time primitives.
