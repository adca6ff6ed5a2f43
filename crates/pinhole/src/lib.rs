//! What applications depend on: the few types and functions they need, re-exported and documented.
