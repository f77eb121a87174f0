//! Long lists in pages. No count is made: one row more than the page holds tells whether there is a next one.

use url::form_urlencoded::Serializer;

/// Rows on a page.
pub(crate) const ROWS: u64 = 50;
/// The last page that is served: further back one searches.
const LAST: u64 = 1_000;

/// Where a list is.
#[derive(Clone, Debug)]
pub(crate) struct Paging {
    page: u64,
    path: &'static str,
    query: Vec<(&'static str, String)>,
    more: bool,
}

impl Paging {
    /// The page that the address asks for; the first for what is no number.
    pub(crate) fn new(
        path: &'static str,
        page: Option<&str>,
        query: Vec<(&'static str, String)>,
    ) -> Paging {
        let page = page.and_then(|text| text.parse().ok()).unwrap_or(1);
        Paging {
            page: page.clamp(1, LAST),
            path,
            query,
            more: false,
        }
    }

    /// How many rows to skip.
    pub(crate) fn offset(&self) -> u64 {
        (self.page - 1) * ROWS
    }

    /// How many rows to ask for: one more than is shown.
    pub(crate) fn limit(&self) -> u64 {
        ROWS + 1
    }

    /// Cuts the row that was only asked for to know that there are more.
    pub(crate) fn cut<T>(&mut self, mut rows: Vec<T>) -> Vec<T> {
        let shown = usize::try_from(ROWS).unwrap_or(usize::MAX);
        self.more = rows.len() > shown && self.page < LAST;
        rows.truncate(shown);
        rows
    }

    /// The number of this page.
    pub(crate) fn number(&self) -> u64 {
        self.page
    }

    /// Whether there is more than this page.
    pub(crate) fn is_needed(&self) -> bool {
        self.more || self.page > 1
    }

    /// The address of the page before.
    pub(crate) fn previous(&self) -> Option<String> {
        (self.page > 1).then(|| self.address(self.page - 1))
    }

    /// The address of the page after.
    pub(crate) fn next(&self) -> Option<String> {
        self.more.then(|| self.address(self.page + 1))
    }

    fn address(&self, page: u64) -> String {
        let mut query = Serializer::new(String::new());
        for (name, value) in self.query.iter().filter(|(_, value)| !value.is_empty()) {
            query.append_pair(name, value);
        }
        query.append_pair("page", &page.to_string());
        format!("{}?{}", self.path, query.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_links_to_its_neighbours_and_keeps_the_search() {
        let mut paging = Paging::new("/users", Some("2"), vec![("q", "a&b".to_owned())]);
        assert_eq!(paging.offset(), 50);
        let rows = paging.cut((0..51).collect::<Vec<_>>());
        assert_eq!(rows.len(), 50);
        assert_eq!(paging.previous().unwrap(), "/users?q=a%26b&page=1");
        assert_eq!(paging.next().unwrap(), "/users?q=a%26b&page=3");
    }

    #[test]
    fn odd_pages_are_the_nearest_there_is() {
        for (text, page) in [("0", 1), ("-1", 1), ("x", 1), ("99999999", LAST)] {
            assert_eq!(
                Paging::new("/", Some(text), vec![]).number(),
                page,
                "{text}"
            );
        }
    }
}
