//! The whole log as a stream: a page at a time in memory, however long the log is.

use futures_util::{Stream, TryStreamExt, stream};
use veritrail_core::StoredEvent;
use veritrail_sync::{Cursor, CursorRules, Page};

use super::ReadError;
use crate::session::Session;

/// Events of the pages behind [`Session::events`].
const STREAM_PAGE: u32 = 1_000;

impl Session<'_> {
    /// Every event in position order; DataCollect's `getEvents` and `getAllEvents`.
    ///
    /// What is appended meanwhile is given too, until a page is the log's last. The stream ends with its first error.
    pub fn events(&mut self) -> impl Stream<Item = Result<StoredEvent, ReadError>> + Send {
        self.pages(Cursor::Start, STREAM_PAGE)
            .map_ok(|page| stream::iter(page.events.into_iter().map(Ok)))
            .try_flatten()
    }

    /// The pages behind a cursor up to the end of the log, `limit` events each; none of them is empty. A reader who
    /// keeps the cursor of the last page that it took goes on from there.
    ///
    /// The stream ends with its first error, which is a [`ReadError`].
    pub fn pages(&mut self, from: Cursor, limit: u32) -> impl Stream<Item = Result<Page, ReadError>> + Send {
        stream::try_unfold((self, Some(from)), move |(session, cursor)| next_page(session, cursor, limit))
    }
}

/// A session and the cursor of the next page, if there is one.
type Reader<'s, 'c> = (&'s mut Session<'c>, Option<Cursor>);

async fn next_page<'s, 'c>(
    session: &'s mut Session<'c>,
    cursor: Option<Cursor>,
    limit: u32,
) -> Result<Option<(Page, Reader<'s, 'c>)>, ReadError> {
    let Some(cursor) = cursor else { return Ok(None) };
    let page = session.events_since(&cursor, limit, CursorRules::Ours).await?;
    if page.events.is_empty() {
        return Ok(None);
    }
    let next = (!page.is_last).then(|| page.cursor.clone());
    Ok(Some((page, (session, next))))
}
