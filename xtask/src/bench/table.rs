//! The table of what was measured: for people, and as JSON.

use std::borrow::Cow;
use std::fmt::Write;

/// One line of the table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    /// Its name in the JSON.
    pub(crate) name: Cow<'static, str>,
    /// What was measured; `None` where this machine cannot.
    pub(crate) value: Option<f64>,
    /// The most that it may be.
    pub(crate) limit: Option<f64>,
    /// What has been reached where the limit has not: more is a step back.
    pub(crate) reached: Option<f64>,
    /// What libcamera takes for the same.
    pub(crate) libcamera: Option<f64>,
    /// What it is, in a few words.
    pub(crate) meaning: &'static str,
}

impl Row {
    /// A value without limit.
    pub(crate) fn new(name: impl Into<Cow<'static, str>>, value: f64, meaning: &'static str) -> Self {
        Self { value: Some(value), ..Self::not_measured(name, meaning) }
    }

    /// A line that says what this machine cannot measure.
    pub(crate) fn not_measured(name: impl Into<Cow<'static, str>>, meaning: &'static str) -> Self {
        Self { name: name.into(), value: None, limit: None, reached: None, libcamera: None, meaning }
    }

    /// The same with a limit.
    pub(crate) fn at_most(self, limit: f64) -> Self {
        Self { limit: Some(limit), ..self }
    }

    /// The same, where the limit has not been reached, but this.
    pub(crate) fn so_far(self, reached: f64) -> Self {
        Self { reached: Some(reached), ..self }
    }

    /// The same with libcamera's figure beside it.
    pub(crate) fn against(self, libcamera: f64) -> Self {
        Self { libcamera: Some(libcamera), ..self }
    }

    /// The same with the figure of libcamera's own row beside it.
    pub(crate) fn beside(self, libcamera: &Self) -> Self {
        Self { libcamera: libcamera.value, ..self }
    }

    /// Whether it is within its limit.
    pub(crate) fn is_ok(&self) -> bool {
        self.is_within(self.limit)
    }

    /// Whether it is within its limit, or what has been reached of it.
    pub(crate) fn is_no_step_back(&self) -> bool {
        self.is_ok() || self.reached.is_some() && self.is_within(self.reached)
    }

    fn is_within(&self, limit: Option<f64>) -> bool {
        limit.is_none_or(|limit| self.value.is_some_and(|value| value <= limit))
    }

    fn verdict(&self) -> &'static str {
        match (self.limit, self.is_ok()) {
            (None, _) => "",
            (_, true) => "ok",
            (_, false) => "OVER",
        }
    }
}

/// The table as Markdown.
pub(crate) fn markdown(rows: &[Row]) -> String {
    let width = rows.iter().map(|row| row.name.len() + 2).max().unwrap_or(0);
    let mut text = format!(
        "| {:width$} | {:>10} | {:>10} | {:4} | {:>10} | what |\n|-{:-<width$}-|-{:->10}:|-{:->10}:|-{:-<4}-|-{:->10}:|------|\n",
        "name", "value", "limit", "", "libcamera", "", "", "", "", ""
    );
    for row in rows {
        let name = format!("`{}`", row.name);
        let (limit, libcamera) = (optional(row.limit), optional(row.libcamera));
        let value = row.value.map_or_else(|| "not here".to_owned(), number);
        let verdict = row.verdict();
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "| {name:width$} | {value:>10} | {limit:>10} | {verdict:4} | {libcamera:>10} | {} |",
            row.meaning
        );
    }
    text
}

/// The table as a JSON object by name.
pub(crate) fn json(rows: &[Row]) -> String {
    let object = |row: &Row| {
        let optional = |number: Option<f64>| number.map_or("null".to_owned(), |number| number.to_string());
        format!(
            "  \"{}\": {{\"value\": {}, \"limit\": {}, \"ok\": {}, \"libcamera\": {}}}",
            row.name,
            optional(row.value),
            optional(row.limit),
            row.is_ok(),
            optional(row.libcamera)
        )
    };
    format!("{{\n{}\n}}\n", rows.iter().map(object).collect::<Vec<_>>().join(",\n"))
}

fn optional(number: Option<f64>) -> String {
    number.map_or(String::new(), self::number)
}

/// A number without decimals that say nothing, its thousands apart.
fn number(value: f64) -> String {
    if value.fract().abs() >= 0.005 && value.abs() < 1000.0 {
        return format!("{value:.2}");
    }
    let digits = format!("{:.0}", value.abs());
    let sign = if value < 0.0 { "-" } else { "" };
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    format!("{sign}{text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        let shown = [0.0, 1.0, 0.999, 14.5, 3000.4, 35_563_592.0].map(number);
        assert_eq!(shown, ["0", "1", "1.00", "14.50", "3,000", "35,563,592"]);
    }

    #[test]
    fn what_was_reached_may_not_be_lost_again() {
        let row = |value| Row::new("a", value, "x").at_most(3.0).so_far(5.0);
        assert!([1.0, 3.0, 5.0].map(row).iter().all(Row::is_no_step_back));
        assert!(!row(5.1).is_no_step_back() && !row(5.0).is_ok() && row(3.0).is_ok());
    }

    #[test]
    fn json_is_by_name() {
        let rows = [Row::new("a.b", 1.5, "x").at_most(1.0).against(4.0), Row::new("c", 2.0, "y")];
        let rows = rows.into_iter().chain([Row::not_measured("d", "z")]).collect::<Vec<_>>();
        let expected = "{\n  \"a.b\": {\"value\": 1.5, \"limit\": 1, \"ok\": false, \"libcamera\": 4},\n  \
                        \"c\": {\"value\": 2, \"limit\": null, \"ok\": true, \"libcamera\": null},\n  \
                        \"d\": {\"value\": null, \"limit\": null, \"ok\": true, \"libcamera\": null}\n}\n";
        assert_eq!(json(&rows), expected);
    }
}
