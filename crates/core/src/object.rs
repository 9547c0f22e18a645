//! Writes the canonical text (RFC 8785) of a flat object whose members' names are known: an envelope.
//!
//! Values of any shape are written by `json`.

use std::fmt::Write as _;

use veritrail_merkle::Hash;

use crate::json::write_string;
use crate::timestamp::Timestamp;

/// An object in the making: members are added in the order of their names, absent ones are left out.
pub(crate) struct ObjectText {
    out: String,
    last: &'static str,
}

impl ObjectText {
    pub(crate) fn new() -> Self {
        Self { out: String::with_capacity(768), last: "" }
    }

    pub(crate) fn text(mut self, name: &'static str, value: &str) -> Self {
        self.begin(name);
        write_string(value, &mut self.out);
        self
    }

    pub(crate) fn optional_text(self, name: &'static str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.text(name, value),
            None => self,
        }
    }

    /// An integer that every double holds: at most 32 bits.
    pub(crate) fn number(mut self, name: &'static str, value: u32) -> Self {
        self.begin(name);
        write!(self.out, "{value}").expect("a string takes any text");
        self
    }

    pub(crate) fn optional_number(self, name: &'static str, value: Option<u32>) -> Self {
        match value {
            Some(value) => self.number(name, value),
            None => self,
        }
    }

    /// A hash as lower-case hexadecimal digits.
    pub(crate) fn optional_hash(self, name: &'static str, value: Option<&Hash>) -> Self {
        self.optional_text(name, value.map(Hash::to_string).as_deref())
    }

    /// An instant in UTC with six fraction digits.
    pub(crate) fn instant(self, name: &'static str, value: Timestamp) -> Self {
        self.text(name, &value.to_hashed_text())
    }

    /// The whole text.
    pub(crate) fn finish(mut self) -> String {
        self.out.push_str(if self.last.is_empty() { "{}" } else { "}" });
        self.out
    }

    fn begin(&mut self, name: &'static str) {
        assert!(self.last < name, "`{name}` is added after `{}`, which sorts behind it", self.last);
        self.out.push(if self.last.is_empty() { '{' } else { ',' });
        self.last = name;
        write_string(name, &mut self.out);
        self.out.push(':');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_members_are_left_out() {
        let text = ObjectText::new().optional_text("a", None).text("b", "\"").optional_number("c", Some(7));
        assert_eq!(text.optional_hash("d", None).finish(), r#"{"b":"\"","c":7}"#);
        assert_eq!(ObjectText::new().optional_number("a", None).finish(), "{}");
    }

    #[test]
    #[should_panic(expected = "sorts behind")]
    fn members_out_of_order_are_noticed() {
        let _ = ObjectText::new().number("b", 1).number("a", 2);
    }
}
