//! What goes wrong at try after try: a matter for the log when it begins and when it changes, and
//! with its count once it is over.
//!
//! Called by the loop while it does not lead.

/// Something that is tried again and again.
#[derive(Debug, Default)]
pub(super) struct Nuisance {
    told: Option<String>,
    times: u64,
}

impl Nuisance {
    /// A try failed for this reason. Whether that is news.
    pub(super) fn failed(&mut self, why: &str) -> bool {
        self.times = self.times.saturating_add(1);
        let is_news = self.told.as_deref() != Some(why);
        self.told = Some(why.to_owned());
        is_news
    }

    /// A try came off. How many failed before it, if any.
    pub(super) fn over(&mut self) -> Option<u64> {
        self.told.take().map(|_| std::mem::take(&mut self.times))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_new_is_news_and_the_end_has_the_count() {
        let mut nuisance = Nuisance::default();
        assert_eq!(nuisance.over(), None);
        let news = ["away", "away", "slow", "slow", "away"].map(|why| nuisance.failed(why));
        assert_eq!(news, [true, false, true, false, true]);
        assert_eq!((nuisance.over(), nuisance.over()), (Some(5), None));
        assert!(nuisance.failed("away"));
        assert_eq!(nuisance.over(), Some(1));
    }
}
