//! Potential duplicates: keys that two entities share if they may be one, and how alike two entities are.
//!
//! A store keeps each entity's keys and finds candidates by `=`, which an index serves under row-level security, too;
//! nothing of what is searched for is ever put into a query's text. [`DuplicateRules::similarity`] then ranks the
//! candidates. Keys are short hashes: two values can share one by chance, which ranking finds out.
//!
//! Texts are compared in a normal form: compatibility decomposition (NFKD); without the marks that writers leave out
//! (diacritics of Latin, Greek and Cyrillic, points of Hebrew and Arabic; vowel signs of other scripts stay); case
//! folded by mapping each character to upper and then to lower case (`ß` becomes `ss`, all sigmas are one, an iota
//! subscript is a letter, and as no locale is known the Turkish dotless `ı` is an `i`); and with everything that is
//! neither letter, digit nor mark as one space.

use std::collections::BTreeSet;

use serde_json::Value;
use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use veritrail_core::EntityDoc;

/// Most characters of a field's normal form that are looked at.
pub const MAX_FIELD_CHARS: usize = 256;

/// Where a value stands in an entity: `name`, `externalId`, or a place in its data.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FieldPath(FieldKind);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum FieldKind {
    Name,
    ExternalId,
    /// The names of nested members.
    Data(Vec<String>),
}

/// A text that names no field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no field: `name`, `externalId`, or `data.` and a member, whose members follow after further dots"
)]
pub struct InvalidField(pub String);

/// One way in which two entities may be found to be one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DuplicateRule {
    /// All these fields are there and equal in normal form.
    Exact(Vec<FieldPath>),
    /// The words of the field have many trigrams in common.
    Trigrams(FieldPath),
}

/// The rules that keys are derived by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DuplicateRules(pub Vec<DuplicateRule>);

/// A key that entities share which may be one: a number that fits a `bigint`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DuplicateKey(pub i64);

impl std::str::FromStr for FieldPath {
    type Err = InvalidField;

    /// Reads `name`, `externalId` or `data.member.member`.
    fn from_str(text: &str) -> Result<Self, InvalidField> {
        let kind = match text {
            "name" => FieldKind::Name,
            "externalId" => FieldKind::ExternalId,
            _ => {
                let members = text.strip_prefix("data.").ok_or_else(|| InvalidField(text.to_owned()))?;
                let members: Vec<_> = members.split('.').map(str::to_owned).collect();
                if members.iter().any(String::is_empty) {
                    return Err(InvalidField(text.to_owned()));
                }
                FieldKind::Data(members)
            }
        };
        Ok(Self(kind))
    }
}

impl std::fmt::Display for FieldPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            FieldKind::Name => f.write_str("name"),
            FieldKind::ExternalId => f.write_str("externalId"),
            FieldKind::Data(members) => write!(f, "data.{}", members.join(".")),
        }
    }
}

impl FieldPath {
    /// The field's normal form; `None` where it is absent, says nothing, or is neither text, number nor truth value.
    fn of(&self, doc: &EntityDoc) -> Option<String> {
        let text = match &self.0 {
            FieldKind::Name => doc.name.clone()?,
            FieldKind::ExternalId => doc.external_id.clone()?,
            FieldKind::Data(members) => {
                let (first, rest) = members.split_first()?;
                match rest.iter().try_fold(doc.data.get(first)?, |value, member| value.get(member))? {
                    Value::String(text) => text.clone(),
                    value @ (Value::Number(_) | Value::Bool(_)) => value.to_string(),
                    Value::Null | Value::Array(_) | Value::Object(_) => return None,
                }
            }
        };
        Some(normal_form(&text)).filter(|text| !text.is_empty())
    }
}

impl Default for DuplicateRules {
    /// The same external id, or names that are alike.
    fn default() -> Self {
        Self(vec![
            DuplicateRule::Exact(vec![FieldPath(FieldKind::ExternalId)]),
            DuplicateRule::Trigrams(FieldPath(FieldKind::Name)),
        ])
    }
}

impl DuplicateRules {
    /// The keys of an entity: one for each exact rule whose fields are all there, and one for each trigram.
    #[must_use]
    pub fn keys(&self, doc: &EntityDoc) -> BTreeSet<DuplicateKey> {
        let mut keys = BTreeSet::new();
        for rule in &self.0 {
            match rule {
                DuplicateRule::Exact(fields) => {
                    let Some(values) = values(fields, doc) else { continue };
                    let names = fields.iter().map(ToString::to_string);
                    let parts: Vec<_> = ["exact".to_owned()].into_iter().chain(names).chain(values).collect();
                    keys.insert(DuplicateKey::of(&parts));
                }
                DuplicateRule::Trigrams(field) => {
                    let Some(text) = field.of(doc) else { continue };
                    let name = field.to_string();
                    keys.extend(trigrams(&text).into_iter().map(|trigram| {
                        DuplicateKey::of(&["trigram".to_owned(), name.clone(), trigram.iter().collect()])
                    }));
                }
            }
        }
        keys
    }

    /// How alike two entities are, from 0 to 1: the mean over the rules whose fields both have. An exact rule counts 1 or
    /// 0, trigrams count those in common among all (Jaccard). 0 where there is nothing to compare.
    #[must_use]
    pub fn similarity(&self, one: &EntityDoc, other: &EntityDoc) -> f64 {
        let scores: Vec<f64> = self.0.iter().filter_map(|rule| rule.score(one, other)).collect();
        if scores.is_empty() {
            return 0.0;
        }
        scores.iter().sum::<f64>() / small_count(scores.len())
    }
}

impl DuplicateRule {
    fn score(&self, one: &EntityDoc, other: &EntityDoc) -> Option<f64> {
        match self {
            Self::Exact(fields) => {
                let equal = values(fields, one)? == values(fields, other)?;
                Some(if equal { 1.0 } else { 0.0 })
            }
            Self::Trigrams(field) => {
                let (one, other) = (trigrams(&field.of(one)?), trigrams(&field.of(other)?));
                let (shared, all) = (one.intersection(&other).count(), one.union(&other).count());
                Some(small_count(shared) / small_count(all))
            }
        }
    }
}

impl DuplicateKey {
    /// The first eight bytes of SHA-256 over the parts, each behind its length.
    fn of(parts: &[String]) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hasher.update(part.as_bytes());
        }
        let digest: [u8; 32] = hasher.finalize().into();
        let [a, b, c, d, e, f, g, h, ..] = digest;
        Self(i64::from_be_bytes([a, b, c, d, e, f, g, h]))
    }
}

/// The normal forms of all fields; `None` where one is absent.
fn values(fields: &[FieldPath], doc: &EntityDoc) -> Option<Vec<String>> {
    if fields.is_empty() {
        return None;
    }
    fields.iter().map(|field| field.of(doc)).collect()
}

/// The form in which texts are compared.
fn normal_form(text: &str) -> String {
    let without_marks = |text: &str| text.nfkd().filter(|char| !is_left_out(*char)).collect::<String>();
    let upper: String = without_marks(text).chars().flat_map(char::to_uppercase).collect();
    let lower: String = upper.chars().flat_map(char::to_lowercase).collect();
    let spaced: String = without_marks(&lower)
        .chars()
        .map(|char| if char.is_alphanumeric() || is_combining_mark(char) { char } else { ' ' })
        .collect();
    let words = spaced.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().take(MAX_FIELD_CHARS).collect::<String>().trim_end().to_owned()
}

/// Marks that the same name is written with and without.
fn is_left_out(char: char) -> bool {
    matches!(char,
        '\u{0300}'..='\u{0344}' | '\u{0346}'..='\u{036F}' | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}' | '\u{20D0}'..='\u{20FF}'
        | '\u{FE20}'..='\u{FE2F}' | '\u{0483}'..='\u{0489}'
        | '\u{0591}'..='\u{05BD}' | '\u{05BF}' | '\u{05C1}'..='\u{05C2}' | '\u{05C4}'..='\u{05C5}' | '\u{05C7}'
        | '\u{0610}'..='\u{061A}' | '\u{0640}' | '\u{064B}'..='\u{065F}' | '\u{0670}')
}

/// The trigrams of each word with two spaces before it and one behind, as PostgreSQL's `pg_trgm` takes them.
fn trigrams(text: &str) -> BTreeSet<[char; 3]> {
    let mut found = BTreeSet::new();
    for word in text.split(' ') {
        let padded: Vec<char> = [' ', ' '].into_iter().chain(word.chars()).chain([' ']).collect();
        found.extend(padded.windows(3).map(|window| [window[0], window[1], window[2]]));
    }
    found
}

fn small_count(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
