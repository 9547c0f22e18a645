//! Who may read and write what, as a table; enrichment before an event is stored.

use serde_json::{Map, Value, json};
use veritrail_applier::{
    AccessAction, AccessDecision, AccessRequest, AllowAll, AllowReason, Authorizer, DenyReason,
    DeviceMetadata, EnrichError, Enrichers, Permission, RoleBased, enrich,
};
use veritrail_core::{FormSubmission, Subject};

use crate::support::{event, guid};

/// Roles, action, who has submitted it, what is granted, the decision.
type Case = (&'static [&'static str], AccessAction, Option<&'static str>, Permission, AccessDecision);

#[test]
fn roles_ownership_and_permissions_decide() {
    use AccessAction::{Read, Write};
    use AccessDecision::{Allow, Deny};
    let none = Permission::default();
    let reads = Permission { can_read: true, can_write: false };
    let writes = Permission { can_read: false, can_write: true };
    let (ana, bo) = (Some("issuer|ana"), Some("issuer|bo"));
    let cases: [Case; 15] = [
        (&["admin"], Read, bo, none, Allow(AllowReason::Role)),
        (&["device", "admin"], Write, bo, none, Allow(AllowReason::Role)),
        (&[], Read, ana, none, Allow(AllowReason::Own)),
        (&["device"], Write, ana, none, Allow(AllowReason::Own)),
        (&["device"], Read, bo, none, Deny(DenyReason::NotGranted)),
        (&["device"], Write, bo, none, Deny(DenyReason::NotGranted)),
        (&["device"], Read, bo, reads, Allow(AllowReason::Granted)),
        (&["device"], Write, bo, reads, Deny(DenyReason::NotGranted)),
        (&["device"], Write, bo, writes, Allow(AllowReason::Granted)),
        (&["device"], Read, bo, writes, Deny(DenyReason::NotGranted)),
        (&["device"], Write, None, none, Allow(AllowReason::New)),
        (&["device"], Read, None, none, Deny(DenyReason::NotGranted)),
        (&["reader"], Write, ana, writes, Deny(DenyReason::ReadOnly)),
        (&["reader"], Read, ana, none, Allow(AllowReason::Own)),
        (&["reader", "device"], Write, ana, none, Allow(AllowReason::Own)),
    ];
    let subject = Subject::new("issuer|ana").unwrap();
    for (roles, action, submitted_by, permission, expected) in cases {
        let submitted_by = submitted_by.map(|text| Subject::new(text).unwrap());
        let entity = guid("a");
        let request = AccessRequest {
            subject: &subject,
            roles,
            action,
            entity: &entity,
            submitted_by: submitted_by.as_ref(),
            permission,
        };
        assert_eq!(RoleBased::default().authorize(&request), expected, "{request:?}");
        assert_eq!(expected.is_allowed(), matches!(expected, Allow(_)));
        assert_eq!(AllowAll.authorize(&request), Allow(AllowReason::Open));
    }
}

#[test]
fn roles_can_be_named_otherwise() {
    let roles = RoleBased { unlimited: ["operator".to_owned()].into(), read_only: [].into() };
    let (subject, entity) = (Subject::new("x").unwrap(), guid("a"));
    let mut request = AccessRequest {
        subject: &subject,
        roles: &["admin"],
        action: AccessAction::Read,
        entity: &entity,
        submitted_by: None,
        permission: Permission::default(),
    };
    assert!(!roles.authorize(&request).is_allowed());
    request.roles = &["operator"];
    assert!(roles.authorize(&request).is_allowed());
}

fn device() -> DeviceMetadata {
    DeviceMetadata {
        device_id: Some("tablet-7".into()),
        location: Some(json!({"latitude": 41.9, "longitude": 12.5})),
        app_version: Some("2.1.0".into()),
        network_status: Some("offline".into()),
    }
}

fn metadata(event: &FormSubmission) -> Value {
    event.metadata.as_ref().map(|metadata| metadata.to_value().unwrap()).unwrap_or_default()
}

#[test]
fn an_event_is_enriched_before_it_is_hashed() {
    let enriched = enrich(event(0, "create-individual", "a", &json!({"n": 1})), &device()).unwrap();
    let expected = json!({"deviceId": "tablet-7", "location": {"latitude": 41.9, "longitude": 12.5},
        "appVersion": "2.1.0", "networkStatus": "offline"});
    assert_eq!(metadata(&enriched), expected);
    assert_eq!(FormSubmission::parse(&enriched.to_json()).unwrap(), enriched);

    let nothing = DeviceMetadata::default();
    assert_eq!(enrich(event(0, "x", "a", &json!({})), &nothing).unwrap().metadata, None);
}

#[test]
fn what_was_received_stays() {
    let text = r#"{"guid":"e","entityGuid":"a","type":"t","userId":"u","timestamp":"2026-03-01T00:00:00Z","data":{},
        "metadata":{"deviceId":"phone"},"context":{"correlationId":"c-1"},"custom":[1]}"#;
    let received = FormSubmission::parse(text).unwrap();
    let enriched = enrich(received, &device()).unwrap();
    let seen = metadata(&enriched);
    assert_eq!((&seen["deviceId"], &seen["appVersion"]), (&json!("phone"), &json!("2.1.0")));
    assert_eq!((&seen["context"]["correlationId"], &seen["extra"]["custom"]), (&json!("c-1"), &json!([1])));
    assert_eq!(FormSubmission::parse(&enriched.to_json()).unwrap(), enriched);
}

#[test]
fn enrichers_run_one_after_the_other() {
    let count = |event: &FormSubmission, metadata: &mut Map<String, Value>| {
        metadata.insert("seen".into(), json!([metadata.len(), event.guid]));
        Ok(())
    };
    let chain = Enrichers::default().with(device()).with(count);
    let enriched = enrich(event(0, "x", "a", &json!({})), &chain).unwrap();
    assert_eq!(metadata(&enriched)["seen"], json!([4, "event-0"]));
}

#[test]
fn an_enricher_cannot_break_an_event() {
    type Metadata = Map<String, Value>;
    let refused = |enricher: fn(&mut Metadata) -> Result<(), String>| {
        let enricher = move |_: &FormSubmission, metadata: &mut Metadata| enricher(metadata);
        enrich(event(0, "x", "a", &json!({})), &enricher).unwrap_err()
    };
    assert_eq!(refused(|_| Err("no position".into())), EnrichError::Refused("no position".into()));
    let reserved = refused(|metadata| {
        metadata.insert("migratedFrom".into(), json!(1));
        Ok(())
    });
    assert_eq!(reserved, EnrichError::Reserved { member: "migratedFrom" });
    let inexact = refused(|metadata| {
        metadata.insert("n".into(), json!(9_007_199_254_740_993_u64));
        Ok(())
    });
    assert!(matches!(inexact, EnrichError::Json(_)), "{inexact}");
    let large = refused(|metadata| {
        metadata.insert("log".into(), json!("x".repeat(65_536)));
        Ok(())
    });
    assert!(matches!(large, EnrichError::Invalid(_)), "{large}");
}
