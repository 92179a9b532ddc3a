-- Store apps: made once, installed by tenants. In `app` their tenant is 0.

-- Global. The verification token is sealed; a ticket is pushed once in each period of its issue.
CREATE TABLE store_app (
  app_id BIGINT NOT NULL PRIMARY KEY,
  event_url TEXT NOT NULL,
  event_token {bytes} NOT NULL,
  ticket_pushed BIGINT NOT NULL
);

CREATE TABLE app_install (
  tenant_id BIGINT NOT NULL,
  app_id BIGINT NOT NULL,
  installed_at BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, app_id)
) {clustered};

-- Global. What has to be sent to an app, one row of a kind at most: a newer one takes its place.
CREATE TABLE app_event (
  app_id BIGINT NOT NULL,
  kind SMALLINT NOT NULL,
  event_id BIGINT NOT NULL,
  due_at BIGINT NOT NULL,
  attempts BIGINT NOT NULL,
  PRIMARY KEY (app_id, kind)
) {clustered};

CREATE INDEX app_event_by_due ON app_event (due_at);
