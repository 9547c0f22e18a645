//! How things are shown: tables and summaries for people, JSON for machines, progress on a terminal.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write};

use comfy_table::{ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};

use crate::args::Global;

/// Widest table where the terminal does not say how wide it is.
const DEFAULT_WIDTH: u16 = 120;

/// An empty table with these headings.
pub(crate) fn table(headings: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    if !std::io::stdout().is_terminal() {
        table.set_width(DEFAULT_WIDTH);
    }
    table.set_header(headings);
    table
}

/// Prints one line for people on stdout: what devices sent may hold control characters, which would reach the terminal,
/// and line ends, which would look like lines of ours.
pub(crate) fn line(text: &str) -> anyhow::Result<()> {
    raw(&visible(text))
}

/// The text with its control characters, line ends among them, as escapes.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// JSON text with the control characters that JSON lets stand in strings (U+007F to U+009F) as JSON escapes: the same
/// value, but nothing that a terminal obeys.
pub(crate) fn visible_json(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() && character != '\n' {
            write!(shown, "\\u{:04x}", u32::from(character)).expect("a string takes any text");
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Prints one line on stdout as it is. A reader that has gone away ends the program quietly.
pub(crate) fn raw(text: &str) -> anyhow::Result<()> {
    if !offer(text)? {
        std::process::exit(0);
    }
    Ok(())
}

/// Prints one line on stdout as it is, and says whether somebody still reads there.
pub(crate) fn offer(text: &str) -> anyhow::Result<bool> {
    match writeln!(std::io::stdout().lock(), "{text}") {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
        written => Ok(written.map(|()| true)?),
    }
}

/// Prints one JSON value on a line of stdout.
pub(crate) fn json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    raw(&serde_json::to_string(value)?)
}

/// Prints a line for people on stderr, unless they asked for quiet.
pub(crate) fn note(global: &Global, text: &str) {
    if !global.quiet {
        eprintln!("{}", visible(text));
    }
}

/// A progress bar on stderr, if that is a terminal; otherwise one that shows nothing.
pub(crate) fn progress(global: &Global, what: &'static str, total: Option<u64>) -> ProgressBar {
    if global.quiet || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let template = match total {
        Some(_) => "{msg} {bar:30} {human_pos}/{human_len} {per_sec} {eta}",
        None => "{msg} {spinner} {human_pos} {per_sec}",
    };
    let style = ProgressStyle::with_template(template).expect("the templates are constants");
    let bar = total.map_or_else(ProgressBar::no_length, ProgressBar::new);
    bar.with_style(style).with_message(what)
}
