//! JSON Patch (RFC 6902) between two states of an entity: what an audit entry shows.
//!
//! Merge patches (RFC 7396) are no choice here: they cannot say that a member became `null`, which is a value like
//! any other to the appliers, and they tell nothing of what was there before. Here each `replace` and `remove`
//! follows a `test` with the old value, so that a patch holds both sides and can be turned around. Libraries that
//! compare JSON do so index by index, where a member that leaves a group of 10,000 makes 10,000 operations.
//!
//! Which states are compared is decided in `entities/difference.rs`.

use std::collections::{BTreeSet, HashSet};

use serde_json::{Map, Value, json};
use veritrail_core::{EntityDoc, EntityGuid};

use crate::entities::Fields;

/// One operation of RFC 6902.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[serde(tag = "op", rename_all = "lowercase")]
pub enum Operation {
    /// The value at `path` is `value`: what was there before the next operation.
    Test {
        /// JSON Pointer (RFC 6901); empty for the whole entity.
        path: String,
        /// The old value.
        value: Value,
    },
    /// A value comes to be.
    Add {
        /// JSON Pointer; `-` as its last part is the end of a list.
        path: String,
        /// The new value.
        value: Value,
    },
    /// A value takes the place of another.
    Replace {
        /// JSON Pointer.
        path: String,
        /// The new value.
        value: Value,
    },
    /// A value goes.
    Remove {
        /// JSON Pointer.
        path: String,
    },
}

impl Operation {
    /// The place that the operation is about.
    #[must_use]
    pub fn path(&self) -> &str {
        match self {
            Self::Test { path, .. }
            | Self::Add { path, .. }
            | Self::Replace { path, .. }
            | Self::Remove { path } => path,
        }
    }
}

/// The operations that lead from one state of an entity to the next.
///
/// It is a patch of the entity's *content*: the members `type`, `externalId`, `name`, `data` and `memberIds` of its
/// JSON form. Its guid never changes; version and time stand beside the patch. An entity that does not exist, or was
/// deleted, is `null`.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
#[serde(transparent)]
pub struct Patch(Vec<Operation>);

impl Patch {
    /// The operations, in the order in which they are to be carried out.
    #[must_use]
    pub fn operations(&self) -> &[Operation] {
        &self.0
    }

    /// The patch between two states; `None` is an entity that does not exist.
    #[must_use]
    pub fn between(before: Option<&EntityDoc>, after: Option<&EntityDoc>) -> Self {
        let mut patch = Self::default();
        match (before, after) {
            (None, None) => {}
            (None, Some(after)) => patch.replace(String::new(), Value::Null, content(after)),
            (Some(before), None) => patch.replace(String::new(), content(before), Value::Null),
            (Some(before), Some(after)) if before.kind != after.kind => {
                patch.replace(String::new(), content(before), content(after));
            }
            (Some(before), Some(after)) => {
                patch.fields(&Fields::of(before), after);
                patch.member_lists(before.member_ids.as_deref(), after.member_ids.as_deref());
            }
        }
        patch
    }

    /// The same without the old values.
    #[must_use]
    pub(crate) fn without_tests(&self) -> Self {
        let is_test = |operation: &&Operation| matches!(operation, Operation::Test { .. });
        Self(self.0.iter().filter(|operation| !is_test(operation)).cloned().collect())
    }

    /// The fields that a payload decides.
    pub(crate) fn fields(&mut self, before: &Fields, after: &EntityDoc) {
        let text = |text: &Option<String>| text.clone().map(Value::String);
        self.objects("/data", &before.data, &after.data);
        self.values(
            "/externalId".into(),
            text(&before.external_id).as_ref(),
            text(&after.external_id).as_ref(),
        );
        self.values("/name".into(), text(&before.name).as_ref(), text(&after.name).as_ref());
    }

    /// A member at the end of the list.
    pub(crate) fn joined(&mut self, member: &EntityGuid) {
        self.0.push(Operation::Add { path: "/memberIds/-".into(), value: json!(member) });
    }

    /// Members that leave the list, each with its index before any of them does, ascending.
    pub(crate) fn left<'a>(&mut self, members: impl DoubleEndedIterator<Item = (usize, &'a EntityGuid)>) {
        // From behind, so that no removal moves another's index.
        for (index, member) in members.rev() {
            let path = format!("/memberIds/{index}");
            self.0.push(Operation::Test { path: path.clone(), value: json!(member) });
            self.0.push(Operation::Remove { path });
        }
    }

    fn member_lists(&mut self, before: Option<&[EntityGuid]>, after: Option<&[EntityGuid]>) {
        let (Some(before), Some(after)) = (before, after) else {
            return self.values(
                "/memberIds".into(),
                before.map(|ids| json!(ids)).as_ref(),
                after.map(|ids| json!(ids)).as_ref(),
            );
        };
        let wanted: HashSet<_> = after.iter().collect();
        let kept = || before.iter().filter(|id| wanted.contains(id));
        if !kept().eq(after.iter().take(kept().count())) {
            // Who stays stands in another order.
            return self.replace("/memberIds".into(), json!(before), json!(after));
        }
        self.left(
            before.iter().enumerate().filter(|(_, id)| !wanted.contains(id)).collect::<Vec<_>>().into_iter(),
        );
        for id in after.iter().skip(kept().count()) {
            self.joined(id);
        }
    }

    fn objects(&mut self, path: &str, before: &Map<String, Value>, after: &Map<String, Value>) {
        let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
        for name in names {
            let path = format!("{path}/{}", name.replace('~', "~0").replace('/', "~1"));
            match (before.get(name), after.get(name)) {
                (Some(Value::Object(before)), Some(Value::Object(after))) => {
                    self.objects(&path, before, after);
                }
                (before, after) => self.values(path, before, after),
            }
        }
    }

    /// Lists are compared as a whole: which element became which other one is not to be known.
    fn values(&mut self, path: String, before: Option<&Value>, after: Option<&Value>) {
        match (before, after) {
            (None, None) => {}
            (None, Some(after)) => self.0.push(Operation::Add { path, value: after.clone() }),
            (Some(before), None) => {
                self.0.push(Operation::Test { path: path.clone(), value: before.clone() });
                self.0.push(Operation::Remove { path });
            }
            (Some(before), Some(after)) if before == after => {}
            (Some(before), Some(after)) => self.replace(path, before.clone(), after.clone()),
        }
    }

    fn replace(&mut self, path: String, before: Value, after: Value) {
        self.0.push(Operation::Test { path: path.clone(), value: before });
        self.0.push(Operation::Replace { path, value: after });
    }
}

/// The members of an entity's JSON form that events decide.
fn content(doc: &EntityDoc) -> Value {
    let mut content = json!({"type": doc.kind, "data": doc.data});
    if let Some(external_id) = &doc.external_id {
        content["externalId"] = json!(external_id);
    }
    if let Some(name) = &doc.name {
        content["name"] = json!(name);
    }
    if let Some(ids) = &doc.member_ids {
        content["memberIds"] = json!(ids);
    }
    content
}
