//! Writes and reads frames with their metadata: DNG, JPEG, PNG, Y4M.
