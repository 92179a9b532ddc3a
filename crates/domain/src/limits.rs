//! How much of each thing is accepted. The sources are the pages of the Feishu open platform
//! unless a line says that the figure is this server's own.

/// Most tasks in one sync of an instance (page of `external_instances`).
pub const TASKS_PER_SYNC: usize = 300;
/// Most copies in one sync of an instance (same page).
pub const CCS_PER_SYNC: usize = 200;
/// Longest caller's own code of a definition, in characters (page of `external_approvals`).
pub const CODE_CHARS: usize = 128;
/// Most viewers, and most managers, of a definition (same page).
pub const VIEWERS: usize = 200;
/// Shortest key of a name (`@i18n@` and three more; same page).
pub const NAME_KEY_MIN_CHARS: usize = 9;
/// All names and values of a form together, in characters (page of `external_instances`).
pub const FORM_CHARS: usize = 2_048;
/// Most definition codes in one query of task states (page of `external_tasks`).
pub const FILTER_CODES: usize = 20;
/// Most instance ids in one query of task states (same page).
pub const FILTER_INSTANCES: usize = 20;
/// Most flows in one query of a person's tasks (page of `user_task/query`).
pub const API_IDS: usize = 100;
/// Most people in one query of task states. Own figure: keeps a page token under 1,600 characters.
pub const FILTER_USERS: usize = 100;
/// Longest id of an instance, task, cc, node or person, in characters. Own figure.
pub const ID_CHARS: usize = 256;
/// Longest link, in characters. Own figure, what browsers and proxies carry.
pub const LINK_CHARS: usize = 8_192;
/// Longest single text, in characters. Own figure.
pub const TEXT_CHARS: usize = 8_192;
/// Most instances in one call of `check`, and most tasks in all of them. Own figures.
pub const CHECK_INSTANCES: usize = 200;
/// See [`CHECK_INSTANCES`].
pub const CHECK_TASKS: usize = 5_000;
/// Most languages, and most texts a language, in one set of resources. Own figures.
pub const LOCALES: usize = 50;
/// See [`LOCALES`].
pub const TEXTS_PER_LOCALE: usize = 5_000;
/// Most action buttons that are kept for a task. Own figure; clients show two.
pub const ACTIONS_PER_TASK: usize = 10;
/// Most pairs in a form. Own figure; clients show three.
pub const FORM_PAIRS: usize = 200;
/// Most people of one node, before and after people add others. Own figure.
pub const ASSIGNEES: usize = 200;
/// Most people who stand in for one person, chains included. Own figure.
pub const STAND_INS: usize = 10;
/// Most people whom one call may transfer a task from, transfer it to or add to it (pages of
/// `approval_tasks` and of `expediting`).
pub const PEOPLE_PER_ACTION: usize = 20;
/// Most people to whom one call may copy a task (page of `cc`).
pub const COPIES_PER_ACTION: usize = 10;
/// Most summary fields of a flow (model of `user_task/query` in the official SDKs).
pub const SUMMARY_FIELDS: usize = 20;
/// Longest expression in a flow file, in characters. Own figure: keeps its parser off deep nesting.
pub const EXPRESSION_CHARS: usize = 1_000;
/// Most nodes of a flow. Own figure.
pub const FLOW_NODES: usize = 200;
/// Longest flow file, in bytes. Own figure.
pub const FLOW_BYTES: usize = 262_144;
/// How deep lists and maps of a flow file may nest. Own figure; the schema needs 12 for one block of
/// branches within another.
pub const FLOW_DEPTH: usize = 24;
/// A person is urged about a task once in so many milliseconds. Own figure: ten minutes.
pub const URGE_INTERVAL_MS: i64 = 600_000;
/// Longest id of a department or a role, in characters: that of a person's department in an import,
/// which was any text before it became one. Own figure.
pub const ORGANISATION_ID_CHARS: usize = 256;
/// Most departments of one person. Own figure.
pub const DEPARTMENTS_PER_PERSON: usize = 50;
/// How many departments may lie above one another. Own figure.
pub const DEPARTMENT_DEPTH: usize = 50;
/// Most roles of one person. Own figure.
pub const ROLES_PER_PERSON: usize = 100;
/// Most people with one role. Own figure: a node takes 200 of those who are there.
pub const ROLE_MEMBERS: usize = 1_000;
/// Most times of one person to be away that are not over yet. Own figure.
pub const SUBSTITUTIONS: usize = 100;
