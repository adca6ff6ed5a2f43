//! Proves that any pipeline on any provider keeps the camera's promises.
