//! What a person sees: headings, command lines, tables, numbers. Plain text where nobody watches a terminal.
//!
//! Not here: what is true (`generate`) and what is run (`program`).

use std::env;
use std::io::{IsTerminal as _, stdout};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// The widest cell of a table; longer texts are cut.
const WIDEST_CELL: usize = 96;
/// How many lines of many are shown at either end.
const SHOWN_ENDS: usize = 2;
const TICK: Duration = Duration::from_millis(100);

pub(super) fn heading(number: usize, of: usize, title: &str) {
    println!("\n{}", bold(&format!("── {number}/{of}  {title} ──")));
}

/// A line as it would be typed at a shell or an SQL prompt.
pub(super) fn typed(prompt: &str, line: &str) {
    println!("{}", bold(&format!("{prompt} {line}")));
}

pub(super) fn say(text: &str) {
    println!("{text}");
}

/// What a program has printed, set apart from what we say ourselves.
pub(super) fn quote(text: &str) {
    for line in text.lines() {
        println!("    {line}");
    }
}

/// The first and the last of many similar lines.
pub(super) fn quote_ends(text: &str) {
    let lines: Vec<_> = text.lines().collect();
    if lines.len() <= SHOWN_ENDS * 2 + 1 {
        return quote(text);
    }
    let between = lines.len() - SHOWN_ENDS * 2;
    quote(&lines[..SHOWN_ENDS].join("\n"));
    quote(&format!("… {between} lines like these …"));
    quote(&lines[lines.len() - SHOWN_ENDS..].join("\n"));
}

/// A table with a head, set apart like a program's output; columns of numbers stand to the right.
pub(super) fn table(head: &[&str], rows: &[Vec<String>]) {
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| cut(cell)).collect()).collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([head[column].chars().count()]).max().unwrap_or_default()
    };
    let widths: Vec<_> = (0..head.len()).map(width).collect();
    let is_number = |text: &str| {
        text.starts_with(|first: char| first.is_ascii_digit())
            && text.chars().all(|c| c.is_ascii_digit() || ",. ".contains(c))
    };
    let right: Vec<_> = (0..head.len())
        .map(|column| rows.iter().all(|row| row.get(column).is_none_or(|cell| is_number(cell))))
        .collect();
    let line = |cells: &[String]| {
        let padded = cells.iter().enumerate().map(|(column, cell)| match right[column] {
            true => format!("{cell:>width$}", width = widths[column]),
            false => format!("{cell:<width$}", width = widths[column]),
        });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let head: Vec<String> = head.iter().map(|&cell| cell.to_owned()).collect();
    quote(&bold(&line(&head)));
    for row in &rows {
        quote(&line(row));
    }
}

/// A bar that counts up to `end`, or one that only shows that time passes. Hidden where there is no terminal.
pub(super) fn progress(end: Option<u64>) -> ProgressBar {
    let (bar, template) = match end {
        Some(end) => (ProgressBar::new(end), "    {bar:40} {human_pos}/{human_len} lines {elapsed}"),
        None => (ProgressBar::new_spinner(), "    {spinner} {elapsed}"),
    };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = bar.with_style(style);
    bar.enable_steady_tick(TICK);
    bar
}

/// A number with its thousands apart: `21,000`.
pub(super) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

pub(super) fn seconds(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64())
}

pub(super) fn bold(text: &str) -> String {
    let painted = stdout().is_terminal() && env::var_os("NO_COLOR").is_none();
    if painted { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.to_owned() }
}

/// A URL without its password, to be shown.
pub(super) fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let Some((account, server)) = rest.split_once('@') else { return url.to_owned() };
    match account.split_once(':') {
        Some((user, _)) => format!("{scheme}://{user}:***@{server}"),
        None => url.to_owned(),
    }
}

fn cut(cell: &str) -> String {
    match cell.char_indices().nth(WIDEST_CELL) {
        None => cell.to_owned(),
        Some((end, _)) => format!("{}…", &cell[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        assert_eq!(
            [0, 999, 1_000, 21_000, 1_234_567].map(grouped),
            ["0", "999", "1,000", "21,000", "1,234,567"]
        );
    }

    #[test]
    fn long_cells_are_cut_between_characters() {
        assert_eq!(cut("short"), "short");
        assert_eq!(cut(&"ü".repeat(200)).chars().count(), WIDEST_CELL + 1);
    }

    #[test]
    fn shown_url_has_no_password() {
        assert_eq!(without_password("postgres://u:secret@h:1/d"), "postgres://u:***@h:1/d");
        assert_eq!(without_password("postgres://u@h/d"), "postgres://u@h/d");
        assert_eq!(without_password("postgres://h/d"), "postgres://h/d");
    }
}
