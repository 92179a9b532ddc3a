//! What queries of both families show: definitions, instances, tasks and copies, read row by row as a
//! page needs them, with texts in the language asked for and people under the ids asked for.
//!
//! Knows no lists and no members of answers.

use std::collections::HashMap;
use std::sync::Arc;

use domain::inbox::Family;
use domain::instance::{Instance, InstanceStatus, Links, ReadStatus, TaskStatus};
use domain::person::AliasKind;
use domain::search::status_of_flow;
use domain::text::{self, Resource};
use domain::{CcId, DefinitionId, FlowId, InstanceId, Millis, PersonId, TaskId, TenantId, flow};
use store::Tx;

use crate::tasks::gone;
use crate::{Error, Result};

/// A definition of third-party approvals, or a flow.
#[derive(Clone, Debug, Default)]
pub struct Approval {
    /// The real code, or the flow's api id.
    pub code: String,
    /// The number behind it.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Whether a source system runs it.
    pub is_external: bool,
    /// Whether copies may be marked as read together.
    pub batch_read: bool,
    /// The code of its group; flows have none.
    pub group_code: String,
    /// The name of the group.
    pub group_name: String,
}

/// A person as answers name them.
#[derive(Clone, Debug, Default)]
pub struct Who {
    /// The alias of the kind that was asked for; empty when they have none.
    pub id: String,
    /// The tenant's own id.
    pub user_id: String,
    /// The open id.
    pub open_id: String,
    /// The name.
    pub name: String,
}

/// An instance of either family.
#[derive(Clone, Debug)]
pub struct Process {
    /// Its code.
    pub id: InstanceId,
    /// Who runs it.
    pub family: Family,
    /// The source's id.
    pub external_id: Option<String>,
    /// What it is of.
    pub approval: Arc<Approval>,
    /// How it stands.
    pub status: InstanceStatus,
    /// Who started it, if a person.
    pub initiator: Option<Arc<Who>>,
    /// Who started it, where that is not a person.
    pub initiator_name: Option<String>,
    /// When it was started.
    pub start: Millis,
    /// When it ended; 0 while open.
    pub end: Millis,
    /// What the source says of it; what the hub runs has neither links nor `extra`.
    pub said: Said,
    /// The department that the source gave.
    pub department: Option<String>,
    /// Names and values that sum it up.
    pub form: Vec<(String, String)>,
    resources: Vec<Resource>,
    label: String,
}

impl Process {
    /// What it is called: its title, else the name of what it is of.
    pub fn label(&self) -> &str {
        &self.label
    }
}

/// What a source says of an instance, a task or a copy.
#[derive(Clone, Debug, Default)]
pub struct Said {
    /// Empty where there is none.
    pub title: String,
    /// JSON text of the source.
    pub extra: String,
    /// Where it is shown.
    pub links: Links,
    /// The title in every language.
    titles: Vec<String>,
}

impl Said {
    fn new(
        (title, extra, links): (Option<&String>, Option<&String>, &Links),
        resources: &[Resource],
        locale: Option<&str>,
    ) -> Self {
        let title = title.map_or("", String::as_str);
        let translated = resources.iter().flat_map(|resource| &resource.texts);
        let translated = translated.filter(|(key, _)| text::is_key(title) && key == title);
        let mut titles: Vec<String> = translated.map(|(_, text)| text.clone()).collect();
        if titles.is_empty() {
            titles.push(title.to_owned());
        }
        Self {
            title: text::read(resources, title, locale).to_owned(),
            extra: extra.cloned().unwrap_or_default(),
            links: links.clone(),
            titles,
        }
    }

    /// Whether the title has `part` in it, in any language.
    pub fn is_called(&self, part: &str) -> bool {
        self.titles.iter().any(|title| title.contains(part))
    }
}

/// A task, for one of its people.
#[derive(Clone, Debug)]
pub struct Task {
    /// Which.
    pub id: TaskId,
    /// The source's id.
    pub external_id: Option<String>,
    /// Whose.
    pub person: Arc<Who>,
    /// How it stands for them.
    pub status: TaskStatus,
    /// When it started.
    pub start: Millis,
    /// When it ended for them; 0 while open.
    pub end: Millis,
    /// When it changed last.
    pub update: Millis,
    /// What the source says of it.
    pub said: Said,
    /// The node, and what that is called.
    pub node: (String, String),
}

/// A copy.
#[derive(Clone, Debug)]
pub struct Copy {
    /// The source's id.
    pub external_id: Option<String>,
    /// To whom.
    pub person: Arc<Who>,
    /// Whether they read it.
    pub status: ReadStatus,
    /// When it was made.
    pub made: Millis,
    /// What the source says of it.
    pub said: Said,
}

/// Reads what a page shows, each thing once.
pub(crate) struct Reader<'r, 't> {
    pub(crate) tx: &'r mut Tx<'t>,
    tenant: TenantId,
    ids: AliasKind,
    locale: Option<String>,
    approvals: HashMap<(Family, i64), Arc<Approval>>,
    processes: HashMap<(Family, InstanceId), Option<Arc<Process>>>,
    people: HashMap<PersonId, Arc<Who>>,
}

impl<'r, 't> Reader<'r, 't> {
    pub(crate) fn new(
        tx: &'r mut Tx<'t>,
        tenant: TenantId,
        ids: AliasKind,
        locale: Option<String>,
    ) -> Self {
        let (approvals, processes, people) = Default::default();
        Self { tx, tenant, ids, locale, approvals, processes, people }
    }

    /// Who somebody is today.
    pub(crate) fn who(&mut self, person: PersonId) -> Result<Arc<Who>> {
        if let Some(who) = self.people.get(&person) {
            return Ok(Arc::clone(who));
        }
        let today = store::person::person_today(self.tx, self.tenant, person)?;
        let aliases = store::person::person_aliases(self.tx, self.tenant, today)?;
        let name = store::person::person_get(self.tx, self.tenant, today)?;
        let alias = |kind: AliasKind| {
            let found = aliases.iter().find(|(known, _)| *known == kind);
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        let who = Arc::new(Who {
            id: alias(self.ids),
            user_id: alias(AliasKind::UserId),
            open_id: alias(AliasKind::OpenId),
            name: name.map(|person| person.name).unwrap_or_default(),
        });
        self.people.insert(person, Arc::clone(&who));
        Ok(who)
    }

    fn approval(&mut self, family: Family, id: i64) -> Result<Arc<Approval>> {
        if let Some(approval) = self.approvals.get(&(family, id)) {
            return Ok(Arc::clone(approval));
        }
        let read = match family {
            Family::External => self.external_approval(DefinitionId(id))?,
            Family::Flow => self.flow(FlowId(id))?,
        };
        let missing = || Error::Internal(format!("the definition {id} is not there"));
        let approval = Arc::new(read.ok_or_else(missing)?);
        self.approvals.insert((family, id), Arc::clone(&approval));
        Ok(approval)
    }

    fn external_approval(&mut self, id: DefinitionId) -> Result<Option<Approval>> {
        let found = store::definition::definition_by_id(self.tx, self.tenant, id)?;
        let Some(found) = found else { return Ok(None) };
        let (details, locale) = (found.details, self.locale.as_deref());
        let group = &details.group_code;
        let name = store::definition::group_name(self.tx, self.tenant, found.app, group)?;
        let name = name.unwrap_or_default();
        Ok(Some(Approval {
            code: found.real_code,
            id: id.get(),
            name: text::read(&details.resources, &details.name, locale).to_owned(),
            is_external: true,
            batch_read: details.external.support_batch_read,
            group_name: text::read(&details.resources, &name, locale).to_owned(),
            group_code: details.group_code,
        }))
    }

    fn flow(&mut self, id: FlowId) -> Result<Option<Approval>> {
        let found = store::flow::flow_get(self.tx, self.tenant, id)?;
        let Some((code, details)) = found else { return Ok(None) };
        let name = self.text_of(&details.label);
        Ok(Some(Approval { code, id: id.get(), name, ..Approval::default() }))
    }

    /// A text of a flow in the language asked for, else in the first that every answer lists.
    fn text_of(&self, texts: &[flow::LangText]) -> String {
        let code = match self.locale.as_deref() {
            Some("zh-CN") => "2052",
            Some("en-US") => "1033",
            Some("ja-JP") => "1041",
            _ => "",
        };
        let asked = texts.iter().find(|(language, _)| language == code);
        let found = asked.or_else(|| flow::order_texts(texts).first().copied());
        found.map(|(_, text)| text.clone()).unwrap_or_default()
    }

    /// An instance that a row names.
    pub(crate) fn process(&mut self, family: Family, id: InstanceId) -> Result<Arc<Process>> {
        self.process_if_known(family, id)?.ok_or_else(|| gone(id))
    }

    /// An instance, if there is one.
    pub(crate) fn process_if_known(
        &mut self,
        family: Family,
        id: InstanceId,
    ) -> Result<Option<Arc<Process>>> {
        if let Some(known) = self.processes.get(&(family, id)) {
            return Ok(known.clone());
        }
        let read = match family {
            Family::External => self.external_process(id)?,
            Family::Flow => self.flow_process(id)?,
        };
        let read = read.map(Arc::new);
        self.processes.insert((family, id), read.clone());
        Ok(read)
    }

    fn external_process(&mut self, id: InstanceId) -> Result<Option<Process>> {
        let found = store::external::instance_own(self.tx, self.tenant, id)?;
        let Some((head, instance, initiator)) = found else { return Ok(None) };
        let approval = self.approval(Family::External, head.definition.get())?;
        let initiator = initiator.map(|person| self.who(person)).transpose()?;
        let Instance { external_id, status, start_time, end_time, details, .. } = instance;
        let (resources, locale) = (details.resources, self.locale.as_deref());
        let parts = (details.title.as_ref(), details.extra.as_ref(), &details.links);
        let said = Said::new(parts, &resources, locale);
        let read = |text: Option<String>| {
            let text = text.unwrap_or_default();
            text::read(&resources, &text, locale).to_owned()
        };
        let form = details.form.unwrap_or_default().into_iter();
        let form = form.map(|(name, value)| (read(name), read(value))).collect();
        let label = if said.title.is_empty() { &approval.name } else { &said.title };
        Ok(Some(Process {
            id,
            family: Family::External,
            external_id: Some(external_id),
            label: label.clone(),
            approval,
            status,
            initiator,
            initiator_name: details.initiator_name.filter(|name| !name.is_empty()),
            start: start_time,
            end: end_time,
            said,
            department: details.department_id,
            form,
            resources,
        }))
    }

    fn flow_process(&mut self, id: InstanceId) -> Result<Option<Process>> {
        let found = store::flow::instance_own(self.tx, self.tenant, id)?;
        let Some(instance) = found else { return Ok(None) };
        let approval = self.approval(Family::Flow, instance.flow.get())?;
        let label = self.text_of(&instance.details.label);
        let form = instance.details.summaries.iter();
        let form = form.map(|line| (self.text_of(&line.key), self.text_of(&line.value))).collect();
        Ok(Some(Process {
            id,
            family: Family::Flow,
            external_id: None,
            label: if label.is_empty() { approval.name.clone() } else { label },
            approval,
            status: status_of_flow(instance.status),
            initiator: Some(self.who(instance.initiator)?),
            initiator_name: None,
            start: instance.start_time,
            end: instance.end_time,
            said: Said::default(),
            department: None,
            form,
            resources: Vec::new(),
        }))
    }

    /// A third-party task as it is stored.
    pub(crate) fn external_task(
        &mut self,
        process: &Process,
        stored: &domain::instance::Kept<TaskId, domain::instance::Task>,
    ) -> Result<Task> {
        let (details, item) = (&stored.item.details, &stored.item);
        let (resources, locale) = (&process.resources, self.locale.as_deref());
        // A task without a title has the instance's.
        let parts = (details.title.as_ref(), details.extra.as_ref(), &details.links);
        let mut said = Said::new(parts, resources, locale);
        if said.title.is_empty() {
            (said.title, said.titles) = (process.said.title.clone(), process.said.titles.clone());
        }
        let node = details.node_name.as_deref().unwrap_or_default();
        let node = text::read(resources, node, locale).to_owned();
        Ok(Task {
            id: stored.id,
            external_id: Some(item.external_id.clone()),
            person: self.who(stored.person)?,
            status: item.status,
            start: item.create_time,
            end: item.end_time,
            update: item.update_time,
            said,
            node: (details.node_id.clone().unwrap_or_default(), node),
        })
    }

    /// The task that a row names, for its person.
    pub(crate) fn task(
        &mut self,
        process: &Process,
        id: TaskId,
        (person, status): (PersonId, TaskStatus),
        start: Millis,
    ) -> Result<Task> {
        let missing = || gone(process.id);
        if process.family == Family::External {
            let stored = store::external::task_get(self.tx, self.tenant, process.id, id)?;
            return self.external_task(process, &stored.ok_or_else(missing)?);
        }
        let place = (process.id, id);
        let ended = if status == TaskStatus::Pending {
            Millis(0)
        } else {
            store::flow::part_ended(self.tx, self.tenant, place, person)?
        };
        Ok(Task {
            id,
            external_id: None,
            person: self.who(person)?,
            status,
            start,
            end: ended,
            update: start.max(ended),
            said: Said::default(),
            node: Default::default(),
        })
    }

    /// A third-party copy as it is stored.
    pub(crate) fn external_copy(
        &mut self,
        process: &Process,
        stored: &domain::instance::Kept<CcId, domain::instance::Cc>,
    ) -> Result<Copy> {
        let (details, item) = (&stored.item.details, &stored.item);
        let parts = (details.title.as_ref(), details.extra.as_ref(), &details.links);
        let mut said = Said::new(parts, &process.resources, self.locale.as_deref());
        if said.title.is_empty() {
            (said.title, said.titles) = (process.said.title.clone(), process.said.titles.clone());
        }
        Ok(Copy {
            external_id: Some(item.external_id.clone()),
            person: self.who(stored.person)?,
            status: item.read_status,
            made: item.create_time,
            said,
        })
    }

    /// The copy that a row names.
    pub(crate) fn copy(
        &mut self,
        process: &Process,
        thing: i64,
        (person, status): (PersonId, ReadStatus),
        made: Millis,
    ) -> Result<Copy> {
        if process.family == Family::External {
            let id = CcId(thing);
            let stored = store::external::cc_get(self.tx, self.tenant, process.id, id)?;
            return self.external_copy(process, &stored.ok_or_else(|| gone(process.id))?);
        }
        let (external_id, said) = Default::default();
        Ok(Copy { external_id, person: self.who(person)?, status, made, said })
    }
}
