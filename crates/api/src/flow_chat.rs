//! `user_tasks/:task_id/chat_group`: a group in which people talk about a task, made by a webhook that
//! the operator sets. Knows what the webhook is sent and answers, not how it is reached.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use domain::limits::{ID_CHARS, PEOPLE_PER_ACTION};
use engine::flow_run::actions::{self, Chat};
use engine::flow_run::{KnownAs, Named};
use serde_json::{Value, json};

use crate::cards::texts;
use crate::fault::{Code, Fault, Violation};
use crate::fields::{Faults, Object, body};
use crate::flow_actions::{USER_TASK, on, one, people, refused};
use crate::gateway::{Call, Reply};

/// Sends a body to the webhook and brings back what it answered with HTTP 200, or why not, for the log.
pub type ChatHook = Arc<dyn Fn(String) -> Sent + Send + Sync>;
type Sent = Pin<Box<dyn Future<Output = Result<Vec<u8>, String>> + Send>>;

/// Longest name of a group, in characters. Own figure.
pub(crate) const NAME_CHARS: usize = 256;

/// What is asked for.
struct Asked {
    by: Named,
    invited: Named,
    chat_id: String,
    chat_name: String,
}

pub(crate) async fn chat_group(call: Call) -> Result<Reply, Fault> {
    let Asked { by, invited, chat_id, chat_name } = read(&call)?;
    let Some(hook) = call.chat() else {
        let text = "this server makes no groups: its operator has not set flows.chat_webhook";
        let violation = Violation::new("chat_id", text);
        return Err(Fault::new(Code::FlowParam).msg(text).violation(violation));
    };
    let (caller, on) = (call.caller(), on(&call, USER_TASK));
    let (asker, task, who) = (caller.clone(), on.clone(), by.clone());
    let wanted = call
        .hub()
        .read(move |tx, cx| actions::chat(tx, cx, &asker, &task, &who, &invited))
        .await
        .map_err(|error| refused(error, USER_TASK))?;
    let answer = hook(request(&wanted, &chat_id, &chat_name)).await.map_err(|e| unreachable(&e))?;
    let made = made(&answer).map_err(|e| unreachable(&e))?;
    let chat = made.clone();
    call.hub()
        .write(move |tx, cx| actions::chat_made(tx, cx, &caller, &on, &by, &chat))
        .await
        .map_err(|error| refused(error, USER_TASK))?;
    Ok(Reply::data(&json!({"chat_id": made})))
}

fn read(call: &Call) -> Result<Asked, Fault> {
    let members = body(&call.body)?;
    let faults = Faults::default();
    let object = Object::new(&members, &faults);
    let invited = people(&object, "invite_user_ids", PEOPLE_PER_ACTION);
    if invited.ids.is_empty() && object.has("invite_user_ids") {
        object.refuse("invite_user_ids", "[]", "the min len is 1");
    }
    let asked = Asked {
        by: one(&object, USER_TASK.by),
        invited,
        chat_id: object.text_up_to("chat_id", ID_CHARS).unwrap_or_default(),
        chat_name: object.text_up_to("chat_name", NAME_CHARS).unwrap_or_default(),
    };
    faults.finish(Code::FlowParam)?;
    Ok(asked)
}

/// What the webhook is sent. An empty `chat_id` asks for a new group.
fn request(chat: &Chat, chat_id: &str, chat_name: &str) -> String {
    let person = |known: &KnownAs| json!({"user_id": known.id, "name": known.name});
    json!({
        "chat_id": chat_id,
        "chat_name": chat_name,
        "task_id": chat.task.to_string(),
        "workflow_instance": {"id": chat.instance.to_string(), "label": texts(&chat.label)},
        "operator": person(&chat.by),
        "invited": chat.invited.iter().map(person).collect::<Value>(),
    })
    .to_string()
}

/// The id in what the webhook answered.
fn made(answer: &[u8]) -> Result<String, String> {
    let answer: Value = serde_json::from_slice(answer).map_err(|e| format!("no JSON: {e}"))?;
    let id = answer["chat_id"].as_str().unwrap_or_default();
    let fits = !id.is_empty() && id.chars().count() <= ID_CHARS && !id.contains('\0');
    fits.then(|| id.to_owned()).ok_or_else(|| "no chat_id".to_owned())
}

fn unreachable(reason: &str) -> Fault {
    Fault { log: Some(format!("the chat webhook: {reason}").into()), ..Fault::new(Code::Busy) }
}
