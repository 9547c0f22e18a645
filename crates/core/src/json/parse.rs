//! A strict reader of RFC 8259 that refuses what cannot be hashed faithfully.
//!
//! It is written here because the rules need each number's own text, every member of an object and the two
//! halves of a surrogate pair, none of which a general-purpose reader hands on.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::{JsonError, JsonProblem, Node, NumberProblem, canonical};

/// Most significant digits that any double needs.
const MAX_SIGNIFICANT_DIGITS: usize = 17;
/// Characters of an offending number that an error repeats.
const SHOWN_NUMBER: usize = 64;
/// Bytes after which the path in an error ends with `…`: names are as long as their sender likes.
const SHOWN_PATH: usize = 120;

/// How numbers are treated.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Numbers {
    /// Refuse what would not come back as it was sent.
    Faithful,
    /// Take the nearest double.
    Nearest,
    /// Refuse what PostgreSQL's `jsonb` does not write for the canonical form of a number.
    AsJsonb,
}

/// Reads one JSON text.
///
/// # Errors
/// [`JsonError`] for the first thing that is wrong, in the order of the text.
pub(crate) fn parse(text: &str, max_depth: usize, numbers: Numbers) -> Result<Node<'_>, JsonError> {
    let mut reader = Reader { text, at: 0, depth_left: max_depth, max_depth, numbers, path: Vec::new() };
    let node = reader.value()?;
    reader.skip_space();
    if reader.at < text.len() {
        return Err(reader.error(JsonProblem::Syntax("text after the end of the value")));
    }
    Ok(node)
}

enum Step<'a> {
    Member(Cow<'a, str>),
    Index(usize),
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth_left: usize,
    max_depth: usize,
    numbers: Numbers,
    path: Vec<Step<'a>>,
}

impl<'a> Reader<'a> {
    fn value(&mut self) -> Result<Node<'a>, JsonError> {
        self.skip_space();
        match self.peek() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"') => self.string().map(Node::String),
            Some(b'-' | b'0'..=b'9') => self.number().map(Node::Number),
            Some(b't') => self.literal("true", Node::Bool(true)),
            Some(b'f') => self.literal("false", Node::Bool(false)),
            Some(b'n') => self.literal("null", Node::Null),
            Some(_) => Err(self.error(JsonProblem::Syntax("no JSON value begins here"))),
            None => Err(self.error(JsonProblem::Syntax("the text ends where a value is expected"))),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<Node<'a>, JsonError>) -> Result<Node<'a>, JsonError> {
        if self.depth_left == 0 {
            // The whole path would be as deep as the value: where it begins is enough.
            self.path.truncate(1);
            return Err(self.error(JsonProblem::TooDeep(self.max_depth)));
        }
        self.depth_left -= 1;
        self.at += 1;
        let node = read(self)?;
        self.depth_left += 1;
        Ok(node)
    }

    fn object(&mut self) -> Result<Node<'a>, JsonError> {
        let mut members = Vec::new();
        self.skip_space();
        if self.take(b'}') {
            return Ok(Node::Object(members));
        }
        loop {
            self.skip_space();
            if self.peek() != Some(b'"') {
                return Err(self.error(JsonProblem::Syntax("a member's name is expected")));
            }
            let name = self.string()?;
            self.skip_space();
            if !self.take(b':') {
                return Err(self.error(JsonProblem::Syntax("`:` is expected after a member's name")));
            }
            self.path.push(Step::Member(name.clone()));
            let value = self.value()?;
            self.path.pop();
            members.push((name, value));
            self.skip_space();
            if self.take(b'}') {
                break;
            }
            if !self.take(b',') {
                return Err(self.error(JsonProblem::Syntax("`,` or `}` is expected in an object")));
            }
        }
        members.sort_by(|left, right| utf16_order(&left.0, &right.0));
        if let Some(pair) = members.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(self.error(JsonProblem::DuplicateMember(pair[0].0.clone().into_owned())));
        }
        Ok(Node::Object(members))
    }

    fn array(&mut self) -> Result<Node<'a>, JsonError> {
        let mut items = Vec::new();
        self.skip_space();
        if self.take(b']') {
            return Ok(Node::Array(items));
        }
        loop {
            self.path.push(Step::Index(items.len()));
            let item = self.value()?;
            self.path.pop();
            items.push(item);
            self.skip_space();
            if self.take(b']') {
                return Ok(Node::Array(items));
            }
            if !self.take(b',') {
                return Err(self.error(JsonProblem::Syntax("`,` or `]` is expected in an array")));
            }
        }
    }

    fn literal(&mut self, word: &str, node: Node<'a>) -> Result<Node<'a>, JsonError> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.error(JsonProblem::Syntax("no JSON value begins here")));
        }
        self.at += word.len();
        Ok(node)
    }

    fn string(&mut self) -> Result<Cow<'a, str>, JsonError> {
        self.at += 1;
        let start = self.at;
        let mut owned: Option<String> = None;
        let mut plain_from = start;
        loop {
            match self.peek() {
                None => return Err(self.error(JsonProblem::Syntax("a string is not closed"))),
                Some(b'"') => {
                    let plain = &self.text[plain_from..self.at];
                    self.at += 1;
                    return Ok(match owned {
                        None => Cow::Borrowed(plain),
                        Some(mut text) => {
                            text.push_str(plain);
                            Cow::Owned(text)
                        }
                    });
                }
                Some(b'\\') => {
                    let text = owned.get_or_insert_with(String::new);
                    text.push_str(&self.text[plain_from..self.at]);
                    let escaped = self.escape()?;
                    owned.get_or_insert_with(String::new).push(escaped);
                    plain_from = self.at;
                }
                Some(0) => return Err(self.error(JsonProblem::NullCharacter)),
                Some(byte) if byte < 0x20 => {
                    return Err(self.error(JsonProblem::Syntax("a control character stands in a string")));
                }
                Some(_) => self.at += 1,
            }
        }
    }

    /// Reads an escape sequence (RFC 8259, section 7) from its backslash on.
    fn escape(&mut self) -> Result<char, JsonError> {
        let kind = self.text.as_bytes().get(self.at + 1).copied();
        let escaped = match kind {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(),
            _ => return Err(self.error(JsonProblem::Syntax("an unknown escape stands in a string"))),
        };
        self.at += 2;
        Ok(escaped)
    }

    fn unicode_escape(&mut self) -> Result<char, JsonError> {
        let first = self.hex_unit(self.at)?;
        let code = match first {
            0 => return Err(self.error(JsonProblem::NullCharacter)),
            0xD800..=0xDBFF => {
                let next = self.at + 6;
                if self.text.as_bytes().get(next..next + 2) != Some(b"\\u") {
                    return Err(self.error(JsonProblem::LoneSurrogate));
                }
                let second = self.hex_unit(next)?;
                if !(0xDC00..=0xDFFF).contains(&second) {
                    return Err(self.error(JsonProblem::LoneSurrogate));
                }
                self.at += 6;
                0x1_0000 + ((u32::from(first) - 0xD800) << 10) + (u32::from(second) - 0xDC00)
            }
            0xDC00..=0xDFFF => return Err(self.error(JsonProblem::LoneSurrogate)),
            unit => u32::from(unit),
        };
        self.at += 6;
        Ok(char::from_u32(code).expect("a pair of surrogates or another code unit is a character"))
    }

    /// The four hexadecimal digits of the `\uXXXX` that begins at `at`.
    fn hex_unit(&self, at: usize) -> Result<u16, JsonError> {
        let digits = self.text.as_bytes().get(at + 2..at + 6).unwrap_or_default();
        if digits.len() < 4 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(self.error(JsonProblem::Syntax("`\\u` is not followed by four hexadecimal digits")));
        }
        let value = |digit: &u8| char::from(*digit).to_digit(16).expect("hexadecimal digits were checked");
        let unit = digits.iter().fold(0, |unit, digit| unit * 16 + value(digit));
        Ok(u16::try_from(unit).expect("four hexadecimal digits fit 16 bits"))
    }

    fn number(&mut self) -> Result<f64, JsonError> {
        let start = self.at;
        self.take(b'-');
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits(),
            _ => return Err(self.error(JsonProblem::Syntax("a digit is expected in a number"))),
        }
        let mut integer = true;
        if self.take(b'.') {
            integer = false;
            self.required_digits()?;
        }
        let mantissa = &self.text[start..self.at];
        if self.take(b'e') || self.take(b'E') {
            integer = false;
            if !self.take(b'+') {
                self.take(b'-');
            }
            self.required_digits()?;
        }
        let text = &self.text[start..self.at];
        let number: f64 = text.parse().expect("the text was read as a JSON number");
        let problem = match self.numbers {
            Numbers::Faithful => unfaithful(text, mantissa, integer, number),
            Numbers::Nearest => (!number.is_finite()).then_some(NumberProblem::NotFinite),
            Numbers::AsJsonb if !number.is_finite() => Some(NumberProblem::NotFinite),
            Numbers::AsJsonb => (in_full(number) != text).then_some(NumberProblem::NotCanonical),
        };
        match problem {
            None => Ok(number),
            Some(problem) => {
                self.at = start;
                let text = text.chars().take(SHOWN_NUMBER).collect();
                Err(self.error(JsonProblem::Number { text, problem }))
            }
        }
    }

    fn required_digits(&mut self) -> Result<(), JsonError> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(self.error(JsonProblem::Syntax("a digit is expected in a number")));
        }
        self.digits();
        Ok(())
    }

    fn digits(&mut self) {
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn error(&self, problem: JsonProblem) -> JsonError {
        let mut path = String::new();
        for step in &self.path {
            if path.len() > SHOWN_PATH {
                path.push('…');
                break;
            }
            match step {
                Step::Member(name) => {
                    path.push_str(if path.is_empty() { "" } else { "." });
                    path.extend(name.chars().take(SHOWN_PATH));
                }
                Step::Index(index) => path.push_str(&format!("[{index}]")),
            }
        }
        JsonError { path, offset: self.at, problem }
    }
}

/// The canonical form of a number with its exponent, if it has one, written out: so `jsonb` keeps it.
fn in_full(number: f64) -> String {
    let mut text = String::new();
    canonical::write_number(number, &mut text);
    let Some((mantissa, exponent)) = text.split_once('e') else { return text };
    let exponent: i32 = exponent.parse().expect("a canonical exponent is a small integer");
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let digits = mantissa.replace('.', "");
    // A canonical mantissa has one digit before its point.
    let before = exponent + 1;
    match usize::try_from(before) {
        Ok(before) if before > 0 => format!("{sign}{digits:0<before$}"),
        _ => format!("{sign}0.{:0>width$}", digits, width = digits.len() + before.unsigned_abs() as usize),
    }
}

/// What keeps a number from coming back as it was sent, if anything does.
fn unfaithful(text: &str, mantissa: &str, integer: bool, number: f64) -> Option<NumberProblem> {
    let significant = significant_digits(mantissa);
    if !number.is_finite() {
        return Some(NumberProblem::NotFinite);
    }
    if significant > 0 && number == 0.0 {
        return Some(NumberProblem::Underflow);
    }
    if integer {
        let mut canonical = String::new();
        canonical::write_number(number, &mut canonical);
        let same = canonical.trim_start_matches('-') == text.trim_start_matches('-');
        return (!same).then_some(NumberProblem::InexactInteger);
    }
    (significant > MAX_SIGNIFICANT_DIGITS).then_some(NumberProblem::TooManyDigits)
}

/// Digits from the first to the last that is not zero.
fn significant_digits(mantissa: &str) -> usize {
    let digits: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).collect();
    let first = digits.iter().position(|digit| *digit != b'0');
    let last = digits.iter().rposition(|digit| *digit != b'0');
    match (first, last) {
        (Some(first), Some(last)) => last - first + 1,
        _ => 0,
    }
}

/// RFC 8785, section 3.2.3: names are compared by their UTF-16 code units.
fn utf16_order(left: &str, right: &str) -> Ordering {
    // Up to U+D7FF the order of bytes, of characters and of UTF-16 code units is the same.
    if left.is_ascii() && right.is_ascii() {
        return left.cmp(right);
    }
    left.encode_utf16().cmp(right.encode_utf16())
}
