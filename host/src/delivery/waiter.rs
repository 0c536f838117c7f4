//! A sender that waits for what exporters say of its request (`wait_for_result`, or no queue at all).

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use crate::contract::{Accepted, Answer, Refusal};

/// One part of a request that a sender waits for. The answer is given when the last part is settled, or dropped.
#[derive(Debug, Clone)]
pub struct Waiter(Arc<Waiting>);

#[derive(Debug)]
struct Waiting {
    result: Mutex<Answer>,
    answer: Mutex<Option<oneshot::Sender<Answer>>>,
}

impl Waiter {
    /// A waiter for everything that gets a clone of it.
    pub fn new(answer: oneshot::Sender<Answer>, accepted: Accepted) -> Waiter {
        Waiter(Arc::new(Waiting { result: Mutex::new(Ok(accepted)), answer: Mutex::new(Some(answer)) }))
    }

    /// The destination refused some items for good.
    pub fn rejected(&self, items: u64, reason: &str) {
        if let Ok(accepted) = self.0.result.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            accepted.rejected = accepted.items.min(accepted.rejected + items);
            reason.clone_into(&mut accepted.rejected_reason);
        }
    }

    /// It could not be delivered.
    pub fn failed(&self, refusal: Refusal) {
        *self.0.result.lock().unwrap_or_else(PoisonError::into_inner) = Err(refusal);
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let answer = self.answer.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        let result = self.result.get_mut().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(answer) = answer {
            // The sender may have hung up.
            let _ = answer.send(result);
        }
    }
}
