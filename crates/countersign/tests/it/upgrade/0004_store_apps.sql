-- A store app that the demo company has installed.
INSERT INTO app (app_id, app_key, tenant_id, name, secret_mac, epoch, scopes, disabled, created_at) VALUES
(397909426176042999, 'cli_store', 0, 'cli_store', X'00', 0, 'approval:approval', 0, 1767574800000);
INSERT INTO store_app (app_id, event_url, event_token, ticket_pushed) VALUES
(397909426176042999, '', X'00', 0);
INSERT INTO app_install (tenant_id, app_id, installed_at) VALUES
(397909426176042318, 397909426176042999, 1767574800000);
