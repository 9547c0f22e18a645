//! Decimal numbers as C2SP's texts have them: digits, no sign, no leading zeros.

/// Reads such a number. (`u64::from_str` also reads "+1" and "01", which would be second spellings of one text.)
pub(crate) fn parse(text: &str) -> Option<u64> {
    let is_canonical =
        text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if is_canonical { text.parse().ok() } else { None }
}
