//! `mirror`.

use anyhow::Context;
use veritrail_store_pg::MirrorLimits;
use veritrail_store_pg::veritrail_sync::MAX_PAGE;

use crate::args::{Global, Mirror};
use crate::connect;
use crate::outcome::{Outcome, usage};
use crate::show;

pub(crate) async fn mirror(global: &Global, args: &Mirror) -> anyhow::Result<Outcome> {
    if !(1..=MAX_PAGE).contains(&args.page) {
        return Err(usage(format!("a page has 1 to {MAX_PAGE} events, not {}", args.page)));
    }
    let keys = connect::verifier_keys(&args.keys)?;
    let store = connect::store(global)?;
    let origin = connect::store_at(&args.from, args.from_tenant.as_ref().unwrap_or(&global.tenant))?;
    let mut session = connect::session(&store).await?;
    let mut from = connect::session(&origin).await.context("the origin")?;
    let bar = show::progress(global, "mirroring", Some(0));
    let limits = MirrorLimits { page: args.page, pages: args.max_pages };
    let mirrored = session
        .mirror(&mut from, &keys, limits, |size, of| {
            bar.set_length(of);
            bar.set_position(size);
            if bar.is_hidden() && !global.json {
                show::note(global, &format!("page taken and checked: {size} of {of} events"));
            }
        })
        .await?;
    bar.finish_and_clear();
    if global.json {
        show::json(&serde_json::json!({
            "origin": mirrored.checkpoint.origin,
            "pages": mirrored.pages,
            "events": mirrored.events,
            "size": mirrored.size,
            "root": mirrored.root,
            "complete": mirrored.is_complete,
        }))?;
    } else {
        let (events, pages) = (mirrored.events, mirrored.pages);
        show::line(&format!("took {events} events in {pages} pages from {}", mirrored.checkpoint.origin))?;
        show::line(&format!("  size {} root {}", mirrored.size, mirrored.root))?;
        if !mirrored.is_complete {
            show::line(&format!("  not complete: the checkpoint has size {}", mirrored.checkpoint.size))?;
        }
    }
    Ok(Outcome::Done)
}
