//! The far end of a lane: tasks that take what waits, send it until it is settled, and say what became of it.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::attempts::Attempts;
use super::dispatch::{Dispatch, Dispatcher, QueueTicket};
use super::lane::push::{Failing, LaneCell, PushLane};
use super::metrics::LaneMetrics;
use super::retry::Backoff;
use super::settling::Settling;
use crate::contract::{Client, DELIVER, Failure, FailureClass, Outcome, Refusal};
use crate::guard::EndWithProcess;

/// How often the failures of one lane are logged while they go on.
const LOG_PAUSE: Duration = Duration::from_secs(30);

/// How long sending what is left in memory may take after the lane was closed; what is left then is dead letters.
const CLOSING_MAX: Duration = Duration::from_secs(5);

/// How a dispatch ended.
#[derive(Debug)]
enum Verdict {
    /// The destination has it, apart from items it refused.
    Delivered { rejected: u64, message: String },
    /// It never will.
    Dead(Failure),
    /// The process ends; what is on disk is sent after the next start.
    Interrupted,
}

impl Verdict {
    fn error(&self) -> Option<String> {
        match self {
            Verdict::Delivered { .. } => None,
            Verdict::Dead(failure) => Some(failure.to_string()),
            Verdict::Interrupted => Some("the process ends; what is on disk is sent after the next start".to_owned()),
        }
    }
}

impl PushLane {
    /// Sends what comes until the lane is closed, and then what is left in memory.
    pub async fn run(self, client: Arc<dyn Client>) {
        client.begin();
        let dispatcher = Arc::new(Dispatcher::new(Arc::clone(&self.shared)));
        let attempts = Arc::new(Attempts::new(&self.shared.id, client.server(), &self.shared.registry));
        let (id, store) = (self.shared.id.clone(), self.shared.store.clone());
        let settling = Arc::new(Settling::new(id, store, &self.shared.registry));
        let consumers = (0..self.shared.config.queue.num_consumers.get()).map(|_| {
            let consumer = Consumer {
                shared: Arc::clone(&self.shared),
                client: Arc::clone(&client),
                dispatcher: Arc::clone(&dispatcher),
                settling: Arc::clone(&settling),
                attempts: Arc::clone(&attempts),
            };
            tokio::spawn(consumer.run())
        });
        for consumer in consumers.collect::<Vec<_>>() {
            if let Err(error) = consumer.await {
                tracing::error!(exporter = %self.shared.id, %error, "a consumer failed");
            }
        }
    }
}

struct Consumer {
    shared: Arc<LaneCell>,
    client: Arc<dyn Client>,
    dispatcher: Arc<Dispatcher>,
    settling: Arc<Settling>,
    attempts: Arc<Attempts>,
}

impl Consumer {
    async fn run(self) {
        let _end = EndWithProcess;
        while let Some(dispatch) = self.dispatcher.next().await {
            let in_flight = &self.shared.counters.in_flight[dispatch.batch.signal as usize];
            in_flight.add(1);
            let verdict = self.deliver(&dispatch).await;
            in_flight.add(-1);
            self.tell_traces(&dispatch, &verdict);
            self.conclude(dispatch, verdict).await;
        }
    }

    /// Tries until there is an answer, or no more time.
    async fn deliver(&self, dispatch: &Dispatch) -> Verdict {
        let shared = &self.shared;
        let (started, mut backoff) = (Instant::now(), Backoff::new(&shared.config.retry));
        if let Some(since) = dispatch.since() {
            self.attempts.waited(dispatch.batch.signal, started.saturating_duration_since(since));
        }
        // What a breaker holds back does not use up the time for retries.
        let mut held = Duration::ZERO;
        loop {
            let closing = *shared.closing.borrow();
            if closing && shared.stored.is_some() {
                return Verdict::Interrupted;
            }
            let failure = match self.attempt(dispatch, &mut held).await {
                Ok(Outcome::Delivered) => {
                    self.tell_working();
                    return Verdict::Delivered { rejected: 0, message: String::new() };
                }
                Ok(Outcome::Partial { rejected, message }) => {
                    self.tell_working();
                    return Verdict::Delivered { rejected, message };
                }
                Ok(Outcome::Failed(failure)) if !failure.class.is_retryable() => return Verdict::Dead(failure),
                Ok(Outcome::Failed(failure)) => failure,
                // Closed before the gate opened: nobody knows when it would have.
                Err(Closed) => closed_gate(),
            };
            // The last attempt before the end was the last.
            let wait = if closing {
                None
            } else {
                backoff.next(started.elapsed().saturating_sub(held), failure.retry_after, fastrand::f64())
            };
            let Some(wait) = wait else { return self.given_up(failure) };
            self.tell_failing(&failure, wait);
            shared.counters.retries.add(1);
            if failure.class.is_uncertain() {
                LaneMetrics::add(&shared.counters.uncertain, dispatch.batch.signal, dispatch.size.items);
            }
            let mut closing = shared.closing.subscribe();
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                // An error means that the lane is gone, which ends everything as well.
                _ = closing.wait_for(|closing| *closing) => {}
            }
        }
    }

    /// A span for each trip of which something was sent.
    fn tell_traces(&self, dispatch: &Dispatch, verdict: &Verdict) {
        for ticket in &dispatch.tickets {
            ticket.trace.span(DELIVER, ticket.since, || {
                let destination = self.client.destination();
                self.attempts.span(dispatch.batch.signal, ticket.size.items, Some(destination), verdict.error())
            });
        }
    }

    /// Once a while for all that the lane sends.
    fn tell_failing(&self, failure: &Failure, wait: Duration) {
        let mut failing = self.shared.failing.lock().unwrap_or_else(PoisonError::into_inner);
        let (now, reason) = (Instant::now(), failure.to_string());
        let (since, logged) = failing.as_ref().map_or((now, None), |failing| (failing.since, Some(failing.logged)));
        let is_due = logged.is_none_or(|logged| now.saturating_duration_since(logged) >= LOG_PAUSE);
        *failing = Some(Failing { since, logged: logged.filter(|_| !is_due).unwrap_or(now), reason });
        drop(failing);
        if is_due {
            let (exporter, destination) = (&self.shared.id, self.client.destination());
            let (class, wait_ms, queued) = (failure.class.name(), wait.as_millis(), self.shared.pressure().depth);
            tracing::warn!(%exporter, destination, class, wait_ms, queued, "sending failed, trying again: {failure}");
        }
    }

    fn tell_working(&self) {
        let was_failing = self.shared.failing.lock().unwrap_or_else(PoisonError::into_inner).take().is_some();
        if was_failing {
            let (exporter, destination) = (&self.shared.id, self.client.destination());
            tracing::info!(%exporter, destination, "the destination takes batches again");
        }
    }

    fn given_up(&self, failure: Failure) -> Verdict {
        let closing = *self.shared.closing.borrow();
        if closing && self.shared.stored.is_some() { Verdict::Interrupted } else { Verdict::Dead(failure) }
    }

    /// One attempt, when the gate lets it. How long that took is added to `held`.
    async fn attempt(&self, dispatch: &Dispatch, held: &mut Duration) -> Result<Outcome, Closed> {
        let (shared, asked) = (&self.shared, Instant::now());
        let mut closing = shared.closing.subscribe();
        let permit = tokio::select! {
            biased;
            permit = shared.gate.admit(|| shared.pressure()) => permit,
            _ = closing.wait_for(|closing| *closing) => return Err(Closed),
        };
        let (before, timeout) = (Instant::now(), shared.config.timeout);
        *held += before.duration_since(asked);
        let sending = self.client.send(&dispatch.batch);
        let in_time = async {
            match timeout.is_zero() {
                true => sending.await,
                false => tokio::time::timeout(timeout, sending).await.unwrap_or_else(|_| timed_out(timeout)),
            }
        };
        let outcome = tokio::select! {
            biased;
            outcome = in_time => outcome,
            () = self.out_of_time() => timed_out(CLOSING_MAX),
        };
        let took = before.elapsed();
        permit.report(&outcome, took);
        self.attempts.ended(dispatch.batch.signal, &outcome, took);
        if let Outcome::Failed(failure) = &outcome
            && let Some(counter) = shared.counters.failures.get(failure.class as usize)
        {
            counter.add(1);
        }
        Ok(outcome)
    }

    /// Resolves when the lane has been closed for as long as sending what is left may take.
    async fn out_of_time(&self) {
        let mut closing = self.shared.closing.subscribe();
        // An error means that the lane is gone.
        let _ = closing.wait_for(|closing| *closing).await;
        let closed_at = self.shared.closed_at.get().copied().unwrap_or_else(Instant::now);
        tokio::time::sleep_until((closed_at + CLOSING_MAX).into()).await;
    }

    /// Counts what became of a dispatch, and lets go of the entries that are done with.
    async fn conclude(&self, dispatch: Dispatch, verdict: Verdict) {
        let (signal, items) = (dispatch.batch.signal, dispatch.size.items);
        let (mut writes, mut sync) = (Vec::new(), false);
        match verdict {
            Verdict::Interrupted => {
                dispatch.tickets.iter().for_each(|ticket| ticket.is_interrupted.store(true, Ordering::Release));
                return;
            }
            Verdict::Delivered { rejected, message } => {
                let rejected = rejected.min(items);
                LaneMetrics::add(&self.attempts.sent, signal, items - rejected);
                if rejected > 0 || !message.is_empty() {
                    self.partially(&dispatch, rejected, &message);
                }
            }
            Verdict::Dead(failure) => {
                LaneMetrics::add(&self.attempts.send_failed, signal, items);
                let (exporter, destination) = (&self.shared.id, self.client.destination());
                let class = failure.class.name();
                dispatch.waiters().for_each(|waiter| waiter.failed(refusal(&self.shared, &failure)));
                if dispatch.tickets.iter().all(|ticket| ticket.waiter.is_some()) {
                    // Its senders still have it, and hear of it.
                    tracing::warn!(%exporter, destination, class, items, "batch could not be delivered: {failure}");
                } else {
                    tracing::error!(%exporter, destination, class, items, "batch could not be delivered and is a dead letter (see `otelier dlq`): {failure}");
                    let now = self.shared.clock.now();
                    (writes, sync) = (self.shared.dead_letters.bury(exporter, &dispatch.batch, &failure, now), true);
                }
            }
        }
        let last_of = dispatch.tickets.into_iter().filter_map(Arc::into_inner);
        let done: Vec<QueueTicket> = last_of.filter(|ticket| !ticket.is_interrupted.load(Ordering::Acquire)).collect();
        let removal = |ticket: &QueueTicket| self.shared.stored.as_ref().map(|stored| stored.removal(ticket.number));
        writes.extend(done.iter().filter_map(removal).flatten());
        let letters: Vec<u64> = done.iter().filter_map(|ticket| ticket.letter).collect();
        writes.extend(letters.iter().flat_map(|letter| self.shared.dead_letters.removal(*letter)));
        self.settling.write(writes, sync || !letters.is_empty(), self.out_of_time()).await;
        self.shared.dead_letters.removed(&letters);
        done.into_iter().for_each(|ticket| self.shared.release(ticket.size));
    }

    fn partially(&self, dispatch: &Dispatch, rejected: u64, message: &str) {
        LaneMetrics::add(&self.shared.counters.rejected, dispatch.batch.signal, rejected);
        let (exporter, destination) = (&self.shared.id, self.client.destination());
        match rejected {
            0 => tracing::warn!(%exporter, destination, "the destination took a batch with a warning: {message}"),
            _ => tracing::warn!(%exporter, destination, rejected, "the destination refused items for good: {message}"),
        }
        dispatch.tell_rejected(rejected, message);
    }
}

struct Closed;

fn closed_gate() -> Failure {
    let reason = "the process ends while the breaker holds attempts back".to_owned();
    Failure { class: FailureClass::Unavailable, reason, retry_after: None, answered: None }
}

fn timed_out(timeout: Duration) -> Outcome {
    let reason = format!("no answer within {} ms", timeout.as_millis());
    Outcome::Failed(Failure { class: FailureClass::Timeout, reason, retry_after: None, answered: None })
}

/// What a sender that waits is told.
fn refusal(shared: &LaneCell, failure: &Failure) -> Refusal {
    let again = || failure.retry_after.unwrap_or(shared.config.retry.initial_interval);
    Refusal::Undelivered {
        exporter: shared.id.to_string(),
        reason: failure.reason.clone(),
        code: failure.code(),
        retry_after: failure.class.is_retryable().then(again),
    }
}
