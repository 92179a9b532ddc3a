//! The lists in the database, as a place in a merge of them is looked for.

use domain::TenantId;
use domain::inbox::{Entry, Key};

use super::counts::{At, Change};
use super::locate::{Segment, Source};
use super::nodes::{count_of, missing, next_low, of_list, read_low};
use super::page::{Listed, Question, read_between};
use super::{MAX, MIN};
use crate::{Result, Tx};

/// Lists in the database.
pub(super) struct Stored<'s, 't> {
    pub(super) tx: &'s mut Tx<'t>,
    pub(super) tenant: TenantId,
    pub(super) question: &'s Question,
    pub(super) heads: &'s [Listed],
}

/// How many rows are read at a time where most may be of other flows.
const PIECE: usize = 32;

impl Stored<'_, '_> {
    fn at(&self, list: usize) -> At {
        At { tenant: self.tenant, list: self.question.lists[list] }
    }

    /// Nodes of a level with `low <= node < high`, greatest first.
    fn nodes(&mut self, list: usize, level: i64, low: Key, high: Key) -> Result<Vec<Segment>> {
        let at = self.at(list);
        let mut segments = Vec::new();
        let mut end = high;
        let question = self.question;
        let flows = question.flows.as_ref();
        let params = at.nodes(level, low, high);
        let mut each = |low: Key, n: i64| {
            segments.push(Segment { low, high: end, n, level });
            end = low;
        };
        match flows {
            None => self.tx.query(
                of_list!(
                    "low_start, low_task, n",
                    "inbox_node",
                    "level = $6 AND (low_start, low_task) >= ($7, $8) \
                     AND (low_start, low_task) < ($9, $10) ORDER BY low_start DESC, low_task DESC"
                ),
                &params,
                |row| {
                    each(Key { start: row.int(0)?, task: row.int(1)? }, row.int(2)?);
                    Ok(())
                },
            )?,
            Some(flows) => self.tx.query(
                of_list!(
                    "low_start, low_task, flows",
                    "inbox_node",
                    "level = $6 AND (low_start, low_task) >= ($7, $8) \
                     AND (low_start, low_task) < ($9, $10) ORDER BY low_start DESC, low_task DESC"
                ),
                &params,
                |row| {
                    let n = count_of(row.blob(2)?, flows)?;
                    each(Key { start: row.int(0)?, task: row.int(1)? }, n);
                    Ok(())
                },
            )?,
        }
        for change in self.unfolded(list) {
            let at = segments.partition_point(|segment| segment.low > change.key);
            if let Some(segment) = segments.get_mut(at).filter(|s| change.key < s.high) {
                segment.n += change.delta;
            }
        }
        Ok(segments)
    }

    /// The changes of a list that its counts do not hold yet, as far as they match.
    fn unfolded(&self, list: usize) -> impl Iterator<Item = &Change> {
        let flows = self.question.flows.as_ref();
        let wanted = move |change: &&Change| {
            flows.is_none_or(|flows| flows.binary_search(&change.flow).is_ok())
        };
        self.heads[list].changes.iter().filter(wanted)
    }

    /// By how much the changes between two keys raise their counts.
    fn raised_between(&self, list: usize, low: Key, high: Key) -> i64 {
        let inside = self.unfolded(list).filter(|change| low <= change.key && change.key < high);
        inside.map(|change| change.delta).sum()
    }

    /// The node of a level that covers `key`: its low end and its count.
    fn node_at(&mut self, list: usize, level: i64, key: Key) -> Result<(Key, i64)> {
        let at = self.at(list);
        let params = at.with([level.into(), key.start.into(), key.task.into()]);
        let node = match &self.question.flows {
            None => self.tx.query_one(
                of_list!(
                    "low_start, low_task, n",
                    "inbox_node",
                    "level = $6 AND (low_start, low_task) <= ($7, $8) \
                     ORDER BY low_start DESC, low_task DESC LIMIT 1"
                ),
                &params,
                |row| Ok((read_low(row)?, row.int(2)?)),
            )?,
            Some(flows) => self.tx.query_one(
                of_list!(
                    "low_start, low_task, flows",
                    "inbox_node",
                    "level = $6 AND (low_start, low_task) <= ($7, $8) \
                     ORDER BY low_start DESC, low_task DESC LIMIT 1"
                ),
                &params,
                |row| Ok((read_low(row)?, count_of(row.blob(2)?, flows)?)),
            )?,
        };
        node.ok_or_else(|| missing(at, level))
    }

    /// How many rows the nodes of a level with `low <= node < high` count.
    fn sum_between(&mut self, list: usize, level: i64, low: Key, high: Key) -> Result<i64> {
        if low >= high {
            return Ok(0);
        }
        if self.question.flows.is_some() {
            return Ok(self.nodes(list, level, low, high)?.iter().map(|node| node.n).sum());
        }
        let sum = self.tx.query_one(
            of_list!(
                "CAST(sum(n) AS BIGINT)",
                "inbox_node",
                "level = $6 AND (low_start, low_task) >= ($7, $8) \
                 AND (low_start, low_task) < ($9, $10)"
            ),
            &self.at(list).nodes(level, low, high),
            |row| row.opt_int(0),
        )?;
        Ok(sum.flatten().unwrap_or_default() + self.raised_between(list, low, high))
    }

    /// How many rows with `low <= key < high` match.
    fn count_between(&mut self, list: usize, low: Key, high: Key) -> Result<i64> {
        let params = self.at(list).rows(low, high);
        let Some(flows) = &self.question.flows else {
            let count = self.tx.query_one(
                of_list!(
                    "count(*)",
                    "inbox_row",
                    "(start_time, task_id) >= ($6, $7) AND (start_time, task_id) < ($8, $9)"
                ),
                &params,
                |row| row.int(0),
            )?;
            return Ok(count.unwrap_or_default());
        };
        let mut count = 0;
        self.tx.query(
            of_list!(
                "flow_id",
                "inbox_row",
                "(start_time, task_id) >= ($6, $7) AND (start_time, task_id) < ($8, $9)"
            ),
            &params,
            |row| {
                count += i64::from(flows.binary_search(&row.int(0)?).is_ok());
                Ok(())
            },
        )?;
        Ok(count)
    }
}

impl Source for Stored<'_, '_> {
    fn top(&mut self, list: usize) -> Result<Vec<Segment>> {
        let listed = &self.heads[list];
        if listed.is_empty() {
            return Ok(Vec::new());
        }
        if listed.head.levels > 0 {
            return self.nodes(list, listed.head.levels, MIN, MAX);
        }
        // How many are of the wanted flows only the rows tell.
        let n = match self.question.flows {
            Some(_) => self.count_between(list, MIN, MAX)?,
            None => listed.head.n + listed.raised(),
        };
        let whole = Segment { low: MIN, high: MAX, n, level: 1 };
        Ok(Vec::from_iter((n > 0).then_some(whole)))
    }

    fn expand(&mut self, list: usize, segment: &Segment) -> Result<Vec<Segment>> {
        self.nodes(list, segment.level - 1, segment.low, segment.high)
    }

    fn cut(&mut self, list: usize, segment: &Segment, key: Key) -> Result<Vec<Segment>> {
        let level = segment.level - 1;
        let (low, n) = self.node_at(list, level, key)?;
        let next = next_low(self.tx, self.at(list), level, key)?;
        let high = next.map_or(segment.high, |next| next.min(segment.high));
        let n = n + self.raised_between(list, low, high);
        let middle = Segment { low, high, n, level };
        let n = if is_nearer_to_high(segment, key) {
            self.sum_between(list, level, high, segment.high)?
        } else {
            segment.n - n - self.sum_between(list, level, segment.low, low)?
        };
        let above = Segment { low: high, n, ..*segment };
        let below = Segment { high: low, n: segment.n - n - middle.n, ..*segment };
        let all = [above, middle, below].into_iter();
        Ok(all.filter(|segment| segment.low < segment.high).collect())
    }

    fn count_from(&mut self, list: usize, segment: &Segment, key: Key) -> Result<i64> {
        if is_nearer_to_high(segment, key) {
            self.count_between(list, key, segment.high)
        } else {
            Ok(segment.n - self.count_between(list, segment.low, key)?)
        }
    }

    fn is_sparse(&self) -> bool {
        self.question.flows.is_some()
    }

    fn rows(&mut self, list: usize, low: Key, high: Key, limit: usize) -> Result<Vec<Entry>> {
        let at = self.at(list);
        let Some(flows) = &self.question.flows else {
            return read_between(self.tx, at, low, high, limit);
        };
        let wanted = |entry: &Entry| flows.binary_search(&entry.flow).is_ok();
        let mut rows = Vec::new();
        let mut upto = high;
        while rows.len() < limit {
            // Flows are spread: a piece at a time, not the whole node.
            let piece = read_between(self.tx, at, low, upto, PIECE.max(limit))?;
            let read = piece.len();
            upto = piece.last().map_or(low, |entry| entry.key);
            rows.extend(piece.into_iter().filter(wanted));
            if read < PIECE.max(limit) {
                break;
            }
        }
        rows.truncate(limit);
        Ok(rows)
    }
}

/// From which end counting is shorter, as far as times tell. An open end is farther away than any
/// row, and beyond the last row there is nothing to count.
fn is_nearer_to_high(segment: &Segment, key: Key) -> bool {
    if segment.high == MAX || segment.low == MIN {
        return segment.high == MAX;
    }
    let to_high = segment.high.start.saturating_sub(key.start);
    to_high <= key.start.saturating_sub(segment.low.start)
}
