//! A definition of third-party approvals: what a source system registers before it syncs.
//!
//! A definition has two codes: the caller's own, by which it is created and updated, and the real
//! one, made here, by which it is read and used.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::person::AliasKind;
use crate::refusal::Refusal;
use crate::text::{self, Resource};

/// Who may start an approval from a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Viewer {
    /// Everybody.
    Tenant,
    /// One department, by the id as given.
    Department(Option<String>),
    /// One person, by an alias.
    User(AliasKind, String),
    /// Nobody.
    None,
}

/// What a definition says of its source system.
#[expect(clippy::struct_excessive_bools, reason = "independent switches, as the page has them")]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct External {
    /// Text: "from X".
    pub biz_name: Option<String>,
    /// The caller's category.
    pub biz_type: Option<String>,
    /// Where a new one is started on a phone.
    pub create_link_mobile: Option<String>,
    /// Where a new one is started on a desktop.
    pub create_link_pc: Option<String>,
    /// Usable on desktops.
    pub support_pc: bool,
    /// Usable on phones.
    pub support_mobile: bool,
    /// Copies may be marked as read together.
    pub support_batch_read: bool,
    /// Kept and given back; without effect, as documented.
    pub enable_mark_readed: bool,
    /// Kept and given back; without effect, as documented.
    pub enable_quick_operate: bool,
    /// Where buttons are reported.
    pub action_callback_url: Option<String>,
    /// Several tasks may be decided together.
    pub allow_batch_operate: bool,
    /// Left out of efficiency figures.
    pub exclude_efficiency_statistics: bool,
}

/// What proves a callback to its receiver. Kept encrypted, and apart from the rest.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallbackSecrets {
    /// Sent back as it is.
    pub token: Option<String>,
    /// Switches on encryption.
    pub key: Option<String>,
}

impl fmt::Debug for CallbackSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallbackSecrets(hidden)")
    }
}

/// What is kept of a definition and given back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefinitionDetails {
    /// A key into the resources.
    pub name: String,
    /// The caller's group, whose name is kept once per group.
    pub group_code: String,
    /// Text.
    pub description: Option<String>,
    /// The source system.
    pub external: External,
    /// Who sees it where approvals are started.
    pub viewers: Vec<Viewer>,
    /// The texts behind the keys.
    pub resources: Vec<Resource>,
    /// Who manages it.
    pub managers: Vec<(AliasKind, String)>,
}

/// What a caller asks to be created or updated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefinitionRequest {
    /// The caller's own code.
    pub custom_code: String,
    /// A key, or plain text that is turned into one.
    pub name: String,
    /// The caller's group; may be left out of an update.
    pub group_code: Option<String>,
    /// Text; needed when the group is new.
    pub group_name: Option<String>,
    /// Text.
    pub description: Option<String>,
    /// The source system.
    pub external: External,
    /// Callback secrets.
    pub secrets: CallbackSecrets,
    /// Who sees it.
    pub viewers: Vec<Viewer>,
    /// Texts.
    pub resources: Vec<Resource>,
    /// Who manages it.
    pub managers: Vec<(AliasKind, String)>,
}

/// The language of a text that came without any resources.
const FALLBACK_LOCALE: &str = "zh-CN";

/// What `request` makes of a definition. `stored` is the one with the same own code, and
/// `new_key` makes a fresh key for a plain name.
pub fn define(
    stored: Option<&DefinitionDetails>,
    request: &DefinitionRequest,
    new_key: impl FnOnce() -> String,
) -> Result<DefinitionDetails, Refusal> {
    let given = request.group_code.clone().filter(|code| !code.is_empty());
    let group_code =
        given.or_else(|| stored.map(|s| s.group_code.clone())).ok_or(Refusal::NoGroupCode)?;
    if !request.external.support_pc && !request.external.support_mobile {
        return Err(Refusal::NoClient);
    }
    let mut details = DefinitionDetails {
        name: request.name.clone(),
        group_code,
        description: request.description.clone(),
        external: request.external.clone(),
        viewers: request.viewers.clone(),
        resources: request.resources.clone(),
        managers: request.managers.clone(),
    };
    if !text::is_key(&details.name) {
        // The same plain name keeps its key, so that an unchanged update changes nothing.
        let same = stored.filter(|s| text::lookup(&s.resources, &s.name) == Some(&request.name));
        details.name = same.map_or_else(new_key, |s| s.name.clone());
        name_everywhere(&mut details, &request.name);
    }
    let group_name = request.group_name.as_ref();
    let texts = [Some(&details.name), details.description.as_ref(), group_name];
    let biz_name = details.external.biz_name.as_ref();
    for key in texts.into_iter().chain([biz_name]).flatten().filter(|t| text::is_key(t)) {
        if text::lookup(&details.resources, key).is_none() {
            return Err(Refusal::NoText(key.clone()));
        }
    }
    Ok(details)
}

fn name_everywhere(details: &mut DefinitionDetails, plain: &str) {
    if text::default_of(&details.resources).is_none() {
        let resources = &mut details.resources;
        match resources.first_mut() {
            Some(first) => first.is_default = true,
            None => resources.push(Resource {
                locale: FALLBACK_LOCALE.to_owned(),
                texts: Vec::new(),
                is_default: true,
            }),
        }
    }
    for resource in &mut details.resources {
        resource.texts.push((details.name.clone(), plain.to_owned()));
    }
}
