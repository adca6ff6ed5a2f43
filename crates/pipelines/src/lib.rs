//! One folder per family of receiver and ISP.
