//! Computes the next parameters from statistics: pure functions and explicit state.
