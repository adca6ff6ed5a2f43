//! Says who may touch a frame's memory, and when.
