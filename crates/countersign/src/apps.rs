//! What operators do with applications, one command a function.

use anyhow::{Result, bail};
use api::{ALL_SCOPES, READ_SCOPES};
use engine::access::{NewApp, Owner, app_create, app_disable, app_reset_secret, app_scopes};
use engine::store_apps::{install, store_app_create, store_app_events, ticket, uninstall};
use secrecy::ExposeSecret;
use serde_json::json;
use store::access::{app_all, tenant_all};

use crate::cli::{AppCommand, NewAppArgs, Place};
use crate::open;
use crate::operate::{config, date};
use crate::output::Output;

pub(crate) async fn run(command: AppCommand, output: Output) -> Result<()> {
    match command {
        AppCommand::Create(args) => create(args, output).await?,
        AppCommand::List { place } => list(&place, output).await?,
        AppCommand::Scopes { app, scopes, place } => {
            let hub = open::existing(&config(&place)?).await?;
            let scopes = scope_list(&scopes)?;
            let app = hub.write(move |tx, _| app_scopes(tx, &app, &scopes)).await?;
            output.answer(
                &format!("{} holds: {}", app.key, app.scopes.join(" ")),
                &json!({"app_id": app.key, "scopes": app.scopes}),
            );
        }
        AppCommand::ResetSecret { app, place } => {
            let hub = open::existing(&config(&place)?).await?;
            let reset = hub.write(move |tx, cx| app_reset_secret(tx, cx, &app));
            let (app, secret) = reset.await?;
            show_secret(&app.key, secret.expose_secret(), output);
        }
        AppCommand::Disable { app, place } => switch(&place, app, true, output).await?,
        AppCommand::Enable { app, place } => switch(&place, app, false, output).await?,
        AppCommand::Install { app, tenant, place } => {
            let hub = open::existing(&config(&place)?).await?;
            let (key, home) = (app.clone(), tenant.clone());
            let new = hub.write(move |tx, cx| install(tx, cx, &key, &home)).await?;
            let text = if new { "is installed in" } else { "was installed already in" };
            output.answer(
                &format!("{app} {text} {tenant}"),
                &json!({"app_id": app, "tenant_key": tenant, "changed": new}),
            );
        }
        AppCommand::Uninstall { app, tenant, place } => {
            let hub = open::existing(&config(&place)?).await?;
            let (key, home) = (app.clone(), tenant.clone());
            let gone = hub.write(move |tx, _| uninstall(tx, &key, &home)).await?;
            let text = if gone { "is no longer installed in" } else { "was not installed in" };
            output.answer(
                &format!("{app} {text} {tenant}"),
                &json!({"app_id": app, "tenant_key": tenant, "changed": gone}),
            );
        }
        AppCommand::Ticket { app, place } => {
            let hub = open::existing(&config(&place)?).await?;
            let key = app.clone();
            let ticket = hub.read(move |tx, cx| ticket(tx, cx, &key)).await?;
            let ticket = ticket.expose_secret();
            output.answer(ticket, &json!({"app_id": app, "app_ticket": ticket}));
        }
        AppCommand::Events { app, url, place } => {
            let hub = open::existing(&config(&place)?).await?;
            let (key, there) = (app.clone(), url.clone());
            let token = hub.write(move |tx, cx| store_app_events(tx, cx, &key, &there)).await?;
            let token = token.expose_secret();
            output.answer(
                &format!(
                    "app id              {app}\nevents go to        {url}\n\
                     verification token  {token}\nThe token is not shown again."
                ),
                &json!({"app_id": app, "event_url": url, "verification_token": token}),
            );
        }
    }
    Ok(())
}

async fn create(args: NewAppArgs, output: Output) -> Result<()> {
    let hub = open::existing(&config(&args.place)?).await?;
    let scopes = scope_list(&args.scopes)?;
    let owner = args.tenant.map_or(Owner::Store, Owner::Tenant);
    let new = NewApp { owner, name: args.name, scopes, key: None, secret: None };
    if matches!(new.owner, Owner::Tenant(_)) {
        let (app, secret) = hub.write(move |tx, cx| app_create(tx, cx, &new)).await?;
        show_secret(&app.key, secret.expose_secret(), output);
        return Ok(());
    }
    let url = args.event_url;
    let made = hub.write(move |tx, cx| store_app_create(tx, cx, &new, &url));
    let (app, secret, token) = made.await?;
    let (secret, token) = (secret.expose_secret(), token.expose_secret());
    output.answer(
        &format!(
            "app id              {}\napp secret          {secret}\nverification token  {token}\n\
             Neither is shown again. Tenants have it after `countersign app install`.",
            app.key
        ),
        &json!({"app_id": app.key, "app_secret": secret, "verification_token": token}),
    );
    Ok(())
}

async fn switch(place: &Place, app: String, disabled: bool, output: Output) -> Result<()> {
    let hub = open::existing(&config(place)?).await?;
    let app = hub.write(move |tx, _| app_disable(tx, &app, disabled)).await?;
    let state = if app.disabled { "disabled" } else { "enabled" };
    output.answer(
        &format!("{} is {state}", app.key),
        &json!({"app_id": app.key, "disabled": app.disabled}),
    );
    Ok(())
}

async fn list(place: &Place, output: Output) -> Result<()> {
    let hub = open::existing(&config(place)?).await?;
    let (apps, tenants) = hub.read(|tx, _| Ok((app_all(tx)?, tenant_all(tx)?))).await?;
    let rows: Vec<_> = apps
        .into_iter()
        .map(|app| {
            let tenant = tenants.iter().find(|tenant| Some(tenant.id) == app.tenant);
            let state = if app.disabled { "disabled" } else { "enabled" };
            vec![
                app.key,
                tenant.map_or_else(|| "(store)".to_owned(), |tenant| tenant.key.clone()),
                app.name,
                state.to_owned(),
                date(app.created_at),
                app.scopes.join(" "),
            ]
        })
        .collect();
    output.table(&["app_id", "tenant_key", "name", "state", "created", "scopes"], &rows);
    Ok(())
}

fn show_secret(app: &str, secret: &str, output: Output) {
    output.answer(
        &format!("app id      {app}\napp secret  {secret}\nThe secret is not shown again."),
        &json!({"app_id": app, "app_secret": secret}),
    );
}

/// Scopes as given, with `all` and `read` spelled out. A misspelt one would only show as a refusal
/// much later, so it is refused here.
fn scope_list(given: &[String]) -> Result<Vec<String>> {
    let mut scopes: Vec<String> = Vec::new();
    for scope in given {
        let meant: &[&str] = match scope.as_str() {
            "all" => ALL_SCOPES,
            "read" => READ_SCOPES,
            one if ALL_SCOPES.contains(&one) => &[one],
            other => {
                bail!("`{other}` is not a scope; there are: all, read, {}", ALL_SCOPES.join(", "))
            }
        };
        scopes.extend(meant.iter().map(|s| (*s).to_owned()));
    }
    scopes.sort();
    scopes.dedup();
    Ok(scopes)
}
