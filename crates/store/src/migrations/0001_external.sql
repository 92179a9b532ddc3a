-- Tenants, applications, people, definitions and third-party instances.
-- Times are Unix milliseconds. Every key of a tenant's table starts with the tenant.

-- Global tables: never written together with a tenant's.

CREATE TABLE setting (
  name TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
);

CREATE TABLE tenant (
  tenant_id BIGINT NOT NULL PRIMARY KEY,
  tenant_key TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  created_at BIGINT NOT NULL
);

CREATE TABLE app (
  app_id BIGINT NOT NULL PRIMARY KEY,
  app_key TEXT NOT NULL UNIQUE,
  tenant_id BIGINT NOT NULL,
  name TEXT NOT NULL,
  secret_mac {bytes} NOT NULL,
  epoch BIGINT NOT NULL,
  scopes TEXT NOT NULL,
  disabled SMALLINT NOT NULL,
  created_at BIGINT NOT NULL
);

CREATE TABLE token_issue (
  tenant_id BIGINT NOT NULL,
  app_id BIGINT NOT NULL,
  issued_at BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, app_id)
) {clustered};

CREATE TABLE person (
  tenant_id BIGINT NOT NULL,
  person_id BIGINT NOT NULL,
  name TEXT NOT NULL,
  names TEXT NOT NULL,
  department TEXT NOT NULL,
  stub SMALLINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, person_id)
) {clustered};

CREATE TABLE person_alias (
  tenant_id BIGINT NOT NULL,
  kind SMALLINT NOT NULL,
  value TEXT NOT NULL,
  person_id BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, kind, value)
) {clustered};

CREATE UNIQUE INDEX person_alias_by_person ON person_alias (tenant_id, person_id, kind);

-- One row for each person who turned out to be another: the job that moves their rows, and the
-- record of it afterwards.
CREATE TABLE person_join (
  tenant_id BIGINT NOT NULL,
  from_id BIGINT NOT NULL,
  into_id BIGINT NOT NULL,
  evidence TEXT NOT NULL,
  joined_at BIGINT NOT NULL,
  moved_instances BIGINT NOT NULL,
  finished_at BIGINT,
  PRIMARY KEY (tenant_id, from_id)
) {clustered};

CREATE INDEX person_join_by_survivor ON person_join (tenant_id, into_id, from_id);

CREATE TABLE definition (
  tenant_id BIGINT NOT NULL,
  definition_id BIGINT NOT NULL,
  app_id BIGINT NOT NULL,
  real_code TEXT NOT NULL,
  custom_code TEXT NOT NULL,
  details TEXT NOT NULL,
  secrets {bytes},
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, definition_id)
);

CREATE UNIQUE INDEX definition_by_real_code ON definition (tenant_id, real_code);

CREATE UNIQUE INDEX definition_by_custom_code ON definition (tenant_id, app_id, custom_code);

CREATE TABLE definition_group (
  tenant_id BIGINT NOT NULL,
  app_id BIGINT NOT NULL,
  group_code TEXT NOT NULL,
  name TEXT NOT NULL,
  PRIMARY KEY (tenant_id, app_id, group_code)
) {clustered};

-- The row outlives a purge, so that the internal id never changes.
CREATE TABLE external_instance (
  tenant_id BIGINT NOT NULL,
  instance_id BIGINT NOT NULL,
  app_id BIGINT NOT NULL,
  external_id TEXT NOT NULL,
  definition_id BIGINT NOT NULL,
  purged SMALLINT NOT NULL,
  initiator_id BIGINT,
  status SMALLINT NOT NULL,
  start_time BIGINT NOT NULL,
  end_time BIGINT NOT NULL,
  update_time BIGINT NOT NULL,
  details TEXT NOT NULL,
  PRIMARY KEY (tenant_id, instance_id)
);

CREATE UNIQUE INDEX external_instance_by_external_id
  ON external_instance (tenant_id, app_id, external_id);

CREATE TABLE external_task (
  tenant_id BIGINT NOT NULL,
  instance_id BIGINT NOT NULL,
  task_id BIGINT NOT NULL,
  external_id TEXT NOT NULL,
  person_id BIGINT NOT NULL,
  status SMALLINT NOT NULL,
  create_time BIGINT NOT NULL,
  end_time BIGINT NOT NULL,
  update_time BIGINT NOT NULL,
  details TEXT NOT NULL,
  PRIMARY KEY (tenant_id, instance_id, task_id)
);

CREATE TABLE external_cc (
  tenant_id BIGINT NOT NULL,
  instance_id BIGINT NOT NULL,
  cc_id BIGINT NOT NULL,
  external_id TEXT NOT NULL,
  person_id BIGINT NOT NULL,
  read_status SMALLINT NOT NULL,
  create_time BIGINT NOT NULL,
  update_time BIGINT NOT NULL,
  details TEXT NOT NULL,
  PRIMARY KEY (tenant_id, instance_id, cc_id)
);

-- What a query answers for an instance, rendered when it was written.
CREATE TABLE external_card (
  tenant_id BIGINT NOT NULL,
  instance_id BIGINT NOT NULL,
  format SMALLINT NOT NULL,
  card {bytes} NOT NULL,
  PRIMARY KEY (tenant_id, instance_id)
);

-- One row per instance and task status that it holds.
CREATE TABLE external_by_status (
  tenant_id BIGINT NOT NULL,
  definition_id BIGINT NOT NULL,
  task_status SMALLINT NOT NULL,
  instance_id BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, definition_id, task_status, instance_id)
) {clustered};

-- One row per instance, person and task status. Status 0: the person started the instance or was
-- copied to, which no query asks for but a join of two people must find.
CREATE TABLE external_by_person (
  tenant_id BIGINT NOT NULL,
  person_id BIGINT NOT NULL,
  task_status SMALLINT NOT NULL,
  definition_id BIGINT NOT NULL,
  instance_id BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, person_id, task_status, definition_id, instance_id)
) {clustered};
