//! A browser's little: finds the form of a page and what it would send.

use std::collections::BTreeMap;

/// A form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// Where it goes.
    pub action: String,
    /// Its hidden fields, in order.
    pub fields: Vec<(String, String)>,
}

/// The first form of a page that goes by POST.
#[must_use]
pub fn first_post_form(html: &str) -> Option<Form> {
    let mut form: Option<Form> = None;
    for tag in html.split('<').skip(1) {
        let tag = tag.split('>').next().unwrap_or_default();
        let (name, rest) = tag.split_once(char::is_whitespace).unwrap_or((tag, ""));
        let attributes = attributes(rest);
        let attribute = |name: &str| attributes.get(name).cloned().unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "form" if form.is_none() && attribute("method").eq_ignore_ascii_case("post") => {
                form = Some(Form {
                    action: attribute("action"),
                    fields: Vec::new(),
                });
            }
            "input" if attribute("type") == "hidden" => {
                if let Some(form) = &mut form {
                    form.fields.push((attribute("name"), attribute("value")));
                }
            }
            "/form" if form.is_some() => return form,
            _ => {}
        }
    }
    None
}

fn attributes(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut rest = text.trim();
    while let Some((name, after)) = rest.split_once("=\"") {
        let Some((value, after)) = after.split_once('"') else {
            break;
        };
        let name = name.split_whitespace().last().unwrap_or_default();
        found.insert(name.to_ascii_lowercase(), unescape(value));
        rest = after;
    }
    found
}

fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        let Some((name, after)) = after.split_once(';') else {
            plain.push('&');
            rest = after;
            continue;
        };
        plain.push(match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            number => number
                .strip_prefix('#')
                .and_then(|digits| match digits.strip_prefix(['x', 'X']) {
                    Some(hex) => u32::from_str_radix(hex, 16).ok(),
                    None => digits.parse().ok(),
                })
                .and_then(char::from_u32)
                .unwrap_or('\u{fffd}'),
        });
        rest = after;
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_as_a_browser_reads_it() {
        let page = r#"<p>x</p><form method="get" action="/search"></form>
            <form method="post" action="http://h/Merchant/Index.aspx?a=1&amp;b=2" accept-charset="utf-8">
            <input type="hidden" name="Description" value="Tom &#38; &quot;Jerry&#x22;">
            <input type="text" name="typed" value="no"><button>Pay</button></form>
            <input type="hidden" name="outside" value="no">"#;
        let form = first_post_form(page).unwrap();
        assert_eq!(form.action, "http://h/Merchant/Index.aspx?a=1&b=2");
        let field = ("Description".to_owned(), "Tom & \"Jerry\"".to_owned());
        assert_eq!(form.fields, [field]);
        assert_eq!(
            first_post_form("<form method=\"post\" action=\"/x\">"),
            None
        );
    }
}
