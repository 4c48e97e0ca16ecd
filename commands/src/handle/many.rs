//! Many commands at once: put in line in order, then waited for together, so that they share fsyncs.
//!
//! A line keeps the order in which commands are put there, and putting one there does not wait; so all are put in line before the first is
//! waited for. Their follow-ups are sent in the same way once all are answered: on each partition in the order of what caused them. What is
//! decided elsewhere goes there in order too, after what is in line here has been answered, for a partition may be on its way between the two.

use rustc_hash::FxHashSet;

use super::*;

type Results = Vec<Result<Receipt, CommandError>>;

/// A command that is in line, by its number among all.
struct InLine {
    number: usize,
    partition: PartitionId,
    answer: oneshot::Receiver<Answer>,
}

impl WriteSide {
    /// See [`CommandBus::execute_all`].
    pub(super) async fn decided_all(&self, envelopes: Vec<Envelope>) -> Results {
        let mut results = vec![Err(not_here()); envelopes.len()];
        let (in_line, rest) = self.put_all(envelopes, &mut results);
        let caused = self.wait_for(in_line, &mut results).await;
        if let Some(elsewhere) = self.elsewhere.as_ref().filter(|_| !rest.is_empty()) {
            let (numbers, rest): (Vec<usize>, Vec<Envelope>) = rest.into_iter().unzip();
            for (number, result) in numbers.into_iter().zip(elsewhere.execute_all(rest).await) {
                put(&mut results, number, result);
            }
        }
        self.follow_up(caused, &mut results).await;
        results
    }

    /// Executes commands that another process passed on, in order: nothing for those whose partition is not this process's (any more).
    pub async fn execute_all_here(&self, envelopes: Vec<Envelope>) -> Vec<Option<Result<Receipt, CommandError>>> {
        let mut results = vec![Err(not_here()); envelopes.len()];
        let (in_line, rest) = self.put_all(envelopes, &mut results);
        let caused = self.wait_for(in_line, &mut results).await;
        self.follow_up(caused, &mut results).await;
        let mut results: Vec<_> = results.into_iter().map(Some).collect();
        for (number, _) in rest {
            if let Some(slot) = results.get_mut(number) {
                *slot = None;
            }
        }
        results
    }

    /// Puts in line what is decided here. From the first of a partition that is not, all of that partition are the rest.
    fn put_all(&self, envelopes: Vec<Envelope>, results: &mut Results) -> (Vec<InLine>, Vec<(usize, Envelope)>) {
        let (mut in_line, mut rest) = (Vec::with_capacity(envelopes.len()), Vec::new());
        let mut away = FxHashSet::default();
        for (number, envelope) in envelopes.into_iter().enumerate() {
            let partition = envelope.command.partition(self.layout.partitions);
            if away.contains(&partition) {
                rest.push((number, envelope));
                continue;
            }
            match self.put_in_line(partition, envelope) {
                Ok(answer) => in_line.push(InLine { number, partition, answer }),
                Err(NotHere::Failed(error)) => put(results, number, Err(error)),
                Err(NotHere::Elsewhere(envelope)) => {
                    away.insert(partition);
                    rest.push((number, *envelope));
                }
            }
        }
        (in_line, rest)
    }

    /// Waits for the outcomes; gives the follow-ups that they cause, each with the number of its cause.
    async fn wait_for(&self, in_line: Vec<InLine>, results: &mut Results) -> Vec<(usize, Envelope)> {
        let mut caused = Vec::new();
        for InLine { number, partition, answer } in in_line {
            let result = match answered(answer).await {
                Ok(done) => {
                    let (receipt, follow_ups) = self.receipt(partition, done).await;
                    caused.extend(follow_ups.into_iter().map(|follow_up| (number, follow_up)));
                    Ok(receipt)
                }
                Err(error) => Err(error),
            };
            put(results, number, result);
        }
        caused
    }

    /// Runs the follow-ups, and adds where they ended to the receipts of what caused them.
    async fn follow_up(&self, caused: Vec<(usize, Envelope)>, results: &mut Results) {
        if caused.is_empty() {
            return;
        }
        let (causes, follow_ups): (Vec<usize>, Vec<Envelope>) = caused.into_iter().unzip();
        let named: Vec<(&str, CommandId)> = follow_ups.iter().map(|envelope| (envelope.command.kind(), envelope.id)).collect();
        for ((cause, (kind, id)), result) in causes.into_iter().zip(named).zip(self.execute_all(follow_ups).await) {
            match (result, results.get_mut(cause)) {
                (Ok(done), Some(Ok(receipt))) => done.positions.0.into_iter().for_each(|position| receipt.positions.add(position)),
                (Ok(_), _) => {}
                (Err(error), _) => log_left(kind, id, &error),
            }
        }
    }
}

fn put(results: &mut Results, number: usize, result: Result<Receipt, CommandError>) {
    if let Some(slot) = results.get_mut(number) {
        *slot = result;
    }
}
