//! `dev`: a server with a demo company, ready in a moment.

use std::sync::Arc;

use anyhow::{Context, Result};
use api::{ALL_SCOPES, Api, ChatHook, READ_SCOPES};
use engine::AdminKey;
use engine::demo::{APP, OTHER, Plan, READER, Sample, TENANT};
use engine::demo_organisation::organise;
use engine::flow_run::definitions;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::cli::{DevArgs, LimitsArg};
use crate::config::{Config, Profile};
use crate::operate::find_tenant;
use crate::output::Output;
use crate::serve::{follow_hand_overs, follow_joins, follow_time};
use crate::server::{serve, stop_signal};
use crate::tls::{Tls, self_signed};
use crate::{deliver, observe, open};

/// The key of the demo's admin API; for trying out, like the secrets of its apps.
const ADMIN_KEY: &str = "demo-admin-key";

pub(crate) async fn run(args: DevArgs, output: Output) -> Result<()> {
    let mut config = Config::defaults()?;
    config.log.level = "warn".into();
    config.limits.profile = match args.limits {
        LimitsArg::Feishu => Profile::Feishu,
        LimitsArg::Off => Profile::Off,
    };
    observe::logs(&config.log)?;
    // Removed with everything in it when this function ends.
    let temporary = tempfile::Builder::new().prefix("countersign-dev-").tempdir();
    let temporary = temporary.context("cannot create a temporary folder")?;
    config.data.dir = args.data.clone().unwrap_or_else(|| temporary.path().to_owned());

    let stop = stop_signal()?;
    let _lock = open::lock(&config)?;
    let listener = TcpListener::bind(args.listen)
        .await
        .with_context(|| format!("cannot listen on {}", args.listen))?;
    let files = args.tls.then(|| self_signed(&config.data.dir)).transpose()?;
    let cert = files.as_ref().map(|files| files.cert.display().to_string());
    let tls = files.map(Tls::open).transpose()?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let url = format!("{scheme}://{}", listener.local_addr()?);
    let hub = open::hub(&config).await?;
    let plan = Plan {
        seed: args.seed,
        tasks: args.tasks,
        all_scopes: ALL_SCOPES.iter().map(|s| (*s).to_owned()).collect(),
        read_scopes: READ_SCOPES.iter().map(|s| (*s).to_owned()).collect(),
    };
    let bar = progress_bar(args.tasks, output);
    let sample = hub.demo(&plan, |made| bar.set_position(made as u64)).await?;
    bar.finish_and_clear();
    let tenant = find_tenant(&hub, TENANT.to_owned()).await?;
    hub.write(move |tx, cx| {
        organise(tx, cx, tenant)?;
        FLOWS.iter().try_for_each(|flow| definitions::apply(tx, cx, tenant, flow).map(drop))
    })
    .await?;
    let joins = tokio::spawn(follow_joins(Arc::clone(&hub)));
    let handing = tokio::spawn(follow_hand_overs(Arc::clone(&hub)));
    let client = deliver::client()?;
    let sending = tokio::spawn(deliver::follow(Arc::clone(&hub), client));
    let timing = tokio::spawn(follow_time(Arc::clone(&hub)));

    let kept = args.data.as_ref().map(|dir| dir.display().to_string());
    let welcome = welcome(&url, kept.as_deref(), cert.as_deref(), &sample);
    output.answer(&welcome, &summary(&url, cert.as_deref(), &sample));
    let api = Api {
        hub,
        limits: config.limits.windows(),
        slow_ms: config.log.slow_ms,
        access_log: false,
        admin: Some(AdminKey::new(&ADMIN_KEY.into())),
        chat: Some(made_up_group()),
    };
    serve(listener, tls, api::router(api), stop).await;
    for task in [joins, handing, sending, timing] {
        task.abort();
        let _ = task.await;
    }
    output.note("stopped");
    Ok(())
}

/// The flows that the demo company runs: the examples of the documentation.
const FLOWS: [&str; 4] = [
    include_str!("../../../examples/flows/leave.yaml"),
    include_str!("../../../examples/flows/expense.yaml"),
    include_str!("../../../examples/flows/contract.yaml"),
    include_str!("../../../examples/flows/purchase.yaml"),
];

/// Stands for a webhook that makes groups, so that the call can be tried: nobody gets a message.
fn made_up_group() -> ChatHook {
    Arc::new(|body| {
        let asked: Value = serde_json::from_str(&body).unwrap_or_default();
        let id = asked["chat_id"].as_str().filter(|id| !id.is_empty()).unwrap_or("oc_demo");
        let answer = json!({"chat_id": id}).to_string().into_bytes();
        Box::pin(async move { Ok(answer) })
    })
}

/// Only a large company takes long enough to be told of.
const WORTH_A_BAR: usize = 10_000;

fn progress_bar(tasks: usize, output: Output) -> ProgressBar {
    if output.json || tasks < WORTH_A_BAR {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("making the demo {bar:40} {pos}/{len} {eta} left");
    ProgressBar::new(tasks as u64)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn summary(url: &str, cert: Option<&str>, sample: &Sample) -> Value {
    let app = |(id, secret): (&str, &str)| json!({"app_id": id, "app_secret": secret});
    json!({
        "url": url,
        "tls_cert": cert,
        "apps": [app(APP), app(READER), app(OTHER)],
        "approval_code": sample.approval_code,
        "instance_id": sample.instance_id,
        "user_id": sample.user_id,
        "kunlun_user_id": sample.kunlun_user_id,
        "admin_key": ADMIN_KEY,
        "pid": std::process::id(),
    })
}

/// What a newcomer needs: the address, the apps, and lines that work when pasted.
fn welcome(url: &str, kept: Option<&str>, cert: Option<&str>, sample: &Sample) -> String {
    let data = kept.unwrap_or("a temporary folder, removed at the end (keep it with --data DIR)");
    let Sample { approval_code, instance_id, user_id, kunlun_user_id } = sample;
    let inbox = format!("{url}/open-apis/apaas/v1/user_task/query");
    let tasks = format!("{url}/open-apis/approval/v4/external_tasks");
    // Its own certificate is one that curl must be told to trust.
    let trust = cert.map(|cert| format!("--cacert '{cert}' ")).unwrap_or_default();
    let ask = |query: &str, body: &str| {
        format!(
            "  curl -s {trust}-X GET '{tasks}{query}' -H \"Authorization: Bearer $TOKEN\" \\\n    -d '{body}'"
        )
    };
    let by_instance = ask("", &format!(r#"{{"instance_ids":["{instance_id}"]}}"#));
    let by_status = ask(
        "?page_size=2",
        &format!(r#"{{"approval_codes":["{approval_code}"],"status":"PENDING"}}"#),
    );
    let by_user = ask(
        "",
        &format!(
            r#"{{"approval_codes":["{approval_code}"],"user_ids":["{user_id}"],"status":"APPROVED"}}"#
        ),
    );
    format!(
        "Countersign is ready at {url}
data: {data}

  app id      secret         may
  {:<11} {:<14} everything
  {:<11} {:<14} read
  {:<11} {:<14} everything, in another tenant

Paste this into another terminal:

  TOKEN=$(curl -s {trust}{url}/open-apis/auth/v3/tenant_access_token/internal \\
    -d '{{\"app_id\":\"{}\",\"app_secret\":\"{}\"}}' | \\
    sed 's/.*\"tenant_access_token\":\"\\([^\"]*\\)\".*/\\1/')

{by_instance}

{by_status}

{by_user}

  curl -s {trust}'{inbox}' -H \"Authorization: Bearer $TOKEN\" \\
    -d '{{\"kunlun_user_id\":\"{kunlun_user_id}\",\"type\":\"pending\",\"source\":\"assignMe\"}}'

Stop with Ctrl-C.",
        APP.0, APP.1, READER.0, READER.1, OTHER.0, OTHER.1, APP.0, APP.1,
    )
}
