-- The lists that searches read: tasks, instances and copies behind a person or a definition, of one
-- status, in the order of one time. Those of third parties are indexes of their tables, which for that
-- repeat the definition of the instance.

ALTER TABLE external_task ADD COLUMN definition_id BIGINT NOT NULL DEFAULT 0;

ALTER TABLE external_cc ADD COLUMN definition_id BIGINT NOT NULL DEFAULT 0;

UPDATE external_task SET definition_id = i.definition_id FROM external_instance i
  WHERE i.tenant_id = external_task.tenant_id AND i.instance_id = external_task.instance_id;

UPDATE external_cc SET definition_id = i.definition_id FROM external_instance i
  WHERE i.tenant_id = external_cc.tenant_id AND i.instance_id = external_cc.instance_id;

CREATE INDEX external_task_by_person
  ON external_task (tenant_id, person_id, status, create_time, task_id);

CREATE INDEX external_task_by_person_update
  ON external_task (tenant_id, person_id, status, update_time, task_id);

CREATE INDEX external_task_by_definition
  ON external_task (tenant_id, definition_id, status, create_time, task_id);

CREATE INDEX external_task_by_definition_update
  ON external_task (tenant_id, definition_id, status, update_time, task_id);

CREATE INDEX external_instance_by_initiator
  ON external_instance (tenant_id, initiator_id, status, start_time, instance_id) WHERE purged = 0;

CREATE INDEX external_instance_by_definition
  ON external_instance (tenant_id, definition_id, status, start_time, instance_id) WHERE purged = 0;

CREATE INDEX external_cc_by_person
  ON external_cc (tenant_id, person_id, read_status, create_time, cc_id);

CREATE INDEX external_cc_by_definition
  ON external_cc (tenant_id, definition_id, read_status, create_time, cc_id);

-- Of flows the status of an instance in the words of third parties.
ALTER TABLE flow_instance ADD COLUMN listed_status SMALLINT NOT NULL DEFAULT 0;

UPDATE flow_instance SET listed_status = CASE status WHEN 1 THEN 1 WHEN 2 THEN 2 WHEN 3 THEN 3
  WHEN 4 THEN 4 WHEN 7 THEN 2 WHEN 9 THEN 1 ELSE 7 END;

CREATE INDEX flow_instance_by_initiator
  ON flow_instance (tenant_id, initiator_id, listed_status, start_time, instance_id);

CREATE INDEX flow_instance_by_flow
  ON flow_instance (tenant_id, flow_id, listed_status, start_time, instance_id);

-- What a person has of a flow's task: of their parts the one that counts (kind 1), or a copy (kind 4).
CREATE TABLE flow_share (
  tenant_id BIGINT NOT NULL,
  kind SMALLINT NOT NULL,
  task_id BIGINT NOT NULL,
  person_id BIGINT NOT NULL,
  flow_id BIGINT NOT NULL,
  instance_id BIGINT NOT NULL,
  status SMALLINT NOT NULL,
  start_time BIGINT NOT NULL,
  update_time BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, kind, task_id, person_id)
) {clustered};

CREATE INDEX flow_share_by_person
  ON flow_share (tenant_id, kind, person_id, status, start_time, task_id);

CREATE INDEX flow_share_by_person_update
  ON flow_share (tenant_id, kind, person_id, status, update_time, task_id);

CREATE INDEX flow_share_by_flow
  ON flow_share (tenant_id, kind, flow_id, status, start_time, task_id, person_id);

CREATE INDEX flow_share_by_flow_update
  ON flow_share (tenant_id, kind, flow_id, status, update_time, task_id, person_id);

-- Instances by whatever any source calls them.
CREATE INDEX external_instance_by_own_id ON external_instance (tenant_id, external_id, instance_id);

ALTER TABLE definition ADD COLUMN group_code TEXT NOT NULL DEFAULT '';

UPDATE definition SET group_code = {member group_code of details};

CREATE INDEX definition_by_group ON definition (tenant_id, group_code, definition_id);

-- Of a person's parts the one that counts: what is open, else the last. Statuses: 1 in process, 2
-- agreed, 3 rejected, 9 unstarted.
INSERT INTO flow_share SELECT p.tenant_id, 1, p.task_id, p.person_id, i.flow_id, p.instance_id,
  CASE WHEN t.status = 1 AND p.status = 1 THEN 1 WHEN p.status = 2 THEN 2
  WHEN p.status = 3 THEN 3 ELSE 5 END, t.start_time,
  CASE WHEN p.end_time > t.start_time THEN p.end_time ELSE t.start_time END
  FROM flow_part p
  JOIN flow_task t ON t.tenant_id = p.tenant_id AND t.instance_id = p.instance_id
  AND t.task_id = p.task_id
  JOIN flow_instance i ON i.tenant_id = p.tenant_id AND i.instance_id = p.instance_id
  WHERE t.status <> 9 AND NOT (t.status = 1 AND p.status = 9)
  AND NOT EXISTS (SELECT 1 FROM flow_part q WHERE q.tenant_id = p.tenant_id
  AND q.instance_id = p.instance_id AND q.task_id = p.task_id AND q.person_id = p.person_id
  AND NOT (t.status = 1 AND q.status = 9)
  AND CASE WHEN t.status = 1 AND q.status = 1 THEN q.turn + 1000000 ELSE q.turn END
  > CASE WHEN t.status = 1 AND p.status = 1 THEN p.turn + 1000000 ELSE p.turn END);

INSERT INTO flow_share SELECT c.tenant_id, 4, c.task_id, c.person_id, i.flow_id, c.instance_id, 2,
  t.start_time, t.start_time FROM flow_cc c
  JOIN flow_task t ON t.tenant_id = c.tenant_id AND t.instance_id = c.instance_id
  AND t.task_id = c.task_id
  JOIN flow_instance i ON i.tenant_id = c.tenant_id AND i.instance_id = c.instance_id
  WHERE t.status <> 9;
