//! Offline-first sync without I/O: cursors, pages and the types that go over the wire.
//!
//! Events and their order are the store's to look up (`veritrail-store-pg`); HTTP is `veritrail-client`'s
//! and `veritrail-server`'s.
//!
//! ```
//! use veritrail_sync::Cursor;
//!
//! let stamp = "2026-03-01T07:30:01.000001Z".parse()?;
//! let cursor = Cursor::after(stamp);
//! assert_eq!(cursor.to_string(), "2026-03-01T07:30:01.000001000Z");
//! assert_eq!(Cursor::parse("2026-03-01T07:30:01.000001000Z")?, cursor);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod cursor;
mod locate;
mod marks;
mod page;
pub mod wire;

pub use cursor::{Cursor, CursorProblem, InvalidCursor};
pub use locate::{CursorRules, Landmarks, Lookups, MAX_EXTENSION, Place, locate, rising};
pub use marks::{InvalidMark, MAX_MARK_BYTES, SyncMark, check_mark};
pub use page::{DEFAULT_PAGE, MAX_PAGE, Page, PageError, check_page};

/// The README's example, compiled as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExample;
