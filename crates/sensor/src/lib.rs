//! Translates exposure, gain and modes to register units, parses embedded data, remembers control delays.
