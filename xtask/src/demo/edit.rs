//! An edit behind the store's back: in SQL, as a superuser who has switched the guards off. `verify` names the event.
//!
//! Not here: the other changes that `verify` must find, which the tests make.

use anyhow::ensure;

use super::Stage;
use super::program::{Call, Exit};
use super::screen;
use crate::sql::Admin;

pub(super) fn run(stage: &mut Stage) -> anyhow::Result<String> {
    let tenant = &stage.plan.tenants[0];
    let (guid, income) = (&tenant.story.income_event, tenant.story.now.income);
    let other = income + 8_000;
    let verify = ["--tenant", tenant.tenant, "verify", "--key", &stage.key];
    let admin = Admin::connect(stage.url.as_str())?;

    screen::say("Who owns the database can switch the guards off and change what a household has earned:");
    let guards_off = "SET session_replication_role = replica";
    screen::typed("SQL>", &format!("{guards_off};"));
    admin.execute(guards_off)?;
    replace(&admin, tenant.tenant, guid, income, other)?;

    screen::say("\nThe row looks as if it had always been so, but it is not what was signed:");
    let answer = stage.program.show(&Call::new(&verify).expects(Exit::No))?;
    ensure!(answer.stdout.contains(guid) || answer.stderr.contains(guid), "`verify` does not name {guid}");

    screen::say("\nThe row is put back as it was:");
    replace(&admin, tenant.tenant, guid, other, income)?;
    stage.program.show(&Call::new(&verify))?;
    Ok(format!("verify failed and named event {guid}"))
}

fn replace(admin: &Admin, tenant: &str, guid: &str, from: u32, to: u32) -> anyhow::Result<()> {
    let old = format!("\"income\":{from}");
    let new = format!("\"income\":{to}");
    let sql = format!(
        "UPDATE veritrail.events SET data = replace(data::text, '{old}', '{new}')::json \
         WHERE tenant_id = '{tenant}' AND guid = '{guid}'"
    );
    screen::typed("SQL>", &format!("{sql};"));
    let changed = admin.text(&format!("{sql} RETURNING data::text"))?;
    ensure!(changed.contains(&new), "the statement did not change the income: {changed}");
    Ok(())
}
