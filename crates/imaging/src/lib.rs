//! Transforms pixels and gathers statistics on the CPU.
