-- Who leads whom, who has which role, who stands in for whom, and what administrators changed.

-- The person's own row has the main department. Nobody leads where there is no leader; who has left
-- has a time for it.
ALTER TABLE person ADD COLUMN leader_id BIGINT;

ALTER TABLE person ADD COLUMN left_at BIGINT;

CREATE INDEX person_by_department ON person (tenant_id, department, person_id);

-- The departments of a person beside the main one, in order.
CREATE TABLE person_department (
  tenant_id BIGINT NOT NULL,
  person_id BIGINT NOT NULL,
  place SMALLINT NOT NULL,
  department_id TEXT NOT NULL,
  PRIMARY KEY (tenant_id, person_id, place)
) {clustered};

CREATE INDEX person_department_by_department
  ON person_department (tenant_id, department_id, person_id);

-- The parent is empty at the top.
CREATE TABLE department (
  tenant_id BIGINT NOT NULL,
  department_id TEXT NOT NULL,
  name TEXT NOT NULL,
  parent_id TEXT NOT NULL,
  leader_id BIGINT,
  PRIMARY KEY (tenant_id, department_id)
) {clustered};

CREATE INDEX department_by_parent ON department (tenant_id, parent_id, department_id);

-- So far a department was any text that an import gave: each is one now, named as it was written.
INSERT INTO department (tenant_id, department_id, name, parent_id)
  SELECT DISTINCT tenant_id, department, department, '' FROM person WHERE department <> '';

CREATE TABLE company_role (
  tenant_id BIGINT NOT NULL,
  role_id TEXT NOT NULL,
  name TEXT NOT NULL,
  PRIMARY KEY (tenant_id, role_id)
) {clustered};

CREATE TABLE role_member (
  tenant_id BIGINT NOT NULL,
  role_id TEXT NOT NULL,
  person_id BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, role_id, person_id)
) {clustered};

CREATE INDEX role_member_by_person ON role_member (tenant_id, person_id, role_id);

-- A time in which one stands in for another. `due_at` is when it next changes open tasks: its start,
-- then its end, then never; `cursor_id` is how far that has come through the instances.
CREATE TABLE substitution (
  tenant_id BIGINT NOT NULL,
  substitution_id BIGINT NOT NULL,
  person_id BIGINT NOT NULL,
  substitute_id BIGINT NOT NULL,
  from_at BIGINT NOT NULL,
  until_at BIGINT NOT NULL,
  due_at BIGINT,
  cursor_id BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, substitution_id)
) {clustered};

CREATE INDEX substitution_by_person ON substitution (tenant_id, person_id, until_at);

CREATE INDEX substitution_by_due ON substitution (tenant_id, due_at);

-- Moving all open tasks of one person to another: a job, and the record of it afterwards.
CREATE TABLE hand_over (
  tenant_id BIGINT NOT NULL,
  hand_over_id BIGINT NOT NULL,
  from_id BIGINT NOT NULL,
  to_id BIGINT NOT NULL,
  begun_at BIGINT NOT NULL,
  cursor_id BIGINT NOT NULL,
  moved_instances BIGINT NOT NULL,
  moved_tasks BIGINT NOT NULL,
  refused_instances BIGINT NOT NULL,
  finished_at BIGINT,
  PRIMARY KEY (tenant_id, hand_over_id)
) {clustered};

-- What is open for a person, also before it is their turn.
CREATE INDEX flow_part_open ON flow_part (tenant_id, person_id, instance_id) WHERE end_time = 0;

-- What administrators changed: one row a change, in its transaction.
CREATE TABLE admin_change (
  tenant_id BIGINT NOT NULL,
  change_id BIGINT NOT NULL,
  at BIGINT NOT NULL,
  origin TEXT NOT NULL,
  action TEXT NOT NULL,
  subject TEXT NOT NULL,
  details TEXT NOT NULL,
  PRIMARY KEY (tenant_id, change_id)
) {clustered};
