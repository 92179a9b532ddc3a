-- A store app that the company installed, whose ticket waits to be sent; and somebody whose department
-- was only ever a text.
INSERT INTO store_app (app_id, event_url, event_token, ticket_pushed) VALUES (4242, '', X'00', 0);
INSERT INTO app_install (tenant_id, app_id, installed_at) SELECT min(tenant_id), 4242, 1 FROM tenant;
