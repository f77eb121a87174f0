//! Sending: every message goes out through here, once per request as far as Telegram lets us know.

use chrono::{DateTime, Utc};
use geobot_shared::bus::HandleError;
use geobot_shared::files::{FileError, FileStore};
use geobot_shared::ids::{self, TelegramUserId};
use geobot_shared::topics::tg_send::Priority;
use serde::Serialize;
use serde::de::DeserializeOwned;
use teloxide::payloads::{
    AnswerCallbackQuery, AnswerCallbackQuerySetters, BanChatMember, CreateChatInviteLink,
    CreateChatInviteLinkSetters, UnbanChatMember, UnbanChatMemberSetters,
};
use teloxide::requests::Payload;
use teloxide::types::{CallbackQueryId, ChatId, UserId};
use tracing::{info, warn};

use super::api::Api;
pub use super::content::{Content, FileKind, FileSource};
use super::failure::SendFailure;
use super::files::{Files, ReadyFile};
use super::limiter::{Limiter, Limits, Turn};
use super::manner::{Manner, QuietHours};
use super::outage::Outage;
use super::request::{self, Done};
use super::unsettled::{Known, Unsettled};
use crate::store::sends::Claim;
use crate::store::{Store, StoreError};

/// Why a message was not sent.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// Telegram's answer.
    #[error(transparent)]
    Telegram(#[from] SendFailure),
    /// The state of the sending can't be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another process is sending it right now.
    #[error("it is being sent right now")]
    Busy,
    /// Telegram wants a pause; nothing was called.
    #[error("Telegram wants a pause of {} s", .0.as_secs())]
    Later(std::time::Duration),
    /// It may or may not have gone out, and is not worth a duplicate.
    #[error("it may or may not have gone out")]
    Unknown,
    /// Its broadcast is paused.
    #[error("its broadcast is paused")]
    Paused,
    /// Its broadcast was cancelled before it went out.
    #[error("its broadcast was cancelled")]
    Cancelled,
    /// The file is not there, or is not what it was.
    #[error("{0}")]
    NoFile(FileError),
    /// The file store can't be read.
    #[error("{0}")]
    Disk(FileError),
}

impl From<FileError> for SendError {
    fn from(error: FileError) -> SendError {
        match error {
            FileError::Disk(_) => SendError::Disk(error),
            _ => SendError::NoFile(error),
        }
    }
}

impl From<SendError> for HandleError {
    fn from(error: SendError) -> HandleError {
        let seconds = std::time::Duration::from_secs;
        match error {
            SendError::Telegram(failure) => failure.into(),
            SendError::Store(error) => error.into(),
            SendError::Busy => HandleError::retry_after(error, seconds(1)),
            SendError::Paused => HandleError::retry_after(error, seconds(2)),
            SendError::Later(pause) => HandleError::retry_after(error, pause),
            SendError::Unknown | SendError::Cancelled => HandleError::Refused(error.to_string()),
            SendError::NoFile(_) => HandleError::BadData(error.to_string()),
            SendError::Disk(_) => HandleError::unavailable("files", error),
        }
    }
}

fn outcome(result: &Result<Done, SendFailure>) -> &'static str {
    match result {
        Ok(_) => "sent",
        Err(SendFailure::Wait(_)) => "wait",
        Err(SendFailure::Down(_) | SendFailure::WrongToken) => "down",
        Err(SendFailure::Ambiguous(_)) => "ambiguous",
        Err(SendFailure::Unreachable(_)) => "unreachable",
        Err(SendFailure::NotModified) => "not_modified",
        Err(SendFailure::Moved(_)) => "moved",
        Err(SendFailure::BadEntities(_) | SendFailure::WrongFile(_) | SendFailure::Refused(_)) => {
            "refused"
        }
    }
}

/// Counts and logs a sending of which nobody knows whether it went out: the window of promise D4. One that is repeated
/// may come twice, one that is given up may not have come.
fn count_ambiguous(order: &Order<'_>, cause: &'static str, why: &str) {
    let then = match order.priority {
        Priority::Bulk => "given_up",
        Priority::Interactive | Priority::Notify => "repeated",
    };
    metrics::counter!("geobot_sends_ambiguous_total", "cause" => cause, "then" => then)
        .increment(1);
    warn!(
        chat_id = order.chat,
        request = order.request,
        cause,
        then,
        why,
        "send_ambiguous"
    );
}

/// One message that is to be sent.
#[derive(Clone, Copy)]
struct Order<'a> {
    request: &'a str,
    chat: i64,
    priority: Priority,
    manner: Manner<'a>,
    broadcast: Option<&'a str>,
}

/// Sends messages within Telegram's allowance and remembers which were sent.
pub struct Sender {
    api: Api,
    store: Store,
    limiter: Limiter,
    files: Files,
    outage: Outage,
    unsettled: Unsettled,
    quiet: QuietHours,
}

impl Sender {
    /// A sender by this API of files from this store; `limits` is the allowance, `None` only for measurements.
    pub fn new(api: Api, store: Store, limits: Option<Limits>, files: FileStore) -> Sender {
        Sender {
            limiter: Limiter::new(store.clone(), limits),
            files: Files::new(store.clone(), files, api.bot()),
            outage: Outage::default(),
            unsettled: Unsettled::default(),
            api,
            store,
            quiet: QuietHours::default(),
        }
    }

    /// The same sender, which makes no sound in these hours for what can wait.
    #[must_use]
    pub fn with_quiet_hours(mut self, quiet: QuietHours) -> Sender {
        self.quiet = quiet;
        self
    }

    /// The Bot API, for calls that send nothing.
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// Sends `content` once for this `request`, when its turn has come, and returns Telegram's number of the message
    /// (of the first, when the text must be cut). A request that was already sent is not sent again. One whose
    /// sending was interrupted is, and counted: the window of promise D4. Bulk is not: it becomes unknown.
    ///
    /// # Errors
    /// [`SendError`]; what it means for a record is its [`HandleError`].
    pub async fn send(
        &self,
        request: &str,
        chat: i64,
        content: &Content,
        priority: Priority,
    ) -> Result<i32, SendError> {
        let manner = usual_manner(priority);
        self.send_in(request, chat, content, priority, manner).await
    }

    /// As [`Sender::send`], in a manner of its own.
    ///
    /// # Errors
    /// As there.
    pub async fn send_in(
        &self,
        request: &str,
        chat: i64,
        content: &Content,
        priority: Priority,
        manner: Manner<'_>,
    ) -> Result<i32, SendError> {
        let order = Order {
            request,
            chat,
            priority,
            manner,
            broadcast: None,
        };
        self.send_parts(order, content).await
    }

    /// As [`Sender::send`], unless this broadcast is paused or cancelled.
    ///
    /// # Errors
    /// As there, and [`SendError::Paused`] and [`SendError::Cancelled`].
    pub async fn send_of_broadcast(
        &self,
        request: &str,
        chat: i64,
        content: &Content,
        priority: Priority,
        broadcast: Option<&str>,
    ) -> Result<i32, SendError> {
        let order = Order {
            request,
            chat,
            priority,
            manner: usual_manner(priority),
            broadcast,
        };
        self.send_parts(order, content).await
    }

    async fn send_parts(&self, order: Order<'_>, content: &Content) -> Result<i32, SendError> {
        if let Some(parts) = content.parts() {
            return self.send_all(order, &parts).await;
        }
        match self.send_one(&order, content).await {
            // Without its formatting it is too long for one message.
            Err(SendError::Telegram(SendFailure::BadEntities(why))) => {
                let plain = content.without_markup();
                match plain.as_ref().and_then(Content::parts) {
                    Some(parts) => self.send_all(order, &parts).await,
                    None => Err(SendFailure::BadEntities(why).into()),
                }
            }
            sent => sent,
        }
    }

    async fn send_all(&self, order: Order<'_>, parts: &[Content]) -> Result<i32, SendError> {
        let mut first = None;
        for (index, part) in parts.iter().enumerate() {
            let request = part_of(order.request, index);
            let order = Order {
                request: &request,
                // What has begun is ended.
                broadcast: order.broadcast.filter(|_| index == 0),
                ..order
            };
            let sent = self.send_one(&order, part).await?;
            first.get_or_insert(sent);
        }
        Ok(first.unwrap_or_default())
    }

    /// Sends one message to where its chat is now.
    async fn send_one(&self, order: &Order<'_>, content: &Content) -> Result<i32, SendError> {
        let chat = self.store.chat_now(order.chat).await?;
        let order = Order { chat, ..*order };
        let mut sent = self.try_one(&order, content).await;
        if let Err(SendError::Telegram(SendFailure::Moved(to))) = sent {
            self.follow(chat, to).await?;
            sent = self.try_one(&Order { chat: to, ..order }, content).await;
        }
        self.note_reach(&order, &sent).await;
        sent
    }

    /// Bot API: a group that becomes a supergroup gets another number, and messages to the old one are refused.
    async fn follow(&self, chat: i64, to: i64) -> Result<(), StoreError> {
        warn!(chat_id = chat, to, "chat_moved");
        self.store.keep_moved(chat, to).await
    }

    /// Remembers whether the person can be written to. Only a shortcut: a failure is logged and harms nothing.
    async fn note_reach(&self, order: &Order<'_>, sent: &Result<i32, SendError>) {
        let Some(user) = ids::ChatId(order.chat).person() else {
            return;
        };
        let noted = match sent {
            Err(SendError::Telegram(SendFailure::Unreachable(why))) => {
                self.store.mark_unreachable(user, why).await.map(|_| ())
            }
            // Bulk is not sent to whoever has the mark.
            Ok(_) if order.priority != Priority::Bulk => self.store.reached(user).await,
            _ => return,
        };
        if let Err(error) = noted {
            warn!(user_id = %user, %error, "reach_not_noted");
        }
    }

    /// The number of the message that this request has sent, if it has: of the first, when its text was cut.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn sent_before(&self, request: &str) -> Result<Option<i32>, StoreError> {
        for request in [request, &part_of(request, 0)] {
            if let Some(Claim::Sent(message_id)) = self.store.ended_send(request).await? {
                return Ok(Some(message_id));
            }
        }
        Ok(None)
    }

    async fn try_one(&self, order: &Order<'_>, content: &Content) -> Result<i32, SendError> {
        let bulk = order.priority == Priority::Bulk;
        if self.outage.lasts(&self.api).await {
            return Err(SendFailure::Down("it answers nobody".to_owned()).into());
        }
        let mut this = self.unsettled.begin(order.request).ok_or(SendError::Busy)?;
        match this.before {
            Some(Known::Accepted(message_id)) => {
                self.store.mark_sent(order.request, message_id).await?;
                this.settled();
                return Ok(message_id);
            }
            Some(Known::Ambiguous) if bulk => {
                self.store.mark_unknown(order.request).await?;
                this.settled();
                return Err(SendError::Unknown);
            }
            _ => {}
        }
        // After a crash thousands of records may come again; those that are done must not use up the allowance.
        match self.store.ended_send(order.request).await? {
            Some(Claim::Sent(message_id)) => return Ok(message_id),
            Some(_) => return Err(SendError::Unknown),
            None => {}
        }
        let file = match content {
            Content::File { kind, source, .. } => Some(self.files.ready(*kind, source).await?),
            _ => None,
        };
        // The turn comes before the claim: waiting must not use up the lease.
        let turn = self
            .limiter
            .turn(order.chat, order.priority, order.broadcast);
        let turn = turn.await?;
        match turn {
            Turn::Paused => return Err(SendError::Paused),
            Turn::Later(pause) => return Err(SendError::Later(pause)),
            Turn::Taken | Turn::Cancelled => {}
        }
        let now = Utc::now().timestamp_millis();
        match self.store.claim_send(order.request, now).await? {
            Claim::Sent(message_id) => {
                this.settled();
                return Ok(message_id);
            }
            Claim::Busy => return Err(SendError::Busy),
            Claim::Unknown => return Err(SendError::Unknown),
            // A claim of this process that nothing is known of: Redis's answer was lost, and nothing was sent.
            Claim::Fresh | Claim::Mine => {}
            Claim::Abandoned => {
                count_ambiguous(order, "interrupted", "a process ended while it was sending");
                if bulk {
                    self.store.mark_unknown(order.request).await?;
                    return Err(SendError::Unknown);
                }
            }
        }
        if turn == Turn::Cancelled {
            self.store.release_send(order.request).await?;
            this.settled();
            return Err(SendError::Cancelled);
        }
        this.knows(Known::Ambiguous);
        let result = self.call(order, content, file).await;
        metrics::counter!("geobot_sends_total", "outcome" => outcome(&result)).increment(1);
        let message_id = match result {
            Ok(done) => done.message_id,
            Err(SendFailure::NotModified) => 0,
            Err(SendFailure::Ambiguous(why)) => {
                count_ambiguous(order, "no_answer", &why);
                let down = self.outage.suspected(&self.api).await;
                if bulk {
                    self.store.mark_unknown(order.request).await?;
                    this.settled();
                    return Err(SendError::Unknown);
                }
                // Such a message is worth a duplicate: the bus repeats it after a pause.
                self.store.release_send(order.request).await?;
                this.settled();
                return Err(match down {
                    true => SendFailure::Down(why).into(),
                    false => SendFailure::Ambiguous(why).into(),
                });
            }
            Err(failure) => {
                this.settled();
                if let SendFailure::Wait(pause) = failure {
                    let storm = self.limiter.refused(order.chat, pause).await?;
                    let pause_s = pause.as_secs();
                    warn!(chat_id = order.chat, pause_s, storm, "pause_ordered");
                }
                self.store.release_send(order.request).await?;
                return Err(failure.into());
            }
        };
        this.knows(Known::Accepted(message_id));
        self.store.mark_sent(order.request, message_id).await?;
        this.settled();
        Ok(message_id)
    }

    /// Calls Telegram, and once more where another form of the same message may pass: a file by its bytes whose file_id
    /// is refused, and a text without the formatting that can't be read.
    async fn call(
        &self,
        order: &Order<'_>,
        content: &Content,
        mut file: Option<ReadyFile>,
    ) -> Result<Done, SendFailure> {
        let mut result = self.call_once(order, content, file.as_ref()).await;
        if let Err(SendFailure::WrongFile(why)) = &result {
            let again = self.bytes_again(order, content, &file, why).await?;
            file = Some(again);
            result = self.call_once(order, content, file.as_ref()).await;
        }
        if let Err(SendFailure::BadEntities(why)) = &result
            && let Some(plain) = content.without_markup()
            && plain.parts().is_none()
        {
            warn!(
                chat_id = order.chat,
                why, "unreadable_formatting_sent_plain"
            );
            result = self.call_once(order, &plain, file.as_ref()).await;
        }
        if let (Ok(done), Some(ReadyFile::Bytes(upload))) = (&result, &file)
            && let Some(file_id) = &done.file_id
            // Only a cache: the message has gone out.
            && let Err(error) = self.store.keep_file_id(&upload.key, file_id).await
        {
            warn!(%error, "file_id_not_kept");
        }
        result
    }

    /// The bytes of a file whose remembered file_id Telegram refuses.
    async fn bytes_again(
        &self,
        order: &Order<'_>,
        content: &Content,
        refused: &Option<ReadyFile>,
        why: &str,
    ) -> Result<ReadyFile, SendFailure> {
        let refusal = || SendFailure::Refused(why.to_owned());
        let Some(ReadyFile::Named { key: Some(key), .. }) = refused else {
            return Err(refusal());
        };
        let Content::File { kind, source, .. } = content else {
            return Err(refusal());
        };
        warn!(chat_id = order.chat, why, "file_id_refused");
        let again = async {
            self.store.forget_file_id(key).await?;
            self.files.ready(*kind, source).await
        };
        again.await.map_err(|error: SendError| match error {
            // Nothing was sent: the record waits for what is missing.
            SendError::Store(_) | SendError::Disk(_) => SendFailure::Down(error.to_string()),
            other => SendFailure::Refused(other.to_string()),
        })
    }

    async fn call_once(
        &self,
        order: &Order<'_>,
        content: &Content,
        file: Option<&ReadyFile>,
    ) -> Result<Done, SendFailure> {
        let silent = order.manner.can_wait && self.quiet.hold(Utc::now());
        request::call(&self.api, order.chat, content, file, order.manner, silent).await
    }

    /// Takes the clock off a pressed button and shows `toast` for a moment. Failing is harmless: the button was
    /// pressed long ago then.
    pub async fn answer_click(&self, query: CallbackQueryId, toast: Option<String>) {
        let mut answer = AnswerCallbackQuery::new(query);
        if let Some(text) = toast {
            answer = answer.text(text);
        }
        if let Err(error) = self.api.call(&answer).await {
            info!(%error, "click_not_answered");
        }
    }

    /// Takes a person out of a chat. They are let in again by a new link: the ban is lifted at once.
    ///
    /// # Errors
    /// [`SendFailure`]; the bot must be an admin there with the right to ban.
    pub async fn remove_member(&self, chat: i64, user: TelegramUserId) -> Result<(), SendFailure> {
        let user = UserId(user.get().cast_unsigned());
        let ban = |chat| BanChatMember::new(chat, user);
        self.call_in(chat, ban).await?;
        let lift = |chat| UnbanChatMember::new(chat, user).only_if_banned(true);
        self.call_in(chat, lift).await?;
        Ok(())
    }

    /// A link into a private chat that works for one person, until then if that is named.
    ///
    /// # Errors
    /// [`SendFailure`]; the bot must be an admin there with the right to invite.
    pub async fn invite_link(
        &self,
        chat: i64,
        name: &str,
        until: Option<DateTime<Utc>>,
    ) -> Result<String, SendFailure> {
        // Bot API: a link's name has at most 32 characters.
        let name: String = name.chars().take(32).collect();
        let link = |chat| {
            let mut link = CreateChatInviteLink::new(chat)
                .member_limit(1)
                .name(name.clone());
            link.expire_date = until;
            link
        };
        Ok(self.call_in(chat, link).await?.invite_link)
    }

    /// Calls Telegram about a chat, where it is now. Without Redis nothing is called, and the record waits.
    async fn call_in<P>(
        &self,
        chat: i64,
        about: impl Fn(ChatId) -> P,
    ) -> Result<P::Output, SendFailure>
    where
        P: Payload + Serialize,
        P::Output: DeserializeOwned,
    {
        let no_redis = |error: StoreError| SendFailure::Down(error.to_string());
        let now = self.store.chat_now(chat).await.map_err(no_redis)?;
        match self.api.call(&about(ChatId(now))).await {
            Err(SendFailure::Moved(to)) => {
                self.follow(chat, to).await.map_err(no_redis)?;
                self.api.call(&about(ChatId(to))).await
            }
            answer => answer,
        }
    }
}

/// Bulk can always wait.
fn usual_manner<'a>(priority: Priority) -> Manner<'a> {
    Manner {
        can_wait: priority == Priority::Bulk,
        ..Manner::default()
    }
}

/// A person who can't be written to is no fault of what was to be sent: it is done with that.
///
/// # Errors
/// All others.
pub fn unless_unreachable(sent: Result<i32, SendError>) -> Result<(), SendError> {
    match sent {
        Ok(_) | Err(SendError::Telegram(SendFailure::Unreachable(_))) => Ok(()),
        Err(error) => Err(error),
    }
}

/// How a part of what was cut is named.
fn part_of(request: &str, index: usize) -> String {
    format!("{request}#{index}")
}
