//! What was found, and how it is said.

use serde_json::{Value, json};
use std::fmt;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// As it should be.
    Good,
    /// Worth knowing; cameras work all the same, or it could not be found out.
    Note,
    /// It keeps cameras from working.
    Problem,
}

impl Level {
    const fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Note => "note",
            Self::Problem => "PROBLEM",
        }
    }
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// How bad it is.
    pub(crate) level: Level,
    /// What it is about, in one word.
    pub(crate) about: &'static str,
    /// What was found.
    pub(crate) what: String,
    /// What to do about it.
    pub(crate) advice: Option<String>,
}

impl Finding {
    fn new(level: Level, about: &'static str, what: impl Into<String>) -> Self {
        Self { level, about, what: what.into(), advice: None }
    }

    pub(crate) fn good(about: &'static str, what: impl Into<String>) -> Self {
        Self::new(Level::Good, about, what)
    }

    pub(crate) fn note(about: &'static str, what: impl Into<String>) -> Self {
        Self::new(Level::Note, about, what)
    }

    pub(crate) fn problem(about: &'static str, what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(Level::Problem, about, what).advise(advice)
    }

    pub(crate) fn advise(self, advice: impl Into<String>) -> Self {
        Self { advice: Some(advice.into()), ..self }
    }

    pub(crate) fn as_json(&self) -> Value {
        json!({
            "level": self.level.name().to_lowercase(),
            "about": self.about,
            "what": self.what,
            "advice": self.advice,
        })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<8} {:<12} {}", self.level.name(), self.about, self.what)?;
        match &self.advice {
            Some(advice) => writeln!(f, "{:21} -> {advice}", ""),
            None => Ok(()),
        }
    }
}
