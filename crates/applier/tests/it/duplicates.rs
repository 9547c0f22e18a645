//! Potential duplicates: which keys two entities share, and how alike they are.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::{Value, json};
use veritrail_applier::{DuplicateKey, DuplicateRule, DuplicateRules, FieldPath};
use veritrail_core::EntityDoc;

fn doc(name: &str, data: &Value) -> EntityDoc {
    let mut doc = json!({"id": "a", "guid": "a", "type": "individual", "version": 1, "data": data, "name": name,
        "lastUpdated": "2026-03-01T00:00:00Z"});
    if let Some(id) = data.get("externalId") {
        doc["externalId"] = id.clone();
    }
    EntityDoc::from_jsonb_text(&doc.to_string()).unwrap()
}

fn named(name: &str) -> EntityDoc {
    doc(name, &json!({}))
}

fn field(text: &str) -> FieldPath {
    text.parse().unwrap()
}

fn exact_name() -> DuplicateRules {
    DuplicateRules(vec![DuplicateRule::Exact(vec![field("name")])])
}

#[test]
fn writings_of_one_name_share_a_key() {
    let same = [
        ("Mary Smith", "  MARY\tsmith "),
        ("José Álvarez", "Jose\u{301} A\u{301}lvarez"),
        ("José Álvarez", "jose alvarez"),
        ("Straße", "STRASSE"),
        ("Ὀδυσσεύς", "ΟΔΥΣΣΕΥΣ"),
        ("İpek", "ipek"),
        ("O'Brien-Smith", "o brien smith"),
        ("ﬁnn", "Finn"),
        ("Ｍａｒｙ", "mary"),
        ("مُحَمَّد", "محمد"),
        ("שָׁלוֹם", "שלום"),
        ("Ёлка", "Елка"),
    ];
    for (one, other) in same {
        assert_eq!(exact_name().keys(&named(one)), exact_name().keys(&named(other)), "{one} {other}");
        assert_eq!(exact_name().keys(&named(one)).len(), 1);
    }
    // Vowel signs of Indic scripts make other names.
    for (one, other) in [("राम", "रमा"), ("Mary", "Marie"), ("Ana 1", "Ana 2"), ("कि", "क")]
    {
        assert_ne!(exact_name().keys(&named(one)), exact_name().keys(&named(other)), "{one} {other}");
    }
}

#[test]
fn a_rule_needs_all_its_fields() {
    let rules = DuplicateRules(vec![
        DuplicateRule::Exact(vec![field("name"), field("data.birth.date")]),
        DuplicateRule::Exact(vec![field("externalId")]),
        DuplicateRule::Exact(vec![]),
    ]);
    assert_eq!(rules.keys(&named("Mary")).len(), 0);
    let full = doc("Mary", &json!({"birth": {"date": "2001-02-03"}, "externalId": "N-7"}));
    assert_eq!(rules.keys(&full).len(), 2);
    let blank = doc("Mary", &json!({"birth": {"date": " - "}}));
    assert_eq!(rules.keys(&blank).len(), 0, "what says nothing is no value");
    let other = doc("mary", &json!({"birth": {"date": "2001/02/03"}}));
    assert_eq!(rules.keys(&full).intersection(&rules.keys(&other)).count(), 1);
    assert!((rules.similarity(&full, &other) - 1.0).abs() < f64::EPSILON);
    for not_a_text in [json!({"date": ["2001"]}), json!({"date": null}), json!("2001"), json!(null)] {
        assert_eq!(rules.keys(&doc("Mary", &json!({"birth": not_a_text}))).len(), 0);
    }
}

#[test]
fn values_of_one_field_are_no_values_of_another() {
    let rules = |text: &str| DuplicateRules(vec![DuplicateRule::Exact(vec![field(text)])]);
    let both = doc("Mary", &json!({"alias": "Mary"}));
    assert_ne!(rules("name").keys(&both), rules("data.alias").keys(&both));
    // Nor can two values be cut otherwise.
    let pair = DuplicateRules(vec![DuplicateRule::Exact(vec![field("data.x"), field("data.y")])]);
    let (one, other) = (doc("", &json!({"x": "a b", "y": "c"})), doc("", &json!({"x": "a", "y": "b c"})));
    assert_ne!(pair.keys(&one), pair.keys(&other));
}

#[test]
fn keys_stay_what_they_are() {
    // A store has an index of them: another derivation is a migration.
    let keys = exact_name().keys(&named("Mary"));
    assert_eq!(keys.into_iter().collect::<Vec<_>>(), [DuplicateKey(EXACT_MARY)]);
    let trigrams = DuplicateRules::default().keys(&named("Al"));
    assert_eq!(trigrams.len(), 3, "`  a`, ` al` and `al `");
}

/// The first eight bytes of SHA-256 of `exact`, `name` and `mary`, each behind its length, by another implementation.
const EXACT_MARY: i64 = -5_880_290_288_695_085_936;

#[test]
fn candidates_are_ranked_by_what_they_have_in_common() {
    let rules = DuplicateRules::default();
    let mary = named("Mary Smith");
    let score = |name: &str| rules.similarity(&mary, &named(name));
    assert!((score("smith, MARY") - 1.0).abs() < f64::EPSILON, "the order of words is nothing");
    assert!(score("Mary Smyth") > 0.5, "{}", score("Mary Smyth"));
    assert!(score("Mary Smyth") > score("Mary Jones") && score("Mary Jones") > score("Bob Jones"));
    assert!(score("Bob Jones").abs() < f64::EPSILON);
    assert!(score("").abs() < f64::EPSILON, "nothing to compare");
    // Trigrams in common are keys in common: the index finds who is alike.
    let shared = |name: &str| rules.keys(&mary).intersection(&rules.keys(&named(name))).count();
    assert!(shared("Mary Smyth") > shared("Mary Jones") && shared("Bob Jones") == 0);

    // The same external id counts beside the name.
    let with_id = |name: &str, id: &str| doc(name, &json!({"externalId": id}));
    let same_id = rules.similarity(&with_id("Mary", "7"), &with_id("Bob", "7"));
    assert!((same_id - 0.5).abs() < f64::EPSILON);
}

#[test]
fn fields_are_named_as_errors_name_them() {
    for text in ["name", "externalId", "data.birthDate", "data.a.b"] {
        assert_eq!(field(text).to_string(), text);
    }
    for text in ["", "data", "data.", "data.a..b", "Name", "guid"] {
        assert!(text.parse::<FieldPath>().is_err(), "{text:?}");
    }
}

#[test]
fn a_long_text_has_bounded_keys() {
    let long: String = (0_u32..100_000).filter_map(|n| char::from_u32(0x4E00 + n % 20_000)).collect();
    assert!(DuplicateRules::default().keys(&named(&long)).len() <= 257);
}

proptest! {
    #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_text_is_like_itself_and_likeness_has_no_direction(one in "\\PC{0,20}", other in "\\PC{0,20}") {
        let rules = DuplicateRules::default();
        let (a, b) = (named(&one), named(&other));
        let score = rules.similarity(&a, &b);
        prop_assert!((0.0..=1.0).contains(&score));
        prop_assert_eq!(score, rules.similarity(&b, &a));
        let upper = named(&one.to_uppercase());
        prop_assert_eq!(rules.keys(&upper), rules.keys(&a), "case is nothing: {:?}", one);
        if !rules.keys(&a).is_empty() {
            prop_assert_eq!(rules.similarity(&a, &a), 1.0);
        }
    }
}
