//! Staff hears of errors in one message a period, never in one message an error.

use std::time::Duration;

use chrono::{DateTime, FixedOffset, Utc};
use geobot_shared::i18n::{Language, Texts};
use geobot_shared::topics::tg_send::Priority;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::settings::Staff;
use crate::store::digest::{Digest, Line};
use crate::store::{Store, StoreError};
use crate::telegram::failure::SendFailure;
use crate::telegram::sender::{Content, SendError, Sender};
use crate::texts::escape;

/// How often it looks whether there is something to tell.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Kinds of error that are named.
const MOST_LINES: usize = 20;
/// Bot API: a message has at most 4,096 characters.
const LONGEST: usize = 3_900;

/// Tells staff.
pub struct Teller<'a> {
    /// Where errors are collected.
    pub store: &'a Store,
    /// Telegram.
    pub sender: &'a Sender,
    /// The texts.
    pub texts: &'a Texts,
    /// Hours ahead of UTC in which staff reads times.
    pub offset: FixedOffset,
    /// Where, and how often.
    pub staff: &'a Staff,
}

impl Teller<'_> {
    /// Runs until `stop`. Of several replicas one sends.
    pub async fn run(&self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = stop.cancelled() => return,
            }
            if let Err(error) = self.look(Utc::now()).await {
                warn!(%error, "digest_failed");
            }
        }
    }

    /// Sends the digest that is due, if one is.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn look(&self, now: DateTime<Utc>) -> Result<(), StoreError> {
        match self.store.begin_digest(now, self.staff.period).await? {
            Some(digest) => {
                let sent = self.send(&digest).await;
                self.store.end_digest(now, sent).await
            }
            None => Ok(()),
        }
    }

    /// False when a chat that takes it has not got it.
    async fn send(&self, digest: &Digest) -> bool {
        let content = Content::html(text(self.texts, digest, self.offset));
        let mut sent = true;
        for chat in &self.staff.chats {
            // The name makes a repeat after a crash known in the chats that have it.
            let request = format!("digest-{}-{chat}", digest.name);
            let result = self
                .sender
                .send(&request, chat.get(), &content, Priority::Notify)
                .await;
            match result {
                Ok(_) => info!(chat_id = %chat, kinds = digest.lines.len(), "digest_sent"),
                // That chat never takes it; the others must not wait for it.
                Err(SendError::Telegram(
                    failure @ (SendFailure::Unreachable(_) | SendFailure::Refused(_)),
                )) => warn!(chat_id = %chat, error = %failure, "digest_refused"),
                Err(error) => {
                    warn!(chat_id = %chat, %error, "digest_not_sent");
                    sent = false;
                }
            }
        }
        sent
    }
}

/// A digest in words, most frequent first. Staff reads the default language.
fn text(texts: &Texts, digest: &Digest, offset: FixedOffset) -> String {
    let language = Language::default();
    let named: u64 = digest.lines.iter().map(|line| line.count).sum();
    let all = i64::try_from(named + digest.beyond).unwrap_or(i64::MAX);
    let mut text = texts.format(language, "digest-title", &[("count", all.into())]);
    let mut rest = digest.beyond;
    for (index, line) in digest.lines.iter().enumerate() {
        let next = in_words(line, offset);
        let length = text.encode_utf16().count() + next.encode_utf16().count();
        if index >= MOST_LINES || length > LONGEST {
            rest += line.count;
        } else {
            text.push_str(&next);
        }
    }
    if rest > 0 {
        let rest = i64::try_from(rest).unwrap_or(i64::MAX);
        text.push('\n');
        text.push_str(&texts.format(language, "digest-more", &[("count", rest.into())]));
    }
    text
}

fn in_words(line: &Line, offset: FixedOffset) -> String {
    format!(
        "\n• <b>{}</b> {} × {}, {}\n{}",
        escape(&cut(&line.service, 20)),
        escape(&cut(&line.action, 60)),
        line.count,
        line.last_at().with_timezone(&offset).format("%d.%m %H:%M"),
        escape(&cut(&line.message, 140)),
    )
}

fn cut(text: &str, most: usize) -> String {
    match text.chars().count() > most {
        true => text.chars().take(most - 1).chain(['…']).collect(),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telegram::manner::offset;
    use crate::texts;

    fn line(n: usize, message: &str) -> Line {
        Line {
            service: "LK".into(),
            action: format!("refund_unknown_{n:03}"),
            message: message.to_owned(),
            count: 1_000 - n as u64,
            last: 1_795_600_800_000,
        }
    }

    fn words(lines: Vec<Line>, beyond: u64) -> String {
        let digest = Digest {
            name: "x".into(),
            lines,
            beyond,
        };
        let texts = texts::load().unwrap();
        text(&texts, &digest, offset("+03:00").unwrap())
    }

    #[test]
    fn a_digest_names_service_action_count_and_last_time() {
        let text = words(vec![line(0, "A <refund> got no answer")], 0);
        assert!(
            text.contains("<b>LK</b> refund_unknown_000 × 1000"),
            "{text}"
        );
        assert!(text.contains("A &lt;refund&gt; got no answer"), "{text}");
        assert!(text.contains("25.11 "), "{text}");
        assert!(!text.contains("digest-"), "{text}");
    }

    #[test]
    fn twenty_kinds_are_named_and_the_rest_is_counted() {
        let text = words((0..25).map(|n| line(n, "No")).collect(), 7);
        assert!(text.contains("_019 ") && !text.contains("_020 "), "{text}");
        let rest: u64 = (20..25).map(|n| 1_000 - n).sum::<u64>() + 7;
        assert!(text.contains(&rest.to_string()), "{text}");
    }

    #[test]
    fn long_words_still_make_one_message() {
        let text = words((0..25).map(|n| line(n, &"&я".repeat(500))).collect(), 0);
        assert!(text.encode_utf16().count() <= 4_096);
    }
}
