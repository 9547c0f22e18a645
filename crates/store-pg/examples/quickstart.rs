//! The shortest way from an empty database to a proof: `cargo run -p veritrail-store-pg --example quickstart`.

use std::{env, error::Error, sync::Arc};

use veritrail_store_pg::veritrail_core::{EventGuid, FormSubmission, Subject};
use veritrail_store_pg::{Applying, FileSigner, PgEventStore, WithoutMemory};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = env::var("DATABASE_URL")?;
    PgEventStore::initialize(&url).await?;
    let store = PgEventStore::from_url(&url)?;
    let mut session = store.session().await?;

    let event = FormSubmission::parse(
        r#"{"guid": "e-1", "entityGuid": "person-1", "type": "create-individual", "userId": "ana",
            "timestamp": "2026-03-01T09:30:00+02:00", "data": {"name": "Mary", "age": 41}}"#,
    )?;
    let answer = session.submit(&[event], &Subject::new("quickstart")?, Applying::Apply).await?;
    println!("{:?}", answer.outcomes);

    // The key is made once; the signer's memory lies beside it.
    let path = env::temp_dir().join("veritrail-quickstart.key");
    if !path.exists() {
        FileSigner::create(&path, "example.org/registry")?;
    }
    let signer = Arc::new(FileSigner::open(&path)?);
    session.publish(&signer, WithoutMemory::Refuse).await?;

    // Whoever has the bundle and the verifier key needs no database to check it.
    let bundle = session.prove(&EventGuid::new("e-1")?).await?.ok_or("no such event")?;
    let proof = bundle.check(&[signer.verifier_key()])?;
    println!("position {} of {} in {}", bundle.position, proof.tree_size, proof.origin);
    Ok(())
}
