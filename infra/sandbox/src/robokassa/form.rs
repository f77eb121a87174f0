//! A request's parameters in the order they came, values after exactly one decoding: what Robokassa signs and checks.

/// Names and values. Robokassa's own names are found in any letter case; `Shp_` names are kept exactly as sent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    #[cfg(test)]
    pub(crate) fn new(pairs: Vec<(String, String)>) -> Self {
        Self(pairs)
    }

    /// Decodes a query string or a form body once.
    pub(crate) fn parse(text: &[u8]) -> Self {
        Self(
            url::form_urlencoded::parse(text)
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect(),
        )
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The value when it is not empty.
    pub(crate) fn sent(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// Robokassa: `MrchLogin` is the older name.
    pub(crate) fn merchant_login(&self) -> Option<&str> {
        self.sent("MerchantLogin")
            .or_else(|| self.sent("MrchLogin"))
    }

    /// Robokassa: the prefix may be `Shp_`, `shp_` or `SHP_`.
    pub(crate) fn shp(&self) -> Vec<(String, String)> {
        let is_shp = |name: &str| {
            name.get(..4)
                .is_some_and(|prefix| prefix.eq_ignore_ascii_case("shp_"))
        };
        self.0
            .iter()
            .filter(|(name, _)| is_shp(name))
            .cloned()
            .collect()
    }
}
