//! Groups to talk about a task, made by a webhook at an address: what it is sent, and that whatever it
//! answers harms nobody.

use std::sync::{Arc, Mutex};

use api::{Api, ChatHook, Limits};
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::post;
use countersign::deliver;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower::ServiceExt as _;

use crate::flow_kit::{APAAS, Company, Story, all_fits, kunlun};
use crate::support::TestHub;

const ONE_STEP: &str = "
api_id: one
namespace: package_demo
label: { zh-CN: 一步, en-US: One step }
nodes:
  - { id: first, label: { zh-CN: 第一步 }, assignees: [{ person: ben }] }
";

/// What the webhook answers.
type Say = fn() -> Response;

/// A webhook that notes what it is sent.
struct Webhook {
    url: String,
    told: Arc<Mutex<Vec<Value>>>,
    says: Arc<Mutex<Say>>,
}

impl Webhook {
    async fn start() -> Self {
        let told: Arc<Mutex<Vec<Value>>> = Arc::default();
        let first: Say = || json!({"chat_id": "oc_7"}).to_string().into_response();
        let says = Arc::new(Mutex::new(first));
        let (seen, say) = (Arc::clone(&told), Arc::clone(&says));
        let receive = async move |body: String| {
            seen.lock().unwrap().push(serde_json::from_str(&body).unwrap());
            let say = *say.lock().unwrap();
            say()
        };
        let router = Router::new().route("/groups", post(receive));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/groups", listener.local_addr().unwrap());
        tokio::spawn(countersign::server::serve(listener, None, router, std::future::pending()));
        Self { url, told, says }
    }

    fn hook(&self) -> ChatHook {
        let client = deliver::client().unwrap();
        deliver::chat_hook(&self.url.clone().into(), &client).unwrap().unwrap()
    }
}

/// Asks for a group about the first task, from a server with this webhook or none.
async fn ask(story: &Story<'_, '_>, chat: Option<ChatHook>) -> (StatusCode, Value) {
    let app = &story.company.app;
    let router = api::router(Api {
        hub: Arc::clone(&app.hub.hub),
        limits: Limits::off(),
        slow_ms: 60_000,
        access_log: false,
        admin: None,
        chat,
    });
    let body = json!({"operator_user_id": kunlun("ann"), "invite_user_ids": [kunlun("ben")], "chat_name": "报销"});
    let request = Request::post(format!("{APAAS}/user_tasks/{}/chat_group", story.task(1)))
        .header("authorization", format!("Bearer {}", app.token))
        .body(Body::from(body.to_string()))
        .unwrap();
    let answer = router.oneshot(request).await.unwrap();
    let status = answer.status();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap())
}

#[tokio::test]
async fn a_group_is_made_by_the_webhook_and_its_id_handed_on() {
    let hub = TestHub::new().await;
    let company = Company::new(&hub).await;
    company.apply(ONE_STEP).await;
    let story = company.start("one", "ann", &json!({})).await;
    let webhook = Webhook::start().await;

    let (status, answer) = ask(&story, Some(webhook.hook())).await;
    assert_eq!((status, &answer["data"]), (StatusCode::OK, &json!({"chat_id": "oc_7"})));
    let told = webhook.told.lock().unwrap().pop().unwrap();
    assert_eq!(
        told,
        json!({
            "chat_id": "",
            "chat_name": "报销",
            "task_id": story.task(1),
            "workflow_instance": {"id": story.instance, "label": told["workflow_instance"]["label"]},
            "operator": {"user_id": kunlun("ann"), "name": "ann"},
            "invited": [{"user_id": kunlun("ben"), "name": "ben"}],
        })
    );
    assert!(told["workflow_instance"]["label"].to_string().contains("One step"), "{told}");
    all_fits(&hub).await;
}

#[tokio::test]
async fn what_a_webhook_answers_wrongly_is_no_group_and_may_be_asked_again() {
    let hub = TestHub::new().await;
    let company = Company::new(&hub).await;
    company.apply(ONE_STEP).await;
    let story = company.start("one", "ann", &json!({})).await;
    let webhook = Webhook::start().await;
    let wrong: [Say; 7] = [
        || StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        || (StatusCode::CREATED, json!({"chat_id": "oc_7"}).to_string()).into_response(),
        // Not followed: the operator said where the webhook is.
        || Redirect::temporary("http://127.0.0.1:1/").into_response(),
        || "oc_7".into_response(),
        || json!({"chat_id": ""}).to_string().into_response(),
        || json!({"chat_id": "7".repeat(300)}).to_string().into_response(),
        // An id behind more than is read.
        || (" ".repeat(1 << 20) + &json!({"chat_id": "oc_7"}).to_string()).into_response(),
    ];
    for say in wrong {
        *webhook.says.lock().unwrap() = say;
        let (status, answer) = ask(&story, Some(webhook.hook())).await;
        assert_eq!((status, &answer["code"]), (StatusCode::SERVICE_UNAVAILABLE, &json!(1_395_001)));
    }
    assert_eq!(webhook.told.lock().unwrap().len(), wrong.len());
    all_fits(&hub).await;
}

#[tokio::test]
async fn without_a_webhook_no_group_is_made_and_the_caller_is_told_why() {
    let hub = TestHub::new().await;
    let company = Company::new(&hub).await;
    company.apply(ONE_STEP).await;
    let story = company.start("one", "ann", &json!({})).await;
    let (_, told) = ask(&story, None).await;
    assert_eq!(told["code"], 2_320_001);
    assert!(told["msg"].as_str().unwrap().contains("flows.chat_webhook"), "{told}");
}
