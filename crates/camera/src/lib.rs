//! The camera state machine, streams, requests, the loop.
