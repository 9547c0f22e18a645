//! Verification by who has the database, and by who has only a file and a key.
//!
//! Not here: verification of a store that was edited (`edit`).

use std::fs;

use anyhow::Context as _;

use super::Stage;
use super::program::{Call, Exit};
use super::screen;

/// The proof of the event that sets the last income.
pub(super) const BUNDLE: &str = "income.proof.json";
/// The same with another income.
pub(super) const CHANGED: &str = "changed.proof.json";

/// Recomputes every tenant's log from its rows, up to the checkpoint that our key has signed.
pub(super) fn verify(stage: &mut Stage) -> anyhow::Result<String> {
    for tenant in &stage.plan.tenants {
        stage.program.show(&Call::new(&["--tenant", tenant.tenant, "verify", "--key", &stage.key]))?;
    }
    Ok("every entry, tile, root and signature of three logs recomputed".to_owned())
}

/// Writes the proof of one event to a file and checks it without a database.
pub(super) fn prove(stage: &mut Stage) -> anyhow::Result<String> {
    let tenant = &stage.plan.tenants[0];
    let guid = &tenant.story.income_event;
    stage.program.show(&Call::new(&["--tenant", tenant.tenant, "prove", guid, "-o", BUNDLE]))?;
    screen::say("\nWhoever has the file and the key can check it, far from any database:");
    stage.program.show(&Call::new(&["check", BUNDLE, "--key", &stage.key]).offline())?;

    let path = stage.folder.join(BUNDLE);
    let bundle = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let income = tenant.story.now.income.to_string();
    let changed =
        with_other_income(&bundle, &income).context("the proof does not show the event's income")?;
    fs::write(stage.folder.join(CHANGED), changed).with_context(|| format!("cannot write {CHANGED}"))?;
    screen::say(&format!("\nOne digit of the income {income} is changed in a copy of the file:"));
    stage.program.show(&Call::new(&["check", CHANGED, "--key", &stage.key]).expects(Exit::No).offline())?;
    Ok("a proof in a file holds offline, a changed one does not".to_owned())
}

/// Changes one digit of the income, the first number after its name, however the bundle quotes it.
fn with_other_income(bundle: &str, income: &str) -> Option<String> {
    let name = bundle.find("income")?;
    let digit = name + bundle[name..].find(income)?;
    let mut changed = bundle.to_owned();
    changed.replace_range(digit..=digit, "9");
    Some(changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_digit_of_the_income_is_changed() {
        let bundle = r#"{"event":{"position":1835,"data":{"income":1835}}}"#;
        let changed = r#"{"event":{"position":1835,"data":{"income":9835}}}"#;
        assert_eq!(with_other_income(bundle, "1835").as_deref(), Some(changed));
        assert_eq!(with_other_income("{}", "1835"), None);
    }
}
